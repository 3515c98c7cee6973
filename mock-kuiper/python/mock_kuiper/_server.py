"""The process `mock-kuiper serve`, and requests to it.

The server is started with a pipe on stdin and `--end-with-stdin`: it ends the plugin and
itself when the pipe is closed, which the system does however this interpreter ends.
"""

from __future__ import annotations

import http.client
import json
import queue
import socket
import subprocess
import tempfile
import threading
from typing import Any, Dict, Iterator, List, Optional, Tuple
from urllib.parse import quote

from ._errors import HostError, error_of
from ._executable import ENDING, end

# pytest shows the line of the test, not these.
__tracebackhide__ = True

#: Seconds that a request may take. The server has limits of its own for all that it
#: waits for, so that only a fault can take long.
PATIENCE = 600.0

#: The events that are read ahead. A reader that is slower holds up the stream, and the
#: server drops what it has no room for.
AHEAD = 10_000


class Server:
    """A server for one plugin. It must be closed."""

    def __init__(self, command: List[str]) -> None:
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                # Ctrl-C is for the tests, which end the server then.
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise HostError("internal", f"cannot run {command[0]}: {error}") from error
        try:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            if not line:
                raise self._refusal()
            self._port: int = json.loads(line)["port"]
            self.plugin: str = self.request("GET", "/api")["plugins"][0]
        except BaseException:
            self.close()
            raise

    def _refusal(self) -> HostError:
        """Makes an error of what a server has printed that did not begin."""
        self._process.wait(ENDING)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        errors = [line[len("error: ") :] for line in lines if line.startswith("error: ")]
        helps = [line.strip() for line in lines if line.strip().startswith("help: ")]
        text = "; ".join(errors) or "\n".join(lines) or "the server ended without a word"
        return HostError("input", text, [line[len("help: ") :] for line in helps])

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    def close(self) -> None:
        """Ends the plugin and the server."""
        end(self._process)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any
    ) -> http.client.HTTPResponse:
        """Sends a request; raises what the answer says is wrong."""
        try:
            data = None if body is None else _json_of(body)
            connection.request(method, path, data)
            response = connection.getresponse()
            if response.status >= 400:
                raise error_of(json.loads(response.read())["error"])
            return response
        except (OSError, http.client.HTTPException) as error:
            status = self._process.poll()
            ended = "" if status is None else f"; it has ended with status {status}"
            raise HostError("internal", f"mock-kuiper does not answer: {error}{ended}") from error

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request, and returns the JSON of the answer.

        Raises Finding for what the plugin did wrong, otherwise HostError.
        """
        return json.loads(self.read(method, path, body))

    def read(self, method: str, path: str, body: Any = None) -> bytes:
        """Sends a request, and returns the bytes of the answer."""
        connection = self._connect()
        try:
            return self._ask(connection, method, path, body).read()
        finally:
            connection.close()

    def path(self, *parts: str) -> str:
        """Returns the path of something of the plugin."""
        names = ("api", "plugins", *parts)
        return "".join("/" + quote(name, safe="") for name in names)

    def events(self, path: str) -> Iterator[Tuple[str, Dict[str, Any]]]:
        """Reads a stream of events that ends, as names and data."""
        lines = self.read("GET", path).splitlines()
        return parse(iter(lines))

    def stream(self, path: str) -> "Stream":
        """Opens a stream of events that goes on."""
        connection = self._connect()
        try:
            response = self._ask(connection, "GET", path, None)
            return Stream(connection, response)
        except BaseException:
            connection.close()
            raise


def _json_of(body: Any) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise HostError("input", f"what is sent must be JSON: {error}") from error


def parse(lines: Iterator[bytes]) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Reads server-sent events: yields their names and data."""
    name = ""
    for line in lines:
        field, _, value = line.rstrip(b"\r\n").partition(b": ")
        if field == b"event":
            name = value.decode()
        elif field == b"data":
            yield name, json.loads(value)


class Stream:
    """A stream of events, read by a thread."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        # It stays with the connection, since the server ends no connection by itself.
        self._socket: Optional[socket.socket] = connection.sock
        self._connection = connection
        self._response = response
        self._queue: queue.Queue[Optional[Tuple[str, Dict[str, Any]]]] = queue.Queue(AHEAD)
        self._closed = False
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="mock-kuiper", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for event in parse(iter(self._response.readline, b"")):
                self._put(event)
                if self._closed:
                    break
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            # The server has ended, or the stream was closed in the middle of a line.
            pass
        self._put(None)

    def _put(self, event: Optional[Tuple[str, Dict[str, Any]]]) -> None:
        while not self._closed:
            try:
                return self._queue.put(event, timeout=0.5)
            except queue.Full:
                pass

    def next(self, limit: float) -> Optional[Tuple[str, Dict[str, Any]]]:
        """Waits so many seconds for an event. None at the limit and after the last one."""
        if self._ended:
            return None
        try:
            event = self._queue.get(timeout=limit) if limit > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        self._ended = event is None
        return event

    @property
    def ended(self) -> bool:
        """Whether all events were read, and there will be no more."""
        return self._ended

    def close(self) -> None:
        """Ends the stream. What was not read is dropped."""
        self._closed = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join(5)
        self._response.close()
        self._connection.close()
        self._ended = True

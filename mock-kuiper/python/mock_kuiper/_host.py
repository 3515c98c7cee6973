"""A host with one plugin."""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading
import time
import types
from typing import Any, Dict, List, Mapping, Optional, Sequence, Type, Union

from . import _report
from ._errors import Error, HostError, error_of
from ._executable import find_executable
from ._handles import TIMEOUT, Function, Sink, Source
from ._report import Report
from ._server import Server, Stream
from ._values import LogLine, Message, Outcome

# pytest shows the line of the test, not these.
__tracebackhide__ = True

#: Seconds after which a host that has no process yet looks whether it waits for another
#: host of its own thread, which would be in vain.
PATIENCE = 2.0

#: The release of eKuiper that is played if none is named.
DEFAULT_RELEASE = "2.4"

Path = Union[str, "os.PathLike[str]"]


class Host:
    """A mock eKuiper with one plugin, which is launched at once. Use it in a `with` block.

    `plugin` is a directory with NAME.json, a zip, or a Cargo package, which is built first.
    `release` is the eKuiper release that is played, "1.4" to "2.4". `python` is the
    interpreter for a plugin in Python; by default it is the one that runs the test. `env`
    has variables for the plugin's environment.

    By default, `isolate="auto"`, the plugin gets a `/tmp` of its own if the system allows
    it, so that any number of hosts work at the same time; otherwise hosts run one after
    another, in all processes. With "always" it is an error if the system does not allow
    it, and with "never" the plugin uses the machine's `/tmp`. An isolated plugin sees the
    paths in `visible`.

    `init_timeout` and `answer_timeout` are in seconds; by default those of the release,
    and 10. With `debug`, a Cargo package is built without optimizations.

    Raises Finding if the plugin exits before it greets, or does not greet in time, and
    HostError if it cannot be launched.
    """

    def __init__(
        self,
        plugin: Path,
        *,
        release: Optional[str] = None,
        python: Optional[Path] = None,
        env: Optional[Mapping[str, str]] = None,
        visible: Union[Path, Sequence[Path]] = (),
        isolate: str = "auto",
        init_timeout: Optional[float] = None,
        answer_timeout: Optional[float] = None,
        debug: bool = False,
    ) -> None:
        command = [find_executable(), "serve", os.fspath(plugin)]
        command += ["--port", "0", "--end-with-stdin"]
        command += ["--host", release or DEFAULT_RELEASE]
        command += ["--python", os.fspath(python or sys.executable)]
        if isolate not in ("auto", "always", "never"):
            text = f'isolate must be "auto", "always" or "never", got {isolate!r}'
            raise HostError("input", text)
        if isolate != "never":
            command.append(f"--isolate={isolate}")
            for path in [visible] if isinstance(visible, (str, os.PathLike)) else visible:
                command += ["--bind", os.fspath(path)]
        for name, value in (env or {}).items():
            if not name or "=" in name:
                raise HostError("input", f"env has {name!r}, which cannot be the name of a variable")
            command += ["--env", f"{name}={value}"]
        for option, limit in (("init", init_timeout), ("answer", answer_timeout)):
            if limit is not None:
                if limit <= 0:
                    raise HostError("input", f"{option}_timeout must be above 0 seconds, got {limit}")
                command += [f"--{option}-timeout", f"{round(limit * 1000)}ms"]
        if debug:
            command.append("--debug")
        self._server: Optional[Server] = Server(command)
        self._name = self._server.plugin
        self._release = release or DEFAULT_RELEASE
        self._owner = os.getpid()
        self._thread = threading.get_ident()
        self._shares_tmp = False
        self._streams: List[Stream] = []
        _report.opened(self)
        try:
            self._wait_for_launch()
        except BaseException:
            self.close()
            raise

    def _wait_for_launch(self) -> None:
        """Waits until the plugin has greeted. The server limits the time.

        It does not limit the time that the plugin waits for another one, which uses the
        machine's `/tmp`.
        """
        begin = time.monotonic()
        while True:
            plugin = self.describe()
            if plugin["finding"] is not None:
                raise error_of(plugin["finding"])
            if plugin["state"] == "running":
                self._shares_tmp = _shares_files(plugin["pid"])
                return
            if plugin["pid"] is None and time.monotonic() - begin > PATIENCE:
                self._look_for_a_deadlock()
            time.sleep(0.02)

    def _look_for_a_deadlock(self) -> None:
        for other in _report.open_hosts():
            if (
                isinstance(other, Host)
                and other is not self
                and other._shares_tmp
                and (other._owner, other._thread) == (self._owner, self._thread)
            ):
                raise HostError(
                    "conflict",
                    f"plugin `{self._name}` waits for the end of plugin `{other._name}`: this "
                    "system allows them no `/tmp` of their own, so that one runs after another",
                    ["close the other host first, or allow user namespaces"],
                )

    # What runs in it

    def source(
        self,
        symbol: str,
        *,
        config: Optional[Mapping[str, Any]] = None,
        datasource: Optional[str] = None,
        conf_key: Optional[str] = None,
        options: Optional[Mapping[str, Any]] = None,
        rule: Optional[str] = None,
    ) -> Source:
        """Starts a source.

        `config` has properties, which overlay those of `sources/SYMBOL.yaml`; `conf_key`
        names a section there. `datasource` and `options` are those of the stream.

        Raises Finding if the plugin refuses, does not answer, or exits.
        """
        body = {
            "config": dict(config or {}),
            "datasource": datasource,
            "confKey": conf_key,
            "options": dict(options or {}),
            "rule": rule,
            "allRows": True,
        }
        source = Source(self, self._request("POST", "sources", symbol, "start", body=body))
        self._streams.append(source._stream)
        return source

    def sink(
        self,
        symbol: str,
        *,
        config: Optional[Mapping[str, Any]] = None,
        require_ack: bool = False,
        send_single: bool = False,
        sources: Sequence[Source] = (),
        rule: Optional[str] = None,
    ) -> Sink:
        """Starts a sink.

        With `require_ack` each row waits for its ack, on releases that read acks. With
        `send_single` a row is sent as an object, not as a list of one. The rows of
        `sources` go to the sink from now on, as in a rule.

        Raises Finding if the plugin refuses, does not answer, or exits.
        """
        body = {
            "config": dict(config or {}),
            "requireAck": require_ack,
            "sendSingle": send_single,
            "from": [source.id for source in sources],
            "rule": rule,
        }
        return Sink(self, self._request("POST", "sinks", symbol, "start", body=body))

    def function(self, symbol: str) -> Function:
        """Starts a function, unless it was started before.

        Raises Finding if the plugin refuses, does not answer, or exits.
        """
        return Function(self, symbol)

    # What happens to it

    def play(self, fault: str, row: Any = None) -> Outcome:
        """Plays a fault on all that runs, for example "kill=100ms" or "restart".

        `row` is what the sinks get meanwhile. `faults()` lists all. Raises Finding if the
        plugin does not survive; it is then launched again, and what ran is started.
        """
        body = {"fault": fault, "row": row}
        played = self._request("POST", "faults", body=body)
        return Outcome(played["outcome"] == "survived", played.get("reason"))

    def faults(self) -> Dict[str, str]:
        """Returns the names of all faults, and what happens in each."""
        return {fault["name"]: fault["happens"] for fault in self._request("GET", "faults")}

    def kill(self) -> None:
        """Kills the plugin's process with SIGKILL, as in a crash."""
        self._request("POST", "kill", body={})

    def reload(self) -> None:
        """Replaces the process, as eKuiper does when the plugin is updated or has crashed.

        What runs is started again in the new process; the handles stay valid.
        """
        self._request("POST", "reload", body={})

    def set_release(self, release: str) -> None:
        """Launches the plugin again, as another eKuiper release does. Nothing runs then."""
        self._request("PUT", "release", body={"release": release})
        self._release = release

    # What is known of it

    @property
    def name(self) -> str:
        """The name of the plugin."""
        return self._name

    @property
    def release(self) -> str:
        """The eKuiper release that is played."""
        return self._release

    @property
    def state(self) -> str:
        """`running`, `starting`, `exited` or `stopped`."""
        state: str = self.describe()["state"]
        return state

    @property
    def pid(self) -> Optional[int]:
        """The id of the plugin's process, while it runs."""
        pid: Optional[int] = self.describe()["pid"]
        return pid

    def describe(self) -> Dict[str, Any]:
        """Returns what the host knows of the plugin: its state, symbols and instances."""
        answer: Dict[str, Any] = self._request("GET")
        return answer

    def log(self) -> List[LogLine]:
        """Returns what the plugin has written to stdout and stderr: the last 1 MiB."""
        server = self._running()
        events = server.events(server.path(self._name, "log") + "?follow=0")
        return [LogLine(data["line"], data["t"]) for name, data in events if name == "line"]

    def expect_log(self, pattern: str, timeout: float = TIMEOUT) -> LogLine:
        """Waits for a line of the log in which the regular expression is found.

        Lines that were written before count. Raises AssertionError at the limit.
        """
        server = self._running()
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        stream = server.stream(server.path(self._name, "log"))
        try:
            while True:
                left = deadline - time.monotonic()
                event = stream.next(left)
                if event is None:
                    text = f"the plugin wrote no line like `{pattern}` within {timeout:g} s"
                    raise AssertionError(text)
                name, data = event
                if name == "line" and expression.search(data["line"]):
                    return LogLine(data["line"], data["t"])
        finally:
            stream.close()

    def wire(self, channel: Optional[str] = None) -> List[Message]:
        """Returns the messages on the sockets and other events, the last 4 MiB.

        Of many rows some are left out. `channel` selects those of one channel.
        """
        server = self._running()
        events = server.events(server.path(self._name, "wire") + "?follow=0&max=0")
        messages = [Message.of(data) for name, data in events if name == "message"]
        return [one for one in messages if channel in (None, one.channel)]

    def trace(self) -> str:
        """Returns the trace since the launch, as `mock-kuiper run --trace` writes it."""
        server = self._running()
        return server.read("GET", server.path(self._name, "trace")).decode(errors="replace")

    def case(self, name: Optional[str] = None) -> str:
        """Returns what was done and seen since the launch as a file for `mock-kuiper test`."""
        yaml: str = self._request("POST", "case", body={"name": name})["yaml"]
        return yaml

    def report(self) -> Optional[Report]:
        """Returns the last messages and lines of the log, or None if they cannot be had."""
        try:
            return Report.of(self._name, self._release, self._last_log(), self.wire())
        except Error:
            return None

    def _last_log(self) -> List[LogLine]:
        """Returns the log. Of a process that has exited, the host may still be reading it."""
        log = self.log()
        deadline = time.monotonic() + 2
        while self.describe()["finding"] is not None and time.monotonic() < deadline:
            time.sleep(0.1)
            before, log = log, self.log()
            if len(log) == len(before):
                break
        return log

    # Its end

    def close(self) -> None:
        """Ends the plugin and all that descends from it. Closing it again does nothing."""
        server = self._server
        if server is None or os.getpid() != self._owner:
            return
        report = self.report() if _report.has_runner() else None
        self._server = None
        server.close()
        for stream in self._streams:
            stream.close()
        _report.closed(self, report)

    def __enter__(self) -> "Host":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[types.TracebackType],
    ) -> None:
        if isinstance(error, Exception) and not _report.has_runner():
            print(self.report() or "", file=sys.stderr)
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_server", None) is not None:
            self.close()

    def __repr__(self) -> str:
        return f"<Host of plugin {self._name}, eKuiper {self._release}>"

    # Requests, for the handles

    def _running(self) -> Server:
        if self._server is None:
            raise HostError("conflict", f"the host of plugin `{self._name}` is closed")
        return self._server

    def _request(self, method: str, *parts: str, body: Any = None) -> Any:
        server = self._running()
        return server.request(method, server.path(self._name, *parts), body)

    def _stream(self, *parts: str, query: str) -> Stream:
        server = self._running()
        return server.stream(server.path(self._name, *parts) + "?" + query)


def _shares_files(pid: Optional[int]) -> bool:
    """Whether a process sees the same files as this one."""
    try:
        return os.stat(f"/proc/{pid}/ns/mnt").st_ino == os.stat("/proc/self/ns/mnt").st_ino
    except OSError:
        return False


@atexit.register
def _close_all() -> None:
    for host in _report.open_hosts():
        host.close()

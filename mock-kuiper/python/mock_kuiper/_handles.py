"""What runs in a plugin: sources, sinks and functions."""

from __future__ import annotations

import json
import time
import types
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Type, TypeVar

from ._errors import Finding, FunctionError, HostError, error_of
from ._server import Stream
from ._values import Ack, Row

if TYPE_CHECKING:
    from ._host import Host

# pytest shows the line of the test, not these.
__tracebackhide__ = True

#: Seconds that a wait lasts if the test says nothing.
TIMEOUT = 10.0

#: Seconds after which a wait for a row looks whether the plugin still runs.
LOOK = 0.25


Self = TypeVar("Self", bound="Instance")


class Instance:
    """A source or a sink that runs."""

    def __init__(self, host: "Host", description: Dict[str, Any]) -> None:
        self._host = host
        #: The name of its data channel.
        self.id: str = description["id"]
        #: The name of the symbol.
        self.symbol: str = description["symbol"]

    def describe(self) -> Dict[str, Any]:
        """Returns what the host knows of it: its state, rows, rate, acks and configuration."""
        answer: Dict[str, Any] = self._host._request("GET", "instances", self.id)
        return answer

    def stop(self) -> None:
        """Stops it, as at the end of a rule.

        Raises Finding if the plugin refuses, does not answer, or has exited.
        """
        self._host._request("POST", "instances", self.id, "stop", body={})

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[types.TracebackType],
    ) -> None:
        if error is None:
            self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class Source(Instance):
    """A source that runs. All its rows are kept, from the first one on."""

    def __init__(self, host: "Host", description: Dict[str, Any]) -> None:
        super().__init__(host, description)
        self._stream: Stream = host._stream("instances", self.id, "rows", query="max=0")
        self._raised: Optional[Dict[str, Any]] = None

    def next(self, timeout: float = TIMEOUT) -> Row:
        """Waits at most `timeout` seconds for the next row.

        Raises Finding: `row.missing` at the limit, one of the codes `row.…` for a message
        that is not a row, and `plugin.exited` when the plugin has exited and all its rows
        are read.
        """
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            event = self._stream.next(min(left, LOOK))
            row = None if event is None else self._row(*event)
            if row is not None:
                return row
            if event is None or event[0] == "rate":
                finding = self._finding()
                if finding is not None:
                    # Rows that were sent before come first.
                    last = self._stream.next(LOOK)
                    row = None if last is None else self._row(*last)
                    if row is not None:
                        return row
                    self._raised = finding
                    raise error_of(finding)
                if self._stream.ended:
                    raise HostError("conflict", f"source `{self.symbol}` has been stopped")
            if left <= 0 and event is None:
                raise self._missing(f"sent no row within {timeout:g} s")

    def _missing(self, text: str) -> Finding:
        return Finding(
            "row.missing",
            f"source `{self.symbol}` {text}",
            ["see what a real eKuiper shows: `mock-kuiper explain row.missing`"],
            {"symbol": self.symbol, "instance": self.id},
        )

    def _row(self, name: str, data: Dict[str, Any]) -> Optional[Row]:
        if name == "gap":
            raise HostError(
                "rows-lost",
                f"{data['skipped']} rows of source `{self.symbol}` were dropped: they came "
                "faster than the test has read them",
                ["read the rows at once, or let the source send fewer"],
            )
        if name == "invalid":
            raise error_of(data)
        if name != "row":
            return None
        return Row(data["message"], data["meta"], data["n"], data["t"])

    def _finding(self) -> Optional[Dict[str, Any]]:
        """Returns what is wrong with the plugin or with this source, each thing once.

        What is wrong with a row comes with the rows, in its place.
        """
        plugin = self._host._request("GET")
        found: Optional[Dict[str, Any]] = plugin["finding"]
        if found is not None:
            return found
        for instance in plugin["instances"]:
            if instance["id"] != self.id or instance["finding"] is None:
                continue
            found = instance["finding"]
            if found != self._raised and not found["code"].startswith("row."):
                return found
        return None

    def rows(self, count: int, timeout: float = TIMEOUT) -> List[Row]:
        """Waits at most `timeout` seconds, together, for so many rows."""
        deadline = time.monotonic() + timeout
        rows: List[Row] = []
        while len(rows) < count:
            try:
                rows.append(self.next(max(deadline - time.monotonic(), 0.0)))
            except Finding as finding:
                if finding.code != "row.missing":
                    raise
                seen = f"{len(rows)} of {count} rows" if rows else "no row"
                raise self._missing(f"sent {seen} within {timeout:g} s") from None
        return rows

    def __iter__(self) -> Iterator[Row]:
        """Yields rows without an end, each awaited as by `next()`."""
        while True:
            yield self.next()

    def expect(self, *messages: Any, timeout: float = TIMEOUT) -> List[Row]:
        """Waits for as many rows as there are messages, which must be equal to them.

        Raises AssertionError with the first difference, and what `next` raises.
        """
        rows = self.rows(len(messages), timeout)
        for row, expected in zip(rows, messages):
            if row.message != expected:
                raise AssertionError(
                    f"row {row.number} of source `{self.symbol}` is not as expected\n"
                    f"  expected {json.dumps(expected, ensure_ascii=False)}\n"
                    f"  seen     {json.dumps(row.message, ensure_ascii=False)}"
                )
        return rows

    def wait_for(self, accept: Callable[[Row], bool], timeout: float = TIMEOUT) -> Row:
        """Waits for the first row that `accept` is true for, and returns it."""
        deadline = time.monotonic() + timeout
        last: Optional[Row] = None
        # A source may send rows faster than `accept` takes them.
        while last is None or time.monotonic() < deadline:
            try:
                row = self.next(max(deadline - time.monotonic(), 0.0))
            except Finding as finding:
                if finding.code != "row.missing":
                    raise
                break
            if accept(row):
                return row
            last = row
        if last is None:
            raise self._missing(f"sent no row within {timeout:g} s")
        shown = json.dumps(last.message, ensure_ascii=False)
        raise self._missing(f"sent no row that is accepted within {timeout:g} s; the last: {shown}")

    def expect_none(self, seconds: float) -> None:
        """Waits so many seconds, in which no row may come.

        Raises AssertionError with the row that comes.
        """
        try:
            row = self.next(seconds)
        except Finding as finding:
            if finding.code == "row.missing":
                return
            raise
        raise AssertionError(f"source `{self.symbol}` sent row {row.number}: {row.message!r}")


class Sink(Instance):
    """A sink that runs."""

    def send(self, *rows: Any) -> List[Ack]:
        """Sends rows, and returns an ack for each; none without `require_ack`.

        A list is a batch: one message with several rows. Raises Finding if an ack does
        not come in time, if the sink does not take the rows, or if the plugin exits.
        """
        return self._send({"rows": list(rows)})

    def send_text(self, text: str) -> List[Ack]:
        """Sends the bytes of one message, which need not be JSON."""
        return self._send({"text": text})

    def _send(self, body: Dict[str, Any]) -> List[Ack]:
        sent = self._host._request("POST", "instances", self.id, "rows", body=body)
        return [Ack(ack["ok"], ack.get("error")) for ack in sent.get("acks", [])]


class Function:
    """A function that was started."""

    def __init__(self, host: "Host", symbol: str) -> None:
        self._host = host
        #: The name of the symbol.
        self.symbol = symbol
        started = host._request("POST", "functions", symbol, "start", body={})
        #: Whether it is an aggregate: its arguments are then lists, columns of a window.
        self.is_aggregate: bool = started["aggregate"]

    def exec(self, *args: Any, rule: Optional[str] = None) -> Any:
        """Calls the function, and returns its result. It validates the arguments first.

        Raises FunctionError with the function's own error text, and Finding if it does
        not answer, or not as eKuiper expects, or if the plugin exits.
        """
        body: Dict[str, Any] = {"args": list(args)}
        if rule is not None:
            body["rule"] = rule
        called = self._host._request("POST", "functions", self.symbol, "call", body=body)
        if "error" in called:
            details = {"symbol": self.symbol}
            raise FunctionError(called["error"], details, called.get("refused", False))
        return called["result"]

    def validate(self, *args: Any) -> Optional[str]:
        """Asks whether a call may have these arguments: None, or the text that refuses them."""
        body = {"args": list(args)}
        answer = self._host._request("POST", "functions", self.symbol, "validate", body=body)
        error: Optional[str] = answer.get("error")
        return error

    def __repr__(self) -> str:
        return f"<Function {self.symbol}>"

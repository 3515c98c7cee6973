"""What a plugin and its host exchange, as values."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, Dict, Mapping, Optional

#: The characters of a text that one line of a report shows.
LONGEST = 400


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a source."""

    #: The row, as JSON is read: an object is a dict.
    message: Any
    #: What the source says about the row, or None.
    meta: Any
    #: Its number since the start of the source, from 1.
    number: int
    #: Seconds since the launch of the plugin.
    time: float


@dataclasses.dataclass(frozen=True)
class Ack:
    """What a sink with `require_ack` says of a row. It is true if the row is processed."""

    ok: bool
    #: The sink's text if it could not process the row.
    error: Optional[str] = None

    def __bool__(self) -> bool:
        return self.ok


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a fault that the plugin has not failed. It is true if it was played."""

    survived: bool
    #: Why the fault is not applicable, if it was not played.
    reason: Optional[str] = None

    def __bool__(self) -> bool:
        return self.survived


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line that the plugin has written to stdout or stderr."""

    text: str
    #: Seconds since the launch of the plugin.
    time: float

    def __str__(self) -> str:
        return f"{self.time:9.4f} {_line(self.text)}"


@dataclasses.dataclass(frozen=True)
class Message:
    """A message on a socket, or another event, such as `launched` or `exited`."""

    #: What it is: `order`, `answer`, `row`, `sink_row`, `ack`, `request`, `reply` …
    event: str
    #: What it means, in one sentence.
    explain: str
    #: Seconds since the launch of the plugin.
    time: float
    #: The channel, or None if it is no message.
    channel: Optional[str]
    #: `host` or `plugin`, or None.
    sender: Optional[str]
    #: All that is known of it, as `mock-kuiper run --json` writes it.
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Dict[str, Any]) -> "Message":
        """Makes a message of an event of the server."""
        return cls(
            event=data["event"],
            explain=data["explain"],
            time=data["t"],
            channel=data.get("channel"),
            sender=data.get("from"),
            data=data,
        )

    @property
    def text(self) -> Optional[str]:
        """The message as text, unless it is a row."""
        text = self.data.get("text")
        return text if isinstance(text, str) else None

    def __str__(self) -> str:
        if self.channel is None or self.sender is None:
            return f"{self.time:9.4f} {_line(self.explain)}"
        text = self.explain if self.text is None else self.text
        if self.event == "row" and self.data.get("message") is not None:
            row = {name: self.data.get(name) for name in ("message", "meta")}
            text = json.dumps(row, ensure_ascii=False)
        return f"{self.time:9.4f} {self.channel} from {self.sender}: {_line(text)}"


def _line(text: str) -> str:
    """Shortens a text, and shows what would end the line or act on a terminal."""
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return re.sub("[\x00-\x08\x0a-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], shown)

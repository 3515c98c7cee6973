"""What the failure of a test shows: the last messages and the last lines of the log.

A test runner begins a test with `begin`, and asks for the reports of the hosts that were
open in it with `reports`. Without one, a host prints its report to stderr when its `with`
block ends with an exception.
"""

from __future__ import annotations

import dataclasses
import weakref
from typing import List, Optional, Protocol, Sequence, Tuple

from ._values import LogLine, Message

#: The lines and messages that are shown.
LAST = 20


@dataclasses.dataclass(frozen=True)
class Report:
    """The end of a plugin's log, and of what went over the sockets."""

    plugin: str
    release: str
    log: Sequence[str]
    messages: Sequence[str]

    @classmethod
    def of(
        cls, plugin: str, release: str, log: Sequence[LogLine], messages: Sequence[Message]
    ) -> "Report":
        """Makes a report of the last ones."""
        return cls(plugin, release, _last(log), _last(messages))

    def sections(self) -> List[Tuple[str, str]]:
        """Returns titles and texts."""
        name = f"plugin {self.plugin} on eKuiper {self.release}"
        return [
            (f"last messages of {name}", "\n".join(self.messages)),
            (f"log of {name}", "\n".join(self.log)),
        ]

    def __str__(self) -> str:
        parts = [f"{title}:\n{text}\n" for title, text in self.sections()]
        return "\n".join(parts)


def _last(things: Sequence[object]) -> List[str]:
    left_out = len(things) - LAST
    first = [f"          … {left_out} before"] if left_out > 0 else []
    return first + [str(thing) for thing in things[-LAST:]]


class Reporting(Protocol):
    """A host that is open."""

    def close(self) -> None:
        """Ends it."""

    def report(self) -> Optional[Report]:
        """Returns its report, or None if it cannot be had."""


_open: "weakref.WeakSet[Reporting]" = weakref.WeakSet()
_closed: Optional[List[Report]] = None


def opened(host: Reporting) -> None:
    """Notes a host."""
    _open.add(host)


def closed(host: Reporting, report: Optional[Report]) -> None:
    """Notes that a host is closed, and its last report."""
    _open.discard(host)
    if _closed is not None and report is not None:
        _closed.append(report)


def open_hosts() -> List[Reporting]:
    """Returns the hosts that are open."""
    return list(_open)


def has_runner() -> bool:
    """Whether a test runner asks for reports."""
    return _closed is not None


def begin() -> None:
    """Begins a test: forgets the hosts that are closed."""
    global _closed
    _closed = []


def reports() -> List[Report]:
    """Returns the reports of all hosts that are open, or were so in this test."""
    found = [host.report() for host in open_hosts()]
    return list(_closed or ()) + [report for report in found if report is not None]

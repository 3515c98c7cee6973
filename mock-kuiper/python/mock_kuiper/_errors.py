"""What can go wrong."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence, Tuple


class Error(Exception):
    """What went wrong: a stable code, a sentence, and advice."""

    # The name that tests use.
    __module__ = "mock_kuiper"

    #: For example `order.refused`, or `input`.
    code: str
    #: What is wrong, in one sentence.
    text: str
    #: What to do about it, the most likely remedy first.
    advice: Tuple[str, ...]
    #: Facts about it: `symbol`, `instance`, `channel`, `status` …
    details: Mapping[str, Any]

    def __init__(
        self,
        code: str,
        text: str,
        advice: Sequence[str] = (),
        details: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.advice = tuple(advice)
        self.details = dict(details or {})

    def __str__(self) -> str:
        lines = [f"{self.text} ({self.code})"]
        lines.extend(f"  help: {advice}" for advice in self.advice)
        return "\n".join(lines)


class Finding(Error):
    """The plugin did something wrong. `mock-kuiper explain CODE` says more."""

    __module__ = "mock_kuiper"


class FunctionError(Finding):
    """A function has answered a call with an error of its own, or refused its arguments."""

    __module__ = "mock_kuiper"

    #: Whether it refused the arguments when it validated them; it was not called then.
    refused: bool

    def __init__(self, text: str, details: Mapping[str, Any], refused: bool) -> None:
        super().__init__("function.error", text, details=details)
        self.refused = refused

    def __reduce__(self) -> Tuple[Any, ...]:
        # Another process, such as that of a pool, calls the constructor.
        return type(self), (self.text, self.details, self.refused), self.__dict__


class HostError(Error):
    """The host cannot do what it was asked for: the plugin did nothing wrong."""

    __module__ = "mock_kuiper"


#: The codes of errors that say nothing about the plugin.
_OF_THE_HOST = {
    "conflict",
    "forbidden",
    "input",
    "internal",
    "method",
    "not-found",
    "too-large",
    "unauthorized",
}


def error_of(problem: Mapping[str, Any]) -> Error:
    """Makes an exception of what the server says."""
    kind = HostError if problem["code"] in _OF_THE_HOST else Finding
    return kind(problem["code"], problem["text"], problem["advice"], problem["details"])

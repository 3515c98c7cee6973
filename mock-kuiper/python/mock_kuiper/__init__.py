"""A mock eKuiper for the tests of portable plugins, in any language, without eKuiper.

    from mock_kuiper import Host

    with Host("./weather", release="2.4") as host:
        ticks = host.source("ticks", config={"period": 10})
        assert ticks.next().message == {"n": 1}

        lines = host.sink("lines", require_ack=True)
        assert all(lines.send({"n": 1}, {"n": 2}))

        assert host.function("c_to_f").exec(100) == 212

The plugin is launched as eKuiper launches it, and its orders are byte for byte those of
the release that is played. At the end of the `with` block, everything that descends from
the plugin is ended and nothing is left behind; the same happens if the interpreter dies.

What the plugin does wrong is a `Finding`: it has a stable `code`, a sentence, and advice.
`mock-kuiper explain CODE` says what a real eKuiper shows in this case.

In pytest, the fixture `ekuiper_host` is such a host, and `*.test.yaml` files are collected;
see `mock_kuiper.pytest_plugin`.
"""

from ._errors import Error, Finding, FunctionError, HostError
from ._executable import find_executable
from ._handles import Function, Sink, Source
from ._host import DEFAULT_RELEASE, Host
from ._values import Ack, LogLine, Message, Outcome, Row

__all__ = [
    "DEFAULT_RELEASE",
    "Ack",
    "Error",
    "Finding",
    "Function",
    "FunctionError",
    "Host",
    "HostError",
    "LogLine",
    "Message",
    "Outcome",
    "Row",
    "Sink",
    "Source",
    "find_executable",
]

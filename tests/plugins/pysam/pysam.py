"""A plugin on the Python SDK with one symbol of each kind, to test the tools with.

It does no more than users of the SDK do, so that its behaviour on the wire is that
of the SDK.
"""

import json
import threading

from ekuiper import Context, Function, PluginConfig, Sink, Source, plugin


class PyJson(Source):
    """Emits the same row every `interval` milliseconds."""

    def __init__(self):
        self.interval = 100
        self.closed = threading.Event()

    def configure(self, datasource: str, conf: dict):
        self.interval = conf.get("interval", self.interval)
        if not isinstance(self.interval, int) or self.interval < 1:
            raise ValueError(f"config.interval: expected milliseconds above 0, got {self.interval!r}")

    def open(self, ctx: Context):
        while not self.closed.is_set():
            ctx.emit({"name": "pyjson", "value": 2021}, None)
            self.closed.wait(self.interval / 1000)

    def close(self, ctx: Context):
        self.closed.set()


class Print(Sink):
    """Prints each message that arrives, and acks it if `requireAck` is set.

    Without `requireAck` no host reads the ack channel: after some hundred rows the
    SDK would time out there and end the sink.
    """

    def __init__(self):
        self.acks = False

    def configure(self, conf: dict):
        self.acks = conf.get("requireAck", False)

    def open(self, ctx: Context):
        pass

    def collect(self, ctx: Context, data: bytes):
        try:
            row = json.loads(data)
        except ValueError as error:
            if self.acks:
                ctx.ack_error(str(error))
            return
        print("print:", json.dumps(row), flush=True)
        if self.acks:
            ctx.ack_ok()

    def close(self, ctx: Context):
        pass


class Revert(Function):
    """Returns its one argument, a text, reversed."""

    def validate(self, args):
        return "" if args and len(args) == 1 else "revert takes one argument"

    def exec(self, args, ctx: Context):
        return args[0][::-1]

    def is_aggregate(self):
        return False


if __name__ == "__main__":
    plugin.start(
        PluginConfig(
            "pysam",
            {"pyjson": lambda: PyJson()},
            {"print": lambda: Print()},
            {"revert": lambda: Revert()},
        )
    )

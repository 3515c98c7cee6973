"""A plugin on the Python SDK, one of each symbol: a foreign peer for our tools.

It does what the SDK's users do and no more, so what is seen of it on the wire is
the SDK's behaviour.
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
    """Prints each message that arrives, and acks it where the rule asks for acks.

    Without `requireAck` no host reads the ack channel; the SDK would time out
    there after some hundred rows and end the sink.
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
    """Returns its one argument, a text, back to front."""

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

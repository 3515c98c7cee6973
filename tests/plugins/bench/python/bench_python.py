"""The benchmark's peer in Python: a plugin on the SDK of PyPI, written as its users do.

- bench_rows (source) emits {"n": 1, "pad": "xxx…"}, {"n": 2, …}, …; the pad has
  `pad` times x. With `interval` (µs) it sleeps between rows, and adds `t`:
  nanoseconds since the epoch.
- bench_take (sink) checks that `n` counts up from 1 in each instance; it
  sends acks if `requireAck` is set.
- bench_echo (function) returns its first argument.
- bench_head (function) decodes base64 and returns the first 6 bytes.
- bench_fill (function) decodes base64 and returns it, made as many bytes long as
  the second argument says.
- bench_taken (function) returns [rows, wrong]: how many rows the sinks of the
  process took so far, and how many of them were wrong.
"""

import base64
import json
import threading
import time

from ekuiper import Context, Function, PluginConfig, Sink, Source, plugin


class Rows(Source):
    """Emits numbered rows until it is closed."""

    def __init__(self):
        self.pad = ""
        self.interval = 0.0
        self.closed = threading.Event()

    def configure(self, datasource: str, conf: dict):
        self.pad = "x" * conf.get("pad", 0)
        self.interval = conf.get("interval", 0) / 1_000_000

    def open(self, ctx: Context):
        n = 0
        while not self.closed.is_set():
            n += 1
            row = {"n": n, "pad": self.pad}
            if self.interval:
                row["t"] = time.time_ns()
            ctx.emit(row, None)
            if self.interval:
                self.closed.wait(self.interval)

    def close(self, ctx: Context):
        self.closed.set()


class Take(Sink):
    """Counts rows, and those that are not JSON or not in order."""

    # All instances so far. Each counts for itself on its own thread: a common
    # counter would need a lock.
    instances = []

    def __init__(self):
        self.acks = False
        self.last = 0
        self.rows = 0
        self.wrong = 0
        Take.instances.append(self)

    def configure(self, conf: dict):
        self.acks = conf.get("requireAck", False)

    def open(self, ctx: Context):
        pass

    def collect(self, ctx: Context, data: bytes):
        try:
            (row,) = json.loads(data)
            n = row["n"]
        except (KeyError, TypeError, ValueError):
            self.wrong += 1
        else:
            if n != self.last + 1:
                self.wrong += 1
            self.last = n
        self.rows += 1
        if self.acks:
            ctx.ack_ok()

    def close(self, ctx: Context):
        pass


class Echo(Function):
    """Returns its first argument."""

    def validate(self, args):
        return ""

    def exec(self, args, ctx: Context):
        return args[0]

    def is_aggregate(self):
        return False


class Head(Function):
    """Returns the first bytes of an image."""

    def validate(self, args):
        return ""

    def exec(self, args, ctx: Context):
        image = base64.b64decode(args[0])
        return base64.b64encode(image[:6]).decode()

    def is_aggregate(self):
        return False


class Fill(Function):
    """Returns an image that begins with the first argument."""

    def validate(self, args):
        return ""

    def exec(self, args, ctx: Context):
        image = base64.b64decode(args[0]).ljust(args[1], b"\xa5")
        return base64.b64encode(image).decode()

    def is_aggregate(self):
        return False


class Taken(Function):
    """Returns the counts of all sinks: [rows, wrong]."""

    def validate(self, args):
        return ""

    def exec(self, args, ctx: Context):
        return [
            sum(take.rows for take in Take.instances),
            sum(take.wrong for take in Take.instances),
        ]

    def is_aggregate(self):
        return False


if __name__ == "__main__":
    plugin.start(
        PluginConfig(
            "bench_python",
            {"bench_rows": lambda: Rows()},
            {"bench_take": lambda: Take()},
            {
                "bench_echo": lambda: Echo(),
                "bench_head": lambda: Head(),
                "bench_fill": lambda: Fill(),
                "bench_taken": lambda: Taken(),
            },
        )
    )

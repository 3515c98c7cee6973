"""A plugin on the Python SDK that crashes, hangs, floods and answers wrongly."""

import os
import signal
import sys
import threading
import time

from ekuiper import Function, PluginConfig, Sink, Source, plugin


class Crashes(Source):
    """Emits three rows, and ends the process with status 3 at SIGUSR1."""

    def configure(self, datasource, conf):
        pass

    def open(self, ctx):
        for n in (1, 2, 3):
            ctx.emit({"n": n}, {"of": 3})
        signal.sigwait({signal.SIGUSR1})
        print("about to crash", file=sys.stderr, flush=True)
        os._exit(3)

    def close(self, ctx):
        pass


class Floods(Source):
    """Emits `count` rows of `bytes` bytes at once."""

    def configure(self, datasource, conf):
        self.count, self.bytes = conf["count"], conf.get("bytes", 1)
        self.closed = threading.Event()

    def open(self, ctx):
        for n in range(self.count):
            ctx.emit({"n": n, "data": "x" * self.bytes}, None)
        # The SDK drops what is not sent yet when this returns.
        self.closed.wait()

    def close(self, ctx):
        self.closed.set()


class Ragged(Source):
    """Emits rows without a pause; the third and the fifth are none."""

    def configure(self, datasource, conf):
        self.closed = threading.Event()

    def open(self, ctx):
        ctx.emit({"n": 1}, None)
        ctx.emit({"n": 2}, None)
        ctx.emit({"n": float("nan")}, None)
        ctx.emit({"n": 4}, None)
        ctx.emit([5], None)
        n = 5
        while not self.closed.wait(0.001):
            n += 1
            ctx.emit({"n": n}, None)

    def close(self, ctx):
        self.closed.set()


class Refuses(Sink):
    """Acks each row with an error."""

    def configure(self, conf):
        pass

    def open(self, ctx):
        pass

    def collect(self, ctx, data):
        ctx.ack_error("the disk is full")

    def close(self, ctx):
        pass


class Hangs(Function):
    """Never answers a call."""

    def validate(self, args):
        return ""

    def exec(self, args, ctx):
        time.sleep(3600)

    def is_aggregate(self):
        return False


class Maybe(Hangs):
    """Is perhaps an aggregate."""

    def is_aggregate(self):
        return "maybe"


# Of every thread: a source waits for it.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
if os.environ.get("FAULTY") == "exit":
    sys.exit("no licence")
if os.environ.get("FAULTY") == "silent":
    time.sleep(3600)
plugin.start(
    PluginConfig(
        "faulty",
        {"crashes": lambda: Crashes(), "floods": lambda: Floods(), "ragged": lambda: Ragged()},
        {"refuses": lambda: Refuses()},
        {"hangs": lambda: Hangs(), "maybe": lambda: Maybe()},
    )
)

"""The source `ticks`: emits a number that counts up, one row in each period."""

import threading

from ekuiper import Context, Source


class Ticks(Source):
    def __init__(self):
        self.period = 1000
        self.closed = threading.Event()

    def configure(self, datasource: str, conf: dict):
        """Reads the properties. An exception refuses the rule."""
        self.period = conf.get("period", self.period)
        if not isinstance(self.period, int) or self.period < 1:
            raise ValueError(f"period: expected milliseconds above 0, got {self.period!r}")

    def open(self, ctx: Context):
        n = 0
        while not self.closed.wait(self.period / 1000):
            n += 1
            ctx.emit({"n": n}, None)

    def close(self, ctx: Context):
        """Ends `open`, which runs on another thread."""
        self.closed.set()

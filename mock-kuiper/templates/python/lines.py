"""The sink `lines`: appends each row to a file as one line of JSON."""

import json

from ekuiper import Context, Sink


class Lines(Sink):
    def __init__(self):
        self.file = None
        self.acks = False

    def configure(self, conf: dict):
        """Opens the file. An exception refuses the rule."""
        path = conf.get("path")
        # Without a path the rows are printed, and eKuiper logs them.
        self.file = open(path, "a", encoding="utf-8") if path else None
        # Without `requireAck` nobody reads acks, and the SDK would end the sink after
        # some hundred rows.
        self.acks = conf.get("requireAck", False)

    def open(self, ctx: Context):
        pass

    def collect(self, ctx: Context, data: bytes):
        """Receives one row or a batch."""
        try:
            rows = json.loads(data)
        except ValueError as error:
            # An exception would end the sink.
            if self.acks:
                ctx.ack_error(str(error))
            return
        for row in rows if isinstance(rows, list) else [rows]:
            print(json.dumps(row), file=self.file, flush=True)
        if self.acks:
            ctx.ack_ok()

    def close(self, ctx: Context):
        if self.file:
            self.file.close()

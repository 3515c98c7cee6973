import pathlib
import tempfile
import unittest
from unittest.mock import Mock

from lines import Lines


class LinesTest(unittest.TestCase):
    def test_each_row_of_a_message_becomes_a_line_and_each_message_is_acked(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "rows")
            sink, ctx = Lines(), Mock()
            sink.configure({"path": str(path), "requireAck": True})

            sink.collect(ctx, b'{"n":1}')
            sink.collect(ctx, b'[{"n":2},{"n":3}]')
            sink.close(ctx)

            self.assertEqual(path.read_text(), '{"n": 1}\n{"n": 2}\n{"n": 3}\n')
            self.assertEqual(ctx.ack_ok.call_count, 2)

    def test_a_message_that_is_not_json_is_acked_with_an_error(self):
        sink, ctx = Lines(), Mock()
        sink.configure({"requireAck": True})

        sink.collect(ctx, b"n=1")

        ctx.ack_error.assert_called_once()
        ctx.ack_ok.assert_not_called()

import threading
import unittest
from unittest.mock import Mock

from ticks import Ticks


class TicksTest(unittest.TestCase):
    def test_rows_count_up_from_1_until_the_source_is_closed(self):
        source, ctx, rows = Ticks(), Mock(), []
        two = threading.Event()

        def emit(row, meta):
            rows.append(row)
            if len(rows) == 2:
                two.set()

        ctx.emit = emit
        source.configure("demo", {"period": 1})
        thread = threading.Thread(target=source.open, args=(ctx,))
        thread.start()
        emitted = two.wait(10)
        source.close(ctx)
        thread.join(10)

        self.assertTrue(emitted)
        self.assertFalse(thread.is_alive())
        self.assertEqual(rows[:2], [{"n": 1}, {"n": 2}])

    def test_a_period_of_0_is_refused(self):
        with self.assertRaisesRegex(ValueError, "period: expected milliseconds above 0, got 0"):
            Ticks().configure("demo", {"period": 0})

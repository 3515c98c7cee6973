"""The trace of a recorder, as `mock-kuiper record` puts it in front of a plugin."""

import json
import pathlib

from steps import Failed


class Trace:
    """A trace that may still grow."""

    def __init__(self, path, plugin):
        self.path = pathlib.Path(path)
        self.control = f"plugin_{plugin}"

    def lines(self):
        return [json.loads(line) for line in self.path.read_text().split("\n")[:-1]]

    def messages(self, channel, side):
        return [
            line["text"]
            for line in self.lines()
            if line.get("channel") == channel and line.get("from") == side and "text" in line
        ]

    def check(self, channels, function):
        """Checks the trace of a plugin that was launched more than once, as a whole."""
        lines = self.lines()
        if "host" not in lines[0] or lines[1].get("event") != "launch":
            raise Failed(f"the trace begins with {lines[:2]}")
        launches = [line for line in lines if line.get("event") == "launch"]
        if len(launches) < 2:
            raise Failed(f"expected a launch for each recorder, found {launches}")
        times = [line["t"] for line in lines[1:]]
        if times != sorted(times):
            raise Failed("the times are not in order")
        found = {line["channel"] for line in lines if "channel" in line}
        expected = {self.control, f"func_{function}", *channels}
        if not expected <= found:
            raise Failed(f"expected the channels {expected}, found {found}")
        self.check_orders(lines)
        calls = self.messages(f"func_{function}", "host")
        if not any('"func":"Exec"' in call for call in calls):
            raise Failed("no call is in the trace")
        return f"{len(lines)} lines, {len(launches)} launches, {len(calls)} requests"

    def check_orders(self, lines):
        """Checks that each answer follows its order: an order has the id of the message
        before it, and its answer the next one."""
        last = None
        for line in lines:
            if line.get("event") == "launch":
                last = None
            if line.get("channel") != self.control or "text" not in line:
                continue
            number = int(line["id"], 16)
            if line["from"] == "host" and (last is None or number != last):
                raise Failed(f"an order without its request: {line}")
            if line["from"] == "plugin":
                last = number

#!/usr/bin/env python3
"""Runs a recorded plugin under a real eKuiper server, and checks its trace.

The zip was made by `mock-kuiper record` of sdk/examples/mirror. A rule with its source,
function and sink runs, is stopped, runs again while the plugin is updated, and loses its
recorder by SIGKILL. Each step prints one line. The first step that fails ends the run
with status 1 and the server's log.
"""

import argparse
import glob
import json
import os
import pathlib
import shutil
import signal
import sys
import time

from drive import Failed, Server, wait_for

PLUGIN = "mirror"
STREAM = "recorded_demo"
RULE = "recorded_rule"
SINK = f"{RULE}_append_0_0"


class Recording:
    """The recorded plugin under one server; each public method is a step."""

    def __init__(self, arguments, server):
        self.server = server
        self.trace = pathlib.Path(arguments.trace)
        self.out = server.directory / "rows"
        self.zip = server.directory / f"{PLUGIN}.zip"
        shutil.copy(arguments.zip, self.zip)
        self.home = str(server.directory / "plugins" / "portable" / PLUGIN)

    def lines(self):
        return [json.loads(line) for line in self.trace.read_text().split("\n")[:-1]]

    def messages(self, channel, side):
        return [
            line["text"]
            for line in self.lines()
            if line.get("channel") == channel and line.get("from") == side and "text" in line
        ]

    def rows(self):
        return self.out.read_text().count("\n") if self.out.exists() else 0

    def processes(self):
        """Returns the processes in the plugin's directory: recorder and plugin."""
        found = {}
        for path in glob.glob("/proc/[0-9]*"):
            try:
                # An update replaces the directory while the old process still uses it.
                if os.readlink(f"{path}/cwd").removesuffix(" (deleted)") == self.home:
                    stat = pathlib.Path(f"{path}/stat").read_text()
                    state, parent = stat.rpartition(")")[2].split()[:2]
                    if state != "Z":
                        found[int(path.removeprefix("/proc/"))] = int(parent)
            except OSError:
                pass
        return found

    def recorder(self):
        children = [p for p, up in self.processes().items() if up == self.server.process.pid]
        return children[0] if len(children) == 1 else None

    def install(self):
        body = {"name": PLUGIN, "file": f"file://{self.zip}"}
        self.server.call("POST", "/plugins/portables", body)
        sql = (
            f'CREATE STREAM {STREAM} () WITH (DATASOURCE="topic/1", FORMAT="json", '
            'TYPE="random", CONF_KEY="fast")'
        )
        self.server.call("POST", "/streams", {"sql": sql})
        return f"{self.zip.stat().st_size} bytes"

    def wait_rows(self, more):
        before = self.rows()
        return wait_for(f"{more} rows", 30, lambda: self.rows() >= before + more and self.rows())

    def run(self):
        action = {"path": str(self.out), "sendSingle": True, "requireAck": True}
        body = {
            "id": RULE,
            "sql": f'SELECT *, echo("abc") AS r FROM {STREAM}',
            "actions": [{"append": action}],
        }
        self.server.call("POST", "/rules", body)
        return f"{self.wait_rows(20)} rows in the sink"

    def stop_rule(self):
        self.server.call("POST", f"/rules/{RULE}/stop")

        def is_same():
            recorded, written = len(self.messages(SINK, "host")), self.rows()
            return recorded == written and written

        return f"{wait_for('equal number of rows in trace and sink', 10, is_same)} rows in both"

    def update(self):
        self.server.call("POST", f"/rules/{RULE}/start")
        self.wait_rows(20)
        old = self.recorder()
        body = {"name": PLUGIN, "file": f"file://{self.zip}"}
        self.server.call("PUT", f"/plugins/portables/{PLUGIN}", body)
        new = wait_for("new recorder", 20, lambda: self.recorder() not in (None, old) and self.recorder())
        return f"pid {old} → {new}, {self.wait_rows(20)} rows in the sink"

    def kill(self):
        """Kills the recorder, as eKuiper does: the plugin must end with it."""
        old = self.processes().keys()
        if len(old) < 2:
            raise Failed(f"expected the recorder and the plugin, found {old}")
        os.kill(self.recorder(), signal.SIGKILL)
        begin = time.monotonic()
        ended = lambda: not old & self.processes().keys()
        wait_for("end of the plugin", 5, ended)
        return f"all {len(old)} processes have ended after {time.monotonic() - begin:.3f} s"

    def drop(self):
        self.server.call("DELETE", f"/rules/{RULE}")
        self.server.call("DELETE", f"/streams/{STREAM}")
        self.server.call("DELETE", f"/plugins/portables/{PLUGIN}")
        wait_for("end of all processes", 10, lambda: not self.processes())
        self.server.stop()
        left = [file for file in self.socket_files() if os.stat(file).st_mtime < 1e6 or ".mk" in file]
        if left:
            raise Failed(f"socket files of the recorder are left: {left}")
        return "rule, stream, plugin"

    def check(self):
        """Checks the trace as a whole."""
        lines = self.lines()
        if "host" not in lines[0] or lines[1].get("event") != "launch":
            raise Failed(f"the trace begins with {lines[:2]}")
        launches = [line for line in lines if line.get("event") == "launch"]
        if len(launches) < 2:
            raise Failed(f"expected a launch for each recorder, found {launches}")
        times = [line["t"] for line in lines[1:]]
        if times != sorted(times):
            raise Failed("the times are not in order")
        channels = {line["channel"] for line in lines if "channel" in line}
        expected = {f"plugin_{PLUGIN}", "func_echo", f"{RULE}_{STREAM}_0", SINK}
        if not expected <= channels:
            raise Failed(f"expected the channels {expected}, found {channels}")
        self.check_orders(lines)
        calls = self.messages("func_echo", "host")
        if not any('"func":"Exec"' in call for call in calls):
            raise Failed("no call is in the trace")
        acks = len(self.messages(f"{SINK}_ack", "plugin"))
        rows = len(self.messages(SINK, "host"))
        return f"{len(lines)} lines, {len(launches)} launches, {rows} rows, {acks} acks, {len(calls)} requests"

    def check_orders(self, lines):
        """Checks that each answer follows its order: an order has the id of the message
        before it, and its answer the next one."""
        last = None
        for line in lines:
            if line.get("event") == "launch":
                last = None
            if line.get("channel") != f"plugin_{PLUGIN}" or "text" not in line:
                continue
            number = int(line["id"], 16)
            if line["from"] == "host" and (last is None or number != last):
                raise Failed(f"an order without its request: {line}")
            if line["from"] == "plugin":
                last = number

    def socket_files(self):
        patterns = [f"plugin_{PLUGIN}", "func_echo", f"{RULE}_*"]
        return [
            path
            for pattern in patterns
            for path in glob.glob(f"/tmp/{pattern}.ipc") + glob.glob(f"/tmp/.{pattern}.mk")
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("zip", help="the recorded plugin")
    parser.add_argument("--trace", required=True, help="the trace that was named when it was recorded")
    parser.add_argument("--server", required=True, help="eKuiper's server")
    parser.add_argument("--etc", required=True, help="the directory etc/ of the same release")
    arguments = parser.parse_args()
    server = Server(arguments.server, arguments.etc, sys.executable)
    recording = Recording(arguments, server)
    steps = [
        ("start", server.wait_ready),
        ("install", recording.install),
        ("rule", recording.run),
        ("stop", recording.stop_rule),
        ("update", recording.update),
        ("kill -9", recording.kill),
        ("drop", recording.drop),
        ("trace", recording.check),
    ]
    begin = time.monotonic()
    try:
        for name, step in steps:
            result = step()
            print(f"{time.monotonic() - begin:6.2f} s  {name}: {result}", flush=True)
    except (Failed, OSError) as error:
        print(f"failed: {name}: {error}", file=sys.stderr)
        server.print_log()
        return 1
    finally:
        server.remove()
        for path in recording.socket_files():
            os.remove(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())

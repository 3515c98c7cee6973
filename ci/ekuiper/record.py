#!/usr/bin/env python3
"""Runs a recorded plugin under a real eKuiper server, and checks its trace.

The zip was made by `mock-kuiper record` of sdk/examples/mirror. A rule with its source,
function and sink runs, another one runs while the plugin is updated, and the recorder is
killed. Each step prints one line. The first step that fails ends the run
with status 1 and the server's log.
"""

import argparse
import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import sys
import time

from drive import Server
from steps import Failed, run_steps, wait_for
from recorded import Trace

PLUGIN = "mirror"
STREAM = "recorded_demo"
RULE = "recorded_rule"
SINK = f"{RULE}_append_0_0"
# Runs a command in a user namespace, which has limits of its own.
NO_NAMESPACES = [
    "unshare",
    "--user",
    "--map-root-user",
    "/bin/sh",
    "-ec",
    "echo 0 >/proc/sys/user/max_user_namespaces; "
    'exec setpriv --bounding-set=-sys_admin -- "$0" "$@"',
]


class Recording:
    """The recorded plugin under one server; each public method is a step."""

    def __init__(self, arguments, server):
        self.server = server
        self.trace = Trace(arguments.trace, PLUGIN)
        self.given = arguments.zip
        self.out = server.directory / "rows"
        self.zip = server.directory / f"{PLUGIN}.zip"
        self.home = str(server.directory / "plugins" / "portable" / PLUGIN)

    def rows(self):
        return self.out.read_text().count("\n") if self.out.exists() else 0

    def processes(self):
        """Returns the processes of recorder and plugin, each with its parent: those whose
        working directory (not set by 1.8) or program is in the plugin's directory."""
        found = {}
        for path in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                # An update replaces the directory while the old process still uses it.
                used = [os.readlink(f"{path}/{link}").removesuffix(" (deleted)") for link in ("cwd", "exe")]
                stat = pathlib.Path(f"{path}/stat").read_text()
                state, parent = stat.rpartition(")")[2].split()[:2]
                if state != "Z" and any(f"{file}/".startswith(f"{self.home}/") for file in used):
                    found[int(path.removeprefix("/proc/"))] = int(parent)
        return found

    def recorder(self):
        children = [p for p, up in self.processes().items() if up == self.server.process.pid]
        return children[0] if len(children) == 1 else None

    def install(self):
        shutil.copy(self.given, self.zip)
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

    def rule(self, **options):
        action = {"path": str(self.out), "sendSingle": True, **options}
        body = {
            "id": RULE,
            "sql": f'SELECT *, echo("abc") AS r FROM {STREAM}',
            "actions": [{"append": action}],
        }
        self.server.call("POST", "/rules", body)
        return f"{self.wait_rows(20)} rows in the sink"

    def run(self):
        return self.rule(requireAck=True)

    def stop_rule(self):
        """Stops the rule: trace and sink must then have the same number of rows."""
        self.server.call("POST", f"/rules/{RULE}/stop")

        def is_same():
            recorded, written = len(self.trace.messages(SINK, "host")), self.rows()
            return recorded == written and written

        rows = wait_for("equal number of rows in trace and sink", 10, is_same)
        self.delete_rule()
        return f"{rows} rows in both"

    def delete_rule(self):
        self.server.call("DELETE", f"/rules/{RULE}")
        # Until then 1.x cannot start it again.
        wait_for("end of the rule's sockets", 20, lambda: not glob.glob(f"/tmp/{RULE}_*.ipc"))

    def update(self):
        """Updates the plugin while a rule runs, which kills the recorder.

        The rule has no acks: eKuiper 2.4 waits forever for the ack of a row that it has
        sent to the old process, and the rule never goes on.
        """
        self.rule()
        old, recorder = self.processes().keys(), self.recorder()
        body = {"name": PLUGIN, "file": f"file://{self.zip}"}
        self.server.call("PUT", f"/plugins/portables/{PLUGIN}", body)
        wait_for("end of the old processes", 20, lambda: not old & self.processes().keys())
        new = wait_for("new recorder", 20, self.recorder)
        return f"pid {recorder} → {new}, {self.wait_rows(20)} rows in the sink"

    def kill(self):
        """Kills the recorder: the plugin must end with it.

        No rule runs: 2.2 asks the process that is gone to stop one, and waits.
        """
        self.delete_rule()
        old = self.processes().keys()
        if len(old) < 2:
            raise Failed(f"expected the recorder and the plugin, found {old}")
        os.kill(self.recorder(), signal.SIGKILL)
        begin = time.monotonic()
        wait_for("end of the plugin", 5, lambda: not old & self.processes().keys())
        return f"all {len(old)} processes have ended after {time.monotonic() - begin:.3f} s"

    def drop(self):
        self.server.call("DELETE", f"/streams/{STREAM}")
        self.server.call("DELETE", f"/plugins/portables/{PLUGIN}")
        wait_for("end of all processes", 10, lambda: not self.processes())
        self.server.stop()
        left = [file for file in self.socket_files() if os.stat(file).st_mtime < 1e6 or ".mk" in file]
        if left:
            raise Failed(f"socket files of the recorder are left: {left}")
        return "stream, plugin"

    def check(self):
        """Checks the trace as a whole."""
        summary = self.trace.check({f"{RULE}_{STREAM}_0", SINK}, "echo")
        rows = len(self.trace.messages(SINK, "host"))
        acks = len(self.trace.messages(f"{SINK}_ack", "plugin"))
        return f"{summary}, {rows} rows, {acks} acks"

    def check_refusal(self):
        """Checks that the recorder says why it renames socket files."""
        said = "so eKuiper's socket files are renamed: cannot isolate the plugin"
        if said not in self.server.log_text():
            raise Failed(f"expected `{said}` in the server's log")
        return "the recorder has said why it renames"

    def socket_files(self):
        patterns = [f"plugin_{PLUGIN}", "func_echo", f"{RULE}_*"]
        return [
            path
            for pattern in patterns
            for path in glob.glob(f"/tmp/{pattern}.ipc") + glob.glob(f"/tmp/.{pattern}.mk")
        ]

    def remove_socket_files(self):
        for path in self.socket_files():
            os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("zip", help="the recorded plugin")
    parser.add_argument("--trace", required=True, help="the trace that was named when it was recorded")
    parser.add_argument("--server", required=True, help="eKuiper's server")
    parser.add_argument("--etc", required=True, help="the directory etc/ of the same release")
    parser.add_argument(
        "--no-namespaces",
        action="store_true",
        help="let the system refuse namespaces to eKuiper and the recorder",
    )
    arguments = parser.parse_args()
    before = NO_NAMESPACES if arguments.no_namespaces else ()
    server = Server(arguments.server, arguments.etc, sys.executable, before)
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
    if arguments.no_namespaces:
        steps.append(("refusal", recording.check_refusal))
    return run_steps(server, steps, recording.remove_socket_files)


if __name__ == "__main__":
    sys.exit(main())

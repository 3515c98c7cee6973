#!/usr/bin/env python3
"""Runs a plugin under a real eKuiper server, through everything that a user would do.

The server works in a temporary directory, and only on 127.0.0.1. The plugin's zip is
installed over REST, used by a rule (source → function → sink) without and with acks,
killed, updated while the rule runs, and deleted. Each step prints one line. The first
step that fails ends the run with status 1 and the server's log.

The rows of the sink are read from the file that its config names (`{out}` in
--sink-config), otherwise from the lines of the server's log with --sink-prefix.
"""

import argparse
import contextlib
import glob
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from package import package
from steps import Failed, run_steps, wait_for
from recorded import Trace

STREAM = "interop_demo"
RULE = "interop_rule"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def parent(pid):
    """Returns the parent of a process, or None if the process is gone."""
    with contextlib.suppress(OSError):
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return int(text.rpartition(")")[2].split()[1])


class Server:
    """An eKuiper server in its own directory."""

    def __init__(self, binary, etc, python, before=(), **variables):
        """`before` is a command that execs the server."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ekuiper-"))
        self.port = free_port()
        self.log = self.directory / "server.log"
        shutil.copytree(etc, self.directory / "etc", copy_function=shutil.copyfile)
        for folder in [self.directory / "etc", *(self.directory / "etc").rglob("*/")]:
            folder.chmod(0o755)  # Go's module cache is read-only
        for folder in ["data", "log", "plugins/portable", "plugins/wasm"]:
            (self.directory / folder).mkdir(parents=True)
        self.command = [*before, binary]
        self.environment = dict(
            os.environ,
            KUIPER__BASIC__RESTIP="127.0.0.1",
            KUIPER__BASIC__RESTPORT=str(self.port),
            KUIPER__BASIC__IP="127.0.0.1",
            KUIPER__BASIC__PORT=str(free_port()),
            KUIPER__BASIC__PPROF="false",
            KUIPER__BASIC__CONSOLELOG="true",
            KUIPER__BASIC__FILELOG="false",
            KUIPER__PORTABLE__PYTHONBIN=python,
        )
        self.environment.update(variables)
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def rest(self, method, path, body=None):
        """Returns (status, decoded answer) of a REST call."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def call(self, method, path, body=None):
        """Returns the decoded answer of a REST call that must succeed."""
        status, answer = self.rest(method, path, body)
        if status >= 300:
            raise Failed(f"{method} {path}: status {status}: {answer}")
        return answer

    def wait_ready(self):
        def version():
            if self.process.poll() is not None:
                raise Failed(f"the server ended with status {self.process.returncode}")
            with contextlib.suppress(OSError):
                return self.rest("GET", "/")[1]

        return wait_for("answer of the server", 30, version)["version"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self):
        """Stops the server if it runs, and removes its directory."""
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def install(self, plugin, zip):
        """Installs a plugin, and waits until it runs."""
        self.call("POST", "/plugins/portables", {"name": plugin, "file": f"file://{zip}"})
        self.wait_status(plugin, "running")

    def wait_status(self, plugin, wanted):
        """Waits until a plugin has a status. Returns the answer that has it."""

        def look():
            status, answer = self.rest("GET", f"/plugins/portables/{plugin}/status")
            return answer if status == 200 and answer["status"] == wanted else None

        return wait_for(f"status `{wanted}` of the plugin", 30, look)

    def log_text(self):
        return self.log.read_text(errors="replace")

    def print_log(self):
        print("the last lines of the server's log:", file=sys.stderr)
        print("\n".join(self.log_text().split("\n")[-40:]), file=sys.stderr)


class Drive:
    """One plugin under one server; each public method is a step."""

    def __init__(self, arguments, server):
        self.arguments = arguments
        self.server = server
        self.plugin = pathlib.Path(arguments.plugin).resolve()
        self.name = self.plugin.name.removesuffix(".zip")
        self.out = server.directory / "rows"
        self.zip = server.directory / f"{self.name}.zip"

    def stage(self):
        given = self.arguments
        if given.record:
            work = self.server.directory
            package(self.plugin, self.zip, given.record, work, given.python)
        else:
            shutil.copy(self.plugin, self.zip)
        return f"{self.zip.stat().st_size} bytes"

    def install(self):
        self.server.install(self.name, self.zip)
        return f"pid {self.pid()}"

    def create(self):
        sql = (
            f'CREATE STREAM {STREAM} () WITH (DATASOURCE="topic/1", FORMAT="json", '
            f'TYPE="{self.arguments.source}", CONF_KEY="{self.arguments.conf_key}")'
        )
        self.server.call("POST", "/streams", {"sql": sql})
        return sql

    def rule(self, method, call=True, **options):
        """Creates or replaces the rule, with or without the call of the function, and
        waits for rows in the sink."""
        config = json.loads(self.arguments.sink_config.replace("{out}", str(self.out)))
        body = {
            "id": RULE,
            "sql": f"SELECT *{f', {self.arguments.function} AS r' if call else ''} FROM {STREAM}",
            "actions": [{self.arguments.sink: {**config, "sendSingle": True, **options}}],
        }
        begin = len(self.rows())
        self.server.call(method, "/rules" if method == "POST" else f"/rules/{RULE}", body)
        return self.wait_rows(begin, call)

    def run_without_ack(self):
        return self.rule("POST")

    def restart(self):
        self.server.call("POST", f"/rules/{RULE}/stop")
        begin = len(self.rows())
        self.server.call("POST", f"/rules/{RULE}/start")
        return self.wait_rows(begin)

    def run_with_ack(self):
        return self.rule("PUT", requireAck=True)

    def metrics(self):
        """Checks that the host counted rows on every side and no exception."""

        def counted():
            status = self.server.call("GET", f"/rules/{RULE}/status")
            totals = {k: v for k, v in status.items() if k.endswith("_records_out_total")}
            return status if totals and all(totals.values()) else None

        status = wait_for("rows in every counter", 10, counted)
        wrong = {k: v for k, v in status.items() if k.endswith("_exceptions_total") and v}
        if wrong or status.get("status") != "running":
            raise Failed(f"exceptions {wrong}, status {json.dumps(status)}")
        out = [v for k, v in status.items() if k.startswith("sink_") and k.endswith("_out_total")]
        return f"{out[0]} rows through the sink, no exception"

    def kill(self):
        """Kills the process; then a rule that needs the process starts it again.

        That rule has no function call: to validate one, eKuiper 2.4 asks the process
        that is gone, and gives up after 5 s. Only a source or a sink makes it start
        the process; it then also starts the function that it started last.

        With --kill-idle the rule is stopped before the kill. Otherwise the host starts
        the rule's instances twice, once for the new process and once for the rule. The
        Python SDK refuses the second start of a sink if it comes in the wrong order.

        The running rule has no acks: eKuiper 2.4 waits forever for the ack of a dead
        process, and every later start fails because the address is in use.
        """
        old = self.pid()
        if self.arguments.kill_idle:
            self.server.call("POST", f"/rules/{RULE}/stop")
        else:
            self.rule("PUT")
        os.kill(old, signal.SIGKILL)
        status = self.server.wait_status(self.name, "error")
        if status["errMsg"] != "signal: killed":
            raise Failed(f"expected `signal: killed` in the plugin's status, got {status}")
        self.rule("PUT", call=False)
        rows = self.rule("PUT")
        return f"{rows}, pid {old} → {self.pid()}"

    def update(self):
        """Updates the plugin while the rule runs (the host's hot reload)."""
        old = self.pid()
        body = {"name": self.name, "file": f"file://{self.zip}"}
        self.server.call("PUT", f"/plugins/portables/{self.name}", body)
        wait_for("new process", 20, lambda: self.pids() and self.pids() != [old])
        rows = self.wait_rows(len(self.rows()))
        return f"{rows}, pid {old} → {self.pid()}"

    def drop(self):
        """Drops the rule, whose data sockets must then be gone, the stream and the plugin."""
        self.server.call("DELETE", f"/rules/{RULE}")
        wait_for("end of the rule's sockets", 10, lambda: not self.socket_files(f"{RULE}_*"))
        self.server.call("DELETE", f"/streams/{STREAM}")
        self.server.call("DELETE", f"/plugins/portables/{self.name}")
        wait_for("end of the plugin's process", 10, lambda: not self.pids())
        return "rule, stream, plugin"

    def stop(self):
        """Stops the server, and removes the two socket files that eKuiper leaves behind:
        those of the channels that stay open for its whole life."""
        self.server.stop()
        return f"left by eKuiper and removed: {', '.join(self.remove_socket_files()) or 'nothing'}"

    def check_trace(self):
        function = self.arguments.function.partition("(")[0]
        return Trace(self.arguments.trace, self.name).check([f"{RULE}_{STREAM}_0"], function)

    def socket_files(self, pattern):
        return glob.glob(f"/tmp/{pattern}.ipc")

    def remove_socket_files(self):
        function = self.arguments.function.partition("(")[0]
        patterns = [f"plugin_{self.name}", f"func_{function}", f"{RULE}_*"]
        left = [path for pattern in patterns for path in self.socket_files(pattern)]
        for path in left:
            os.remove(path)
        return left

    def pids(self):
        """Returns the plugin's processes: those whose working directory is its installation."""
        home = str(self.server.directory / "plugins" / "portable" / self.name)
        found = []
        for path in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                # An update replaces the directory while the old process still uses it.
                if os.readlink(f"{path}/cwd").removesuffix(" (deleted)") == home:
                    found.append(int(path.removeprefix("/proc/")))
        # Only the host's own child: with a recorder, the plugin is the recorder's child.
        return [pid for pid in found if parent(pid) == self.server.process.pid]

    def pid(self):
        found = self.pids()
        if len(found) != 1:
            raise Failed(f"expected one process of the plugin, found {found}")
        return found[0]

    def rows(self):
        """Returns the rows that the sink has received so far, decoded."""
        lines = []
        if "{out}" in self.arguments.sink_config:
            if self.out.exists():
                lines = self.out.read_text().split("\n")[:-1]
        else:
            prefix = self.arguments.sink_prefix
            for line in self.server.log_text().split("\n")[:-1]:
                _, found, rest = line.partition(prefix)
                if found:
                    # The text of a log line may be quoted and escaped.
                    rest = rest.replace('\\"', '"')
                    lines.append(rest[: rest.rindex("}") + 1])
        return [json.loads(line) for line in lines]

    def wait_rows(self, begin, call=True):
        """Waits for rows after the first `begin`, and checks the content of each.

        Skips the rows of the rule that was replaced: they have the function's result
        if the new rows have none, and the other way round.
        """

        def new_rows():
            return list(itertools.dropwhile(lambda row: ("r" in row) != call, self.rows()[begin:]))

        count = self.arguments.rows
        rows = wait_for(
            f"{count} rows in the sink",
            20,
            lambda: rows if len(rows := new_rows()) >= count else None,
        )
        expected = json.loads(self.arguments.expect)
        if not call:
            expected.pop("r", None)
        for row in rows:
            wrong = {k: v for k, v in expected.items() if row.get(k) != v}
            if wrong or ("r" in row) != call:
                result = "a result" if call else "no result"
                raise Failed(f"expected {expected} and {result} `r` in a row, got {row}")
        return f"{len(rows)} rows, first {json.dumps(rows[0])}"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plugin", help="the plugin's zip, with the plugin's name")
    parser.add_argument("--server", required=True, help="eKuiper's server")
    parser.add_argument("--etc", required=True, help="the directory etc/ of the same release")
    parser.add_argument("--python", default="python3", help="the interpreter of Python plugins")
    parser.add_argument("--source", required=True)
    parser.add_argument("--conf-key", default="default")
    parser.add_argument("--function", required=True, metavar="CALL", help="e.g. revert(name)")
    parser.add_argument("--sink", required=True)
    parser.add_argument("--sink-config", default="{}", metavar="JSON")
    parser.add_argument("--sink-prefix", default="", metavar="TEXT")
    parser.add_argument("--kill-idle", action="store_true", help="stop the rule before the kill")
    parser.add_argument("--record", metavar="FILE", help="record every frame")
    parser.add_argument("--trace", metavar="FILE", help="check the trace of the zip's recorder")
    parser.add_argument("--rows", type=int, default=10, help="rows to wait for in each step")
    parser.add_argument("--expect", default="{}", metavar="JSON", help="the content of each row")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    server = Server(arguments.server, arguments.etc, arguments.python)
    drive = Drive(arguments, server)
    steps = [
        ("start", server.wait_ready),
        ("zip", drive.stage),
        ("install", drive.install),
        ("stream", drive.create),
        ("rule", drive.run_without_ack),
        ("metrics", drive.metrics),
        ("stop and start", drive.restart),
        ("rule with acks", drive.run_with_ack),
        ("metrics", drive.metrics),
        ("kill -9", drive.kill),
        ("update", drive.update),
        ("drop", drive.drop),
        ("stop", drive.stop),
    ]
    if arguments.trace:
        steps.append(("trace", drive.check_trace))
    return run_steps(server, steps, drive.remove_socket_files)


if __name__ == "__main__":
    sys.exit(main())

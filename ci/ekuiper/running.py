#!/usr/bin/env python3
"""Runs the commands of docs/running-in-ekuiper.md under a real eKuiper server, and
compares their output with the page.

The plugin is sdk/tests/weather. Runs each ```console block that follows the comment
`<!-- not run: REASON -->` with the reason below, in the server's directory. A command
that only reads is repeated until its output is as expected, because eKuiper starts a
rule in the background. In the page, the server is at localhost:9081, the zips are in
/home/eli and at files.example, and the plugin's source is src/main.rs.
"""

import argparse
import functools
import glob
import http.server
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import zipfile

from drive import Server
from steps import Failed

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/running-in-ekuiper.md"
REASON = "it needs a running eKuiper; `ci/interop` runs it"
SOURCE = "sdk/tests/weather/plugin.rs"
MANIFEST = {
    "version": "v0.1.0",
    "language": "go",
    "executable": "weather",
    "sources": ["weather"],
    "sinks": ["archive"],
    "functions": ["c_to_f"],
}
# The operators of the page's rules: its streams and its sink.
OPERATORS = ["oslo", "wrong", "down", "archive_0"]
YAML = """\
default:
  cities: [{city}]
wrong:
  cities: Oslo
down:
  server: 127.0.0.1:1
"""


def load_readme():
    """Loads ci/readme, which finds the blocks, commands and patterns of a page."""
    loader = importlib.machinery.SourceFileLoader("readme", str(ROOT / "ci/readme"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("readme", loader))
    loader.exec_module(module)
    return module


def write_zip(path, program, city):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weather.json", json.dumps(MANIFEST))
        archive.writestr("sources/weather.yaml", YAML.format(city=city))
        entry = zipfile.ZipInfo("weather")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, program)


def without_loader(program):
    """Returns the program with a loader that no system has, as glibc's on Alpine."""
    changed = re.sub(rb"(/lib[^\0]*/ld-linux[^\0]*)\.so\.\d\0", rb"\1.so.0\0", program)
    if changed == program:
        raise Failed("the plugin is not dynamically linked with glibc")
    return changed


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the zips without a line for each request."""

    def log_message(self, *_):
        pass


class Page:
    """The page under one server."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.server = self.launch()
        self.home = self.server.directory / "home"
        program = pathlib.Path(arguments.plugin).read_bytes()
        write_zip(self.home / "weather.zip", program, "Oslo")
        write_zip(self.home / "new/weather.zip", program, "Bergen")
        write_zip(self.home / "glibc/weather.zip", without_loader(program), "Oslo")
        handler = functools.partial(Quiet, directory=self.home)
        self.files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.files.serve_forever, daemon=True).start()

    def launch(self):
        given = self.arguments
        server = Server(
            given.server,
            given.etc,
            sys.executable,
            RUST_LOG="info,weather=debug",
            KUIPER__BASIC__FILELOG="true",
        )
        server.wait_ready()
        return server

    def run(self, command):
        """Runs a command of the page. Returns its exit status and its output."""
        if command == "docker restart ekuiper":
            self.server.stop()
            self.server.start()
            self.server.wait_ready()
            return 0, "ekuiper\n"
        command = command.replace("localhost:9081", f"127.0.0.1:{self.server.port}")
        command = command.replace("/home/eli", str(self.home))
        command = command.replace("files.example", f"127.0.0.1:{self.files.server_port}")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.server.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            text=True,
        )
        output = done.stdout
        for there, here in [
            (SOURCE, "src/main.rs"),
            (f"http://127.0.0.1:{self.files.server_port}", "http://files.example"),
            (str(self.home), "/home/eli"),
            (str(self.server.directory), "/kuiper"),
        ]:
            output = output.replace(there, here)
        if output and not output.endswith("\n"):
            output += "\n"
        return done.returncode, output

    def remove_socket_files(self):
        """Removes what eKuiper leaves behind of the page's rules and of the plugin."""
        rules = re.findall(r'rules -d \'{"id":"(\w+)"', PAGE.read_text())
        patterns = [f"{rule}_{op}_0*" for rule in rules for op in OPERATORS]
        for pattern in [*patterns, "plugin_weather", "func_c_to_f"]:
            for path in glob.glob(f"/tmp/{pattern}.ipc"):
                os.remove(path)

    def compare(self, command, pattern):
        """Runs a command until its output is as expected. Returns the last output if
        that does not happen."""
        reads = not re.search(r"^docker|curl.* -(d|X|T) ", command)
        end = time.monotonic() + (20 if reads else 0)
        while True:
            _, output = self.run(command)
            if re.fullmatch(pattern, output):
                return None
            if time.monotonic() > end:
                return output
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plugin", help="the executable of sdk/tests/weather")
    parser.add_argument("--server", required=True, help="eKuiper's server")
    parser.add_argument("--etc", required=True, help="the directory etc/ of the same release")
    arguments = parser.parse_args()
    readme = load_readme()
    page = Page(arguments)
    passed = failed = 0
    try:
        for first, reason, _, lines in readme.blocks(PAGE.read_text()):
            if reason != REASON:
                continue
            for number, command, expected in readme.commands(first, lines):
                output = page.compare(command, readme.pattern(expected))
                if output is None:
                    passed += 1
                    continue
                failed += 1
                print(f"FAILED {PAGE.name}:{number}: {command}")
                print("--- expected", *expected, "--- printed", output, sep="\n")
    except Failed as error:
        print(f"failed: {error}\n{page.server.log_text()[-4000:]}", file=sys.stderr)
        return 1
    finally:
        page.server.remove()
        page.remove_socket_files()
    print(f"{PAGE.name} under a real eKuiper: {passed} commands as expected, {failed} not")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

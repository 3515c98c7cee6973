#!/usr/bin/env python3
"""Puts the recorder in front of the plugin in a zip.

Usage: package.py ZIP TARGET --record FILE --work DIR [--python PATH]
"""

import argparse
import json
import os
import pathlib
import sys
import zipfile


def package(source, target, record, work, python="python3"):
    """Copies the zip of a plugin and returns the copy's size in bytes.

    The executable in the copy runs the plugin's own executable under recorder.py,
    which records to `record` and works in the directory `work`.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        name = f"{pathlib.Path(source).stem}.json"
        manifest = json.loads(old.read(name))
        executable = manifest["executable"]
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == executable:
                entry.filename = f"{executable}.recorded"
            new.writestr(entry, data)
        entry = zipfile.ZipInfo(executable)
        entry.external_attr = 0o755 << 16
        new.writestr(entry, wrapper(manifest, record, work, python))
    return os.path.getsize(target)


def wrapper(manifest, record, work, python):
    """Returns a program that runs the file next to it under the recorder."""
    recorder = str(pathlib.Path(__file__).resolve().with_name("recorder.py"))
    command = [sys.executable, recorder, "--out", os.path.abspath(record)]
    command += ["--work", os.path.abspath(work)]
    if manifest["language"] == "python":
        python = os.path.abspath(python)
        command += ["--bind", os.path.dirname(os.path.dirname(python)), "--", python, "-u"]
    else:
        command += ["--"]
    return (
        f"#!{sys.executable}\nimport os, sys\ncommand = {command!r}\n"
        "own = os.path.abspath(__file__) + '.recorded'\n"
        "os.execv(command[0], [*command, own, *sys.argv[1:]])\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("zip")
    parser.add_argument("target")
    parser.add_argument("--record", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--python", default="python3")
    arguments = parser.parse_args()
    size = package(
        arguments.zip, arguments.target, arguments.record, arguments.work, arguments.python
    )
    print(f"{arguments.target}: {size} bytes")


if __name__ == "__main__":
    main()

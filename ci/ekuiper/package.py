#!/usr/bin/env python3
"""Zips a plugin directory, if wanted with the recorder in front of the plugin.

Usage: package.py DIRECTORY ZIP [--binary FILE] [--record FILE --work DIR] [--python PATH]
"""

import argparse
import json
import os
import pathlib
import sys
import zipfile

LEFT_OUT = {".rs", ".pyc"}

# What Cargo has made or reads in the directory of a plugin that is a package.
CARGO = {"target", "src", "Cargo.toml", "Cargo.lock"}


def package(directory, target, binary=None, record=None, work=None, python="python3"):
    """Writes the zip of a plugin and returns its size in bytes.

    `binary` becomes the executable that the json names. With `record`, the
    executable is one that runs the plugin's own under recorder.py, which writes
    there and works in the directory `work`.
    """
    directory = pathlib.Path(directory).resolve()
    manifest = json.loads((directory / f"{directory.name}.json").read_text())
    executable = manifest["executable"]
    behind = f"{executable}.recorded" if record else executable
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            inside = path.relative_to(directory)
            if path.is_file() and path.suffix not in LEFT_OUT and inside.parts[0] not in CARGO:
                name = str(inside)
                archive.write(path, behind if name == executable else name)
        if binary:
            archive.write(binary, behind)
        if record:
            entry = zipfile.ZipInfo(executable)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, wrapper(manifest, record, work, python))
    return os.path.getsize(target)


def wrapper(manifest, record, work, python):
    """A program that runs the file beside it under the recorder."""
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
    parser.add_argument("directory")
    parser.add_argument("zip")
    parser.add_argument("--binary")
    parser.add_argument("--record")
    parser.add_argument("--work")
    parser.add_argument("--python", default="python3")
    arguments = parser.parse_args()
    if arguments.record and not arguments.work:
        parser.error("--record needs --work")
    size = package(
        arguments.directory,
        arguments.zip,
        arguments.binary,
        arguments.record,
        arguments.work,
        arguments.python,
    )
    print(f"{arguments.zip}: {size} bytes")


if __name__ == "__main__":
    main()

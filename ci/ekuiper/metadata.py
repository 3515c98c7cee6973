#!/usr/bin/env python3
"""Installs a plugin in a real eKuiper, and reads its UI metadata back over REST.

Every property that the files of the zip have must appear with its hint, its label and
its default, and so must the texts of each symbol and the functions. The server must be
built with the tag `ui`. Exits with status 1 at the first difference.
"""

import argparse
import json
import pathlib
import sys
import zipfile

from drive import Server
from steps import Failed

LANGUAGES = {"en_US": "en", "zh_CN": "zh"}


def answered(value):
    """Returns a value of a file as eKuiper answers with it: with its names of languages."""
    if isinstance(value, dict) and value and set(value) <= set(LANGUAGES):
        return {short: value.get(long, "") for long, short in LANGUAGES.items()}
    if isinstance(value, dict):
        return {key: answered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [answered(inner) for inner in value]
    return value


def compare(path, expected, found):
    """Checks that everything expected was found. eKuiper adds fields of its own."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            compare(f"{path}.{key}", value, found.get(key))
    elif isinstance(expected, list) and isinstance(found or [], list):
        if len(expected) != len(found or []):
            raise Failed(f"{path}: expected {len(expected)} elements, found {found}")
        for index, value in enumerate(expected):
            compare(f"{path}[{index}]", value, found[index])
    elif expected != found:
        raise Failed(f"{path}: expected {expected!r}, found {found!r}")


def read(plugin):
    """Returns the JSON files of a zip by their names."""
    with zipfile.ZipFile(plugin) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        return {name: json.loads(archive.read(name)) for name in names}


def check(server, plugin):
    name = plugin.stem
    files = read(plugin)
    manifest = files[f"{name}.json"]
    server.install(name, plugin)
    for kind in ["sources", "sinks"]:
        for symbol in manifest[kind]:
            expected = files[f"{kind}/{symbol}.json"]
            found = server.call("GET", f"/metadata/{kind}/{symbol}")
            node = expected.pop("node", None)
            expected = answered(expected)
            # eKuiper passes the node on as it is.
            expected.update({"node": node} if node else {})
            compare(f"{kind}/{symbol}", expected, found)
            properties = found["properties"]
            properties = properties["default"] if kind == "sources" else properties
            names = ", ".join(one["name"] for one in properties or [])
            print(f"GET /metadata/{kind}/{symbol}: {names or 'no properties'}", flush=True)
    found = server.call("GET", "/metadata/functions")
    for symbol in manifest["functions"]:
        own = [one for one in found if one.get("name") == symbol]
        # eKuiper installs the file twice, and lists both.
        if not own:
            raise Failed(f"functions/{symbol}: expected it in /metadata/functions, found {found}")
        for one in own:
            compare(f"functions/{symbol}", files[f"functions/{symbol}.json"], one)
        print(f"GET /metadata/functions: {own[0]['functions'][0]['example']}", flush=True)
    server.call("DELETE", f"/plugins/portables/{name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plugin", help="the plugin's zip, with the plugin's name")
    parser.add_argument("--server", required=True, help="eKuiper's server, with the tag `ui`")
    parser.add_argument("--etc", required=True, help="the directory etc/ of the same release")
    arguments = parser.parse_args()
    plugin = pathlib.Path(arguments.plugin).resolve()
    server = Server(arguments.server, arguments.etc, "python3")
    try:
        server.wait_ready()
        check(server, plugin)
    except (Failed, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        server.print_log()
        return 1
    finally:
        server.remove()
        for function in read(plugin)[f"{plugin.stem}.json"]["functions"]:
            pathlib.Path(f"/tmp/func_{function}.ipc").unlink(missing_ok=True)
        pathlib.Path(f"/tmp/plugin_{plugin.stem}.ipc").unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Compares the shapes of the messages that two hosts sent to the same plugin.

Usage: shapes.py EKUIPER OURS (files of recorder.py)

The shape of a frame is the kind of its channel, and its JSON without the values: keys,
types, JSON inside strings. Commands and plugin types are kept as they are. Exits with
status 1 if OURS has a shape that eKuiper did not send.
"""

import collections
import json
import sys

LITERAL = {"cmd", "pluginType", "func", "symbolName"}


def kind(channel, dialers):
    if channel.startswith("plugin_"):
        return "control"
    if channel.startswith("func_"):
        return "function"
    if channel.endswith("_ack"):
        return "ack"
    return "sink" if dialers.get(channel) == "host" else "source"


def shape(value, key=None):
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{shape(v, k)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dict.fromkeys(shape(v) for v in value)) + "]"
    if isinstance(value, str):
        if key in LITERAL:
            return value
        if value.startswith(("{", "[")):
            try:
                return f"text of {shape(json.loads(value))}"
            except ValueError:
                pass
        return "text"
    if value is None or isinstance(value, bool):
        return {None: "null"}.get(value, "boolean")
    return "number"


def host_shapes(path):
    """Counts the shapes of the host's frames, and keeps one frame of each."""
    dialers, counts, examples = {}, collections.Counter(), {}
    with open(path, encoding="utf-8") as file:
        for line in map(json.loads, file):
            if line.get("event") == "connected":
                dialers[line["channel"]] = line["dialer"]
            if line.get("from") != "host" or "text" not in line:
                continue
            try:
                text = shape(json.loads(line["text"]))
            except ValueError:
                text = f"no JSON: {line['text']}"
            found = f"{kind(line['channel'], dialers)}: {text}"
            counts[found] += 1
            examples.setdefault(found, line["text"])
    return counts, examples


def main():
    real, _ = host_shapes(sys.argv[1])
    ours, examples = host_shapes(sys.argv[2])
    if not real or not ours:
        print("error: a file has no frame of the host", file=sys.stderr)
        return 1
    for found in sorted(set(real) & set(ours)):
        print(f"same: {found}")
    for found in sorted(set(real) - set(ours)):
        print(f"only eKuiper: {found}")
    unknown = sorted(set(ours) - set(real))
    for found in unknown:
        print(f"error: eKuiper never sent: {found}\n  {examples[found]}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())

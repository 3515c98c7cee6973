#!/usr/bin/env python3
"""Runs a plugin and records the messages between it and its host.

Usage: recorder.py --out FILE --work DIR [--bind DIR]… -- COMMAND…

eKuiper's addresses in /tmp are fixed. So the plugin gets its own /tmp in a mount
namespace. For each socket that one side listens on, the recorder listens on the other
side. It passes all messages on and writes each to FILE as a JSON line, in the format
of tests/vectors. It looks for new sockets before it passes on an order or an answer,
so that nobody dials an address too early. DIR and the directories of --bind stay
visible to the plugin if they are below /tmp.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TMP = pathlib.Path("/tmp")
# Binds the directories between the first argument and `--` into the first argument,
# mounts that as /tmp, and runs the command after `--`.
ENTER = """
new=$1; shift
while [ "$1" != -- ]; do
    mkdir -p "$new/${1#/tmp/}"
    mount --bind "$1" "$new/${1#/tmp/}"
    shift
done
shift
mount --rbind "$new" /tmp
exec "$@"
"""


def listening():
    """Yields the paths of all listening Unix sockets."""
    for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[3] == "00010000":
            yield pathlib.Path(fields[7])


class Recorder:
    def __init__(self, out, inner):
        self.begin = time.monotonic()
        self.out = open(out, "a", encoding="utf-8")
        self.inner = inner
        self.lock = threading.Lock()
        self.ours = {}  # channel → (listener, its path, the path of the real socket)
        self.syncing = threading.Lock()

    def write(self, **event):
        with self.lock:
            line = {"t": round(time.monotonic() - self.begin, 4), **event}
            self.out.write(json.dumps(line) + "\n")
            self.out.flush()

    def sync(self):
        """Begins to listen for new sockets, and stops for those that are gone."""
        with self.syncing:
            for channel, (listener, path, origin) in list(self.ours.items()):
                if not origin.exists():
                    del self.ours[channel]
                    listener.shutdown(socket.SHUT_RDWR)
                    listener.close()
                    path.unlink(missing_ok=True)
            # The plugin's sockets first: a file of the same name outside is stale.
            for origin in self.inner.glob("*.ipc"):
                if origin.stem not in self.ours:
                    self.stand_in(TMP / origin.name, origin, dialer="host")
            for origin in listening():
                if origin.parent == TMP and origin.suffix == ".ipc" and origin.stem not in self.ours:
                    if origin.exists():
                        self.stand_in(self.inner / origin.name, origin, dialer="plugin")

    def stand_in(self, path, origin, dialer):
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        self.ours[origin.stem] = (listener, path, origin)
        threading.Thread(target=self.accept, args=(listener, origin, dialer), daemon=True).start()

    def accept(self, listener, origin, dialer):
        other = {"host": "plugin", "plugin": "host"}[dialer]
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(str(origin))
                except OSError:
                    near.close()
                    continue
                self.write(channel=origin.stem, event="connected", dialer=dialer)
                for source, target, name in [(near, far, dialer), (far, near, other)]:
                    arguments = (source, target, origin.stem, name)
                    threading.Thread(target=self.pass_on, args=arguments, daemon=True).start()

    def pass_on(self, source, target, channel, name):
        """Passes on the greeting and then each frame, until one side disconnects."""
        control = channel.startswith("plugin_")
        with_id = control or channel.startswith("func_")
        with contextlib.suppress(OSError, EOFError):
            greeting = read(source, 8)
            self.write(channel=channel, **{"from": name}, sp=greeting.hex())
            target.sendall(greeting)
            while True:
                header = read(source, 9)
                body = read(source, int.from_bytes(header[1:], "big"))
                event = {"from": name}
                if with_id:
                    event["id"] = body[:4].hex()
                event["text"] = body[4 if with_id else 0 :].decode(errors="replace")
                self.write(channel=channel, **event)
                if control:
                    self.sync()
                target.sendall(header + body)
        self.write(channel=channel, event="closed", **{"from": name})
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def read(stream, size):
    parts = bytearray()
    while len(parts) < size:
        part = stream.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()

    inner = pathlib.Path(tempfile.mkdtemp(prefix="tmp-", dir=arguments.work))
    recorder = Recorder(arguments.out, inner)
    recorder.sync()
    recorder.write(event="launch", argument=arguments.command[-1], cwd="$PLUGIN_DIR")
    binds = [d for d in [arguments.work, *arguments.bind] if d.startswith("/tmp/")]
    # If this process is killed, the plugin is killed, too.
    launcher = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-ec", ENTER, "sh"]
    plugin = subprocess.Popen([*launcher, str(inner), *binds, "--", *arguments.command])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: plugin.send_signal(number))
    status = plugin.wait()
    recorder.write(event="exit", status=status)
    for _, path, _ in recorder.ours.values():
        path.unlink(missing_ok=True)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())

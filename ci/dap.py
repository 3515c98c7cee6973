"""An editor for ci/attach: attaches to debugpy and holds the program at a breakpoint.

Usage: dap.py PORT FILE LINE
Waits until debugpy listens at the port. Prints `stopped at LINE` once a thread has reached
the line, lets it go on after a line on stdin, and stays until the program ends.

The protocol is the Debug Adapter Protocol (https://microsoft.github.io/debug-adapter-protocol/).
"""

import json
import socket
import sys
import time

LIMIT = 60  # seconds, until debugpy listens


class Adapter:
    """A connection to a debug adapter."""

    def __init__(self, port):
        end = time.monotonic() + LIMIT
        while True:
            try:
                self.stream = socket.create_connection(("127.0.0.1", port)).makefile("rwb")
                break
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise SystemExit(f"error: nothing listens at port {port}")
                time.sleep(0.1)
        self.number = 0

    def ask(self, command, **arguments):
        self.number += 1
        request = {"seq": self.number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self.stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.stream.flush()

    def messages(self):
        """Yields each message until the adapter closes the connection."""
        while line := self.stream.readline():
            length = int(line.split(b":")[1])
            self.stream.readline()
            yield json.loads(self.stream.read(length))

    def wait(self, event):
        for message in self.messages():
            if message.get("success") is False:
                raise SystemExit(f"error: {message['command']}: {message.get('message')}")
            if message.get("event") == event:
                return message.get("body", {})
        raise SystemExit(f"error: debugpy has ended before the event `{event}`")


def main():
    port, file, line = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    adapter = Adapter(port)
    adapter.ask("initialize", clientID="ci", adapterID="debugpy", pathFormat="path")
    adapter.ask("attach", justMyCode=True)
    adapter.wait("initialized")
    adapter.ask("setBreakpoints", source={"path": file}, breakpoints=[{"line": line}])
    adapter.ask("configurationDone")
    stopped = adapter.wait("stopped")
    print(f"stopped at {line}", flush=True)
    sys.stdin.readline()
    adapter.ask("continue", threadId=stopped["threadId"])
    for _ in adapter.messages():
        pass


if __name__ == "__main__":
    main()

"""The steps of a run under a server: each prints one line, and the first that fails ends
the run with the server's log."""

import sys
import time


class Failed(Exception):
    """A step failed; the text says what was expected and what was observed."""


def wait_for(what, limit, look):
    """Calls `look` until it returns something true, for at most `limit` seconds."""
    end = time.monotonic() + limit
    seen = None
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise Failed(f"no {what} within {limit} s (last seen: {seen!r})")


def run_steps(server, steps, tidy):
    """Runs steps until one fails, then stops the server. Returns the exit status."""
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
        tidy()
    return 0

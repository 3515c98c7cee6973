"""Nothing is left running, however the interpreter ends."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

#: The variable that marks the processes of a test.
MARK = "MOCK_KUIPER_TEST_MARK"

#: Seconds that a wait may last.
LIMIT = 60


def marked(mark):
    """Returns the processes that carry a mark."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            pass
    return found


def wait_until(condition):
    """Waits until a condition holds."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "a condition does not come true"
        time.sleep(0.01)


def start(script, tmp_path, *arguments):
    """Starts a script in another interpreter, and waits until it prints `ready`."""
    mark = str(tmp_path)
    file = tmp_path / "script.py"
    file.write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(file), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, MARK: mark},
        universal_newlines=True,
    )
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process, mark


OPEN = """
import os, signal, sys, time
from mock_kuiper import Host
host = Host(sys.argv[1])
source = host.source("pyjson", config={"interval": 1})
source.next()
print("ready", flush=True)
"""

ENDS = {
    "exit": "",
    "exception": "raise RuntimeError",
    "os._exit": "os._exit(0)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_plugin_ends_with_the_interpreter(end, pysam, tmp_path):
    process, mark = start(OPEN + ENDS[end], tmp_path, pysam)

    process.communicate(timeout=LIMIT)

    wait_until(lambda: not marked(mark))


def test_a_fork_does_not_end_the_plugin_of_its_parent(pysam, tmp_path):
    script = OPEN + "pid = os.fork()\nif pid == 0: sys.exit()\nos.waitpid(pid, 0)\nprint(host.state)"
    process, mark = start(script, tmp_path, pysam)

    printed, _ = process.communicate(timeout=LIMIT)

    assert printed == "running\n"
    wait_until(lambda: not marked(mark))


def test_a_host_that_is_dropped_ends_its_plugin(pysam, tmp_path):
    script = OPEN + "del source, host\nsys.stdin.read()"
    process, mark = start(script, tmp_path, pysam)

    wait_until(lambda: marked(mark) == [process.pid])
    process.kill()
    process.communicate(timeout=LIMIT)


def test_the_command_of_a_case_ends_with_pytest(pysam, tmp_path):
    (tmp_path / "hour.test.yaml").write_text(
        f"plugin: {pysam}\ncases:\n"
        f"- {{name: one, steps: [{{start: {{source: pyjson}}}}, {{idle: 1h}}]}}\n"
    )
    script = (
        "import os, pytest\nprint('ready', flush=True)\n"
        f"os.chdir({str(tmp_path)!r})\npytest.main(['-p', 'no:cacheprovider', '.'])\n"
    )
    process, mark = start(script, tmp_path)
    wait_until(lambda: any(b"pysam.py" in command(pid) for pid in marked(mark)))

    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=LIMIT)

    wait_until(lambda: not marked(mark))


def command(pid):
    """Returns the command line of a process."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_without_pytest_a_failure_prints_the_report(pysam, tmp_path):
    script = (
        "import sys\nfrom mock_kuiper import Host\nprint('ready', flush=True)\n"
        "with Host(sys.argv[1]) as host:\n"
        "    assert host.function('revert').exec('abc') == 'abc'\n"
    )
    process, _ = start(script, tmp_path, pysam)

    _, printed = process.communicate(timeout=LIMIT)

    assert "last messages of plugin pysam on eKuiper 2.4:" in printed
    assert 'func_revert from plugin: {"state": true, "result": "cba"}' in printed
    assert "INFO: starting plugin pysam" in printed
    assert "AssertionError" in printed

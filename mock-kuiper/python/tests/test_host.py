"""The module, with real plugins."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest

from mock_kuiper import DEFAULT_RELEASE, Ack, Error, Finding, FunctionError, Host, HostError, Outcome

ROW = {"name": "pyjson", "value": 2021}


def code_of(action):
    """Returns the code of the finding that an action ends with."""
    with pytest.raises(Finding) as raised:
        action()
    return raised.value.code


def test_rows_of_a_source_arrive_in_order_until_it_is_stopped(pysam):
    with Host(pysam) as host:
        source = host.source("pyjson", config={"interval": 5})

        first, *others = source.rows(5)
        source.stop()

        assert (first.message, first.meta, first.number) == (ROW, None, 1)
        assert [row.number for row in others] == [2, 3, 4, 5]
        with pytest.raises(HostError, match="has been stopped"):
            list(source)
        assert host.describe()["instances"] == []


def test_all_rows_of_a_burst_arrive_whatever_their_size(faulty):
    with Host(faulty) as host:
        many = host.source("floods", config={"count": 3000})
        assert [row.message["n"] for row in many.rows(3000)] == list(range(3000))

        large = host.source("floods", config={"count": 1, "bytes": 1_000_000})
        assert len(large.next().message["data"]) == 1_000_000


def test_rows_that_are_not_read_in_time_are_not_lost_in_silence(faulty):
    with Host(faulty) as host:
        source = host.source("floods", config={"count": 60_000, "bytes": 200})
        deadline = time.monotonic() + 120
        while source.describe()["rows"] < 60_000:
            assert time.monotonic() < deadline

        lost, seen, last = 0, 0, 0
        while last < 60_000:
            try:
                last = source.next().number
                seen += 1
            except HostError as error:
                assert error.code == "rows-lost"
                assert "rows of source `floods` were dropped" in error.text
                lost += int(error.text.split()[0])

        assert lost > 0 and lost + seen == 60_000


def test_expectations_of_rows_name_the_difference(pysam):
    with Host(pysam) as host:
        source = host.source("pyjson", config={"interval": 5})

        assert [row.number for row in source.expect(ROW, ROW)] == [1, 2]
        with pytest.raises(AssertionError) as raised:
            source.expect({"name": "other"})
        with pytest.raises(AssertionError, match="sent row 4"):
            source.expect_none(5)
        slow = host.source("pyjson", config={"interval": 60_000})
        slow.next()
        slow.expect_none(0.05)

        assert str(raised.value) == (
            "row 3 of source `pyjson` is not as expected\n"
            '  expected {"name": "other"}\n'
            '  seen     {"name": "pyjson", "value": 2021}'
        )


def test_a_row_that_does_not_come_is_a_finding(pysam):
    with Host(pysam) as host:
        source = host.source("pyjson", config={"interval": 60_000})
        source.next()

        with pytest.raises(Finding) as raised:
            source.next(timeout=0.05)

        assert raised.value.code == "row.missing"
        assert raised.value.text == "source `pyjson` sent no row within 0.05 s"
        assert raised.value.details["symbol"] == "pyjson"


def test_too_few_rows_are_a_finding_that_counts_them(faulty):
    with Host(faulty) as host:
        source = host.source("floods", config={"count": 2})
        with pytest.raises(Finding) as raised:
            source.rows(3, timeout=3)

        assert raised.value.text == "source `floods` sent 2 of 3 rows within 3 s"
        assert raised.value.advice

    with Host(faulty) as host:
        source = host.source("floods", config={"count": 2})
        with pytest.raises(Finding, match=r"within 3 s; the last: {\"n\": 1, \"data\": \"x\"}"):
            source.wait_for(lambda row: row.message["n"] == 2, timeout=3)


def test_a_wait_ends_although_rows_come_faster_than_they_are_looked_at(faulty):
    with Host(faulty) as host:
        source = host.source("ragged")
        code_of(lambda: source.rows(5))
        code_of(lambda: source.rows(5))
        begin = time.monotonic()

        assert code_of(lambda: source.wait_for(lambda row: time.sleep(0.01) or False, 0.5)) == "row.missing"

        assert time.monotonic() - begin < 30


def test_what_is_no_row_is_a_finding_in_its_place_between_the_rows(faulty):
    with Host(faulty) as host:
        source = host.source("ragged")

        assert [row.message["n"] for row in source.rows(2)] == [1, 2]
        assert code_of(source.next) == "row.not-json"
        assert source.next().message == {"n": 4}
        assert code_of(source.next) == "row.message-not-object"
        assert [row.message["n"] for row in source.rows(100)] == list(range(6, 106))


def test_a_sink_acks_each_row(pysam, faulty):
    with Host(pysam) as host:
        sink = host.sink("print", require_ack=True)

        assert sink.send({"a": 1}, [{"a": 2}, {"a": 3}]) == [Ack(True), Ack(True)]
        (bad,) = sink.send_text("a=1")
        assert not bad and "Expecting value" in (bad.error or "")
        assert host.sink("print").send({"a": 4}) == []
        assert host.expect_log('print: .*"a": 4').text.endswith("}]")
        sink.stop()

    with Host(faulty) as host:
        sink = host.sink("refuses", require_ack=True)
        assert sink.send({"a": 1}) == [Ack(False, "the disk is full")]


def test_rows_of_a_source_go_to_a_sink_as_in_a_rule(pysam):
    with Host(pysam) as host:
        source = host.source("pyjson", config={"interval": 5})
        host.sink("print", sources=[source])

        host.expect_log("print: .*pyjson")


def test_a_function_is_called(pysam):
    with Host(pysam) as host:
        revert = host.function("revert")

        assert revert.exec("abc") == "cba"
        assert revert.exec("äöü", rule="another") == "üöä"
        assert (revert.is_aggregate, revert.validate("a")) == (False, None)
        assert revert.validate() == "revert takes one argument"
        with pytest.raises(FunctionError, match="revert takes one argument") as refused:
            revert.exec()
        with pytest.raises(FunctionError, match="not subscriptable") as failed:
            revert.exec(1)
        assert (refused.value.refused, failed.value.refused) == (True, False)


def test_an_error_has_a_code_a_text_advice_and_details(pysam):
    with Host(pysam) as host:
        with pytest.raises(Finding) as raised:
            host.source("pyjson", config={"interval": 0})

        error = raised.value
        assert error.code == "order.refused"
        assert "expected milliseconds above 0, got 0" in error.text
        assert error.advice
        assert error.details["symbol"] == "pyjson"
        assert str(error) == f"{error.text} (order.refused)\n  help: {error.advice[-1]}"


def test_mistakes_of_the_test_are_not_findings(pysam, tmp_path):
    with Host(pysam) as host:
        for action, text in [
            (lambda: host.source("nothing"), "has no source `nothing`; it has `pyjson`"),
            (lambda: host.play("nothing"), "nothing"),
            (lambda: host.set_release("0.9"), "0.9"),
        ]:
            with pytest.raises(HostError, match=text):
                action()
    with pytest.raises(HostError, match="the host of plugin `pysam` is closed"):
        host.log()
    host.close()
    for options, text in [
        ({"release": "0.9"}, "0.9"),
        ({"isolate": "perhaps"}, 'isolate must be "auto", "always" or "never"'),
        ({"init_timeout": -1}, "init_timeout must be above 0 seconds, got -1"),
        ({"answer_timeout": 0}, "answer_timeout must be above 0 seconds, got 0"),
        ({"env": {"A=B": "c"}}, "env has 'A=B', which cannot be the name of a variable"),
    ]:
        with pytest.raises(HostError, match=text):
            Host(pysam, **options)
    with Host(pysam, visible=str(tmp_path)) as host:
        with pytest.raises(HostError, match="what is sent must be JSON: Out of range float"):
            host.source("pyjson", config={"interval": float("nan")})
        with pytest.raises(HostError, match="what is sent must be JSON: .* set is not JSON"):
            host.source("pyjson", config={"interval": {1}})
    with pytest.raises(HostError, match="nowhere"):
        Host(tmp_path / "nowhere")


def test_a_crash_is_a_finding_after_the_last_row(faulty):
    with Host(faulty) as host:
        source = host.source("crashes")

        assert [row.message["n"] for row in source.rows(3)] == [1, 2, 3]
        os.kill(host.pid, signal.SIGUSR1)
        with pytest.raises(Finding, match="exit status 3") as raised:
            source.next()

        assert raised.value.code == "plugin.exited"
        assert host.state == "exited"
        assert code_of(lambda: host.function("hangs")) == "plugin.exited"
        host.expect_log("^about to crash$")


def test_a_plugin_that_exits_or_hangs_at_its_launch_is_a_finding(faulty):
    assert code_of(lambda: Host(faulty, env={"FAULTY": "exit"})) == "plugin.exited-early"
    silent = {"FAULTY": "silent"}
    assert code_of(lambda: Host(faulty, env=silent, init_timeout=0.3)) == "plugin.no-greeting"


def test_a_call_without_an_answer_and_one_with_a_wrong_answer_are_findings(faulty):
    with Host(faulty, answer_timeout=5) as host:
        assert code_of(lambda: host.function("maybe")) == "function.invalid-answer"
        hangs = host.function("hangs")
        assert code_of(lambda: hangs.exec(1)) == "function.unanswered"


def test_faults_kill_and_reload(pysam):
    with Host(pysam) as host:
        source = host.source("pyjson", config={"interval": 5})
        revert = host.function("revert")
        source.next()
        pid = host.pid

        assert host.play("kill=10ms") == Outcome(True)
        assert not host.play("acks-unread")
        assert "kill" in host.faults()
        assert host.pid != pid
        source.wait_for(lambda row: row.message == ROW)

        host.kill()
        assert code_of(lambda: revert.exec("abc")) == "plugin.exited"
        assert host.pid is None
        host.reload()
        assert revert.exec("abc") == "cba"
        assert host.state == "running"


def test_another_release_is_played(pysam):
    with Host(pysam, release="1.13") as host:
        assert (host.release, host.describe()["release"]) == ("1.13", "1.13")
        host.set_release("2.0")
        assert (host.release, host.describe()["release"]) == ("2.0", "2.0")
    with Host(pysam) as host:
        assert host.describe()["release"] == DEFAULT_RELEASE


def test_messages_the_trace_and_the_case_show_what_happened(pysam):
    with Host(pysam) as host:
        host.function("revert").exec("abc")

        wire = host.wire()
        assert wire[0].event == "launched"
        assert wire[-1].event == "reply"
        assert json.loads(wire[-1].text or "") == {"state": True, "result": "cba"}
        assert str(wire[-1]).endswith('func_revert from plugin: {"state": true, "result": "cba"}')
        host.source("pyjson", config={"interval": 5}).next()
        row = next(one for one in host.wire() if one.event == "row")
        assert str(row).endswith(' from plugin: {"message": {"name": "pyjson", "value": 2021}, "meta": null}')
        assert {one.channel for one in host.wire("func_revert")} == {"func_revert"}
        assert "func_revert" in host.trace()
        assert "{call: revert, args: [abc], result: cba}" in host.case("reverses")


def test_a_plugin_sees_what_is_made_visible(pysam, tmp_path):
    (tmp_path / "file").write_text("hi")
    with Host(pysam, visible=[tmp_path]) as host:
        root = f"/proc/{host.pid}/root"
        with open(f"{root}{tmp_path}/file", encoding="utf-8") as file:
            assert file.read() == "hi"


def test_hosts_work_at_the_same_time(pysam):
    try:
        first = Host(pysam, isolate="always")
    except HostError as error:
        pytest.skip(f"this system allows no isolation: {error.text}")
    with first as one, Host(pysam, release="1.13") as other:
        assert one.function("revert").exec("ab") == other.function("revert").exec("ab") == "ba"
        assert isinstance(one, Host) and issubclass(Finding, Error)


def test_errors_reach_another_process():
    finding = Finding("order.refused", "no", ["look"], {"symbol": "x"})
    error = FunctionError("no", {"symbol": "x"}, refused=True)

    for one in (finding, error):
        copy = pickle.loads(pickle.dumps(one))
        assert (type(copy), str(copy), vars(copy)) == (type(one), str(one), vars(one))


TWO = """
import sys
from mock_kuiper import Host, HostError
with Host(sys.argv[1]):
    try:
        Host(sys.argv[1])
    except HostError as error:
        print(error.code, error.text)
"""

#: Runs a command where the system refuses namespaces, in a user namespace.
REFUSE = "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-sys_admin -- \"$@\""


def test_a_host_does_not_wait_for_another_one_of_its_thread(pysam):
    command = ["unshare", "--user", "--map-root-user", "--", "sh", "-ec", REFUSE, "sh"]
    try:
        subprocess.run([*command, "true"], check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system has no user namespaces")

    printed = subprocess.check_output(
        [*command, sys.executable, "-c", TWO, str(pysam)], universal_newlines=True, timeout=120
    )

    assert printed.startswith("conflict plugin `pysam` waits for the end of plugin `pysam`: this system")

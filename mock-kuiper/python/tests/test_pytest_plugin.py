"""The pytest plugin, in runs of pytest."""

import pytest


@pytest.fixture
def project(pytester, pysam):
    """A project with the plugin `pysam`."""
    pytester.makeini(f"[pytest]\nekuiper_plugin = {pysam}\n")
    return pytester


def run(project, *arguments):
    """Runs pytest in a process of its own."""
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_a_test_gets_a_host_on_each_release(project):
    project.makepyfile(
        """
        import pytest

        def test_default(ekuiper_host):
            assert ekuiper_host.describe()["release"] == "2.4"

        @pytest.mark.ekuiper(releases=["2.0", "1.13"], env={"A": "b"})
        def test_marked(ekuiper_host, ekuiper_release):
            assert ekuiper_host.describe()["release"] == ekuiper_release

        @pytest.mark.parametrize("ekuiper_release", ["1.4"], indirect=True)
        def test_own(ekuiper_host):
            assert ekuiper_host.describe()["release"] == "1.4"
        """
    )

    run(project, "-v").stdout.fnmatch_lines_random(
        ["*::test_default?2.4? PASSED*", "*::test_marked?2.0? PASSED*", "*test_marked?1.13? PASSED*"]
    )
    chosen = run(project, "--ekuiper-release", "2.1", "--collect-only", "-q")
    assert [line for line in chosen.outlines if "::" in line] == [
        "test_a_test_gets_a_host_on_each_release.py::test_default[2.1]",
        "test_a_test_gets_a_host_on_each_release.py::test_marked[2.1]",
        "test_a_test_gets_a_host_on_each_release.py::test_own[1.4]",
    ]


def test_releases_of_the_configuration_are_played(pytester, pysam):
    pytester.makeini(f"[pytest]\nekuiper_plugin = {pysam}\nekuiper_releases = 2.4 1.13\n")
    pytester.makepyfile("def test_it(ekuiper_host): ekuiper_host.function('revert')")

    run(pytester).assert_outcomes(passed=2)


def test_a_failure_shows_the_last_messages_and_the_log(project):
    project.makepyfile(
        """
        from mock_kuiper import Host

        def test_assertion(ekuiper_host):
            assert ekuiper_host.function("revert").exec("abc") == "abc"

        def test_own_host(pytestconfig):
            with Host(pytestconfig.getini("ekuiper_plugin"), release="1.13") as host:
                host.source("pyjson", config={"interval": 0})

        def test_without():
            assert False
        """
    )

    result = run(project)

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*assert 'cba' == 'abc'",
            "*- last messages of plugin pysam on eKuiper 2.4 -*",
            '* func_revert from plugin: {"state": true, "result": "cba"}',
            "*- log of plugin pysam on eKuiper 2.4 -*",
            "*INFO: running function revert",
            "E * mock_kuiper.Finding: source `pyjson` refused to start:*",
            "E * help: see what a real eKuiper shows: `mock-kuiper explain order.refused`",
            "*- last messages of plugin pysam on eKuiper 1.13 -*",
            "*The plugin did something wrong: source `pyjson` refused to start:*",
            "*- log of plugin pysam on eKuiper 1.13 -*",
            "*test_without*",
        ]
    )
    without = result.stdout.str().split("_ test_without _")[1]
    assert "last messages" not in without


def test_a_launch_that_fails_shows_the_log(pytester, faulty):
    pytester.makeini(f"[pytest]\nekuiper_plugin = {faulty}\n")
    pytester.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.ekuiper(env={"FAULTY": "exit"})

        def test_it(ekuiper_host):
            pass
        """
    )

    result = run(pytester)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*mock_kuiper.Finding: *(plugin.exited-early)", "*- log of plugin faulty *", "*no licence"]
    )


def test_a_marker_that_is_wrong_is_a_clear_error(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.ekuiper(relase="2.4", plug="x")
        def test_it(ekuiper_host):
            pass
        """
    )

    result = run(project)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the marker `ekuiper` of *::test_it has no plug and no relase; it has*"])


def test_one_release_may_be_a_text_and_a_number_is_a_clear_error(project):
    project.makepyfile(
        one="""
        import pytest

        @pytest.mark.ekuiper(releases="1.13")
        def test_it(ekuiper_host):
            assert ekuiper_host.release == "1.13"
        """,
        other="""
        import pytest

        @pytest.mark.ekuiper(releases=[2.4])
        def test_it(ekuiper_host):
            pass
        """,
    )

    run(project, "one.py").assert_outcomes(passed=1)
    result = run(project, "other.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the marker `ekuiper` of other.py::test_it takes releases as texts*[[]2.4]*"])


def test_a_test_that_cannot_be_parametrized_runs_on_the_first_release(project):
    project.makepyfile(
        """
        import unittest
        import pytest

        @pytest.mark.ekuiper(releases=["1.13", "2.4"])
        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _host(self, ekuiper_host):
                self.host = ekuiper_host

            def test_release(self):
                self.assertEqual(self.host.release, "1.13")

        def test_by_name(request):
            assert request.getfixturevalue("ekuiper_host").release == "2.4"
        """
    )

    run(project).assert_outcomes(passed=2)


CASES = """
releases: ["2.4", "1.13"]
cases:
- {name: "revert: a [text]", function: revert, calls: [{args: [abc], result: cba}]}
- {name: shouts, releases: ["2.4"], function: revert, calls: [{args: [abc], result: ABC}]}
"""


def test_each_case_on_each_release_is_a_test_with_its_own_report(project, pysam):
    project.makefile(".test.yaml", one=f"plugin: {pysam}\n{CASES}")
    # Not of this kind.
    project.makefile(".test.yaml", other="cases: [1]\n")

    result = run(project, "-v")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "one.test.yaml::revert: a [[]text[]][[]2.4[]] PASSED*",
            "one.test.yaml::revert: a [[]text[]][[]1.13[]] PASSED*",
            "one.test.yaml::shouts[[]2.4[]] FAILED*",
            "*_ shouts[[]2.4[]] _*",
            "FAIL one.test.yaml:* shouts (eKuiper 2.4)",
            '    expected "ABC"',
            '    seen     "cba"',
            "  log of the plugin:",
            "  messages:",
            "  run it alone: mock-kuiper test one.test.yaml --filter =shouts --release 2.4",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    only = run(project, "--ekuiper-release", "1.13", "-k", "text")
    only.assert_outcomes(passed=1, deselected=1)


def test_each_case_can_be_selected_by_the_id_that_pytest_shows(project, pysam):
    names = ["a::b", "a:b", "a:::b", "a:b (2)", "::ends::"]
    case = "- {name: '%s', function: revert, calls: [{args: [abc], result: cba}]}\n"
    cases = "".join(case % name for name in names)
    project.makefile(".test.yaml", one=f"plugin: {pysam}\nreleases: ['2.4', '1.13']\ncases:\n{cases}")

    collected = run(project, "--collect-only", "-q", "--ekuiper-release", "2.4")
    ids = [line for line in collected.outlines if "::" in line]
    alone = run(project, "-v", ids[0])
    by_name = run(project, "-v", "-k", "a::b")

    assert ids == [
        "one.test.yaml::a:b (3)[2.4]",
        "one.test.yaml::a:b[2.4]",
        "one.test.yaml::a:b (4)[2.4]",
        "one.test.yaml::a:b (2)[2.4]",
        "one.test.yaml:::ends:[2.4]",
    ]
    alone.assert_outcomes(passed=1)
    alone.stdout.fnmatch_lines(["one.test.yaml::a:b (3)[[]2.4[]] PASSED*"])
    by_name.assert_outcomes(passed=2, deselected=8)
    for each in ids:
        run(project, each).assert_outcomes(passed=1)


def test_files_that_begin_with_a_mark_or_are_json_are_collected(project, pysam):
    case = '{"name": "one", "function": "revert", "calls": [{"args": ["a"], "result": "a"}]}'
    json = f'{{\n  "plugin": "{pysam}",\n  "cases": [{case}]\n}}\n'
    (project.path / "json.test.yaml").write_text(json)
    marked = f"\ufeffplugin: {pysam}\ncases:\n- {case}\n"
    (project.path / "marked.test.yaml").write_text(marked, encoding="utf-8")

    run(project).assert_outcomes(passed=2)


def test_mistakes_in_a_test_file_are_one_collection_error(project):
    project.makefile(
        ".test.yaml", wrong="plugin: nowhere\ncases:\n- {name: one, functoin: echo, steps: []}\n"
    )

    result = run(project)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR collecting wrong.test.yaml*",
            "error: wrong.test.yaml:1:9: there is no plugin at nowhere; give its directory or its zip",
            "error: wrong.test.yaml:3:15: unknown key `functoin` in a case; did you mean `function`?",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_a_plugin_that_cannot_be_run_fails_each_case_with_a_clear_text(project, tmp_path):
    (tmp_path / "gone.json").write_text(
        '{"version": "1", "language": "python", "executable": "gone.py", "functions": ["one"]}'
    )
    cases = "cases:\n- {name: one, steps: [{idle: 1ms}]}\n- {name: two, steps: [{idle: 1ms}]}\n"
    project.makefile(".test.yaml", gone=f"plugin: {tmp_path}\n{cases}")

    result = run(project)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*_ one?2.4? _*", "error: *gone.py*", "*_ two?2.4? _*"])
    assert "Traceback" not in result.stdout.str()


def test_tests_run_in_parallel(project, pysam):
    project.makefile(".test.yaml", one=f"plugin: {pysam}\n{CASES}")
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(ekuiper_host, number, tmp_path):
            assert ekuiper_host.function("revert").exec(f"{number}a") == f"a{number}"
        """
    )

    result = run(project, "-n", "4")

    result.assert_outcomes(passed=8, failed=1)
    result.stdout.fnmatch_lines(["*INFO: running function revert", "*run it alone: *"])

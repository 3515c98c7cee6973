"""The pytest plugin `ekuiper`.

The fixture `ekuiper_host` is a `mock_kuiper.Host` with a process of the plugin for each
test, on each release that is asked for. Files that end in `.test.yaml` and name a plugin
are collected: each case on each release is a test, run by `mock-kuiper test`.

Configuration, in pytest.ini or `[tool.pytest.ini_options]`:

- `ekuiper_plugin`: the plugin, relative to that file; by default its directory.
- `ekuiper_releases`: the eKuiper releases for `ekuiper_host`, for example `2.4 1.13`.
- `ekuiper_python`: the interpreter for a plugin in Python, by default that of pytest.

`--ekuiper-release 1.13` selects releases on the command line, also for test files.
`@pytest.mark.ekuiper(…)` sets `plugin`, `releases`, and what `Host` takes, for a test, a
class or a module. A test fails with the last messages and the plugin's log.
"""

from __future__ import annotations

import inspect
import pathlib
import sys
from typing import Any, Dict, Iterator, List, Optional, Sequence

import pytest

from . import _report
from ._host import DEFAULT_RELEASE, Host
from ._test_files import TestFile, names_a_plugin


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options and the configuration."""
    group = parser.getgroup("ekuiper", "eKuiper plugins")
    group.addoption(
        "--ekuiper-release",
        action="append",
        metavar="RELEASE",
        help="play this eKuiper release, 1.4 to 2.4; may be repeated",
    )
    parser.addini("ekuiper_plugin", "the plugin for ekuiper_host", default=".")
    parser.addini("ekuiper_releases", "the eKuiper releases for ekuiper_host", "args", [])
    parser.addini("ekuiper_python", "the interpreter for plugins in Python", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Describes the marker."""
    config.addinivalue_line(
        "markers",
        "ekuiper(plugin, releases, …): the plugin and the eKuiper releases for ekuiper_host, "
        "and what mock_kuiper.Host takes: env, config …",
    )


def _marked(node: pytest.Item) -> Dict[str, Any]:
    """Returns what the markers say; the nearest counts."""
    options: Dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("ekuiper"))):
        if mark.args:
            raise pytest.Collector.CollectError("the marker `ekuiper` takes names: ekuiper(plugin=…)")
        options.update(mark.kwargs)
    known = {"releases", *inspect.signature(Host).parameters} - {"release"}
    unknown = sorted(set(options) - known)
    if unknown:
        raise pytest.Collector.CollectError(
            f"the marker `ekuiper` of {node.nodeid} has no {' and no '.join(unknown)}; "
            f"it has {', '.join(sorted(known))}"
        )
    releases = options.get("releases", ())
    if isinstance(releases, str):
        options["releases"] = [releases]
    elif not all(isinstance(release, str) for release in releases):
        raise pytest.Collector.CollectError(
            f"the marker `ekuiper` of {node.nodeid} takes releases as texts, for example "
            f'releases=["2.4"], and not {releases!r}'
        )
    return options


def _releases(config: pytest.Config, node: pytest.Item) -> Sequence[str]:
    """Returns the releases that a test is for."""
    return (
        config.getoption("--ekuiper-release")
        or _marked(node).get("releases")
        or config.getini("ekuiper_releases")
        or [DEFAULT_RELEASE]
    )


def _place(config: pytest.Config) -> pathlib.Path:
    """Returns the directory that paths in the configuration are relative to."""
    return config.inipath.parent if config.inipath else config.rootpath


def python_of(config: pytest.Config) -> Optional[str]:
    """Returns the interpreter that the configuration names."""
    name: str = config.getini("ekuiper_python")
    # A name without a slash is looked for on the path.
    return str(_place(config) / name) if "/" in name else name or None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test on each release."""
    if "ekuiper_release" not in metafunc.fixturenames:
        return
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs["argnames"]
        if "ekuiper_release" in (names.split(",") if isinstance(names, str) else names):
            return
    releases = _releases(metafunc.config, metafunc.definition)
    metafunc.parametrize("ekuiper_release", releases, ids=releases, indirect=True)


@pytest.fixture
def ekuiper_release(request: pytest.FixtureRequest) -> str:
    """The eKuiper release that the test runs on."""
    # pytest runs no method of a `unittest.TestCase` on each release, and no test that asks
    # for the fixture by `getfixturevalue`: these have the first.
    release: str = getattr(request, "param", None) or _releases(request.config, request.node)[0]
    return release


@pytest.fixture
def ekuiper_host(
    request: pytest.FixtureRequest, ekuiper_release: str, tmp_path: pathlib.Path
) -> Iterator[Host]:
    """A mock eKuiper with the plugin, launched for this test. The plugin sees `tmp_path`."""
    options = _marked(request.node)
    options.pop("releases", None)
    plugin = options.pop("plugin", None) or request.config.getini("ekuiper_plugin")
    options.setdefault("python", python_of(request.config) or sys.executable)
    options["visible"] = [tmp_path, *options.get("visible", ())]
    with Host(_place(request.config) / plugin, release=ekuiper_release, **options) as host:
        yield host


def pytest_collect_file(
    file_path: pathlib.Path, parent: pytest.Collector
) -> Optional[pytest.Collector]:
    """Collects a test file of `mock-kuiper test`."""
    if file_path.name.endswith(".test.yaml") and names_a_plugin(file_path):
        file: TestFile = TestFile.from_parent(parent, path=file_path)
        file.releases = parent.config.getoption("--ekuiper-release") or []
        file.python = python_of(parent.config)
        return file
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forgets the hosts of the last test."""
    _report.begin()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Adds the last messages and the log of each host to the report of a failure."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    if report.failed:
        sections: List[Any] = [pair for one in _report.reports() for pair in one.sections()]
        report.sections.extend(sections)

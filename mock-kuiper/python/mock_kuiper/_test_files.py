"""The cases of `*.test.yaml` files as pytest's tests."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import IO, Any, Dict, Iterable, Iterator, List, Optional, Tuple, Union

import pytest

from ._errors import HostError
from ._executable import end, find_executable

#: The status of `mock-kuiper test` if a case has failed.
FAILED = 1


def names_a_plugin(file: pathlib.Path) -> bool:
    """Whether a file has the key `plugin`, as test files for `mock-kuiper test` have."""
    return _has_key(file, "plugin")


def _has_key(file: pathlib.Path, key: str) -> bool:
    try:
        # Some editors begin a file with a byte order mark.
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    # The keys begin their lines, unless the file is in braces, as JSON is.
    before = r"[{,\s]" if text.lstrip().startswith("{") else r"^(?:---\s+)?"
    return re.search(rf"""{before}["']?{key}["']?\s*:""", text, re.MULTILINE) is not None


class CaseFailed(Exception):
    """A case has failed. Its text is the report of `mock-kuiper test`."""


class TestFile(pytest.File):
    """A test file."""

    releases: List[str]
    python: Optional[str]

    def collect(self) -> Iterator[pytest.Item]:
        """Yields a test for each case on each release."""
        try:
            status, listed, said = self.run(["--list", "--json", "-", *self.on(self.releases)])
        except HostError as error:
            raise self.CollectError(str(error)) from error
        if status != 0:
            raise self.CollectError(said.strip())
        cases = json.loads(listed)["cases"]
        names = _selectable(case["name"] for case in cases)
        for case in cases:
            name = f"{names[case['name']]}[{case['release']}]"
            yield Case.from_parent(self, name=name, case=case)

    @staticmethod
    def on(releases: List[str]) -> List[str]:
        """Returns the options that select releases."""
        return [option for release in releases for option in ("--release", release)]

    def run(self, options: List[str]) -> Tuple[int, str, str]:
        """Runs `mock-kuiper test`. Returns its exit status, and what it has printed.

        It has a pipe on stdin: if the interpreter ends, so do the command and the plugin.
        """
        python = self.python
        if python is None and not _has_key(self.path, "python"):
            python = sys.executable
        # The report names the file as pytest does.
        place = self.config.rootpath
        command = [find_executable(), "test", os.path.relpath(self.path, place)]
        command += [*options, "--end-with-stdin", "--jobs", "1"]
        if python is not None:
            command += ["--python", python]
        environment = dict(os.environ)
        # pytest reports the failure; annotations would come twice.
        environment.pop("GITHUB_ACTIONS", None)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                cwd=place,
                env=environment,
                # Ctrl-C is for pytest, which ends the command then.
                start_new_session=True,
            )
            try:
                status = process.wait()
            finally:
                end(process)
            return status, _text(out), _text(err)


def _selectable(names: Iterable[str]) -> Dict[str, str]:
    """Returns a different name without `::` for each name.

    pytest takes the name of a test apart at `::` when the test is selected.
    """
    every = dict.fromkeys(names)
    selectable = {name: name for name in every if "::" not in name}
    used = set(selectable)
    for name in every:
        if name not in selectable:
            plain = re.sub(":{2,}", ":", name)
            numbered = (f"{plain} ({number})" for number in itertools.count(2))
            candidates = itertools.chain([plain], numbered)
            selectable[name] = next(new for new in candidates if new not in used)
            used.add(selectable[name])
    return selectable


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


class Case(pytest.Item):
    """A case of a test file on a release."""

    def __init__(self, *, case: Dict[str, Any], **others: Any) -> None:
        super().__init__(**others)
        self.case = case
        # `-k` finds the case by its own name, too.
        self.extra_keyword_matches.add(case["name"])

    def runtest(self) -> None:
        """Runs the case."""
        file = self.parent
        assert isinstance(file, TestFile)
        options = ["--filter", "=" + self.case["name"], *file.on([self.case["release"]])]
        status, report, said = file.run(options)
        if status == FAILED:
            raise CaseFailed(report.strip())
        if status != 0:
            raise CaseFailed("\n".join(part.strip() for part in (report, said) if part.strip()))

    def repr_failure(
        self, excinfo: "pytest.ExceptionInfo[BaseException]", style: Any = None
    ) -> Union[str, Any]:
        """Returns the report of the case."""
        if isinstance(excinfo.value, (CaseFailed, HostError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> Tuple[pathlib.Path, int, str]:
        """Returns where the case is, for the headline of a failure."""
        return self.path, self.case["line"] - 1, self.name

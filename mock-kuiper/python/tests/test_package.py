"""What was installed."""

import importlib.metadata
import subprocess
import sys

from mock_kuiper import find_executable


def test_both_executables_are_on_the_path_and_of_this_version():
    version = importlib.metadata.version("mock-kuiper")
    for name in ("mock-kuiper", "ekuiper-conformance"):
        asked = subprocess.run(
            [name, "--version"], stdout=subprocess.PIPE, check=True, universal_newlines=True
        )
        assert asked.stdout.split()[-1] == version
        assert find_executable(name).startswith(sys.prefix)


def test_the_command_finds_the_suite():
    subprocess.run(["mock-kuiper", "conformance", "--help"], stdout=subprocess.PIPE, check=True)


def test_another_executable_can_be_named(monkeypatch):
    monkeypatch.setenv("MOCK_KUIPER", "/elsewhere/mock-kuiper")
    assert find_executable() == "/elsewhere/mock-kuiper"

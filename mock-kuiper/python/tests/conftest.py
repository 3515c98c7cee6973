"""The plugins of the tests: one that works, and one that does not."""

import pathlib

import pytest

pytest_plugins = ["pytester"]

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture
def pysam() -> pathlib.Path:
    """A plugin on the Python SDK: source `pyjson`, sink `print`, function `revert`."""
    return ROOT / "tests" / "plugins" / "pysam"


@pytest.fixture
def faulty() -> pathlib.Path:
    """A plugin on the Python SDK that crashes, hangs, floods and answers wrongly."""
    return pathlib.Path(__file__).parent / "plugins" / "faulty"

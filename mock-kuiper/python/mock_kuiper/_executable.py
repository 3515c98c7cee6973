"""Finds the executables that this package has brought along, and ends what they run."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sysconfig

from ._errors import HostError

#: Names the executable `mock-kuiper` to use instead of that of this package.
VARIABLE = "MOCK_KUIPER"

#: Seconds that an executable may take to end after it was asked to.
ENDING = 15.0


def find_executable(name: str = "mock-kuiper") -> str:
    """Returns the path of `mock-kuiper`, or of `ekuiper-conformance`.

    Those of this very package come first, so that another version on the path, or in
    another environment, does not disturb. `$MOCK_KUIPER` names another `mock-kuiper`.

    Raises HostError if there is none.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen and name == "mock-kuiper":
        return chosen
    site = pathlib.Path(__file__).resolve().parent.parent
    # DIRECTORY/bin of `pip install --target DIRECTORY`, then PREFIX/bin of
    # PREFIX/lib/python3.X/site-packages: a virtual environment, `--user`, `--prefix`.
    places = [site / "bin", *(above / "bin" for above in list(site.parents)[2:3])]
    for place in [*places, pathlib.Path(sysconfig.get_path("scripts"))]:
        if os.access(place / name, os.X_OK):
            return str(place / name)
    found = shutil.which(name)
    if found is None:
        raise HostError(
            "not-found",
            f"the executable `{name}` is missing",
            ["install it: pip install mock-kuiper"],
        )
    return found


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a command with `--end-with-stdin` that may still run, and its plugin."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        # Its supervisor then ends all that descends from the plugin.
        process.kill()
        process.wait()

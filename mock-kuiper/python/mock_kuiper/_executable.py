"""Finds the executables that this package has brought along."""

from __future__ import annotations

import os
import pathlib
import shutil
import sysconfig

from ._errors import HostError

#: Names the executable `mock-kuiper` to use instead of that of this package.
VARIABLE = "MOCK_KUIPER"


def find_executable(name: str = "mock-kuiper") -> str:
    """Returns the path of `mock-kuiper`, or of `ekuiper-conformance`.

    Those of this very package come first, so that another version on the path, or in
    another environment, does not disturb. `$MOCK_KUIPER` names another `mock-kuiper`.

    Raises HostError if there is none.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen and name == "mock-kuiper":
        return chosen
    package = pathlib.Path(__file__).resolve().parent
    places = [
        sysconfig.get_path("scripts"),
        # `pip install --target` and `--prefix`.
        str(package.parent / "bin"),
        str(package.parents[3] / "bin") if len(package.parents) > 3 else None,
        sysconfig.get_path("scripts", scheme=f"{os.name}_user"),
    ]
    for place in places:
        if place and os.access(os.path.join(place, name), os.X_OK):
            return os.path.join(place, name)
    found = shutil.which(name)
    if found is None:
        raise HostError(
            "not-found",
            f"the executable `{name}` is missing",
            ["install it: pip install mock-kuiper"],
        )
    return found

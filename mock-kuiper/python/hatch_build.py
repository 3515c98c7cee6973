"""Adds the executables to the wheel, and the tag of their platform.

`MOCK_KUIPER_EXECUTABLES` is a directory with `mock-kuiper` and `ekuiper-conformance`,
which must be linked statically: then they run with any C library, and one wheel is for
both kinds of Linux. NAME.txt beside each has the licences of what is linked in; a wheel
that is given to others must have them.
`MOCK_KUIPER_TARGET` is the target that Rust has built them for; without it, they are for
this machine.
"""

import os
import pathlib
import platform

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAMES = ("mock-kuiper", "ekuiper-conformance")

#: Python's names of the platforms.
PLATFORMS = {
    "x86_64-unknown-linux-gnu": "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    "aarch64-unknown-linux-gnu": "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    "armv7-unknown-linux-gnueabihf": "manylinux_2_17_armv7l.musllinux_1_1_armv7l",
}

#: Rust's names of the machines.
MACHINES = {
    "x86_64": "x86_64-unknown-linux-gnu",
    "aarch64": "aarch64-unknown-linux-gnu",
    "armv7l": "armv7-unknown-linux-gnueabihf",
}


class CustomBuildHook(BuildHookInterface):
    """Adds the executables."""

    def initialize(self, version, build_data):
        """Begins a wheel."""
        machine = platform.machine()
        target = os.environ.get("MOCK_KUIPER_TARGET") or MACHINES.get(machine, machine)
        if target not in PLATFORMS:
            raise SystemExit(f"MOCK_KUIPER_TARGET: expected one of {', '.join(PLATFORMS)}, got {target!r}")
        directory = pathlib.Path(os.environ.get("MOCK_KUIPER_EXECUTABLES", ""))
        missing = [name for name in NAMES if not os.access(directory / name, os.X_OK)]
        if missing:
            raise SystemExit(
                f"MOCK_KUIPER_EXECUTABLES: {directory} has no {' and no '.join(missing)}; name the "
                "directory of static executables, for example that of `ci/dist`"
            )
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{PLATFORMS[target]}"
        for name in NAMES:
            build_data["shared_scripts"][str(directory / name)] = name
            notice = directory / f"{name}.txt"
            if notice.exists():
                build_data["force_include"][str(notice)] = f"mock_kuiper/licenses/{name}.txt"

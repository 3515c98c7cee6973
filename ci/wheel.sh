# Sourced by scripts of ci/: builds the wheel `mock-kuiper`. Needs `ci/lib.sh`.
# shellcheck shell=bash disable=SC2154

# prepare_wheel_builder: creates the virtual environment of the wheel's builder.
prepare_wheel_builder() {
    mkdir -p "$target/python"
    prepare_venv "$target/python/builder" mock-kuiper/python/build-requirements.txt
}

# build_wheel EXECUTABLES TARGET DIRECTORY: builds the wheel for a target of Rust from the
# directory that has its static executables, and prints its path. The same executables at
# the same commit give the same bytes. `python_package` may name another directory than
# mock-kuiper/python.
build_wheel() {
    local stage crate epoch
    epoch=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
    stage=$(mktemp -d)
    mkdir -p "$3"
    for crate in mock-kuiper ekuiper-conformance; do
        cp "$1/$crate" "$stage/$crate"
        python3 ci/dist.py licences "$crate" "$2" >"$stage/$crate.txt" || return 1
    done
    SOURCE_DATE_EPOCH=$epoch MOCK_KUIPER_EXECUTABLES=$stage MOCK_KUIPER_TARGET=$2 \
        "$target/python/builder/bin/python" -c '
import os, sys
os.chdir(sys.argv[2])
from hatchling.build import build_wheel
print(os.path.join(sys.argv[1], build_wheel(sys.argv[1])))' \
        "$(realpath "$3")" "${python_package:-mock-kuiper/python}" || return 1
    rm -r "$stage"
}

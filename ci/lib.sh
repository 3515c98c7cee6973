# Sourced by the scripts of ci/: makes the project's root the working directory,
# adds the tools' directories to PATH, and defines what several scripts need.
# shellcheck shell=bash

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$HOME/.cargo/bin:/usr/local/go/bin:$PATH"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"

# Where cargo builds, the examples, too, because they share their dependencies.
# ci/interop and ci/msrv keep their files there.
target="${CARGO_TARGET_DIR:-$PWD/target}"
mkdir -p "$target"
export CARGO_TARGET_DIR="$target"

# give_memory_back: lets processes return what they free to the system. A test of many
# plugins kept hundreds of MiB otherwise, which the kernel had to look through at each fork.
give_memory_back() {
    export MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
}

# skip REASON: prints that a part of a script is skipped, and why.
skip() {
    echo "skipped: $*"
}

# apt_get PACKAGE…: installs Debian packages; fails if that is not possible.
# The package lists are fetched once in a run of .ci/run, two of whose scripts wait for
# each other here.
apt_get() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || return 1
    export DEBIAN_FRONTEND=noninteractive
    local lock
    exec {lock}>"${CI_APT_UPDATED:-$target/apt}.lock"
    flock "$lock"
    if apt_get_alone "$@"; then
        exec {lock}>&-
    else
        exec {lock}>&-
        return 1
    fi
}

apt_get_alone() {
    if [ -z "${CI_APT_UPDATED:-}" ] || [ ! -e "$CI_APT_UPDATED" ]; then
        timeout 120 apt-get update -qq || return 1
        [ -z "${CI_APT_UPDATED:-}" ] || touch "$CI_APT_UPDATED"
    fi
    timeout 300 apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# need COMMAND PACKAGE: checks that a command exists, and installs it if it does not.
need() {
    command -v "$1" >/dev/null || apt_get "$2" || true
    if ! command -v "$1" >/dev/null; then
        echo "$(basename "$0"): \`$1\` is missing; install the Debian package \`$2\`" >&2
        return 1
    fi
}

# Checks for the tools that build the C library NNG (feature `nng`).
need_nng_tools() {
    need cmake cmake
    need cc gcc
    need make make
}

# Prints the manifests of the examples; each example is its own workspace.
example_manifests() {
    find sdk/examples -mindepth 2 -maxdepth 2 -name Cargo.toml 2>/dev/null | sort
}

# prepare_venv DIRECTORY REQUIREMENTS: creates a Python virtual environment with the
# packages that a file requires. It is created again when the file changes. Two scripts
# that need the same wait for each other.
prepare_venv() {
    local lock result=0
    mkdir -p "$(dirname "$1")"
    exec {lock}>"$1.lock"
    flock "$lock"
    prepare_venv_alone "$@" || result=$?
    exec {lock}>&-
    return "$result"
}

prepare_venv_alone() {
    local venv=$1 requirements=$2
    need python3 python3 || return 1
    cmp -s "$requirements" "$venv/requirements.txt" && [ -x "$venv/bin/python" ] && return
    rm -rf "$venv"
    python3 -m venv "$venv" 2>"$venv.log" ||
        { apt_get python3-venv && python3 -m venv --clear "$venv"; } || return 1
    timeout 300 "$venv/bin/python" -m pip install -q --disable-pip-version-check \
        -r "$requirements" || return 1
    cp "$requirements" "$venv/requirements.txt"
}

# The packages and features with which the scripts build the workspace from ci/test-nng on.
# Others would build the dependencies again, with other features.
selection=(--workspace --features "ekuiper-tests/bench,ekuiper-tests/nng,mock-kuiper/nng" --locked)

# build_tools: builds the executables and examples of the workspace, and links some to
# $debug_tools. Those in $target/debug may be replaced while other scripts run.
debug_tools="$target/debug-tools"
build_tools() {
    if [[ " ${CI_PASSED:-} " == *" test-nng "* ]]; then
        return
    fi
    need_nng_tools
    cargo build -q "${selection[@]}" --bins --examples
    mkdir -p "$debug_tools"
    (cd "$target/debug" && ln -f mock-kuiper ekuiper-conformance reference images \
        bench_{sdk,plain,nng} examples/{probe,weather} "$debug_tools/")
}

# static_executables: prints the directory of static executables of `mock-kuiper` and
# `ekuiper-conformance`. Those of ci/dist are taken if they are newer than the sources;
# otherwise some are built quickly, without optimizations.
static_executables() {
    local native dist build
    native=$(rustc -vV | sed -n 's/^host: //p')
    dist="$target/$native/dist" build="$target/static"
    if [ -x "$dist/mock-kuiper" ] && [ -x "$dist/ekuiper-conformance" ] &&
        [ -z "$(find Cargo.* sp mock-kuiper conformance -type f \
            \( -newer "$dist/mock-kuiper" -o -newer "$dist/ekuiper-conformance" \) -print -quit)" ]; then
        echo "$dist"
        return
    fi
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=symbols \
        RUSTFLAGS="-C target-feature=+crt-static" cargo build -q --locked --target "$native" \
        --target-dir "$build" -p mock-kuiper -p ekuiper-conformance --bins >&2
    echo "$build/$native/debug"
}

#!/bin/sh
# RUSTC_WORKSPACE_WRAPPER of `ci/fuzz`: compiles the crates of this workspace, and no
# dependency, with the coverage that libFuzzer reads. All flags are those of stable Rust.
exec "$@" --cfg fuzzing \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares

#!/usr/bin/env bash
# The shell step of ci/action.yml. Its inputs are in the environment.
set -euo pipefail

suite=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
arguments=("$PLUGIN" --long --release "$RELEASE" --python "$PYTHON" --junit "$JUNIT")
if [ -n "$EXPECT_FAIL" ]; then
    arguments+=(--expect-fail "$EXPECT_FAIL")
fi
if [ -n "$PROMISES" ]; then
    arguments+=(--promises "$PROMISES")
fi
while IFS= read -r line; do
    if [ -n "$line" ]; then
        arguments+=(--config "$line")
    fi
done <<<"$CONFIG"
cargo run -q --release --locked --manifest-path "$suite/Cargo.toml" -p ekuiper-conformance -- "${arguments[@]}"

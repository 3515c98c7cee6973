#!/usr/bin/env bash
# The second step of action.yml: runs what is asked for, all of it even if one part
# fails. The commands write the annotations and the job's summary themselves.
#
# The inputs of action.yml are in the environment, under their names in capitals.
set -euo pipefail

fail() {
    local text=${1//'%'/%25}
    echo "::error title=mock-kuiper::${text//$'\n'/%0A}"
    exit 2
}

# lines TEXT: prints its lines without spaces around them, and without empty ones.
lines() {
    sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' -e '/^$/d' <<<"$1"
}

# run NAME COMMAND…: runs a command. The first status that is not 0 is that of the step.
status=0
run() {
    local name=$1 ended=0
    shift
    echo "=== $name"
    "$@" || ended=$?
    [ "$status" != 0 ] || status=$ended
}

for input in check conformance strict; do
    name=${input^^}
    [[ "${!name}" =~ ^(true|false)$ ]] ||
        fail "\`$input: ${!name}\` is neither \`true\` nor \`false\`"
done
severity=()
[ "$STRICT" = false ] || severity=(--strict)
interpreter=()
[ -z "$PYTHON" ] || interpreter=(--python "$PYTHON")
if [ -n "$JUNIT" ]; then
    mkdir -p "$JUNIT"
    # Not the results of an earlier run.
    rm -f "$JUNIT/test.xml" "$JUNIT/conformance.xml"
fi

if [ "$CHECK" = true ]; then
    run check mock-kuiper check "${severity[@]}" -- "$PLUGIN"
fi

mapfile -t paths < <(lines "$TEST")
if [ "${#paths[@]}" -gt 0 ]; then
    arguments=("${interpreter[@]}")
    if [ "$RELEASES" != all ]; then
        mapfile -t releases < <(lines "${RELEASES//,/$'\n'}")
        arguments+=("${releases[@]/#/--release=}")
    fi
    [ -z "$JUNIT" ] || arguments+=(--junit "$JUNIT/test.xml")
    run test mock-kuiper test "${arguments[@]}" -- "${paths[@]}"
fi

if [ "$CONFORMANCE" = true ]; then
    arguments=(--long "${severity[@]}" "${interpreter[@]}")
    [ -z "$RELEASES" ] || arguments+=(--release "${RELEASES//[[:space:]]/}")
    [ -z "$PROMISES" ] || arguments+=(--promises "$PROMISES")
    [ -z "$EXPECT_FAIL" ] || arguments+=(--expect-fail "$EXPECT_FAIL")
    [ -z "$EXPECT_FLAKY" ] || arguments+=(--expect-flaky "$EXPECT_FLAKY")
    [ -z "$JUNIT" ] || arguments+=(--junit "$JUNIT/conformance.xml")
    mapfile -t configs < <(lines "$CONFIG")
    arguments+=("${configs[@]/#/--config=}")
    run conformance ekuiper-conformance "${arguments[@]}" -- "$PLUGIN"
fi
exit "$status"

#!/usr/bin/env bash
# The first step of action.yml: puts `mock-kuiper` and `ekuiper-conformance` on the job's
# PATH. They are those of a release, whose sums are verified, or are built from this
# checkout. If that fails, an annotation says why, and nothing is left behind.
#
# In the environment, besides GitHub's own variables: VERSION, SHA256 and URL, the inputs
# of action.yml, each of which may be empty; ACTION_REF and ACTION_REPOSITORY.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=(mock-kuiper ekuiper-conformance)
# A sum may have been copied with capitals or spaces.
SHA256=${SHA256,,} SHA256=${SHA256//[[:space:]]/}

# fail TEXT: ends the step with an annotation. A workflow command is one line.
fail() {
    local text=${1//'%'/%25}
    echo "::error title=mock-kuiper::${text//$'\n'/%0A}"
    exit 1
}

stage=$(mktemp -d "$RUNNER_TEMP/mock-kuiper.XXXXXX")
trap 'rm -rf "$stage"' EXIT

# Prints the version to download, or `build`.
chosen_version() {
    local given=${VERSION#v}
    if [[ -z "$given" && "$ACTION_REF" =~ ^v([0-9]+\.[0-9]+\.[0-9]+.*)$ ]]; then
        given=${BASH_REMATCH[1]}
    fi
    echo "${given:-build}"
}

# Prints the target that the executables of a release have in their names.
target() {
    case "$RUNNER_OS-$RUNNER_ARCH" in
    Linux-X64) echo x86_64-unknown-linux-gnu ;;
    Linux-ARM64) echo aarch64-unknown-linux-gnu ;;
    Linux-ARM) echo armv7-unknown-linux-gnueabihf ;;
    esac
}

# download URL FILE: the text of a failure is curl's.
download() {
    local said
    said=$(curl --fail --silent --show-error --location --retry 2 --retry-delay 1 \
        --connect-timeout 20 --max-time 300 --output "$2" "$1" 2>&1) ||
        fail "cannot download $1: $(tail -n 1 <<<"$said"); check \`version\` and \`url\`, or build with \`version: build\`"
}

sum() {
    sha256sum "$1" | cut -d ' ' -f 1
}

# install_release VERSION: writes the executables of a release to $stage/bin.
install_release() {
    local target base program folder archive expected actual
    [[ "$1" =~ ^[0-9A-Za-z][0-9A-Za-z.+-]*$ ]] ||
        fail "\`version: $1\` is neither a version, such as 0.2.0, nor \`build\`"
    target=$(target)
    [ -n "$target" ] ||
        fail "a release has no executables for $RUNNER_OS on $RUNNER_ARCH; use a runner with Linux on X64, ARM64 or ARM"
    base=${URL:-$GITHUB_SERVER_URL/$ACTION_REPOSITORY/releases/download/v$1}
    download "$base/SHA256SUMS" "$stage/SHA256SUMS"
    actual=$(sum "$stage/SHA256SUMS")
    [ -z "$SHA256" ] || [ "$SHA256" = "$actual" ] ||
        fail "$base/SHA256SUMS has the SHA-256 $actual, and not $SHA256, which \`sha256\` says; nothing was installed"
    for program in "${programs[@]}"; do
        folder=$program-$target-v$1
        archive=$folder.tar.gz
        # As `sha256sum --check` reads it: `*` before a name stands for a binary file.
        expected=$(awk -v name="$archive" '{ sub(/\r$/, ""); sub(/^\*/, "", $2) }
            $2 == name { print tolower($1) }' "$stage/SHA256SUMS")
        [ -n "$expected" ] || fail "$base/SHA256SUMS does not name $archive; the release has no executables for $target"
        download "$base/$archive" "$stage/$archive"
        actual=$(sum "$stage/$archive")
        [ "$expected" = "$actual" ] ||
            fail "$base/$archive has the SHA-256 $actual, and not $expected, which SHA256SUMS says; nothing was installed"
        tar -xzf "$stage/$archive" -C "$stage/bin" --strip-components=1 "$folder/$program" 2>/dev/null ||
            fail "$base/$archive has no $folder/$program; nothing was installed"
        echo "downloaded $base/$archive, SHA-256 $actual"
    done
}

# Writes executables that are built from this checkout to $stage/bin.
install_built() {
    local built=${CARGO_TARGET_DIR:-$root/target}
    command -v cargo >/dev/null ||
        fail "\`version: build\` needs Cargo, which is not on PATH; install Rust, or name a release with \`version\`"
    echo "building ${programs[*]} from $root"
    cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml" \
        --target-dir "$built" "${programs[@]/#/--package=}" --bins ||
        fail "cannot build mock-kuiper from $root; the log of this step says why"
    cp "${programs[@]/#/$built/release/}" "$stage/bin/"
}

mkdir "$stage/bin"
chosen=$(chosen_version)
if [ "$chosen" = build ]; then
    install_built
else
    install_release "$chosen"
fi
for program in "${programs[@]}"; do
    "$stage/bin/$program" --version ||
        fail "$program of version \`$chosen\` does not run on this runner; build it with \`version: build\`"
done

# Each use of the action in a job has its own, since versions may differ.
place=$(mktemp -d "$RUNNER_TEMP/mock-kuiper-bin.XXXXXX")
mv "${programs[@]/#/$stage/bin/}" "$place/"
echo "$place" >>"$GITHUB_PATH"

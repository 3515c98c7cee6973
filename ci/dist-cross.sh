# Sourced by ci/dist: Rust and a C toolchain for another processor, and QEMU to run what
# they build, from Debian's packages. They are unpacked below target/ and not installed,
# because that would replace the Rust that ci/msrv needs.
# shellcheck shell=bash

# cross_debian TARGET: prints the target's names in Debian: the architecture, the prefix
# of the C toolchain, and QEMU's.
cross_debian() {
    case $1 in
    x86_64-unknown-linux-gnu) echo amd64 x86-64-linux-gnu x86_64 ;;
    aarch64-unknown-linux-gnu) echo arm64 aarch64-linux-gnu aarch64 ;;
    armv7-unknown-linux-gnueabihf) echo armhf arm-linux-gnueabihf arm ;;
    esac
}

cross_place() {
    # shellcheck disable=SC2154 # from lib.sh
    echo "$target/cross/tools-$1"
}

cross_linker() {
    local architecture prefix rest
    read -r architecture prefix rest < <(cross_debian "$1")
    echo "$(cross_place "$1")/usr/bin/${prefix/x86-64/x86_64}-gcc"
}

cross_qemu() {
    local architecture prefix processor
    read -r architecture prefix processor < <(cross_debian "$1")
    echo "$(cross_place "$1")/usr/bin/qemu-$processor-static"
}

# cross_environment TARGET: prints the variables that cargo needs, one on each line.
cross_environment() {
    local place
    place=$(cross_place "$1")
    echo "RUSTC=$place/usr/bin/rustc"
    echo "LD_LIBRARY_PATH=$place/usr/lib/$(gcc -print-multiarch)"
}

# cross_unpack TARGET: makes the tools for a target ready. If Debian does not have them,
# prints why the target is skipped, and fails.
cross_unpack() {
    local place architecture prefix processor oldest version reason
    place=$(cross_place "$1")
    read -r architecture prefix processor < <(cross_debian "$1")
    [ ! -e "$place/complete" ] || return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        skip "$1: its compilers come from Debian's packages, and this is not Debian"
        return 1
    fi
    rm -rf "$place"
    mkdir -p "$place/apt/lists/partial" "$place/apt/cache/archives/partial"
    # Package lists of our own, because this machine's have one architecture.
    local own=(
        -o "APT::Architectures::=$(dpkg --print-architecture)"
        -o "APT::Architectures::=$architecture"
        -o "Dir::State::Lists=$place/apt/lists"
        -o "Dir::Cache=$place/apt/cache"
        -o Debug::NoLocking=1
        -o APT::Sandbox::User=root
    )
    # A list that cannot be had leaves older packages to choose from.
    timeout 300 apt-get "${own[@]}" update -qq >"$place/apt/log" 2>&1 || true
    version=$(apt-cache "${own[@]}" show "libstd-rust-web-dev:$architecture" 2>/dev/null |
        sed -n 's/^Version: //p' | head -n 1)
    oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    reason=
    if [ -z "$version" ]; then
        reason="there is no package libstd-rust-web-dev:$architecture"
    elif dpkg --compare-versions "$version" lt "$oldest"; then
        reason="Rust $oldest is needed, and libstd-rust-web-dev:$architecture has $version"
        ! grep -q '^E: Failed to fetch' "$place/apt/log" ||
            reason+="; a package list could not be fetched, which may have a newer one"
    elif ! (cd "$place/apt/cache/archives" &&
        timeout 600 apt-get "${own[@]}" install -qq -y --reinstall --allow-downgrades \
            --no-install-recommends --download-only "rustc-web=$version" \
            "libstd-rust-web-dev=$version" "gcc-$prefix" "libc6-dev-$architecture-cross" \
            qemu-user-static &&
        timeout 300 apt-get "${own[@]}" download -qq \
            "libstd-rust-web-dev:$architecture=$version") >>"$place/apt/log" 2>&1; then
        reason="the packages cannot be downloaded: $(grep '^E: ' "$place/apt/log" | tail -n 1)"
    fi
    if [ -n "$reason" ]; then
        skip "$1: $reason"
        return 1
    fi
    local package
    for package in "$place"/apt/cache/archives/*.deb; do
        dpkg -x "$package" "$place"
    done
    rm -r "$place/apt"
    touch "$place/complete"
}

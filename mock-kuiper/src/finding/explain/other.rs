//! Texts of eKuiper that are about the machine or the package: no finding has
//! them, but a reader who searches for them comes here.

use super::entry::{OtherText, Place, quote};

const MIRROR: &str = "issue lf-edge/ekuiper #2646";

pub(super) static ALL: [OtherText; 6] = [
    OtherText {
        quote: quote(
            Place::RestAnswer,
            "all releases",
            "fail to install plugin: missing or invalid json file PLUGIN.json, found N files in total",
            "issue lf-edge/ekuiper #3458",
        ),
        meaning: "The zip has a directory at its top, or the name in the request is not that of the json. `PLUGIN.json` has to be at the top. `mock-kuiper check` and `mock-kuiper pack` find and avoid this.",
    },
    OtherText {
        quote: quote(
            Place::RestAnswer,
            "all releases",
            "fail to install plugin: missing PATH",
            "eKuiper 2.4.0, internal/plugin/portable/manager.go; issue lf-edge/ekuiper #3458",
        ),
        meaning: "The zip lacks the executable that the json names, or `sources/NAME.yaml` of a source. `mock-kuiper check` lists what is missing.",
    },
    OtherText {
        quote: quote(
            Place::RestAnswer,
            "all releases",
            "plugin executable PATH stops with error fork/exec PATH: no such file or directory",
            MIRROR,
        ),
        meaning: "The file is there, but its interpreter or its C library is not: a binary for glibc in eKuiper's Alpine image. Link it statically (Rust: a `musl` target; Go: `CGO_ENABLED=0`) or use a Debian image. `mock-kuiper check` names what the binary needs.",
    },
    OtherText {
        quote: quote(
            Place::Log,
            "all releases",
            "can't create new control channel: can't listen on rep socket: listen unix /tmp/plugin_PLUGIN.ipc: bind: read-only file system",
            MIRROR,
        ),
        meaning: "eKuiper cannot write to `/tmp`, where all its sockets are. Mount a writable `/tmp` into its container.",
    },
    OtherText {
        quote: quote(
            Place::Log,
            "all releases",
            "can't create new control channel: can't listen on rep socket: address in use",
            "eKuiper 2.4.0, internal/plugin/portable/runtime/connection.go; mangos 3.4.2, errors/errors.go",
        ),
        meaning: "Another host listens at `/tmp/plugin_PLUGIN.ipc`: a second eKuiper on this machine, or a mock-kuiper that shares its `/tmp`. End one of them.",
    },
    OtherText {
        quote: quote(
            Place::RuleStatus,
            "1.14",
            "Stopped: can't listen on pull socket for ipc:///tmp/RULE_OP_0_ack.ipc: address in use.",
            "eKuiper 1.14.7, internal/plugin/portable/runtime/connection.go",
        ),
        meaning: "eKuiper 1.14 does not close a sink's ack channel, so a stopped rule with a portable sink cannot be started again under its name until eKuiper restarts. Create the rule under another name, or use another release. From 2.0 on it happens only while a sink with `requireAck` owes an ack.",
    },
];

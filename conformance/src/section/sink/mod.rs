//! `SNK`: rows for a sink, and their acks. The checks are in `checks`.

mod checks;

use mock_kuiper::Fault;
use mock_kuiper::engine::release::Releases;

use self::checks::*;
use crate::requirement::{Check, Level, Requirement, Unobserved};
use crate::rig::Kinds;

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "SNK-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink listens on its data channel before its start is answered.",
        why: "eKuiper dials as soon as it has the answer, and the rule fails if the sink does not \
              listen yet.",
        how: "The sink is started, and the host dials once after the answer.",
        expected: "A PULL socket listens on the sink's data channel.",
        source: "ekuiper-2.4.0-go.jsonl:46; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(listens_in_time),
    },
    &Requirement {
        id: "SNK-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "A row may be any bytes, and a sink that cannot use a row continues with the next.",
        why: "If the rule sets another `format` or a `dataTemplate`, eKuiper sends whatever the \
              rule produces.",
        how: "The host sends rows of 1 byte, of broken JSON, of bytes that are not UTF-8 and of 2 \
              MiB, an error row and a good row.",
        expected: "Each row is taken. If the release reads acks, an ack follows each row within 10 \
                   s.",
        source: "ekuiper-1.14.7-python-errors.jsonl:96; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(takes_any_bytes),
    },
    &Requirement {
        id: "SNK-03",
        level: Level::Must,
        releases: Releases::WithAcks,
        rule: "With `requireAck`, a sink sends exactly one ack for each row: `{}` or \
               `{\"error\":text}`.",
        why: "eKuiper sends the next row only after the ack, so a missing ack stops the rule. It \
              takes an extra ack for that of the next row, even if that row fails.",
        how: "20 rows are sent one by one, and then 20 rows at once.",
        expected: "An ack follows each row within 10 s, and no further acks come.",
        source: "ekuiper-2.4.0-python-errors.jsonl:82; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(acks_once),
    },
    &Requirement {
        id: "SNK-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink takes rows although nobody reads its acks.",
        why: "Without `requireAck`, eKuiper reads no acks: a sink that blocks while it sends them \
              stalls after a few hundred rows.",
        how: "10,000 rows of 4 KiB are sent without `requireAck`, or as many as fit in 15 s. No \
              ack is read meanwhile.",
        expected: "Each row is taken within 5 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: true,
        check: Check::Function(takes_rows_unread),
    },
    &Requirement {
        id: "SNK-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink keeps listening when its sender disappears, and takes the rows of the next \
               sender.",
        why: "eKuiper dials again after every disturbance, and the end of a rule is one.",
        how: "The host closes its connection and dials again.",
        expected: "The sink accepts the new connection and takes rows.",
        source: "ekuiper-2.4.0-go.jsonl:322; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(serves_the_next_sender),
    },
    &Requirement {
        id: "SNK-06",
        level: Level::Must,
        releases: Releases::All,
        rule: "A stopped sink releases its address and can be started again.",
        why: "Otherwise a rule can be started only once.",
        how: "The sink is started and stopped three times.",
        expected: "Each start and stop is answered with `ok`, and nothing listens on its address \
                   in between.",
        source: "ekuiper-2.4.0-go.jsonl:76; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(starts_again),
    },
    &Requirement {
        id: "SNK-07",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink listens although a stale socket file exists at its address.",
        why: "A process that was killed leaves the socket files of its sinks behind.",
        how: "The sink is started where such a file exists.",
        expected: "The start is answered with `ok`, and the sink listens.",
        source: "ekuiper-2.4.0-go.jsonl:311",
        slow: false,
        check: Check::Fault(Kinds::Sinks, Fault::StaleFile),
    },
    &Requirement {
        id: "SNK-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one sink under two rules are independent.",
        why: "Otherwise, when one rule ends, the rows of the other are lost.",
        how: "Two instances are started, and each is stopped while the other runs.",
        expected: "Each takes rows after the other was stopped.",
        source: "ekuiper-2.4.0-go.jsonl:51",
        slow: false,
        check: Check::Function(|rig| are_independent(rig, "other", 0)),
    },
    &Requirement {
        id: "SNK-09",
        level: Level::Should,
        releases: Releases::All,
        rule: "A row of 0 bytes is taken like any other row.",
        why: "A `dataTemplate` may produce nothing. A sink that ends at such a row takes no more \
              rows.",
        how: "A row of 0 bytes and a good row are sent.",
        expected: "Both are taken. If the release reads acks, an ack follows each within 10 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(takes_no_bytes),
    },
    &Requirement {
        id: "SNK-10",
        level: Level::Should,
        releases: Releases::WithAcks,
        rule: "A sink dials again when its ack connection is lost.",
        why: "With `requireAck`, eKuiper waits for each ack. Without the connection, the rule \
              stops.",
        how: "The host closes the sink's channels and opens them again.",
        expected: "At least one of 3 rows is acked.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go, `dialOptions`",
        slow: false,
        check: Check::Function(dials_acks_again),
    },
    &Requirement {
        id: "SNK-11",
        level: Level::Must,
        releases: Releases::All,
        rule: "Rows are collected in the order in which they came.",
        why: "Otherwise the last value that the sink writes is not the latest one of the rule.",
        how: "Good rows and rows that cannot be used are sent, then rows with numbers.",
        expected: "The acks, if they tell good rows from the others, and the numbers, if they are \
                   in the log, are in the order of the rows.",
        source: "ekuiper-2.4.0-go.jsonl:324; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(keeps_order),
    },
    &Requirement {
        id: "SNK-12",
        level: Level::Must,
        releases: Releases::WithoutAckChannel,
        rule: "A sink takes rows although nobody listens on its ack address.",
        why: "These releases have no ack channel: a sink that waits for one takes no rows.",
        how: "2,000 rows of 4 KiB are sent. Then the sink is stopped, and started under another \
              rule.",
        expected: "Each row is taken within 5 s, and the stop and the start are answered with \
                   `ok`.",
        source: "ekuiper-1.13.5-go.jsonl:41",
        slow: false,
        check: Check::Function(takes_rows_and_stops),
    },
    &Requirement {
        id: "SNK-13",
        level: Level::Must,
        releases: Releases::WithDeafAckChannel,
        rule: "A sink takes rows and stops although its ack channel is never read and never \
               closed.",
        why: "1.14 opens the ack channel and does no more. A sink that waits until its acks are \
              read cannot be stopped.",
        how: "2,000 rows of 4 KiB are sent, and no ack is read. Then the sink is stopped, and \
              started under another rule.",
        expected: "Each row is taken within 5 s, and the stop and the start are answered with \
                   `ok`.",
        source: "eKuiper 1.14.7 internal/plugin/portable/runtime/sink.go; ekuiper-1.14.7-python-errors.jsonl:79",
        slow: false,
        check: Check::Function(takes_rows_and_stops),
    },
    &Requirement {
        id: "SNK-16",
        level: Level::Should,
        releases: Releases::WithAcks,
        rule: "An ack is an object whose only field, if it has one, is `error`.",
        why: "eKuiper ignores unknown fields: if `error` is misspelled, a row that failed counts \
              as done. `null` and a field in capital letters are accepted only because of how Go \
              decodes JSON.",
        how: "A good row and two rows that cannot be used are sent. The names of the fields in \
              their acks are compared.",
        expected: "Each ack is an object with no field, or with `error` alone.",
        source: "ekuiper-2.4.0-python-errors.jsonl:82; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(acks_are_spelled_right),
    },
    &Requirement {
        id: "SNK-17",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one sink in one rule are independent.",
        why: "Otherwise, if two actions of one rule use the sink, one of them receives no rows.",
        how: "Like SNK-08, but with two actions of one rule.",
        expected: "Each instance takes rows after the other was stopped.",
        source: "ekuiper-2.4.0-python.jsonl:80",
        slow: false,
        check: Check::Function(|rig| are_independent(rig, "rule", 1)),
    },
    &Requirement {
        id: "SNK-18",
        level: Level::Should,
        releases: Releases::WithAcks,
        rule: "An ack is UTF-8.",
        why: "eKuiper replaces other bytes by U+FFFD, so it does not report the error that the \
              sink sent.",
        how: "A good row and two rows that cannot be used are sent. The bytes of their acks are \
              checked.",
        expected: "They are UTF-8.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(acks_are_text),
    },
    &Requirement {
        id: "SNK-19",
        level: Level::Must,
        releases: Releases::WithAcks,
        rule: "The ack of a row that the sink could not use, if it differs from the ack of a good \
               row, has a text in `error`.",
        why: "eKuiper looks at `error` alone. With any other ack, such as `{\"err\":\"disk full\"}`, \
              the lost row counts as done and is not sent again.",
        how: "A good row and two rows that cannot be used are sent. Their acks are compared.",
        expected: "An ack that differs from that of the good row has a text in `error`.",
        source: "ekuiper-2.4.0-python-errors.jsonl:82; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        slow: false,
        check: Check::Function(failed_rows_have_a_text),
    },
];

pub(crate) const UNOBSERVED: &[&Unobserved] = &[
    &Unobserved {
        id: "SNK-14",
        level: Level::Must,
        rule: "An ack `{}` means that the row was collected.",
        reason: "Only the sink knows what it did with the row.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
    },
    &Unobserved {
        id: "SNK-15",
        level: Level::May,
        rule: "Without `requireAck`, no ack is sent.",
        reason: "Nobody reads these acks. SNK-04 checks that rows are taken either way.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
    },
];

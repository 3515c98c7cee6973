//! `CTL`: orders and their answers.
//!
//! The checks: what is started and stopped is in `basics`, orders that must be
//! refused in `refusals`, the content of an order in `arguments`, and orders
//! that are repeated, delayed or interrupted in `repeats`.

mod arguments;
mod basics;
mod refusals;
mod repeats;

use mock_kuiper::Fault;
use mock_kuiper::engine::release::Releases;

use self::arguments::*;
use self::basics::*;
use self::refusals::*;
use self::repeats::*;
use crate::requirement::{Check, Level, Requirement, Unobserved};
use crate::rig::Kinds;

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "CTL-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "The plugin dials its control channel and sends a greeting.",
        why: "Otherwise no rule can use the plugin: eKuiper kills the process after `initTimeout` \
              and shows its status as `error`.",
        how: "The plugin is launched as the release launches it.",
        expected: "A message comes within the release's `initTimeout`: 5 s in 1.x, 60 s in 2.x.",
        source: "ekuiper-2.4.0-go.jsonl:6; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: false,
        check: Check::Function(greets),
    },
    &Requirement {
        id: "CTL-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "The start of each symbol that the JSON file declares is answered with `ok`.",
        why: "Otherwise a rule that uses the symbol does not start, and eKuiper shows the answer \
              as the rule's error.",
        how: "Each source, sink and function is started, with the properties of `--config`. Then \
              each function is started alone.",
        expected: "Each start is answered with `ok` within 10 s.",
        source: "ekuiper-2.4.0-go.jsonl:35; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(starts),
    },
    &Requirement {
        id: "CTL-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "The stop of each running source and sink is answered with `ok`.",
        why: "Otherwise eKuiper reports that the rule cannot be stopped.",
        how: "Each source and sink is started and stopped. The host closes the data channels \
              before it sends the stop.",
        expected: "Each stop is answered with `ok` within 10 s.",
        source: "ekuiper-2.4.0-go.jsonl:59; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(stops),
    },
    &Requirement {
        id: "CTL-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "The start of a symbol that the plugin does not have is refused with an error text.",
        why: "After `ok`, eKuiper waits for rows that never come, or dials a sink that does not \
              listen.",
        how: "`no_such_symbol` is started as a source, a sink and a function. Then a symbol of the \
              plugin is started.",
        expected: "Each of the first three answers is a text that is not `ok` and does not begin \
                   with `h`. The last one is `ok`.",
        source: "ekuiper-2.4.0-go.jsonl:55; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(refuses_symbols),
    },
    &Requirement {
        id: "CTL-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `pluginType` is refused with an error text.",
        why: "A newer eKuiper may have kinds of symbols that the plugin does not know.",
        how: "A symbol of the plugin is started as a `lookup`, and then as what it is.",
        expected: "The first answer is a text that is not `ok` and does not begin with `h`. The \
                   second is `ok`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        slow: false,
        check: Check::Function(refuses_types),
    },
    &Requirement {
        id: "CTL-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `cmd` is refused with an error text.",
        why: "A newer eKuiper may send orders that the plugin does not know.",
        how: "`pause` is sent with the argument of a start. Then a symbol is started.",
        expected: "The first answer is a text that is not `ok` and does not begin with `h`. The \
                   second is `ok`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        slow: false,
        check: Check::Function(refuses_commands),
    },
    &Requirement {
        id: "CTL-07",
        level: Level::Should,
        releases: Releases::All,
        rule: "Bytes that are not an order are refused with an error text, and the plugin \
               continues.",
        why: "eKuiper does not send such bytes. A plugin that crashes at a single wrong byte is \
              hard to debug.",
        how: "The host sends 0 bytes, `{`, bytes that are not UTF-8, and 64 MiB. Then a symbol is \
              started.",
        expected: "The answer to each is a text that is not `ok` and does not begin with `h`. The \
                   start is answered with `ok`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(refuses_bytes),
    },
    &Requirement {
        id: "CTL-08",
        level: Level::Should,
        releases: Releases::All,
        rule: "An order that lacks a required field is refused with an error text.",
        why: "See CTL-07.",
        how: "The host sends orders without `cmd`, `arg`, `symbolName`, `pluginType` and `meta`, \
              and one whose `arg` is not JSON. Then a symbol is started.",
        expected: "The answer to each is a text that is not `ok` and does not begin with `h`. The \
                   start is answered with `ok`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        slow: false,
        check: Check::Function(refuses_gaps),
    },
    &Requirement {
        id: "CTL-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "Fields that the plugin does not know are ignored.",
        why: "Releases have added fields to orders, and will do so again.",
        how: "A start has an unknown field in the order, in the argument and in `meta`.",
        expected: "The start is answered with `ok`.",
        source: "ekuiper-2.4.0-go.jsonl:15; ekuiper-1.13.5-go.jsonl:17",
        slow: false,
        check: Check::Function(ignores_unknown_fields),
    },
    &Requirement {
        id: "CTL-10",
        level: Level::Must,
        releases: Releases::All,
        rule: "Properties of any JSON are accepted, including the characters that Go escapes.",
        why: "Otherwise a rule cannot be started if its properties contain a `<`, a quote or a \
              nested object.",
        how: "A start has properties with `\\u003c`, with JSON inside a string, and with nested \
              values.",
        expected: "The start is answered with `ok`. A plugin that refuses every unknown property \
                   is left out.",
        source: "ekuiper-2.4.0-go.jsonl:17; ekuiper-2.4.0-go-mirror.jsonl:17",
        slow: false,
        check: Check::Function(takes_any_properties),
    },
    &Requirement {
        id: "CTL-11",
        level: Level::Must,
        releases: Releases::All,
        rule: "After 6 s without an order, the next order is carried out and answered exactly \
               once.",
        why: "Before 2.1.3, eKuiper takes the greeting of an idle plugin for the answer and stops \
              the rule with `receive error: handshake`. If the plugin repeats its last answer, \
              eKuiper takes that for the answer to the next order, and a correct rule fails with \
              the error of another.",
        how: "Nothing is sent for 6 s. Then a symbol is started. CTL-27 is about the minute after \
              which a mangos socket repeats its last answer.",
        expected: "The start is answered with `ok`, and nothing follows.",
        source: "ekuiper-1.14.7-python-errors.jsonl:225; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: true,
        check: Check::Function(stays_after_idling),
    },
    &Requirement {
        id: "CTL-12",
        level: Level::Must,
        releases: Releases::All,
        rule: "An order under the id of an abandoned request is dropped.",
        why: "After a greeting of an idle plugin, eKuiper sends an order under the old id and then \
              under the new one. An order that is carried out twice doubles rows.",
        how: "An order is sent under another id, then under the right one. The rule does not apply \
              to a plugin that does not greet when it is idle: eKuiper abandons no id then.",
        expected: "Exactly one answer comes, `ok`.",
        source: "ekuiper-1.13.5-python.jsonl:21; ekuiper-1.14.7-python-errors.jsonl:228",
        slow: false,
        check: Check::Function(drops_stale_orders),
    },
    &Requirement {
        id: "CTL-13",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "A second start of a running symbol with the same argument is answered with `ok` and \
               changes nothing.",
        why: "After a crash, the replay and the restarting rule both send a start. A refusal stops \
              the rule, and a second instance doubles its rows.",
        how: "Everything is started twice.",
        expected: "Each second start is answered with `ok`, and everything works as before: a \
                   source has one connection, and a sink sends one ack for each row.",
        source: "ekuiper-2.4.0-go.jsonl:286; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: false,
        check: Check::Function(starts_twice),
    },
    &Requirement {
        id: "CTL-14",
        level: Level::Should,
        releases: Releases::WithReplay,
        rule: "A second start with another argument replaces the instance.",
        why: "If a rule is changed while the plugin is down, the replay first starts it with the \
              old properties. The start with the new properties follows.",
        how: "Each source and sink is started again with one more property.",
        expected: "The start is answered with `ok`, the symbol works, and a source has one \
                   connection.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: false,
        check: Check::Function(starts_anew),
    },
    &Requirement {
        id: "CTL-15",
        level: Level::Must,
        releases: Releases::All,
        rule: "Orders are answered while instances are busy.",
        why: "eKuiper sends one order at a time: an order that waits for a busy source delays all \
              rules of the plugin.",
        how: "A sink gets rows, and nobody reads the rows of a source. Meanwhile a symbol is \
              started under another rule.",
        expected: "The start is answered with `ok`, at most 2 s later than a start before.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(answers_while_busy),
    },
    &Requirement {
        id: "CTL-16",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "The stop of an instance that does not run is answered, and the plugin continues.",
        why: "After a crash, the new process gets the stops of instances that it never knew.",
        how: "A stop is sent for a rule that never existed.",
        expected: "It is answered, and everything else works.",
        source: "ekuiper-2.4.0-go.jsonl:271",
        slow: false,
        check: Check::Fault(Kinds::All, Fault::StopUnknown),
    },
    &Requirement {
        id: "CTL-17",
        level: Level::Should,
        releases: Releases::All,
        rule: "The plugin dials and greets again when its control connection is lost.",
        why: "eKuiper closes the connection only when it exits, and then kills the plugin. With a \
              debugger or a test as the host, a plugin that survives the host is easier to work \
              with.",
        how: "The host closes the connection between two orders. On a release that repeats an \
              order after a greeting, it also closes the connection between an order and its \
              answer.",
        expected: "Each time the plugin dials, greets and answers the order.",
        source: "ekuiper-2.4.0-go.jsonl:315; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(dials_again),
    },
    &Requirement {
        id: "CTL-18",
        level: Level::Must,
        releases: Releases::All,
        rule: "A configuration that cannot be used is refused with an error text and leaves \
               nothing behind.",
        why: "Otherwise the author of a rule does not see the mistake, or the corrected rule \
              cannot be started.",
        how: "With `--refused`, each symbol named there is started with those properties. Without \
              it, each source and sink is started with each of its properties set to a value of \
              another type. After a refusal, the symbol is started with its correct properties \
              under the same rule.",
        expected: "What `--refused` names is refused with an error text, and the start after a \
                   refusal is answered with `ok`.",
        source: "ekuiper-2.4.0-go.jsonl:55; ekuiper-2.4.0-go.jsonl:219",
        slow: false,
        check: Check::Function(refuses_configurations),
    },
    &Requirement {
        id: "CTL-19",
        level: Level::Must,
        releases: Releases::All,
        rule: "Each order is answered exactly once.",
        why: "eKuiper takes the second answer for that of the next order, and from then on each \
              order gets the answer of the one before it.",
        how: "A start, a stop and an order that is refused are sent.",
        expected: "After each answer, nothing more comes for 300 ms, and for 1.5 s after the last.",
        source: "ekuiper-2.4.0-go.jsonl:12; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(answers_once),
    },
    &Requirement {
        id: "CTL-20",
        level: Level::Must,
        releases: Releases::All,
        rule: "A start without `config` is carried out like any other.",
        why: "eKuiper omits an empty `config`, for example for an action without properties.",
        how: "Each source and sink is started without `config`. Then a symbol is started.",
        expected: "Each start is answered, and that of a sink that starts with `requireAck` as its \
                   only property with `ok`. The last start is answered with `ok`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go, `omitempty`; ekuiper-2.4.0-go.jsonl:7",
        slow: false,
        check: Check::Function(does_without_config),
    },
    &Requirement {
        id: "CTL-21",
        level: Level::Must,
        releases: Releases::All,
        rule: "No answer begins with `h`.",
        why: "eKuiper takes such an answer for a greeting and sends the order again, forever. The \
              rule hangs, and so does everything that waits for the plugin.",
        how: "The host sends orders that must be refused.",
        expected: "No answer begins with `h`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(answers_without_h),
    },
    &Requirement {
        id: "CTL-22",
        level: Level::Should,
        releases: Releases::All,
        rule: "A refusal gives a reason.",
        why: "The answer is all that the author of a rule sees.",
        how: "The host sends orders that must be refused.",
        expected: "Each answer is a text in UTF-8 and not empty.",
        source: "ekuiper-2.4.0-go.jsonl:55; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(refuses_with_a_text),
    },
    &Requirement {
        id: "CTL-23",
        level: Level::Should,
        releases: Releases::All,
        rule: "The names in an order are decoded like all JSON: `\\u0026` is `&`.",
        why: "Otherwise an instance of a rule named `r&d` uses another address than eKuiper.",
        how: "A source or sink is started under the rule `r&d`.",
        expected: "The source dials, or the sink listens on, the address that contains `r&d`.",
        source: "ekuiper-2.4.0-go.jsonl:17, Go's encoder",
        slow: false,
        check: Check::Function(decodes_names),
    },
    &Requirement {
        id: "CTL-26",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "A second start of a running symbol with another argument is not ignored.",
        why: "A rule that was changed while its plugin restarted runs on with its old properties, \
              and nothing shows it.",
        how: "A source or sink that refuses some properties (see CTL-18) is started with good \
              ones, and again with those.",
        expected: "The second start is refused. If it is answered with `ok`, the properties were \
                   not read.",
        source: "ekuiper-2.4.0-go.jsonl:321; eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        slow: false,
        check: Check::Function(reads_a_new_argument),
    },
    &Requirement {
        id: "CTL-27",
        level: Level::Must,
        releases: Releases::All,
        rule: "An answer is not repeated a minute later.",
        why: "eKuiper takes the repeated answer for that of its next order: a correct rule is \
              stopped with the error of another. mangos repeats after a minute unless \
              `OptionRetryTime` is `time.Duration(0)`; a plain 0 has the wrong type.",
        how: "With `--long`, a start and an order that is refused are sent.",
        expected: "Nothing comes for 65 s after their answers.",
        source: "eKuiper 2.4.0 sdk/go/connection/connection.go; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: true,
        check: Check::Long(is_silent_for_a_minute),
    },
];

pub(crate) const UNOBSERVED: &[&Unobserved] = &[
    &Unobserved {
        id: "CTL-24",
        level: Level::Must,
        rule: "Properties arrive unchanged.",
        reason: "Only the symbol knows what it received. CTL-10 checks that a start with them is \
                 answered with `ok`, and CTL-23 that names are decoded.",
        source: "ekuiper-2.4.0-go.jsonl:35",
    },
    &Unobserved {
        id: "CTL-25",
        level: Level::May,
        rule: "The stop of an instance that does not run is answered with an error text.",
        reason: "eKuiper accepts either answer, and so does CTL-16.",
        source: "ekuiper-2.4.0-go.jsonl:272",
    },
];

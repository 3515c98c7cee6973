//! `FUN`: calls of a function. The checks are in `checks`.

mod checks;

use mock_kuiper::Fault;
use mock_kuiper::engine::release::Releases;

use self::checks::*;
use crate::requirement::{Check, Level, Requirement, Unobserved};
use crate::rig::Kinds;

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "FUN-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "A function dials its channel, greets, and answers `IsAggregate` with a boolean.",
        why: "Otherwise eKuiper cannot create a rule that uses the function.",
        how: "The function is started and asked.",
        expected: "An answer with a boolean comes within 5 s, as eKuiper requires.",
        source: "ekuiper-2.4.0-go.jsonl:13; eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(reports_its_kind),
    },
    &Requirement {
        id: "FUN-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "`Validate` is answered for any arguments, and for none.",
        why: "Otherwise eKuiper waits 5 s and refuses the rule.",
        how: "`Validate` is sent with a column, with literals, with a nested call and with `null`.",
        expected: "Each request is answered within 5 s. Any verdict is accepted.",
        source: "ekuiper-2.4.0-go.jsonl:15; ekuiper-2.4.0-go.jsonl:235; ekuiper-1.14.7-python-errors.jsonl:19",
        slow: false,
        check: Check::Function(validates),
    },
    &Requirement {
        id: "FUN-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "`Exec` is answered for any values, with a result or with an error text.",
        why: "A column may be missing or hold any value. A function that crashes takes all rules \
              of the plugin with it.",
        how: "`Exec` is sent with `null`, nested values, Unicode, the greatest number and 2 MiB of \
              text. Each number of arguments from 0 to 5 that `Validate` accepts is tried, and no \
              other, because eKuiper does not call a function with arguments that it refused.",
        expected: "Each call is answered within 5 s, with a result or with an error text.",
        source: "ekuiper-2.4.0-go-mirror.jsonl:46; eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(executes),
    },
    &Requirement {
        id: "FUN-04",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `func` is answered with `state` false.",
        why: "eKuiper sends no unknown `func`; a newer release may.",
        how: "`Describe` is sent, then `IsAggregate`.",
        expected: "The first answer has `state` false, and the second a boolean.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(refuses_unknown_requests),
    },
    &Requirement {
        id: "FUN-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "Bytes that are not a request are answered with `state` false, and the function \
               continues.",
        why: "eKuiper does not send such bytes.",
        how: "The host sends 0 bytes, `{`, bytes that are not UTF-8, and 64 MiB. Then the function \
              is asked.",
        expected: "Each answer but the last has `state` false, and the last a boolean.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Fault(Kinds::Functions, Fault::Requests),
    },
    &Requirement {
        id: "FUN-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "An `Exec` whose last argument is missing or is not a context is answered with \
               `state` false.",
        why: "eKuiper does not send such a call.",
        how: "`Exec` is sent with an empty list, with a number as the last argument, and with a \
              last argument that is not JSON. Then the function is asked.",
        expected: "Each answer but the last has `state` false, and the last a boolean.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(needs_a_context),
    },
    &Requirement {
        id: "FUN-07",
        level: Level::Must,
        releases: Releases::All,
        rule: "A call is answered after 6 s without a call.",
        why: "Otherwise a rule that rarely has a row gets errors instead of results.",
        how: "Nothing is called for 6 s. Then the function is asked and called; see CTL-11.",
        expected: "Both are answered within 5 s, and nothing follows.",
        source: "ekuiper-1.13.5-python.jsonl:20; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: true,
        check: Check::Function(answers_after_idling),
    },
    &Requirement {
        id: "FUN-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "A second start of a running function is answered with `ok`, and calls are still \
               answered.",
        why: "The replay after a crash and the restarting rule both send a start.",
        how: "The function is started twice more, and asked after each start.",
        expected: "Each start is answered with `ok`, and each question within 5 s.",
        source: "ekuiper-2.4.0-go.jsonl:321",
        slow: false,
        check: Check::Function(starts_twice),
    },
    &Requirement {
        id: "FUN-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "Functions of one plugin do not wait for each other.",
        why: "Otherwise a call of one rule delays the functions of all others.",
        how: "All functions are started. Each is asked three times while the others are not, then \
              each is called 50 times, all at once.",
        expected: "Each question and each call is answered within 5 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(functions_are_independent),
    },
    &Requirement {
        id: "FUN-10",
        level: Level::Must,
        releases: Releases::All,
        rule: "An aggregate survives `null` and `[]` as the values of a window.",
        why: "eKuiper sends an empty window as `null`. A plugin that took it for a list crashed, \
              and its host hung.",
        how: "The aggregate is called with arguments that are all `null`, then all `[]`, for each \
              number of arguments from 1 to 5 that `Validate` accepts.",
        expected: "Each call is answered within 5 s, with a result or with an error text.",
        source: "ekuiper-2.0.8-go.jsonl:154",
        slow: false,
        check: Check::Function(survives_empty_windows),
    },
    &Requirement {
        id: "FUN-11",
        level: Level::Should,
        releases: Releases::All,
        rule: "A second start of a running function opens no second connection.",
        why: "eKuiper tolerates the second greeting, but never frees the connection and its \
              thread.",
        how: "The function is started twice more.",
        expected: "One connection is open, and only one greeting has come.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(keeps_one_connection),
    },
    &Requirement {
        id: "FUN-12",
        level: Level::Should,
        releases: Releases::All,
        rule: "A function dials and greets again when its connection is lost.",
        why: "Otherwise each call of the function is an error from then on.",
        how: "The host closes the channel and opens it again.",
        expected: "The function dials and greets, and answers the next request.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(dials_again),
    },
    &Requirement {
        id: "FUN-13",
        level: Level::Must,
        releases: Releases::All,
        rule: "A call under an abandoned id is dropped, and the next call gets its own answer.",
        why: "Otherwise a late answer is taken for that of the next call, and each row gets the \
              result of the row before it.",
        how: "A call is sent under another id, then another call under the right one. The rule \
              does not apply to a plugin that does not greet when it is idle: eKuiper abandons no \
              id then.",
        expected: "One answer comes, that of the second call.",
        source: "ekuiper-1.13.5-python.jsonl:21",
        slow: false,
        check: Check::Function(drops_stale_calls),
    },
    &Requirement {
        id: "FUN-14",
        level: Level::Must,
        releases: Releases::All,
        rule: "Each request is answered exactly once.",
        why: "eKuiper takes the second answer for that of the next call.",
        how: "`IsAggregate`, `Validate` and `Exec` are sent.",
        expected: "After each answer, nothing more comes for 300 ms, and for 1.5 s after the last.",
        source: "ekuiper-2.4.0-go.jsonl:14; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Function(answers_once),
    },
    &Requirement {
        id: "FUN-18",
        level: Level::Should,
        releases: Releases::All,
        rule: "An answer is UTF-8 and has exactly the fields `state` and `result`; with `state` \
               false, `result` is a text.",
        why: "eKuiper ignores unknown fields, and finds a field in capital letters only because \
              Go's decoder ignores case. Bytes that are not UTF-8 become U+FFFD. A call that \
              failed without a text has neither a result nor an error.",
        how: "`IsAggregate`, `Exec`, an unknown `func` and `Validate` are sent. The content of the \
              answers is checked.",
        expected: "Each is `{\"state\":…,\"result\":…}` in UTF-8, and has a text as `result` if \
                   `state` is false.",
        source: "ekuiper-2.4.0-go.jsonl:14; eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(answers_are_spelled_right),
    },
    &Requirement {
        id: "FUN-19",
        level: Level::Should,
        releases: Releases::All,
        rule: "An idle function sends nothing.",
        why: "eKuiper reads a function's channel only during a call. Greetings pile up in the \
              socket, and after 279 of them (212,992 bytes) the next send blocks: an SDK that \
              greets every 5 s has a dead function after 23 minutes without a call.",
        how: "The function is not called for 6 s. Then what it has sent is counted.",
        expected: "It has sent nothing.",
        source: "eKuiper 2.4.0 sdk/go/connection/connection.go; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: true,
        check: Check::Function(is_silent_when_idle),
    },
    &Requirement {
        id: "FUN-20",
        level: Level::Must,
        releases: Releases::All,
        rule: "An answer of a function is not repeated a minute later.",
        why: "eKuiper takes the repeated answer for that of the next call: `f(9)` returns the \
              result of `f(3)`, without an error. See CTL-27.",
        how: "With `--long`, the function is called.",
        expected: "Nothing comes for 65 s after the answer.",
        source: "eKuiper 2.4.0 sdk/go/connection/connection.go; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: true,
        check: Check::Long(is_silent_for_a_minute),
    },
    &Requirement {
        id: "FUN-21",
        level: Level::Must,
        releases: Releases::All,
        rule: "A call has the result that its author expects.",
        why: "A number that loses its last digits, or a text that changes on its way, is wrong in \
              every rule, and no error shows it.",
        how: "The calls of `--call` are made. If a function returns its argument, it is also \
              called with `null`, 2^53+1, `<&>` and 2 MiB of text.",
        expected: "Each result is that of `--call`, or the argument unchanged.",
        source: "ekuiper-2.4.0-go-mirror.jsonl:46; eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
        slow: false,
        check: Check::Function(results_are_right),
    },
];

pub(crate) const UNOBSERVED: &[&Unobserved] = &[
    &Unobserved {
        id: "FUN-15",
        level: Level::Must,
        rule: "A slow call of one function does not delay another function.",
        reason: "No function can be made slow from outside. FUN-09 calls all functions at once.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
    },
    &Unobserved {
        id: "FUN-16",
        level: Level::Must,
        rule: "An answer that comes after eKuiper's limit of 5 s is not mixed up with the next \
               call.",
        reason: "See FUN-15. eKuiper discards a late answer itself, and FUN-13 checks that only \
                 the request under the last id is answered.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
    },
    &Unobserved {
        id: "FUN-17",
        level: Level::May,
        rule: "A call or its arguments are refused, with `state` false and an error text.",
        reason: "Which calls a function accepts is its own decision. FUN-02 and FUN-03 accept any \
                 verdict.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
    },
];

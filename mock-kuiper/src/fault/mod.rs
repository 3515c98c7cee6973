//! Misfortunes by name: what `run --fault` plays on a running plugin, and what
//! it means to survive each.
//!
//! Each is made of methods of [`Host`](crate::Host) and its handles, which a
//! test may call by themselves. Here the first five are played, without `take` all:
//!
//! ```
//! use mock_kuiper::fault::{Fault, Stage};
//! use mock_kuiper::{Host, HostError};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), HostError> {
//! let host = Host::builder().plugin("../sdk/examples/mirror").isolated_or_in_turn().launch()?;
//! let mut random = host.source("random").config(json!({"interval": 10})).start()?;
//! let mut append = host.sink("append").start()?;
//! let mut echo = host.function("echo")?;
//!
//! let row = br#"[{"a":1}]"#.to_vec();
//! let mut stage = Stage::set(&host, [&mut random], [&mut append], [&mut echo], row)?;
//! for fault in Fault::all().take(5) {
//!     println!("{fault}: {:?}", fault.play(&mut stage)?);
//! }
//! # Ok(())
//! # }
//! ```

mod play;
mod stage;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use self::stage::Stage;
use crate::HostError;

/// A misfortune, ready to be played: `kill`, or `kill=2s`.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// What it is.
    pub entry: &'static Entry,
    /// How long or how often.
    pub amount: Amount,
}

/// A misfortune that there is.
#[derive(Debug)]
pub struct Entry {
    /// Its name, e.g. `kill`.
    pub name: &'static str,
    /// How long or how often, unless it is said.
    pub amount: Amount,
    /// What happens, as a sentence without its full stop.
    pub happens: &'static str,
    /// What survival means, as a sentence without its full stop.
    pub survival: &'static str,
    play: fn(&mut Stage<'_>, Amount) -> Result<Outcome, HostError>,
}

/// How long a misfortune lasts, or how often it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Neither can be said.
    Fixed,
    /// So long.
    Time(Duration),
    /// So often.
    Times(u32),
}

/// What came of a misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The plugin did all that survival means.
    Survived,
    /// It cannot happen to this plugin, or on this release: why.
    NotApplicable(&'static str),
}

/// Why a misfortune cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// There is none of this name.
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// Its amount cannot be said.
    NoAmount {
        /// Its name.
        name: &'static str,
    },
    /// The amount is none.
    Amount {
        /// Its name.
        name: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What was given.
        found: String,
    },
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                write!(f, "no fault `{name}` is known; `--fault help` lists them")
            }
            Self::NoAmount { name } => write!(f, "{name} takes no value; write `{name}` alone"),
            Self::Amount {
                name,
                expected,
                found,
            } => write!(f, "{name}: expected {expected}, got `{found}`"),
        }
    }
}

impl std::error::Error for FaultError {}

impl Amount {
    fn parse(self, name: &'static str, text: &str) -> Result<Self, FaultError> {
        let refuse = |expected| FaultError::Amount {
            name,
            expected,
            found: text.to_owned(),
        };
        match self {
            Self::Fixed => Err(FaultError::NoAmount { name }),
            Self::Time(_) => humantime::parse_duration(text)
                .map(Self::Time)
                .map_err(|_| refuse("a time, e.g. 500ms or 2s")),
            Self::Times(_) => match text.parse() {
                Ok(times @ 1..) => Ok(Self::Times(times)),
                _ => Err(refuse("a number from 1 on")),
            },
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed => Ok(()),
            Self::Time(time) => write!(f, "={}", humantime::format_duration(*time)),
            Self::Times(times) => write!(f, "={times}"),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, amount) = match text.split_once('=') {
            Some((name, amount)) => (name, Some(amount)),
            None => (text, None),
        };
        let known = ENTRIES.iter().find(|entry| entry.name == name);
        let entry = known.ok_or_else(|| FaultError::Unknown {
            name: name.to_owned(),
        })?;
        let amount = match amount {
            Some(amount) => entry.amount.parse(entry.name, amount)?,
            None => entry.amount,
        };
        Ok(Self { entry, amount })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.entry.name, self.amount)
    }
}

impl Fault {
    /// Returns all that there are, each as it is played unless it is said
    /// otherwise, in the order in which `all` plays them.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| Self {
            entry,
            amount: entry.amount,
        })
    }

    /// Plays it, and looks whether everything on the stage still works.
    ///
    /// # Errors
    ///
    /// What the plugin did wrong: any [`HostError`] that
    /// [is a finding](HostError::is_finding); and trouble of ours.
    pub fn play(&self, stage: &mut Stage<'_>) -> Result<Outcome, HostError> {
        let outcome = (self.entry.play)(stage, self.amount)?;
        if outcome == Outcome::Survived {
            stage.prove_alive()?;
        }
        Ok(outcome)
    }
}

const fn milliseconds(milliseconds: u64) -> Amount {
    Amount::Time(Duration::from_millis(milliseconds))
}

/// What survival means where the host breaks the transport's protocol.
const DIALS_AGAIN: &str = "the plugin dials again, or listens on, and the channel works as before";

/// All of them; the gentle ones first.
static ENTRIES: &[Entry] = &[
    Entry {
        name: "start-again",
        amount: Amount::Fixed,
        happens: "what runs gets its start a second time, as a crash's replay and the \
                  restarting rule both send it",
        survival: "ok, nothing is started twice, and rows go on",
        play: play::start_again,
    },
    Entry {
        name: "start-anew",
        amount: Amount::Fixed,
        happens: "what runs gets a start with another property",
        survival: "ok, the old instance is stopped and a new one takes its place",
        play: play::start_anew,
    },
    Entry {
        name: "stop-unknown",
        amount: Amount::Fixed,
        happens: "a stop comes for what does not run, as after a crash",
        survival: "any answer, and the plugin goes on",
        play: play::stop_unknown,
    },
    Entry {
        name: "orders",
        amount: Amount::Fixed,
        happens: "orders of 0 bytes, of broken JSON and of 64 MiB",
        survival: "an error text answers each, and the plugin goes on",
        play: play::orders,
    },
    Entry {
        name: "requests",
        amount: Amount::Fixed,
        happens: "the same as requests to each function",
        survival: "`state` is false in each answer, and the next call is answered",
        play: play::requests,
    },
    Entry {
        name: "rows",
        amount: Amount::Fixed,
        happens: "the same as rows to each sink",
        survival: "each is taken or failed, and so is the row after them",
        play: play::rows,
    },
    Entry {
        name: "stale",
        amount: Amount::Fixed,
        happens: "an order under a request id that the plugin has given up, then under the right one",
        survival: "it is answered once",
        play: play::stale,
    },
    Entry {
        name: "cut",
        amount: Amount::Fixed,
        happens: "the control channel is closed behind an order, so that a greeting comes in the \
                  place of its answer",
        survival: "the plugin dials and greets again, and answers the order when it is sent again",
        play: play::cut,
    },
    Entry {
        name: "cut-frame",
        amount: Amount::Fixed,
        happens: "the connection ends in the middle of a frame, on every channel",
        survival: DIALS_AGAIN,
        play: play::cut_frame,
    },
    Entry {
        name: "lying-length",
        amount: Amount::Fixed,
        happens: "a frame claims to have 4 EiB, on every channel",
        survival: DIALS_AGAIN,
        play: play::lying_length,
    },
    Entry {
        name: "wrong-greeting",
        amount: Amount::Fixed,
        happens: "the host greets as PAIR, which the plugin's sockets do not go with, on every \
                  channel",
        survival: DIALS_AGAIN,
        play: play::wrong_greeting,
    },
    Entry {
        name: "no-greeting",
        amount: Amount::Fixed,
        happens: "the host says what is no greeting at all, a request of HTTP, on every channel",
        survival: DIALS_AGAIN,
        play: play::no_greeting,
    },
    Entry {
        name: "redial",
        amount: Amount::Fixed,
        happens: "a sink's sender vanishes and dials again",
        survival: "the sink listens on and takes rows",
        play: play::redial,
    },
    Entry {
        name: "stale-file",
        amount: Amount::Fixed,
        happens: "each sink is started where a socket file is that nobody answers on",
        survival: "it listens there and takes rows",
        play: play::stale_file,
    },
    Entry {
        name: "acks-unread",
        amount: Amount::Times(10_000),
        happens: "so many rows for each sink, and nobody reads the acks meanwhile",
        survival: "all are taken",
        play: play::acks_unread,
    },
    Entry {
        name: "acks-slow",
        amount: milliseconds(10),
        happens: "100 rows for each sink, and so long between two acks that are read",
        survival: "all are taken",
        play: play::acks_slow,
    },
    Entry {
        name: "pause",
        amount: milliseconds(1000),
        happens: "nobody reads the sources' rows for so long",
        survival: "rows go on, and the plugin answers orders meanwhile",
        play: play::pause,
    },
    Entry {
        name: "slow",
        amount: milliseconds(200),
        happens: "the host waits so long before each message that it sends or reads",
        survival: "everything works, slowly",
        play: play::slow,
    },
    Entry {
        name: "restart",
        amount: milliseconds(500),
        happens: "the host is gone for so long and comes back, while the process lives",
        survival: "the plugin dials and greets again, and goes on without doubled rows",
        play: play::restart,
    },
    Entry {
        name: "kill",
        amount: milliseconds(200),
        happens: "the process is killed after so long, launched again, and gets the starts of \
                  what ran",
        survival: "it greets, answers them with ok, and everything works as before",
        play: play::kill,
    },
    Entry {
        name: "replay",
        amount: Amount::Times(5),
        happens: "the same so often, with the starts in another order each time",
        survival: "as for kill",
        play: play::replay,
    },
    Entry {
        name: "churn",
        amount: Amount::Times(200),
        happens: "what runs is stopped and started so often, or as often as goes in 50 ms each",
        survival: "open files, threads and memory are where they were",
        play: play::churn,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Fault>().unwrap_err().to_string()
    }

    #[test]
    fn a_fault_is_its_name_and_an_amount_that_has_a_default() {
        for (text, shown) in [
            ("kill", "kill=200ms"),
            ("kill=2s", "kill=2s"),
            ("churn=7", "churn=7"),
            ("cut", "cut"),
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_would_be() {
        assert_eq!(
            error("fire"),
            "no fault `fire` is known; `--fault help` lists them"
        );
        assert_eq!(error("cut=3"), "cut takes no value; write `cut` alone");
        assert_eq!(
            error("kill=soon"),
            "kill: expected a time, e.g. 500ms or 2s, got `soon`"
        );
        assert_eq!(
            error("churn=0"),
            "churn: expected a number from 1 on, got `0`"
        );
    }

    #[test]
    fn no_two_faults_have_one_name() {
        let mut names: Vec<_> = ENTRIES.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();

        assert_eq!(names.len(), count);
    }
}

//! Faults: what can go wrong in the life of a plugin, by name.
//!
//! This is the table: each fault's name, what happens, and what it means to
//! survive it. [`Fault::play`] plays one on a [`Stage`](crate::Stage).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Something that goes wrong, ready to be played on a running plugin.
///
/// `Display` writes name and value, for example `kill=2s`; [`FromStr`] reads
/// them, and a fault without a value has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `start-again`: each instance gets its start a second time.
    StartAgain,
    /// `start-anew`: each instance gets a start with another property.
    StartAnew,
    /// `stop-unknown`: a stop arrives for an instance that does not run.
    StopUnknown,
    /// `orders`: orders that are not orders.
    Orders,
    /// `requests`: requests that are not requests.
    Requests,
    /// `rows`: rows that are not rows.
    Rows,
    /// `stale`: an order under a stale request id first.
    Stale,
    /// `cut`: the control channel is closed after an order.
    Cut,
    /// `cut-frame`: the connection ends inside a frame.
    CutFrame,
    /// `lying-length`: a frame claims 4 EiB.
    LyingLength,
    /// `wrong-greeting`: the host greets as PAIR.
    WrongGreeting,
    /// `no-greeting`: the host sends bytes that are not a greeting.
    NoGreeting,
    /// `redial`: a sink's sender disappears and dials again.
    Redial,
    /// `stale-file`: a stale socket file is in a sink's way.
    StaleFile,
    /// `acks-unread`: this many rows, while nobody reads acks.
    AcksUnread(u32),
    /// `acks-slow`: 100 rows, and this time between two acks that are read.
    AcksSlow(Duration),
    /// `idle`: the host asks for nothing for this time.
    Idle(Duration),
    /// `pause`: nobody reads rows for this time.
    Pause(Duration),
    /// `slow`: the host waits this time before each message.
    Slow(Duration),
    /// `restart`: the host is away for this time.
    Restart(Duration),
    /// `kill`: the process is killed after this time and replaced.
    Kill(Duration),
    /// `replay`: the process is killed and replaced this often.
    Replay(u32),
    /// `churn`: each instance is stopped and started this often.
    Churn(u32),
}

/// What is documented about a fault.
#[derive(Debug)]
#[non_exhaustive]
pub struct Description {
    /// Its name, for example `kill`.
    pub name: &'static str,
    /// What happens, as a sentence without its full stop.
    pub happens: &'static str,
    /// What survival means, as a sentence without its full stop.
    pub survival: &'static str,
}

/// What a fault's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Amount {
    /// The fault has no value.
    None,
    /// How long.
    Time(Duration),
    /// How often.
    Times(u32),
}

/// What came of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The plugin did all that survival means.
    Survived,
    /// The fault cannot happen to this plugin, or on this release; with the
    /// reason.
    NotApplicable(&'static str),
}

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no fault of this name.
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// The fault has no value.
    NoAmount {
        /// The fault's name.
        name: &'static str,
    },
    /// The value is not a time or not a number.
    Amount {
        /// The fault's name.
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
                write!(f, "unknown fault `{name}`; expected ")?;
                for (index, (fault, _)) in TABLE.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{}", fault.describe().name)?;
                }
                Ok(())
            }
            Self::NoAmount { name } => write!(f, "`{name}` takes no value; write `{name}` alone"),
            Self::Amount {
                name,
                expected,
                found,
            } => write!(f, "`{name}`: expected {expected}, got `{found}`"),
        }
    }
}

impl std::error::Error for FaultError {}

impl Fault {
    /// Whether the process is ended, and another one launched. A plugin that the host
    /// has not launched cannot have such a fault.
    #[must_use]
    pub fn replaces_the_process(self) -> bool {
        matches!(self, Self::Kill(_) | Self::Replay(_))
    }

    /// Returns all faults with their default values, the gentle ones first.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(fault, _)| *fault)
    }

    /// Returns what is documented about this fault.
    #[must_use]
    pub fn describe(self) -> &'static Description {
        let same = |fault: &Self| std::mem::discriminant(fault) == std::mem::discriminant(&self);
        let row = TABLE.iter().find(|(fault, _)| same(fault));
        &row.expect("each fault has a row in the table").1
    }

    /// Returns the fault's value.
    #[must_use]
    pub fn amount(self) -> Amount {
        match self {
            Self::AcksUnread(times) | Self::Replay(times) | Self::Churn(times) => {
                Amount::Times(times)
            }
            Self::AcksSlow(time)
            | Self::Idle(time)
            | Self::Pause(time)
            | Self::Slow(time)
            | Self::Restart(time)
            | Self::Kill(time) => Amount::Time(time),
            _ => Amount::None,
        }
    }

    /// Returns the same fault with the value that `text` gives.
    fn with_amount(self, text: &str) -> Result<Self, FaultError> {
        let name = self.describe().name;
        let refuse = |expected| FaultError::Amount {
            name,
            expected,
            found: text.to_owned(),
        };
        let time = || {
            humantime::parse_duration(text).map_err(|_| refuse("a time, for example 500ms or 2s"))
        };
        let times = || match text.parse() {
            Ok(times @ 1..) => Ok(times),
            _ => Err(refuse("a number, at least 1")),
        };
        Ok(match self {
            Self::AcksUnread(_) => Self::AcksUnread(times()?),
            Self::AcksSlow(_) => Self::AcksSlow(time()?),
            Self::Idle(_) => Self::Idle(time()?),
            Self::Pause(_) => Self::Pause(time()?),
            Self::Slow(_) => Self::Slow(time()?),
            Self::Restart(_) => Self::Restart(time()?),
            Self::Kill(_) => Self::Kill(time()?),
            Self::Replay(_) => Self::Replay(times()?),
            Self::Churn(_) => Self::Churn(times()?),
            _ => return Err(FaultError::NoAmount { name }),
        })
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, amount) = match text.split_once('=') {
            Some((name, amount)) => (name, Some(amount)),
            None => (text, None),
        };
        let fault = Self::all().find(|fault| fault.describe().name == name);
        let fault = fault.ok_or_else(|| FaultError::Unknown {
            name: name.to_owned(),
        })?;
        amount.map_or(Ok(fault), |amount| fault.with_amount(amount))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe().name)?;
        match self.amount() {
            Amount::None => Ok(()),
            Amount::Time(time) => write!(f, "={}", humantime::format_duration(time)),
            Amount::Times(times) => write!(f, "={times}"),
        }
    }
}

const fn row(
    fault: Fault,
    name: &'static str,
    happens: &'static str,
    survival: &'static str,
) -> (Fault, Description) {
    let description = Description {
        name,
        happens,
        survival,
    };
    (fault, description)
}

const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// What survival means if the host breaks the transport's protocol.
const RECONNECTS: &str =
    "the plugin dials again, or goes on listening, and the channel works as before";

/// All faults with their default values, the gentle ones first.
static TABLE: [(Fault, Description); 23] = [
    row(
        Fault::StartAgain,
        "start-again",
        "each running symbol gets its start a second time, as the replay after a crash and the \
         restarting rule both send it",
        "the plugin answers ok, starts nothing twice, and rows go on",
    ),
    row(
        Fault::StartAnew,
        "start-anew",
        "each running instance gets a start with another property",
        "the plugin answers ok, stops the old instance and starts a new one",
    ),
    row(
        Fault::StopUnknown,
        "stop-unknown",
        "a stop arrives for an instance that does not run, as after a crash",
        "the plugin gives any answer and goes on",
    ),
    row(
        Fault::Orders,
        "orders",
        "orders of 0 bytes, of broken JSON and of 64 MiB",
        "the plugin answers each with an error text and goes on",
    ),
    row(
        Fault::Requests,
        "requests",
        "requests of 0 bytes, of broken JSON and of 64 MiB to each function",
        "`state` is false in each answer, and the next call is answered",
    ),
    row(
        Fault::Rows,
        "rows",
        "rows of 0 bytes, of broken JSON and of 64 MiB to each sink",
        "the sink accepts or fails each row, and accepts the next one",
    ),
    row(
        Fault::Stale,
        "stale",
        "an order under a request id that the plugin has given up, then under the right one",
        "the plugin answers once",
    ),
    row(
        Fault::Cut,
        "cut",
        "the control channel is closed after an order, so that a greeting arrives instead of its \
         answer",
        "the plugin dials and greets again, and answers the repeated order",
    ),
    row(
        Fault::CutFrame,
        "cut-frame",
        "the connection ends inside a frame, on every channel",
        RECONNECTS,
    ),
    row(
        Fault::LyingLength,
        "lying-length",
        "a frame claims a length of 4 EiB, on every channel",
        RECONNECTS,
    ),
    row(
        Fault::WrongGreeting,
        "wrong-greeting",
        "the host greets as PAIR, which does not match the plugin's sockets, on every channel",
        RECONNECTS,
    ),
    row(
        Fault::NoGreeting,
        "no-greeting",
        "the host sends an HTTP request instead of a greeting, on every channel",
        RECONNECTS,
    ),
    row(
        Fault::Redial,
        "redial",
        "the sender of a sink disappears and dials again",
        "the sink goes on listening and takes rows",
    ),
    row(
        Fault::StaleFile,
        "stale-file",
        "each sink is started where there is a socket file that nobody answers on",
        "the sink listens there and takes rows",
    ),
    row(
        Fault::AcksUnread(10_000),
        "acks-unread",
        "each sink gets this many rows, and nobody reads its acks",
        "the sink takes all rows",
    ),
    row(
        Fault::AcksSlow(milliseconds(10)),
        "acks-slow",
        "each sink gets 100 rows, and its acks are read this far apart",
        "the sink takes all rows",
    ),
    row(
        Fault::Idle(milliseconds(10_000)),
        "idle",
        "the host sends no order, no call and no row for this time; rows and acks are read",
        "the plugin answers the next order and the next calls, and everything works as before",
    ),
    row(
        Fault::Pause(milliseconds(1000)),
        "pause",
        "nobody reads the rows of the sources for this time",
        "rows go on, and the plugin answers orders meanwhile",
    ),
    row(
        Fault::Slow(milliseconds(200)),
        "slow",
        "the host waits this time before each message that it sends or reads",
        "everything works, slowly",
    ),
    row(
        Fault::Restart(milliseconds(500)),
        "restart",
        "the host is away for this time and comes back, while the process lives on",
        "the plugin dials and greets again, and goes on without doubled rows",
    ),
    row(
        Fault::Kill(milliseconds(200)),
        "kill",
        "the process is killed after this time, launched again, and gets the starts of all that \
         ran",
        "the new process greets, answers the starts with ok, and everything works as before",
    ),
    row(
        Fault::Replay(5),
        "replay",
        "the process is killed and replaced this often, with the starts in another order each time",
        "each new process greets, answers the starts with ok, and everything works as before",
    ),
    row(
        Fault::Churn(200),
        "churn",
        "each instance is stopped and started this often, or as often as 50 ms each allow",
        "the numbers of open files and threads and the memory are what they were",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Fault>().unwrap_err().to_string()
    }

    #[test]
    fn a_fault_is_its_name_and_a_value_that_has_a_default() {
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
    fn an_unknown_fault_or_value_is_rejected_with_what_is_expected() {
        let unknown = error("fire");
        assert!(
            unknown.starts_with("unknown fault `fire`; expected start-again, start-anew, "),
            "{unknown}"
        );
        assert_eq!(error("cut=3"), "`cut` takes no value; write `cut` alone");
        assert_eq!(
            error("kill=soon"),
            "`kill`: expected a time, for example 500ms or 2s, got `soon`"
        );
        assert_eq!(
            error("churn=0"),
            "`churn`: expected a number, at least 1, got `0`"
        );
    }

    #[test]
    fn every_fault_reads_back_as_itself() {
        for fault in Fault::all() {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }
}

//! How long the checks wait. `--timeout-scale` stretches all of these times.

use std::time::Duration;

/// How long a plugin may take to answer an order, to send a row or to send an
/// ack.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// How long an instance works at least before it is stopped.
pub(crate) const MOMENT: Duration = Duration::from_millis(50);

/// How long a check sends a great number of rows at most.
pub(crate) const FLOOD: Duration = Duration::from_secs(15);

/// How long a channel stays idle: longer than the 5 s after which an SDK that
/// waits with a time limit greets again.
pub(crate) const IDLE: Duration = Duration::from_secs(6);

/// How long a check waits for a connection that must not come.
pub(crate) const EXTRA_CONNECTION: Duration = Duration::from_millis(300);

/// How long a check waits for an answer or an ack that must not come.
pub(crate) const EXTRA_MESSAGE: Duration = Duration::from_millis(300);

/// How long a check listens for an answer that is repeated: longer than the second
/// after which some sockets resend.
pub(crate) const REPEATED: Duration = Duration::from_millis(1500);

/// How long a check listens for an answer that is repeated after a minute, as
/// mangos does by default.
pub(crate) const MINUTE: Duration = Duration::from_secs(65);

/// How long the processes of one check may run. It ends checks that a plugin
/// would keep going for ever.
pub(crate) const CHECK: Duration = Duration::from_secs(120);

/// How long a check may take in which no process runs: hosts that cannot be
/// isolated wait for each other.
pub(crate) const TURNS: Duration = Duration::from_secs(900);

/// How long all checks of a run may take together.
pub(crate) const RUN: Duration = Duration::from_secs(1800);

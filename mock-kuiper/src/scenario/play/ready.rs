//! When a command in the background counts as ready.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::running::Running;
use super::values::text;
use super::waits::Deadline;
use crate::foreign::in_sentence;
use crate::scenario::model::Ready;
use crate::scenario::pattern::{Pattern, Variables};

/// How long a connection to a port may take.
const CONNECT: Duration = Duration::from_millis(100);

/// A readiness condition with the values of its variables.
#[derive(Debug)]
pub(super) enum Condition {
    Port(u16),
    File(String),
    Log(Pattern),
    Run(String),
}

impl Condition {
    pub(super) fn of(ready: &Ready, variables: &Variables) -> Result<Self, String> {
        Ok(match ready {
            Ready::Port(port) => {
                let port = text(port, variables)?;
                let number = port.parse();
                Self::Port(number.map_err(|_| format!("`{}` is not a port", in_sentence(&port)))?)
            }
            Ready::File(path) => Self::File(text(path, variables)?),
            Ready::Log(pattern) => Self::Log(pattern.resolve(variables)?),
            Ready::Run(command) => Self::Run(text(command, variables)?),
        })
    }

    /// Whether it holds for a command that runs in `directory`.
    ///
    /// # Errors
    ///
    /// The system's answer if it refuses a process.
    pub(super) fn holds(
        &self,
        directory: &Path,
        running: &Running,
        deadline: Deadline,
        ends: &dyn Fn() -> bool,
    ) -> io::Result<bool> {
        Ok(match self {
            Self::Port(port) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                TcpStream::connect_timeout(&address, CONNECT).is_ok()
            }
            Self::File(path) => directory.join(path).exists(),
            Self::Log(pattern) => running.has_line(|line| {
                let differences = pattern.compare(&Value::from(line));
                differences.is_empty()
            }),
            Self::Run(command) => {
                let check = Running::start(command, directory)?;
                let has_ended = || running.exit().is_some() || ends();
                let status = check.wait_exit(deadline, has_ended);
                check.end(Duration::ZERO);
                status.is_some_and(|status| status.success())
            }
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port} is open"),
            Self::File(path) => write!(f, "the file `{}` exists", in_sentence(path)),
            Self::Log(pattern) => {
                write!(
                    f,
                    "a line of its output matches {}",
                    pattern.expected_text()
                )
            }
            Self::Run(command) => write!(f, "`{}` succeeds", in_sentence(command)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;
    use crate::scenario::pattern::Template;

    fn variables() -> Variables {
        BTreeMap::from([("port".to_owned(), json!(4321))])
    }

    fn running(command: &str) -> Running {
        Running::start(command, Path::new("/")).unwrap()
    }

    fn holds(condition: &Condition, running: &Running, limit: Duration) -> bool {
        let deadline = Deadline::after(limit);
        loop {
            let holds = condition.holds(Path::new("/"), running, deadline, &|| false);
            if holds.unwrap() {
                return true;
            }
            if !deadline.pause() {
                return false;
            }
        }
    }

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_port_may_be_a_number_or_a_text_and_nothing_else() {
        let port = |value| Condition::of(&Ready::Port(Template::of(value)), &variables());

        assert!(matches!(port(json!(80)), Ok(Condition::Port(80))));
        assert!(matches!(port(json!("80")), Ok(Condition::Port(80))));
        assert_eq!(port(json!("x")).unwrap_err(), "`x` is not a port");
        assert_eq!(port(json!(65536)).unwrap_err(), "`65536` is not a port");
    }

    #[test]
    fn a_port_is_ready_when_something_listens_there() {
        let command = running("exec sleep 600");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let condition = Condition::Port(listener.local_addr().unwrap().port());

        assert!(holds(&condition, &command, LONG));
        drop(listener);
        assert!(!holds(&condition, &command, SHORT));
        command.end(LONG);
    }

    #[test]
    fn a_command_is_ready_when_another_one_ends_with_success() {
        let command = running("exec sleep 600");

        assert!(holds(&Condition::Run("true".to_owned()), &command, LONG));
        assert!(!holds(&Condition::Run("false".to_owned()), &command, SHORT));
        // One that never ends is ended at the limit.
        let never = Condition::Run("sleep 600".to_owned());
        assert!(!holds(&never, &command, SHORT));
        command.end(LONG);
    }

    #[test]
    fn a_condition_says_what_it_waits_for() {
        let shown = [
            Condition::Port(80).to_string(),
            Condition::File("/ready\n".to_owned()).to_string(),
            Condition::Run("nc -z".to_owned()).to_string(),
        ];

        assert_eq!(
            shown,
            [
                "port 80 is open",
                "the file `/ready\\n` exists",
                "`nc -z` succeeds"
            ]
        );
    }
}

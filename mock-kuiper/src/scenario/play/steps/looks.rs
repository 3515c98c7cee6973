//! `log` and `file`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::foreign::in_sentence;
use crate::go_json::depth::{self, is_deeper};
use crate::host::HostError;
use crate::scenario::model::{Content, Expected};
use crate::scenario::pattern::{Pattern, Template};
use crate::scenario::play::error::{Played, StepError, Unmet};
use crate::scenario::play::player::Player;
use crate::scenario::play::values::text;
use crate::scenario::play::waits::Deadline;

/// Makes of a file's text what is compared.
type Decode = fn(String) -> Result<Value, String>;

/// The largest file that is compared.
const LARGEST: u64 = 64 * 1024 * 1024;

impl Player<'_> {
    /// Waits for lines of the plugin's output since the case began.
    pub(super) fn log(&mut self, line: &Pattern, times: Option<usize>, limit: Duration) -> Played {
        let pattern = self.pattern(line)?;
        let deadline = Deadline::after(limit);
        let (mut next, mut found) = (0, 0);
        loop {
            next = self.live.record.lines_since(next, |text| {
                let differences = pattern.compare(&text.into());
                found += usize::from(differences.is_empty());
            });
            let is_enough = times.map_or(found > 0, |times| times > 0 && found >= times);
            if is_enough || times == Some(0) && found > 0 || !deadline.pause() {
                break;
            }
            self.check()?;
        }
        let expected = pattern.expected_text();
        let text = match times {
            None if found > 0 => return Ok(()),
            Some(times) if found == times => return Ok(()),
            None => format!("no line of the plugin's output matched {expected} within {limit:?}"),
            Some(times) => format!(
                "{found} lines of the plugin's output matched {expected}, and {times} were expected"
            ),
        };
        Err(Unmet::of(text).into())
    }

    /// Waits until a file is as expected.
    pub(super) fn file(&mut self, path: &Template, content: &Content, limit: Duration) -> Played {
        let path = self.run.directory().join(text(path, &self.values)?);
        let deadline = Deadline::after(limit);
        loop {
            let looked = self.look(&path, content);
            match looked {
                Err(StepError::Unmet(_)) if deadline.pause() => self.check()?,
                looked => return looked,
            }
        }
    }

    fn look(&self, path: &PathBuf, content: &Content) -> Played {
        let name = in_sentence(&path.display().to_string());
        let unmet = |text: String| Err(Unmet::of(text).into());
        let (expected, decode): (&Expected, Decode) = match content {
            Content::Absent if path.exists() => {
                return unmet(format!("the file {name} exists, and must not"));
            }
            Content::Absent => return Ok(()),
            Content::Present if path.exists() => return Ok(()),
            Content::Present => return unmet(format!("there is no file {name}")),
            Content::Lines(expected) => (expected, |text| Ok(text.lines().collect())),
            Content::Text(expected) => (expected, |text| Ok(text.into())),
            Content::Json(expected) => (expected, |text| {
                crate::go_json::decode(&text).map_err(|error| error.to_string())
            }),
        };
        let text = match read(path) {
            Ok(text) => text,
            Err(error) => return unmet(format!("cannot read the file {name}: {error}")),
        };
        if matches!(content, Content::Json(_)) && is_deeper(&text, depth::VALUE) {
            return Err(HostError::too_deep(format!("the file {name}")).into());
        }
        match decode(text) {
            Ok(seen) => self.expect(
                expected,
                &seen,
                format!("the file {name} is not as expected"),
            ),
            Err(error) => unmet(format!("the file {name} is not JSON: {error}")),
        }
    }

    /// Fails if the run was stopped, or if the plugin has exited by itself.
    fn check(&self) -> Played {
        if self.run.stop.is_stopped() {
            return Err(HostError::Interrupted.into());
        }
        Ok(self.live.check_alive()?)
    }
}

/// Reads a file; what is not UTF-8 is replaced.
fn read(path: &PathBuf) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > LARGEST {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

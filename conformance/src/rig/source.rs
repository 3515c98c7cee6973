//! Sources on the rig: their starts and their rows.

use std::time::{Duration, Instant};

use mock_kuiper::{Code, Host, HostError, Source, SourceStart};

use super::launch::Rig;
use crate::checked::{NotPassed, untested};

impl Rig<'_> {
    /// Starts a source under a rule, for its stream `stream`, and lets it work
    /// for a moment.
    pub(crate) fn start_source(
        &self,
        host: &Host,
        symbol: &str,
        rule: &str,
    ) -> Result<Source, HostError> {
        self.start_source_in(host, symbol, (rule, "stream"))
    }

    /// Starts a source as an operator of a rule, and lets it work for a moment.
    pub(crate) fn start_source_in(
        &self,
        host: &Host,
        symbol: &str,
        (rule, op): (&str, &str),
    ) -> Result<Source, HostError> {
        let source = self.describe_source(host, symbol);
        let source = source.within(rule, op).start()?;
        self.let_work();
        Ok(source)
    }

    /// Describes the start of a source with the properties that it needs. The
    /// property `datasource` is the stream's DATASOURCE.
    pub(crate) fn describe_source<'h>(&self, host: &'h Host, symbol: &str) -> SourceStart<'h> {
        let config = self.config(symbol);
        let source = host.source(symbol);
        let source = match config["datasource"].as_str() {
            Some(datasource) => source.datasource(datasource),
            None => source,
        };
        source.config(config)
    }

    /// Starts the first source, for a check that is not about its start.
    pub(crate) fn source(&self, host: &Host) -> Result<Source, NotPassed> {
        let source = self.start_source(host, self.source_name()?, "rule");
        source.map_err(untested)
    }

    /// Starts the first source and waits for its first row.
    pub(crate) fn flowing_source(&self, host: &Host) -> Result<Source, NotPassed> {
        let mut source = self.source(host)?;
        source.skip(self.limit()).map_err(untested)?;
        Ok(source)
    }
}

/// How long nobody reads the rows of a source, until it cannot send any more.
const FILLING: Duration = Duration::from_secs(4);

impl Rig<'_> {
    /// Reads no rows until the source cannot send any more, and for `more` after
    /// that. A source that can still send after 4 s is not waited for.
    pub(crate) fn block(&self, source: &mut Source, more: Duration) {
        /// More than the time between two rows of a source that is not blocked.
        const STILL: Duration = Duration::from_millis(300);
        const STEP: Duration = Duration::from_millis(10);
        let end = Instant::now() + self.scaled(FILLING).min(FILLING);
        let (mut waiting, mut since) = (0, Instant::now());
        let mut longest = Duration::ZERO;
        while Instant::now() < end {
            std::thread::sleep(STEP);
            let now = source.waiting();
            if now != waiting {
                longest = longest.max(since.elapsed());
                (waiting, since) = (now, Instant::now());
            } else if now > 0 && since.elapsed() > STILL.max(3 * longest) {
                std::thread::sleep(more);
                return;
            }
        }
    }
}

/// Returns whether a row comes within `limit`.
pub(crate) fn next_row(source: &mut Source, limit: Duration) -> Result<bool, HostError> {
    match source.skip(limit) {
        Ok(()) => Ok(true),
        Err(error) if is_no_row(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns whether a row was waited for, and none came.
pub(crate) fn is_no_row(error: &HostError) -> bool {
    error.code() == Some(Code::RowMissing)
}

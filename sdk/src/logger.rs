//! A plain logger to stderr, for a plugin that has installed no logger.
//!
//! Each record is one line and one write, so that the lines of several threads
//! do not mix in the host's log.
//!
//! `RUST_LOG` selects what is shown. It is a list of directives separated by
//! commas; a directive is a level, a target, or `target=level`. The directive
//! with the longest target that is a prefix of the record's target applies.
//! Without `RUST_LOG` the level is `info`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use log::{LevelFilter, Log, Metadata, Record};

static LOGGER: OnceLock<StderrLogger> = OnceLock::new();

/// Installs the logger, unless the process has one already.
pub(crate) fn install() {
    let logger = LOGGER.get_or_init(|| StderrLogger {
        filter: Filter::read(&std::env::var("RUST_LOG").unwrap_or_default()),
    });
    if log::set_logger(logger).is_ok() {
        log::set_max_level(logger.filter.max());
    }
}

/// Writes one line to stderr with one write, regardless of log levels.
pub(crate) fn print(line: &str) {
    // If stderr is closed, the line cannot be reported anywhere.
    let _ = std::io::stderr()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

struct StderrLogger {
    filter: Filter,
}

impl Log for StderrLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.filter.level(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            print(&line_now(record));
        }
    }

    fn flush(&self) {}
}

/// Formats a record of this moment as one line.
pub(crate) fn line_now(record: &Record<'_>) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    line(now.as_millis(), record)
}

/// Formats a record as one line. A line break in it is written as `\n`.
fn line(unix_millis: u128, record: &Record<'_>) -> String {
    let mut line = timestamp(unix_millis);
    let message = record.args().to_string();
    let _ = write!(line, " {:<5} {}: ", record.level(), record.target());
    line.push_str(&message.replace('\n', "\\n"));
    line
}

/// Formats milliseconds since 1970 as `2026-01-31T23:59:59.123Z`.
fn timestamp(unix_millis: u128) -> String {
    const DAY: u128 = 86_400_000;
    let millis = unix_millis % DAY;
    let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
    let (second, milli) = (millis / 1000 % 60, millis % 1000);
    // Days since 0000-03-01. Years that begin in March have the leap day last.
    let days = unix_millis / DAY + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u128::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// What `RUST_LOG` selects.
#[derive(Debug, PartialEq)]
pub(crate) struct Filter {
    default: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

impl Filter {
    /// Parses `RUST_LOG`. Invalid directives are ignored.
    pub(crate) fn read(text: &str) -> Self {
        let mut default = None;
        let mut targets = Vec::new();
        for directive in text.split(',').map(str::trim).filter(|d| !d.is_empty()) {
            match directive.split_once('=') {
                Some((target, level)) => {
                    if let Ok(level) = level.trim().parse() {
                        targets.push((target.trim().to_owned(), level));
                    }
                }
                None => match directive.parse() {
                    Ok(level) => default = Some(level),
                    Err(_) => targets.push((directive.to_owned(), LevelFilter::Trace)),
                },
            }
        }
        let default = default.unwrap_or(if targets.is_empty() {
            LevelFilter::Info
        } else {
            LevelFilter::Off
        });
        Filter { default, targets }
    }

    pub(crate) fn level(&self, target: &str) -> LevelFilter {
        self.targets
            .iter()
            .filter(|(prefix, _)| target.starts_with(prefix.as_str()))
            .max_by_key(|(prefix, _)| prefix.len())
            .map_or(self.default, |(_, level)| *level)
    }

    pub(crate) fn max(&self) -> LevelFilter {
        self.targets
            .iter()
            .map(|(_, level)| *level)
            .fold(self.default, Ord::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;

    #[test]
    fn without_directives_the_level_is_info() {
        let filter = Filter::read("");

        assert_eq!(filter.level("any"), LevelFilter::Info);
        assert_eq!(filter.max(), LevelFilter::Info);
    }

    #[test]
    fn a_level_alone_applies_to_all_targets() {
        assert_eq!(Filter::read("debug").level("any"), LevelFilter::Debug);
        assert_eq!(Filter::read("OFF").max(), LevelFilter::Off);
    }

    #[test]
    fn the_longest_matching_target_applies() {
        let filter = Filter::read("warn, ekuiper=debug,ekuiper::sink = trace,bad=loud");

        assert_eq!(filter.level("other"), LevelFilter::Warn);
        assert_eq!(filter.level("ekuiper::source"), LevelFilter::Debug);
        assert_eq!(filter.level("ekuiper::sink"), LevelFilter::Trace);
        assert_eq!(filter.max(), LevelFilter::Trace);
    }

    #[test]
    fn a_target_alone_shows_all_its_records_and_no_others() {
        let filter = Filter::read("mirror");

        assert_eq!(filter.level("mirror"), LevelFilter::Trace);
        assert_eq!(filter.level("ekuiper"), LevelFilter::Off);
    }

    #[test]
    fn timestamps_are_right_in_leap_years() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(timestamp(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
        assert_eq!(timestamp(1_767_225_600_000), "2026-01-01T00:00:00.000Z");
        assert_eq!(timestamp(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_record_with_a_line_break_is_one_line() {
        let record = Record::builder()
            .level(Level::Warn)
            .target("mirror")
            .args(format_args!("two\nlines"))
            .build();

        assert_eq!(
            line(1500, &record),
            "1970-01-01T00:00:01.500Z WARN  mirror: two\\nlines"
        );
    }
}

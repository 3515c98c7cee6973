//! The log in unit tests: what is printed, and what a failure repeats.
//!
//! The test framework captures what is printed with `eprintln!`, for each test
//! and the threads that it starts, and shows it if the test fails.

use std::any::type_name_of_val;
use std::sync::{Once, OnceLock, PoisonError, RwLock};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::journal::Journal;
use crate::logger::{self, Filter};
use crate::short::Short;

/// Installs the logger for tests if the process has none, and shows the records
/// of the crate that defines `symbol` from `debug` on.
pub(super) fn show<T>(symbol: &T) {
    LOGGER.add_crates(type_name_of_val(symbol));
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        if log::set_logger(&LOGGER).is_ok() {
            let shown = environment().map_or(LevelFilter::Debug, Filter::max);
            // Warnings go to the journal, whatever is shown.
            log::set_max_level(shown.max(LevelFilter::Warn));
        }
    });
}

/// Returns what `RUST_LOG` selects, or `None` if it is empty or not set.
fn environment() -> Option<&'static Filter> {
    static FILTER: OnceLock<Option<Filter>> = OnceLock::new();
    let read = || {
        let text = std::env::var("RUST_LOG").unwrap_or_default();
        (!text.is_empty()).then(|| Filter::read(&text))
    };
    FILTER.get_or_init(read).as_ref()
}

static LOGGER: TestLogger = TestLogger {
    crates: RwLock::new(Vec::new()),
};

struct TestLogger {
    /// The crates whose records are shown from `debug` on.
    crates: RwLock<Vec<String>>,
}

impl TestLogger {
    fn add_crates(&self, type_name: &str) {
        let mut crates = self.crates.write().unwrap_or_else(PoisonError::into_inner);
        for name in crates_in(type_name) {
            if !crates.iter().any(|known| known == name) {
                crates.push(name.to_owned());
            }
        }
    }

    fn shows(&self, metadata: &Metadata<'_>) -> bool {
        if let Some(filter) = environment() {
            return metadata.level() <= filter.level(metadata.target());
        }
        let name = metadata.target().split("::").next();
        let crates = self.crates.read().unwrap_or_else(PoisonError::into_inner);
        let most = match crates.iter().any(|known| Some(known.as_str()) == name) {
            true => Level::Debug,
            false => Level::Info,
        };
        metadata.level() <= most
    }
}

impl Log for TestLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn || self.shows(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.shows(record.metadata()) {
            eprintln!("{}", logger::line_now(record));
        }
        if record.level() <= Level::Warn {
            let text = record.args().to_string().replace('\n', "\\n");
            Journal::add(format!(
                "{} {}: {}",
                record.level(),
                record.target(),
                Short(&text)
            ));
        }
    }

    fn flush(&self) {}
}

/// Returns the crates that are named in the name of a type, such as `weather` in
/// `<weather::Weather as core::default::Default>::default`, without those of the
/// standard library.
fn crates_in(type_name: &str) -> impl Iterator<Item = &str> {
    type_name
        .split(|c: char| c != ':' && c != '_' && !c.is_alphanumeric())
        .filter_map(|path| path.split_once("::").map(|(name, _)| name))
        .filter(|name| !matches!(*name, "" | "core" | "alloc" | "std"))
}

#[cfg(test)]
mod tests;

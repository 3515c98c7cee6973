//! The result of a bench, as `--json` writes it and `--compare` reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::metric::Metric;
use crate::cli::error::CliError;

/// The name of the file's format. Another format has another name.
const FORMAT: &str = "mock-kuiper bench 1";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: String,
    pub(super) plugin: PluginId,
    pub(super) environment: Environment,
    pub(super) measurements: Vec<Measurement>,
}

/// The plugin that was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PluginId {
    pub(super) name: String,
    pub(super) version: String,
}

/// What the numbers depend on, besides the plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Environment {
    pub(super) mock_kuiper: String,
    /// Whether mock-kuiper itself was built without optimizations.
    pub(super) mock_kuiper_debug: bool,
    /// Whether the plugin was built without optimizations: `--debug`.
    pub(super) plugin_debug: bool,
    pub(super) release: String,
    pub(super) transport: String,
    pub(super) isolated: bool,
    pub(super) processors: usize,
    pub(super) rounds: usize,
    pub(super) time_ms: u64,
}

/// All that was measured of one subject.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measurement {
    #[serde(flatten)]
    pub(super) subject: Subject,
    pub(super) metrics: BTreeMap<Metric, Series>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Subject {
    /// The process group.
    Plugin,
    Source {
        symbol: String,
    },
    Sink {
        symbol: String,
        require_ack: bool,
    },
    Function {
        symbol: String,
        call: String,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin => f.write_str("plugin"),
            Self::Source { symbol } => write!(f, "source {symbol}"),
            Self::Sink {
                symbol,
                require_ack: false,
            } => write!(f, "sink {symbol}"),
            Self::Sink { symbol, .. } => write!(f, "sink {symbol}, acked"),
            Self::Function { call, .. } => write!(f, "call {call}"),
        }
    }
}

/// The values of one metric in all rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) rounds: Vec<f64>,
}

impl Series {
    /// Computes the median and the ends of the values of at least one round.
    pub(super) fn new(rounds: Vec<f64>) -> Self {
        let rounds: Vec<_> = rounds.into_iter().map(rounded).collect();
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (lower, upper) = ((sorted.len() - 1) / 2, sorted.len() / 2);
        Self {
            median: rounded(f64::midpoint(sorted[lower], sorted[upper])),
            min: sorted[0],
            max: sorted[sorted.len() - 1],
            rounds,
        }
    }
}

/// Rounds to a thousandth, which is more exact than any measurement.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

impl Record {
    pub(super) fn new(
        plugin: PluginId,
        environment: Environment,
        measurements: Vec<Measurement>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            plugin,
            environment,
            measurements,
        }
    }

    /// Reads a file of `--json`.
    ///
    /// # Errors
    ///
    /// [`CliError::Input`] if it cannot be read or is not such a file.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let wrong = |text: String| CliError::input(format!("--compare {}: {text}", path.display()));
        let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let foreign = |reason: String| {
            wrong(format!(
                "expected a file written by `mock-kuiper bench --json` of this version: {reason}"
            ))
        };
        let record: Self =
            serde_json::from_slice(&bytes).map_err(|error| foreign(error.to_string()))?;
        if record.format != FORMAT {
            return Err(foreign(format!(
                "its format is {:?}, not {FORMAT:?}",
                record.format
            )));
        }
        Ok(record)
    }

    /// Writes a file as JSON.
    ///
    /// # Errors
    ///
    /// [`CliError::Trouble`] if the file cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<(), CliError> {
        let failed = |error: &dyn fmt::Display| {
            CliError::Trouble(format!(
                "--json {}: cannot be written: {error}",
                path.display()
            ))
        };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(&error))?;
        fs::write(path, text + "\n").map_err(|error| failed(&error))
    }

    /// Returns what was measured of one subject.
    pub(super) fn find(&self, subject: &Subject) -> Option<&Measurement> {
        let mut all = self.measurements.iter();
        all.find(|measurement| measurement.subject == *subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_its_median_and_its_ends() {
        let odd = Series::new(vec![3.0, 1.0, 2.000_4]);
        let even = Series::new(vec![4.0, 1.0, 3.0, 2.0]);

        assert_eq!((odd.min, odd.median, odd.max), (1.0, 2.0, 3.0));
        assert_eq!((even.min, even.median, even.max), (1.0, 2.5, 4.0));
        assert_eq!(odd.rounds, [3.0, 1.0, 2.0]);
    }
}

//! Whole numbers on the command line.

use std::fmt::Display;
use std::str::FromStr;

/// Returns a parser of the whole numbers from `least` on, whose error names that.
pub(super) fn whole<T>(
    least: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("expected a whole number, at least {least}")),
    }
}

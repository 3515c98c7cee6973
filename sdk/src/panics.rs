//! Catches panics of the plugin's code, with their locations.
//!
//! A hook remembers where the last panic of each thread happened, because the
//! value that [`catch_unwind`] returns has only the message. The hook is
//! installed once and then calls the one before it, which is usually Rust's own:
//! the process also prints each panic, with a backtrace if `RUST_BACKTRACE` is
//! set.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use log::error;

/// Runs code of the plugin. A panic becomes an `Err` with its location and
/// message, such as `panicked at src/weather.rs:12:5: no such city`.
///
/// A value that the code was changing may be inconsistent after a panic. The
/// caller decides whether to use it again.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| describe(payload.as_ref()))
}

/// Runs code of the plugin that can fail. The inner error is the text of the
/// code's error, and the outer one that of a panic.
///
/// The error is formatted by code of the plugin, too, so a panic in it is caught.
pub(crate) fn outcome<T>(
    code: impl FnOnce() -> crate::Result<T>,
) -> Result<Result<T, String>, String> {
    catch(|| code().map_err(|error| crate::error::chain(error.as_ref())))
}

/// Runs code of the plugin that can fail. An error and a panic both become text.
pub(crate) fn attempt<T>(code: impl FnOnce() -> crate::Result<T>) -> Result<T, String> {
    outcome(code)?
}

/// Drops a value of the plugin. Logs a panic, with `owner` in front.
pub(crate) fn discard<T>(owner: impl fmt::Display, value: T) {
    if let Err(panic) = catch(move || drop(value)) {
        error!("{owner}: {panic}, while its value was dropped");
    }
}

/// Where a panic happened, and its message if that is a string.
struct Last {
    location: String,
    message: Option<String>,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            remember(info);
            before(info);
        }));
    });
}

fn remember(info: &PanicHookInfo<'_>) {
    let last = info.location().map(|location| Last {
        location: location.to_string(),
        message: message(info.payload()).map(str::to_owned),
    });
    // Fails if the thread is ending; then the panic has no location.
    let _ = LAST.try_with(|cell| cell.replace(last));
}

/// Describes a caught panic.
///
/// The location is left out if the hook has not seen this panic: the plugin may
/// have replaced the hook, or have passed on the panic of another thread with
/// `resume_unwind`.
fn describe(payload: &(dyn Any + Send)) -> String {
    let message = message(payload);
    let last = LAST.with(RefCell::take);
    let location = last
        .filter(|last| last.message.as_deref() == message)
        .map(|last| format!(" at {}", last.location))
        .unwrap_or_default();
    match message {
        Some(message) => format!("panicked{location}: {message}"),
        None => format!("panicked{location} with a value that is not a string"),
    }
}

fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Returns the text of a panic for a test: `source` is the content of `file`, and
/// `code` the macro call that panics first.
#[cfg(test)]
pub(crate) fn expected(file: &str, source: &str, code: &str, message: &str) -> String {
    let before = &source[..source.find(code).expect("the code is in the source")];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("panicked at {file}:{line}:{column}: {message}")
}

/// An error that cannot be formatted, for tests.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Unprintable;

#[cfg(test)]
impl std::error::Error for Unprintable {}

#[cfg(test)]
impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text of a panic in this file, at a line and column.
    fn at(line: u32, column: u32, rest: &str) -> String {
        format!("panicked at sdk/src/panics.rs:{line}:{column}{rest}")
    }

    #[test]
    fn a_panic_becomes_its_location_and_message() {
        let line = line!();
        let formatted = catch(|| panic!("at {}", 7)).unwrap_err();
        let plain = catch(|| panic!("plain")).unwrap_err();
        let value = catch(|| panic::panic_any(7)).unwrap_err();
        let index = catch(|| [1, 2].to_vec()[2]).unwrap_err();

        assert_eq!(formatted, at(line + 1, 34, ": at 7"));
        assert_eq!(plain, at(line + 2, 30, ": plain"));
        assert_eq!(
            value,
            at(line + 3, 30, " with a value that is not a string")
        );
        assert_eq!(
            index,
            at(
                line + 4,
                45,
                ": index out of bounds: the len is 2 but the index is 2"
            )
        );
    }

    #[test]
    fn an_error_and_a_panic_both_become_text() {
        assert_eq!(
            attempt::<()>(|| Err("no disk".into())),
            Err("no disk".to_owned())
        );
        let line = line!();
        assert_eq!(
            attempt::<()>(|| panic!("no disk")),
            Err(at(line + 2, 30, ": no disk"))
        );
        assert_eq!(attempt(|| Ok(1)), Ok(1));
    }

    #[test]
    fn a_panic_while_an_error_is_formatted_is_caught() {
        let outcome = outcome::<()>(|| Err(Unprintable.into()));

        let text = expected(
            file!(),
            include_str!("panics.rs"),
            r#"panic!("no words")"#,
            "no words",
        );
        assert_eq!(outcome, Err(text));
    }

    #[test]
    fn a_panic_that_is_passed_on_from_another_thread_has_no_wrong_location() {
        let passed_on = catch::<()>(|| {
            let _ = catch_unwind(|| panic!("handled"));
            let other = std::thread::spawn(|| -> () { panic!("elsewhere") });
            panic::resume_unwind(other.join().unwrap_err());
        });

        assert_eq!(passed_on.unwrap_err(), "panicked: elsewhere");
    }

    #[test]
    fn a_panic_while_a_value_is_dropped_is_caught() {
        struct Bad;
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }

        discard("source `bad`", Bad);
    }
}

//! Keeps a panic of the author's code where it happened.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs author's code; a panic becomes an `Err` with its text.
///
/// The value that panicked may be half changed; whoever catches the panic
/// decides whether it is used again.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| text(payload.as_ref()))
}

/// Runs author's code that may fail; its error and its panic both become text.
pub(crate) fn attempt<T>(code: impl FnOnce() -> crate::Result<T>) -> Result<T, String> {
    match catch(code) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(crate::error::chain(error.as_ref())),
        Err(panic) => Err(panic),
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    match text {
        Some(text) => format!("panic: {text}"),
        None => "panic with a value that is no text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(catch(|| panic!("at {}", 7)).unwrap_err(), "panic: at 7");
        assert_eq!(catch(|| panic!("plain")).unwrap_err(), "panic: plain");
        assert_eq!(
            catch(|| std::panic::panic_any(7)).unwrap_err(),
            "panic with a value that is no text"
        );
    }

    #[test]
    fn an_error_and_a_panic_are_both_text() {
        assert_eq!(
            attempt::<()>(|| Err("no disk".into())),
            Err("no disk".to_owned())
        );
        assert_eq!(
            attempt::<()>(|| panic!("no disk")),
            Err("panic: no disk".to_owned())
        );
        assert_eq!(attempt(|| Ok(1)), Ok(1));
    }
}

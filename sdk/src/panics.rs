//! Catches panics of the plugin's code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of the plugin. A panic becomes an `Err` with its text.
///
/// A value that the code was changing may be inconsistent after a panic. The
/// caller decides whether to use it again.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| text(payload.as_ref()))
}

/// Runs code of the plugin that can fail. An error and a panic both become text.
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
        None => "panic with a value that is not a string".to_owned(),
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
            "panic with a value that is not a string"
        );
    }

    #[test]
    fn an_error_and_a_panic_both_become_text() {
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

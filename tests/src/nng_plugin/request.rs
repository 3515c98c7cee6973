//! Requests to a function, and the replies to them.

use serde_json::{Value, json};

/// A request on the channel of a function.
#[derive(Debug)]
pub struct Request {
    /// `Validate`, `IsAggregate` or `Exec`.
    pub func: String,
    /// The arguments; the last one of `Exec` is the context of the call.
    pub arguments: Vec<Value>,
}

impl Request {
    /// Reads a request leniently: a missing or mistyped field is empty.
    ///
    /// # Errors
    ///
    /// A text for the host, if the request is not JSON.
    pub fn parse(request: &[u8]) -> Result<Request, String> {
        let mut request: Value =
            serde_json::from_slice(request).map_err(|e| format!("the request is not JSON: {e}"))?;
        let mut take = |field| request.get_mut(field).map(Value::take);
        Ok(Request {
            func: match take("func") {
                Some(Value::String(func)) => func,
                _ => String::new(),
            },
            // A call without arguments has `"arg":null`.
            arguments: match take("arg") {
                Some(Value::Array(arguments)) => arguments,
                _ => Vec::new(),
            },
        })
    }
}

/// Whether an argument is the context of a call: a text that holds a JSON object.
pub fn is_context(argument: &Value) -> bool {
    let context = argument.as_str().map(serde_json::from_str);
    matches!(context, Some(Ok(Value::Object(_))))
}

/// The reply to a request: its result, or an error text.
pub fn reply(result: Result<Value, String>) -> Value {
    match result {
        Ok(result) => json!({ "state": true, "result": result }),
        Err(text) => json!({ "state": false, "result": text }),
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn a_request_that_is_not_an_object_has_no_func_and_no_arguments() {
        let request = Request::parse(br#"["Exec"]"#).unwrap();

        assert_eq!(request.func, "");
        assert!(request.arguments.is_empty(), "{:?}", request.arguments);
    }
}

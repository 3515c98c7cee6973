//! The query of a request.

use axum::http::Uri;

use crate::cli::serve::desk::Problem;

/// Returns the value of a name in the query, decoded.
pub(in crate::cli::serve) fn value(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&');
    let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(decode(value))
}

/// Returns the number of a name in the query.
pub(super) fn number(uri: &Uri, name: &str) -> Result<Option<u32>, Problem> {
    let Some(text) = value(uri, name) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        let shown = mock_kuiper::engine::foreign::in_sentence(&text);
        Problem::input(format!("`{name}` must be a number, got `{shown}`"))
    })
}

/// Whether a path is a text once it is decoded.
pub(in crate::cli::serve) fn is_text(path: &str) -> bool {
    String::from_utf8(bytes(path)).is_ok()
}

/// Decodes a text; what is no UTF-8 is replaced.
fn decode(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text)).into_owned()
}

/// Decodes `%41` and `+`.
fn bytes(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (other, _) => decoded.push(other),
        }
        at += 1;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_and_decoded() {
        let uri = "/x?a=1&b=%24%24x%2&c=u+v&d".parse().unwrap();

        assert_eq!(value(&uri, "a").unwrap(), "1");
        assert_eq!(value(&uri, "b").unwrap(), "$$x%2");
        assert_eq!(value(&uri, "c").unwrap(), "u v");
        assert_eq!(value(&uri, "d").unwrap(), "");
        assert_eq!(value(&uri, "e"), None);
    }

    #[test]
    fn a_path_is_utf8_once_it_is_decoded() {
        assert!(is_text("/a/%c5%bc%zz+"));
        assert!(!is_text("/a/%ff/b"));
    }
}

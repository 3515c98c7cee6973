//! Values from files: `$file` and `$base64`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::foreign;

/// The most bytes that a file may have.
const MOST: u64 = 64 << 20;

/// Where a value is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Input {
    /// The text of a file, or the value of a `.json` file.
    File,
    /// The bytes of a file, in base64.
    Base64,
}

impl Input {
    pub(super) fn of(key: &str) -> Option<Self> {
        match key {
            "$file" => Some(Self::File),
            "$base64" => Some(Self::Base64),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::File => "$file",
            Self::Base64 => "$base64",
        }
    }

    /// Reads the value.
    pub(super) fn read(self, path: &str, directory: &Path) -> Result<Value, String> {
        let name = foreign::in_sentence(path);
        let bytes = read(&directory.join(path))
            .map_err(|error| format!("cannot read `{name}`: {error}"))?;
        if self == Self::Base64 {
            return Ok(base64(&bytes).into());
        }
        if path.ends_with(".json") {
            return serde_json::from_slice(&bytes)
                .map_err(|error| format!("`{name}` is not JSON: {error}"));
        }
        String::from_utf8(bytes)
            .map(Value::from)
            .map_err(|_| format!("`{name}` is not a text in UTF-8; read it with `$base64`"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    // Opening a FIFO would wait for a writer.
    let metadata = path.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST {
        return Err(format!("it has more than {} MiB", MOST >> 20));
    }
    Ok(bytes)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for digit in 0..4 {
            let index = bits >> (18 - 6 * digit) & 63;
            let is_padding = digit > chunk.len();
            text.push(if is_padding {
                '='
            } else {
                char::from(DIGITS[index as usize])
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn base64_has_the_digits_of_rfc_4648() {
        let vectors: [(&[u8], &str); 8] = [
            (b"", ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (&[0xff, 0xef, 0xbe], "/+++"),
        ];

        for (bytes, text) in vectors {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn a_file_is_its_text_and_a_json_file_its_value() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str, bytes: &[u8]| {
            std::fs::write(directory.path().join(name), bytes).expect("a file");
        };
        at("a.txt", b"hi\n");
        at("a.json", br#"{"n": 9007199254740993}"#);
        at("photo.jpg", b"\xff\xd8");
        at("bad.json", b"{");
        File::create(directory.path().join("large"))
            .and_then(|file| file.set_len(MOST + 1))
            .expect("a large file");
        let read = |input: Input, name: &str| input.read(name, directory.path());

        assert_eq!(read(Input::File, "a.txt"), Ok(json!("hi\n")));
        assert_eq!(
            read(Input::File, "a.json"),
            Ok(json!({"n": 9007199254740993_u64}))
        );
        assert_eq!(read(Input::Base64, "photo.jpg"), Ok(json!("/9g=")));
        assert_eq!(
            read(Input::File, "photo.jpg").expect_err("no text"),
            "`photo.jpg` is not a text in UTF-8; read it with `$base64`"
        );
        assert_eq!(
            read(Input::File, "bad.json").expect_err("no JSON"),
            "`bad.json` is not JSON: EOF while parsing an object at line 1 column 1"
        );
        assert_eq!(
            read(Input::Base64, "none").expect_err("no file"),
            "cannot read `none`: No such file or directory (os error 2)"
        );
        assert_eq!(
            read(Input::Base64, ".").expect_err("a directory"),
            "cannot read `.`: it is not a file"
        );
        assert_eq!(
            read(Input::Base64, "large").expect_err("a large file"),
            "cannot read `large`: it has more than 64 MiB"
        );
    }
}

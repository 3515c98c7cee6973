//! `sources/NAME.yaml`: the configuration of a source, in sections.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::PackageError;
use super::files;

/// Reads the `default` section, overlaid by the section `key`.
///
/// Source: protocol.md section 5.
pub(super) fn read(file: &Path, key: Option<&str>) -> Result<Map<String, Value>, PackageError> {
    if !files::exists(file)? {
        if key.is_none() {
            return Ok(Map::new());
        }
        let text = "the file does not exist; create it with this section, or leave the key out";
        return Err(PackageError::one(file, key, text));
    }
    let text = read_text(file)?;
    let mut sections = sections_of(file, &text)?;
    let names: Vec<_> = sections.keys().map(|name| format!("`{name}`")).collect();
    let mut config = section(file, "default", sections.remove("default"))?;
    if let Some(key) = key {
        // eKuiper looks for the key in lower case first.
        let overlay = sections
            .remove(&key.to_lowercase())
            .or_else(|| sections.remove(key));
        if overlay.is_none() && key != "default" {
            let text = match names.as_slice() {
                [] => "no such section; the file has none".to_owned(),
                names => format!("no such section; the file has {}", names.join(", ")),
            };
            return Err(PackageError::one(file, Some(key), text));
        }
        config.append(&mut section(file, key, overlay)?);
    }
    Ok(config)
}

fn read_text(file: &Path) -> Result<String, PackageError> {
    String::from_utf8(files::read(file, files::TEXT_LIMIT)?)
        .map_err(|error| PackageError::one(file, None, format!("is not valid YAML: {error}")))
}

/// Reads the names of the sections, and checks that each is a section.
pub(super) fn section_names(file: &Path) -> Result<Vec<String>, PackageError> {
    let text = read_text(file)?;
    let mut names = Vec::new();
    for (name, value) in sections_of(file, &text)? {
        section(file, &name, Some(value))?;
        names.push(name);
    }
    Ok(names)
}

fn sections_of(file: &Path, text: &str) -> Result<Map<String, Value>, PackageError> {
    match parse(text) {
        Ok(Value::Null) => Ok(Map::new()),
        Ok(Value::Object(sections)) => Ok(sections),
        Ok(_) => {
            let text = "expected sections, one of them named `default`";
            Err(PackageError::one(file, None, text))
        }
        Err(error) => {
            let text = format!("is not valid YAML: {error}");
            Err(PackageError::one(file, None, text))
        }
    }
}

fn section(
    file: &Path,
    name: &str,
    value: Option<Value>,
) -> Result<Map<String, Value>, PackageError> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section),
        Some(_) => {
            let text = "expected a section of `name: value` lines";
            Err(PackageError::one(file, Some(name), text))
        }
    }
}

/// Reads YAML as eKuiper's parser does: `yes` is a string, and `0o17` and `017` are
/// 15.
fn parse(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_is_read_as_ekuiper_reads_it() {
        let yaml = "a: 9007199254740993\nb: 1.0\nc: yes\nd: 'x'\ne: ~\nf: true\n\
                    g: [1, {h: -2}]\ni: 017\nj: 0x1F\nk: 2026-01-01\nl: &x {m: 1}\nn: *x\n\
                    18446744073709551615: big\no: 18446744073709551615\np: 1e3\n";

        assert_eq!(
            parse(yaml),
            Ok(json!({
                "a": 9_007_199_254_740_993_u64, "b": 1.0, "c": "yes", "d": "x", "e": null,
                "f": true, "g": [1, {"h": -2}], "i": 15, "j": 31, "k": "2026-01-01",
                "l": {"m": 1}, "n": {"m": 1}, "18446744073709551615": "big",
                "o": 18_446_744_073_709_551_615_u64, "p": 1000.0,
            }))
        );
    }
}

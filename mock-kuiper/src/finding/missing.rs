//! Finds the property that an error text calls missing.
//!
//! Each SDK, decoder and author phrases it differently. A text that does not
//! clearly name a property names none: wrong advice is worse than none.

/// What stands before the name. `N` is a word for a property.
const BEFORE: &[&[&str]] = &[
    &["missing"],
    &["missing", "required"],
    &["missing", "N"],
    &["missing", "required", "N"],
    &["missing", "N", "named"],
    &["no"],
    &["no", "N"],
    &["no", "N", "named"],
    &["N", "not", "found"],
    // Python.
    &["keyerror"],
];

/// What stands after the name.
const AFTER: &[&[&str]] = &[
    &["is", "missing"],
    &["missing"],
    &["is", "required"],
    &["required"],
    &["is", "mandatory"],
    &["is", "not", "set"],
    &["not", "set"],
    &["must", "be", "set"],
    &["must", "be", "given"],
    &["must", "be", "provided"],
    &["is", "empty"],
    &["must", "not", "be", "empty"],
    &["cannot", "be", "empty"],
    &["should", "not", "be", "empty"],
    // pydantic and jsonschema.
    &["field", "required"],
    &["is", "a", "required", "property"],
];

/// What stands after the name if a word for a property is before it.
const AFTER_NOUN: &[&[&str]] = &[&["not", "found"], &["does", "not", "exist"]];

/// Words for a property.
const NOUNS: &[&str] = &[
    "property",
    "field",
    "key",
    "option",
    "parameter",
    "setting",
    "attribute",
];

/// What may stand directly before a name, besides the end of a clause, a noun and
/// a phrase of [`BEFORE`].
const OPENING: &[&str] = &["the", "required", "property", "missing", "no"];

/// Names of properties that are also words: they count without quotes.
const USUAL: &[&str] = &[
    "url",
    "uri",
    "server",
    "servers",
    "host",
    "hostname",
    "port",
    "path",
    "topic",
    "topics",
    "address",
    "addr",
    "broker",
    "brokers",
    "username",
    "user",
    "password",
    "token",
    "database",
    "table",
    "bucket",
    "region",
    "method",
    "dsn",
    "datasource",
    "interval",
    "baudrate",
];

/// Words that are never the name of a property where one is expected.
const NEVER: &[&str] = &[
    "found",
    "given",
    "set",
    "left",
    "available",
    "specified",
    "for",
    "in",
    "is",
    "of",
    "to",
    "provided",
    "configured",
    "supported",
    "with",
    "named",
    "and",
    "or",
    "not",
    "was",
    "has",
];

/// What may follow a name without quotes that ends a phrase of [`BEFORE`].
const FOLLOWING: &[&str] = &[
    "in",
    "given",
    "set",
    "configured",
    "specified",
    "provided",
    "found",
    "at",
];

/// A word of the text, without its quotes and punctuation.
#[derive(Debug, Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    /// Whether it is in quotes or begins with `config.`.
    is_marked: bool,
    /// Whether punctuation follows it.
    ends_clause: bool,
}

impl<'t> Word<'t> {
    fn of(raw: &'t str) -> Self {
        let raw = raw.trim_start_matches('(');
        let bare = raw.trim_end_matches([',', ';', ':', '.', ')', '!']);
        let quoted = ['`', '\'', '"'].into_iter().find_map(|quote| {
            let inner = bare.strip_prefix(quote)?.strip_suffix(quote)?;
            (!inner.is_empty()).then_some(inner)
        });
        let text = quoted.unwrap_or(bare);
        let field = ["config.", "conf.", "props."]
            .into_iter()
            .find_map(|prefix| text.strip_prefix(prefix));
        Self {
            text: field.unwrap_or(text),
            is_marked: quoted.is_some() || field.is_some(),
            ends_clause: bare.len() < raw.len(),
        }
    }

    fn is(&self, word: &str) -> bool {
        match word {
            "N" => NOUNS
                .iter()
                .any(|noun| self.text.eq_ignore_ascii_case(noun)),
            _ => !self.is_marked && self.text.eq_ignore_ascii_case(word),
        }
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Whether it can be the name of a property at all.
    fn is_name(&self) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        self.text.starts_with(char::is_alphabetic)
            && self.text.chars().all(is_part)
            && (self.is_marked || !self.is_one_of(NEVER))
    }

    /// Whether it is clearly the name of a property, and not a word of a sentence.
    fn is_clearly_a_name(&self) -> bool {
        let is_code = || {
            let inner = self.text.chars().skip(1);
            self.text.contains('_')
                || inner.clone().any(char::is_uppercase) && inner.clone().any(char::is_lowercase)
        };
        self.is_marked
            || is_code()
            || USUAL
                .iter()
                .any(|name| self.text.eq_ignore_ascii_case(name))
    }
}

/// Returns the property that an error text calls missing.
pub(super) fn missing_property(text: &str) -> Option<&str> {
    let mut words: Vec<Word<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(last) = words.last_mut() {
            last.ends_clause = true;
        }
        words.extend(line.split_whitespace().map(Word::of));
    }
    let found = (0..words.len()).find(|place| is_missing(&words, *place));
    found.map(|place| words[place].text)
}

fn is_missing(words: &[Word<'_>], place: usize) -> bool {
    let (before, word, after) = (&words[..place], words[place], &words[place + 1..]);
    if !word.is_name() {
        return false;
    }
    // The text of a `KeyError` is the key alone.
    if words.len() == 1 {
        return word.is_marked && !word.ends_clause;
    }
    let has_noun = before.last().is_some_and(|last| last.is("N"));
    let is_clear = word.is_clearly_a_name() || has_noun;
    let opens = before
        .last()
        .is_none_or(|last| last.ends_clause || has_noun || last.is_one_of(OPENING));
    let follows = |phrases: &[&[&str]]| phrases.iter().any(|phrase| begins(after, phrase));
    if is_clear && opens && (follows(AFTER) || has_noun && follows(AFTER_NOUN)) {
        return true;
    }
    let ends = word.is_marked
        || word.ends_clause
        || after.first().is_none_or(|next| next.is_one_of(FOLLOWING));
    let mut phrases = BEFORE.iter();
    let is_named = phrases.any(|phrase| {
        ends_with(before, phrase) && (word.is_clearly_a_name() || phrase.contains(&"N"))
    });
    is_named && ends
}

fn begins(words: &[Word<'_>], phrase: &[&str]) -> bool {
    words.len() >= phrase.len() && words.iter().zip(phrase).all(|(word, one)| word.is(one))
}

fn ends_with(words: &[Word<'_>], phrase: &[&str]) -> bool {
    words.len() >= phrase.len() && begins(&words[words.len() - phrase.len()..], phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_property_is_found_however_it_is_phrased() {
        for text in [
            "the property `url` is missing",
            "url is required",
            "missing field `url`",
            "missing field `url` at line 1 column 2",
            "config: missing field `url`",
            "config.url: required, but missing",
            "no url",
            "no url given",
            "property url not found",
            "property not found: url",
            "KeyError: 'url'",
            "Traceback (most recent call last):\n  File \"a.py\", line 3\nKeyError: 'url'",
            "'url'",
            "missing property url",
            "missing required property \"url\"",
            "missing: url",
            "the url must be set",
            "url: must not be empty",
            "cannot start: url is not set",
            "'url' is a required property",
            "1 validation error for Config\nurl\n  Field required [type=missing]",
            "no property named `url`",
        ] {
            assert_eq!(missing_property(text), Some("url"), "{text}");
        }
        assert_eq!(missing_property("clientId is required"), Some("clientId"));
        assert_eq!(missing_property("missing client_id"), Some("client_id"));
        assert_eq!(missing_property("option qos is missing"), Some("qos"));
    }

    #[test]
    fn what_is_missing_outside_the_configuration_is_no_property() {
        for text in [
            "'it' isn't 'there'",
            "host unreachable",
            "missing field `a b`",
            "no such device",
            "no such host",
            "no route to host",
            "no such file or directory",
            "no space left on device",
            "no server responded",
            "no address associated with hostname",
            "no stop today",
            "no license",
            "no key found",
            "no option left",
            "No module named 'paho'",
            "the file `data` is missing",
            "the column `a` is missing in table t",
            "a driver is required",
            "authentication is required",
            "missing host key",
            "missing library libpaho.so",
            "command 'mosquitto' not found",
            "topic sensors not found",
            "unknown field `url`, expected `server`",
            "open() missing 1 required positional argument: 'ctx'",
            "config.list[0].url: required, but missing",
            "",
        ] {
            assert_eq!(missing_property(text), None, "{text}");
        }
    }
}

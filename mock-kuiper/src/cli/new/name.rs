//! Which names a new plugin may have.
//!
//! The name becomes the names of a directory, of `NAME.json`, of the executable and
//! of the Cargo package, and part of the address `/tmp/plugin_NAME.ipc`. No symbol is
//! named after it. The rules are those that hold for all of these, and are the same
//! for each language, so that a plugin can be written again in another one.

/// The longest name: `/tmp/plugin_NAME.ipc` must fit into the 107 bytes of a Unix
/// socket's path.
const LONGEST: usize = 107 - "/tmp/plugin_.ipc".len();

const RULE: &str = "a name consists of the letters a-z, digits, and single `-` or `_` between \
                    them, begins with a letter, and has at most 91 characters";

/// The words of Rust, which cannot be the name of a crate.
const KEYWORDS: &str = "\
    abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return \
    self static struct super trait true try type typeof unsafe unsized use virtual where while \
    yield";

/// Names that mean something else, and what they mean.
const TAKEN: [(&str, &str); 6] = [
    (
        "alloc core proc-macro proc_macro std test",
        "the name of a library of Rust",
    ),
    (
        "build deps examples incremental",
        "a directory that Cargo makes",
    ),
    ("ekuiper serde", "a crate that a plugin uses"),
    ("functions sinks sources", "a directory of every plugin"),
    (
        "aux con nul prn com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 \
         lpt6 lpt7 lpt8 lpt9",
        "a device on Windows, where no file can have it",
    ),
    (KEYWORDS, "a keyword of Rust"),
];

/// Checks a name. The error says what is wrong with it and which names are allowed,
/// and suggests one.
pub(super) fn check(name: &str) -> Result<(), String> {
    match wrong(name) {
        None => Ok(()),
        Some(wrong) => Err(format!(
            "`{name}` cannot be a plugin's name: {wrong}; {RULE}, for example `{}`",
            valid(name)
        )),
    }
}

/// Says what is wrong with a name.
fn wrong(name: &str) -> Option<String> {
    let refused = |c: &char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || is_separator(*c));
    if name.is_empty() {
        return Some("it is empty".to_owned());
    }
    if let Some(character) = name.chars().find(refused) {
        return Some(format!("it contains `{}`", character.escape_debug()));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("it does not begin with a letter".to_owned());
    }
    if name.ends_with(is_separator) {
        return Some("it does not end with a letter or a digit".to_owned());
    }
    if name.split(is_separator).any(str::is_empty) {
        return Some("it has two of `-` and `_` in a row".to_owned());
    }
    if name.len() > LONGEST {
        let length = name.len();
        return Some(format!("it has {length} characters, too many for a socket"));
    }
    let meaning = TAKEN
        .iter()
        .find(|(names, _)| names.split(' ').any(|taken| taken == name));
    meaning.map(|(_, meaning)| format!("it is {meaning}"))
}

/// Returns a valid name that is like `name` if possible.
fn valid(name: &str) -> String {
    // What is left of a word in another script is no word.
    if name.chars().any(|c| !c.is_ascii() && c.is_alphabetic()) {
        return "my-plugin".to_owned();
    }
    let lower = name.to_ascii_lowercase();
    let words: Vec<_> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join("-");
    let is_valid = |name: &str| wrong(name).is_none();
    let short = &name[..name.len().min(32)];
    let short = short.trim_end_matches('-');
    [
        name.clone(),
        short.to_owned(),
        format!("my-{short}"),
        "my-plugin".to_owned(),
    ]
    .into_iter()
    .find(|name| is_valid(name))
    .unwrap_or_default()
}

fn is_separator(character: char) -> bool {
    matches!(character, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_letters_digits_and_single_separators_are_allowed() {
        let longest = "n".repeat(91);
        for name in ["weather", "a", "my-plugin", "my_plugin_2", "mp3", &longest] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn the_rule_names_the_longest_name() {
        assert_eq!(
            format!("/tmp/plugin_{}.ipc", "n".repeat(LONGEST)).len(),
            107
        );
        assert!(RULE.ends_with(&format!("at most {LONGEST} characters")));
    }

    #[test]
    fn an_invalid_name_is_refused_with_the_reason_and_a_valid_name() {
        let refused = |name: &str| {
            let text = check(name).unwrap_err();
            let beginning = format!("`{name}` cannot be a plugin's name: ");
            let (wrong, rest) = text
                .strip_prefix(&beginning)
                .unwrap()
                .split_once("; ")
                .unwrap();
            let suggested = rest
                .strip_prefix(&format!("{RULE}, for example `"))
                .unwrap();
            let suggested = suggested.strip_suffix('`').unwrap();
            assert_eq!(check(suggested), Ok(()), "{text}");
            (wrong.to_owned(), suggested.to_owned())
        };
        let long = "n".repeat(200);
        for (name, wrong, suggested) in [
            ("", "it is empty", "my-plugin"),
            ("My Plugin!", "it contains `M`", "my-plugin"),
            ("my plugin", "it contains ` `", "my-plugin"),
            ("Über", "it contains `Ü`", "my-plugin"),
            ("a\nb", "it contains `\\n`", "a-b"),
            ("-x", "it does not begin with a letter", "x"),
            ("9lives", "it does not begin with a letter", "my-9lives"),
            ("x-", "it does not end with a letter or a digit", "x"),
            ("a--b", "it has two of `-` and `_` in a row", "a-b"),
            ("fn", "it is a keyword of Rust", "my-fn"),
            ("test", "it is the name of a library of Rust", "my-test"),
            ("build", "it is a directory that Cargo makes", "my-build"),
            ("serde", "it is a crate that a plugin uses", "my-serde"),
            ("sinks", "it is a directory of every plugin", "my-sinks"),
            (
                "con",
                "it is a device on Windows, where no file can have it",
                "my-con",
            ),
            (
                &long,
                "it has 200 characters, too many for a socket",
                &long[..32],
            ),
        ] {
            assert_eq!(
                refused(name),
                (wrong.to_owned(), suggested.to_owned()),
                "{name}"
            );
        }
    }
}

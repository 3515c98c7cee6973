//! Compares values with patterns.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;

use super::matching::pair;
use super::number;
use super::tree::{Matcher, Pattern, Relation, Type};
use crate::foreign;
use crate::scenario::result::Difference;

/// The most differences that one comparison reports.
const MOST: usize = 1000;

/// The characters that two texts may share before their difference: more are
/// left out.
const SHARED: usize = 200;

impl Pattern {
    /// Compares a value with the pattern: what differs, nothing if it matches. The
    /// variables are resolved. Of very many differences, 1000 are returned.
    pub(in crate::scenario) fn compare(&self, seen: &Value) -> Vec<Difference> {
        let mut report = Report::default();
        report.compare(self, Some(seen));
        let mut differences = report.differences;
        differences.sort_by(|a, b| order(&a.pointer, &b.pointer));
        differences
    }

    /// Returns whether a value matches the pattern.
    pub(in crate::scenario) fn matches(&self, seen: &Value) -> bool {
        self.matches_field(Some(seen))
    }

    /// Returns whether a field matches; `None`: the object does not have it.
    pub(in crate::scenario) fn matches_field(&self, seen: Option<&Value>) -> bool {
        let mut report = Report {
            is_quiet: true,
            ..Report::default()
        };
        report.compare(self, seen);
        !report.has_failed
    }
}

/// Orders pointers as their parts are in the document: elements by number.
fn order(a: &str, b: &str) -> Ordering {
    let parts = |pointer: &str| {
        let parts = pointer
            .split('/')
            .map(|part| (part.parse::<u64>().ok(), part.to_owned()));
        parts.collect::<Vec<_>>()
    };
    parts(a).cmp(&parts(b))
}

#[derive(Default)]
struct Report {
    pointer: String,
    differences: Vec<Difference>,
    /// Whether the differences themselves are not of interest.
    is_quiet: bool,
    has_failed: bool,
}

impl Report {
    fn compare(&mut self, pattern: &Pattern, seen: Option<&Value>) {
        if self.is_full() {
            return;
        }
        match (pattern, seen) {
            (Pattern::Matchers(matchers), seen) => self.compare_matchers(matchers, seen),
            (Pattern::Scalar(Value::Number(expected)), Some(Value::Number(seen)))
                if number::compare(expected, seen).is_eq() => {}
            (Pattern::Scalar(expected), Some(seen)) if expected == seen => {}
            (Pattern::Text(text), Some(Value::String(seen))) => {
                let expected = text.words();
                if expected != *seen {
                    self.differ_in_text(&expected, seen);
                }
            }
            (Pattern::List(expected), Some(Value::Array(seen))) => {
                for index in 0..expected.len().max(seen.len()) {
                    self.within(index, |report| {
                        report.compare_part(expected.get(index), seen.get(index));
                    });
                }
            }
            (Pattern::Object(expected), Some(Value::Object(seen))) => {
                let keys: BTreeSet<_> = expected.keys().chain(seen.keys()).collect();
                for key in keys {
                    self.within(key, |report| {
                        report.compare_part(expected.get(key), seen.get(key));
                    });
                }
            }
            _ => self.differ(|| pattern.to_json().to_string(), seen),
        }
    }

    fn compare_part(&mut self, expected: Option<&Pattern>, seen: Option<&Value>) {
        match expected {
            Some(expected) => self.compare(expected, seen),
            None => self.differ(|| "nothing".to_owned(), seen),
        }
    }

    fn compare_matchers(&mut self, matchers: &[Matcher], seen: Option<&Value>) {
        let Some(value) = seen else {
            if !matchers.iter().all(matches_absence) {
                self.differ(|| Matcher::all_to_json(matchers).to_string(), None);
            }
            return;
        };
        let failed = matchers
            .iter()
            .filter(|matcher| !self.apply(matcher, value));
        let failed: Vec<_> = failed.collect();
        if failed.is_empty() {
            return;
        }
        let expected = || Matcher::all_to_json(failed.iter().copied()).to_string();
        let is_length = failed
            .iter()
            .any(|matcher| matches!(matcher, Matcher::Len(_)));
        match length(value).filter(|_| is_length) {
            Some(length) => {
                let seen = format!("{} (length {length})", shown(value));
                self.push(expected, || Some(seen));
            }
            None => self.differ(expected, seen),
        }
    }

    /// Returns whether a matcher matches, or has reported itself what does not.
    fn apply(&mut self, matcher: &Matcher, seen: &Value) -> bool {
        match (matcher, seen) {
            (Matcher::Any, _) => true,
            (Matcher::Absent, _) => false,
            (Matcher::Type(kind), _) => has_type(*kind, seen),
            (Matcher::Regex { compiled, .. }, Value::String(seen)) => {
                compiled.as_ref().is_some_and(|regex| regex.is_match(seen))
            }
            (Matcher::Order(relation, than), Value::Number(seen)) => than
                .number()
                .is_some_and(|than| relates(*relation, number::compare(seen, than))),
            (Matcher::Near { value, within }, Value::Number(seen)) => {
                match (value.number(), within.number()) {
                    (Some(value), Some(within)) => number::is_near(seen, value, within),
                    _ => false,
                }
            }
            (Matcher::Len(pattern), _) => {
                length(seen).is_some_and(|length| pattern.matches(&length.into()))
            }
            (Matcher::Or(patterns), _) => patterns.iter().any(|pattern| pattern.matches(seen)),
            (Matcher::Not(pattern), _) => !pattern.matches(seen),
            (Matcher::Input { value, .. }, _) => {
                self.compare(value, Some(seen));
                true
            }
            (Matcher::Each(pattern), Value::Array(seen)) => {
                for (index, element) in seen.iter().enumerate() {
                    self.within(index, |report| report.compare(pattern, Some(element)));
                }
                true
            }
            (Matcher::Contains(pattern), _) => self.contains(pattern, seen),
            (Matcher::Unordered(pattern), Value::Array(seen)) => match &**pattern {
                Pattern::List(patterns) => {
                    self.unordered(patterns, seen);
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn contains(&mut self, pattern: &Pattern, seen: &Value) -> bool {
        match (pattern, seen) {
            (Pattern::Text(part), Value::String(seen)) => seen.contains(&part.words()),
            (Pattern::Object(fields), Value::Object(seen)) => {
                for (key, field) in fields {
                    self.within(key, |report| report.compare(field, seen.get(key)));
                }
                true
            }
            (Pattern::List(patterns), Value::Array(items)) => {
                let missing = patterns
                    .iter()
                    .filter(|pattern| !items.iter().any(|item| pattern.matches(item)));
                let missing: Vec<_> = missing.cloned().collect();
                if !missing.is_empty() {
                    let missing = Matcher::Contains(Pattern::List(missing).into());
                    self.differ(|| Matcher::all_to_json([&missing]).to_string(), Some(seen));
                }
                true
            }
            _ => false,
        }
    }

    fn unordered(&mut self, patterns: &[Pattern], seen: &[Value]) {
        let suits = patterns.iter().map(|pattern| {
            let elements = (0..seen.len()).filter(|at| pattern.matches(&seen[*at]));
            elements.collect()
        });
        let pairs = pair(&suits.collect::<Vec<_>>(), seen.len());
        let taken: BTreeSet<_> = pairs.iter().copied().flatten().collect();
        let mut left_over: Vec<_> = (0..seen.len()).filter(|at| !taken.contains(at)).collect();
        let unmatched = patterns
            .iter()
            .zip(&pairs)
            .filter(|(_, pair)| pair.is_none());
        let mut beyond = seen.len();
        for (pattern, _) in unmatched {
            // The element that comes closest is probably the one that was meant.
            let closest = left_over
                .iter()
                .enumerate()
                .min_by_key(|(_, at)| pattern.compare(&seen[**at]).len())
                .map(|(position, _)| position);
            match closest {
                Some(position) => {
                    let at = left_over.remove(position);
                    self.within(at, |report| report.compare(pattern, seen.get(at)));
                }
                None => {
                    self.within(beyond, |report| report.compare_part(Some(pattern), None));
                    beyond += 1;
                }
            }
        }
        for at in left_over {
            self.within(at, |report| report.compare_part(None, seen.get(at)));
        }
    }

    /// Goes into an element or a field.
    fn within(&mut self, part: impl ToString, compare: impl FnOnce(&mut Self)) {
        if self.is_full() {
            return;
        }
        let length = self.pointer.len();
        if !self.is_quiet {
            let part = part.to_string().replace('~', "~0").replace('/', "~1");
            self.pointer.push('/');
            self.pointer.push_str(&part);
        }
        compare(self);
        self.pointer.truncate(length);
    }

    fn is_full(&self) -> bool {
        self.is_quiet && self.has_failed || self.differences.len() >= MOST
    }

    fn differ(&mut self, expected: impl FnOnce() -> String, seen: Option<&Value>) {
        self.push(expected, || seen.map(shown));
    }

    /// Reports two texts. If they begin alike, both are shown from shortly before
    /// their difference.
    fn differ_in_text(&mut self, expected: &str, seen: &str) {
        let shared = expected
            .chars()
            .zip(seen.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let show = |text: &str| {
            if shared <= SHARED {
                return shown(&text.into());
            }
            let from = shared - 20;
            let rest: String = text.chars().skip(from).collect();
            let rest = shown(&format!("…{rest}").into());
            format!("{rest} (from character {})", from + 1)
        };
        self.push(|| show(expected), || Some(show(seen)));
    }

    fn push(&mut self, expected: impl FnOnce() -> String, seen: impl FnOnce() -> Option<String>) {
        self.has_failed = true;
        if !self.is_quiet {
            self.differences.push(Difference {
                pointer: foreign::in_sentence(&self.pointer),
                expected: foreign::in_sentence(&expected()),
                seen: seen(),
            });
        }
    }
}

fn shown(value: &Value) -> String {
    foreign::in_sentence(&value.to_string())
}

/// Returns whether a field that does not exist matches.
fn matches_absence(matcher: &Matcher) -> bool {
    match matcher {
        Matcher::Absent => true,
        Matcher::Or(patterns) => patterns.iter().any(|pattern| pattern.matches_field(None)),
        _ => false,
    }
}

fn has_type(kind: Type, value: &Value) -> bool {
    match (kind, value) {
        (Type::Null, Value::Null)
        | (Type::Boolean, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::String, Value::String(_))
        | (Type::Array, Value::Array(_))
        | (Type::Object, Value::Object(_)) => true,
        (Type::Integer, Value::Number(number)) => number::is_integer(number),
        _ => false,
    }
}

fn relates(relation: Relation, order: Ordering) -> bool {
    match relation {
        Relation::Gt => order.is_gt(),
        Relation::Gte => order.is_ge(),
        Relation::Lt => order.is_lt(),
        Relation::Lte => order.is_le(),
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

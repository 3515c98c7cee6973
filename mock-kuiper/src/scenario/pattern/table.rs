//! The matchers, as documentation and the JSON schema show them.

/// A matcher.
#[derive(Debug)]
pub(in crate::scenario) struct MatcherForm {
    /// Its key.
    pub(in crate::scenario) name: &'static str,
    /// The JSON schema of its value. A pattern is `{"$ref":"#/$defs/pattern"}`.
    pub(in crate::scenario) value: &'static str,
    /// What it matches.
    pub(in crate::scenario) doc: &'static str,
    /// An expectation with it, in YAML.
    pub(in crate::scenario) example: &'static str,
}

const TRUE: &str = r#"{"const":true}"#;
const TEXT: &str = r#"{"type":"string"}"#;
const PATTERN: &str = r##"{"$ref":"#/$defs/pattern"}"##;
const NUMBER: &str = r#"{"anyOf":[{"type":"number"},{"type":"string","pattern":"^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$"}]}"#;

/// All matchers.
pub(in crate::scenario) const MATCHERS: &[MatcherForm] = &[
    MatcherForm {
        name: "$any",
        value: TRUE,
        doc: "Any value, `null` too.",
        example: "{id: {$any: true}}",
    },
    MatcherForm {
        name: "$type",
        value: r#"{"enum":["null","boolean","number","integer","string","array","object"]}"#,
        doc: "A value of this JSON type. An `integer` is a number without a fraction, such as \
              `1` and `1.0`.",
        example: "{id: {$type: integer}}",
    },
    MatcherForm {
        name: "$regex",
        value: TEXT,
        doc: "A text in which the regular expression, in the syntax of the Rust crate `regex`, \
              matches somewhere; `^` and `$` mean its beginning and end. A variable is inserted \
              as the text that it is, without special characters.",
        example: "{name: {$regex: '^room [0-9]+$'}}",
    },
    MatcherForm {
        name: "$contains",
        value: r##"{"anyOf":[{"type":"string"},{"type":"array","items":{"$ref":"#/$defs/pattern"}},{"type":"object","additionalProperties":{"$ref":"#/$defs/pattern"}}]}"##,
        doc: "With a mapping: an object with these fields, and any others. With a text: a text \
              that has this one in it. With a list: a list in which each of these patterns \
              matches an element. The values within are patterns; an object among them is exact \
              again.",
        example: "{$contains: {id: 7, tags: {$contains: [hot]}}}",
    },
    MatcherForm {
        name: "$gt",
        value: NUMBER,
        doc: "A number greater than this one.",
        example: "{count: {$gt: 49}}",
    },
    MatcherForm {
        name: "$gte",
        value: NUMBER,
        doc: "A number greater than this one or equal to it.",
        example: "{count: {$gte: 0, $lt: 100}}",
    },
    MatcherForm {
        name: "$lt",
        value: NUMBER,
        doc: "A number less than this one.",
        example: "{count: {$lt: 100}}",
    },
    MatcherForm {
        name: "$lte",
        value: NUMBER,
        doc: "A number less than this one or equal to it.",
        example: "{count: {$lte: \"${limit}\"}}",
    },
    MatcherForm {
        name: "$near",
        value: r#"{"type":"object","properties":{"value":{"anyOf":[{"type":"number"},{"type":"string","pattern":"^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$"}]},"within":{"anyOf":[{"type":"number"},{"type":"string","pattern":"^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$"}]}},"required":["value","within"],"additionalProperties":false}"#,
        doc: "A number that differs from `value` by at most `within`, in decimal.",
        example: "{level: {$near: {value: 1.5, within: 0.1}}}",
    },
    MatcherForm {
        name: "$len",
        value: PATTERN,
        doc: "A text with this number of characters, a list with this number of elements, or an \
              object with this number of fields. The number may be a pattern.",
        example: "{rows: {$len: {$gte: 1}}}",
    },
    MatcherForm {
        name: "$each",
        value: PATTERN,
        doc: "A list of which every element matches the pattern. An empty list matches.",
        example: "{$each: {$type: number}}",
    },
    MatcherForm {
        name: "$unordered",
        value: r##"{"type":"array","items":{"$ref":"#/$defs/pattern"}}"##,
        doc: "A list with one element for each pattern, in any order.",
        example: "{$unordered: [{$gte: 2}, 1]}",
    },
    MatcherForm {
        name: "$absent",
        value: TRUE,
        doc: "No value: the object does not have this key. Only as the value of a key.",
        example: "{$contains: {error: {$absent: true}}}",
    },
    MatcherForm {
        name: "$file",
        value: TEXT,
        doc: "The text of this file, or the value of this `.json` file. The path is relative to \
              the test file.",
        example: "{$file: expected.json}",
    },
    MatcherForm {
        name: "$base64",
        value: TEXT,
        doc: "The bytes of this file as a text in base64. The path is relative to the test file.",
        example: "{image: {$base64: photo.jpg}}",
    },
    MatcherForm {
        name: "$or",
        value: r##"{"type":"array","items":{"$ref":"#/$defs/pattern"},"minItems":1}"##,
        doc: "A value that matches at least one of the patterns.",
        example: "{meta: {$or: [null, {$absent: true}]}}",
    },
    MatcherForm {
        name: "$not",
        value: PATTERN,
        doc: "A value that does not match the pattern.",
        example: "{state: {$not: failed}}",
    },
];

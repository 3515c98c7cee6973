"""Splits Rust source into tokens, for the checks in ci/ that read source.

Knows strings, characters, comments and raw identifiers, so that a check never mistakes
their text for code. Expands no macro and builds no syntax tree.
"""

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<line_comment>//[^\n]*)
    | (?P<block_comment>/\*)
    | (?P<raw_string>[bc]?r(?P<hashes>\#*)"(?s:.*?)"(?P=hashes))
    | (?P<string>[bc]?"(?:[^"\\]|\\(?s:.))*")
    | (?P<character>b?'(?:[^'\\\n]|\\(?:u\{[^}]*\}|x..|[^ux]))')
    | (?P<lifetime>'[A-Za-z_][A-Za-z0-9_]*)
    | (?P<name>(?:r\#)?[^\W\d]\w*)
    | (?P<number>\d(?:[eE][+-]\d|\w)*(?:\.\d(?:[eE][+-]\d|\w)*)?)
    | (?P<mark>::|->|=>|.)
    """,
    re.VERBOSE,
)
# A comment that rustdoc shows: `///` but not `////`, `/**` but not `/***`.
DOC = re.compile(r"//[/!](?!/)|/\*[*!](?![*/])")
OPENING = {"(": ")", "[": "]", "{": "}"}


class Token(NamedTuple):
    """One token: `kind` is name, mark, string, doc, number, character or lifetime."""

    kind: str
    text: str
    line: int


def block_comment_end(source, start):
    """Returns the position after a block comment; comments nest."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(source, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(source)


def tokens(source):
    """Returns the tokens of a source text, without spaces and plain comments."""
    found, at, line = [], 0, 1
    while at < len(source):
        match = TOKEN.match(source, at)
        kind, end = match.lastgroup, match.end()
        if kind == "block_comment":
            end = block_comment_end(source, at)
        text = source[at:end]
        if kind in ("line_comment", "block_comment"):
            if DOC.match(text):
                found.append(Token("doc", text, line))
        elif kind in ("string", "raw_string"):
            found.append(Token("string", text, line))
        elif kind != "space":
            found.append(Token(kind, text, line))
        line += text.count("\n")
        at = end
    return found


def string_value(text):
    """Returns the content of a string literal; of the escapes only `\\"` and a line break are undone."""
    body = text[text.index('"') + 1 : text.rindex('"')]
    if "r" in text[: text.index('"')]:
        return body
    return re.sub(r"\\\n\s*", "", body).replace('\\"', '"')


def group_end(found, at):
    """Returns the index after the bracket that closes the one at `at`."""
    depth = 0
    while at < len(found):
        if found[at].kind == "mark":
            if found[at].text in OPENING:
                depth += 1
            elif found[at].text in OPENING.values():
                depth -= 1
                if depth == 0:
                    return at + 1
        at += 1
    return len(found)


# Words that begin an item which ends with its braces, and one which ends with `;`.
BRACED = {"fn", "impl", "mod", "struct", "enum", "union", "trait", "macro_rules"}
BRACED |= {"unsafe", "async", "extern", "pub"}
UNBRACED = {"use", "const", "static", "type", "let"}


def item_end(found, at):
    """Returns the index after the item, statement, field or arm at `at`."""
    first = at
    while first < len(found) and found[first].text == "pub":
        first += 1
        if first < len(found) and found[first].text == "(":
            first = group_end(found, first)
    word = found[first].text if first < len(found) else ""
    if word == "const" and found[first + 1].text in ("fn", "unsafe", "async", "extern"):
        word = "fn"
    while at < len(found):
        text = found[at].text if found[at].kind == "mark" else ""
        if text in OPENING:
            end = group_end(found, at)
            if text == "{" and word not in UNBRACED:
                return end
            at = end
            continue
        if text == ";" or (text == "," and word not in BRACED | UNBRACED):
            return at + 1
        if text in OPENING.values():
            return at
        at += 1
    return at


def is_for_tests(attribute):
    """Tells whether an attribute limits the next item to unit tests."""
    words = [token.text for token in attribute if token.kind == "name"]
    return words == ["test"] or (
        words[:1] == ["cfg"] and "test" in words and not {"any", "not"} & set(words)
    )


def without_tests(found):
    """Returns the tokens without items for unit tests and without doc comments."""
    found = [token for token in found if token.kind != "doc"]
    kept, at = [], 0
    while at < len(found):
        if found[at].text == "#" and at + 1 < len(found) and found[at + 1].text == "[":
            end = group_end(found, at + 1)
            if is_for_tests(found[at + 2 : end - 1]):
                while end < len(found) and found[end].text == "#":
                    end = group_end(found, end + 1)
                at = item_end(found, end)
                continue
            kept += found[at:end]
            at = end
            continue
        kept.append(found[at])
        at += 1
    return kept

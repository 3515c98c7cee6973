"""Finds command-line flags that the library of mock-kuiper names.

Usage: flags.py ROOT (the project's directory)
       flags.py --self-test
Exits with status 1 if it finds one.

The library returns advice as data. The command phrases it as flags, a test as methods
of the builder, and the suite as its own flags. The rules:

- The flags of our commands are those that the directories of CLI declare: `long` in
  `#[arg(…)]` and `.long("…")`, with aliases. `--help` and `--version` are added.
- No string literal and no doc comment in mock-kuiper/src may contain one of them, nor
  `--{`, a flag that is put together. Only src/cli and src/main.rs, which are the
  command, are exempt. Unit tests are not.
- Short flags (`-v`) are not looked for.
- cargo has some flags of the same name. A file listed in ARGUMENTS may have a literal
  that is this flag and nothing else (`"--target"` or `"--target=…"`), which is an
  argument for cargo. The same flag in a sentence is an error in that file, too.
"""

import pathlib
import re
import sys
import tempfile

import rust_tokens

CLI = ["mock-kuiper/src/cli", "conformance/src/cli"]
LIBRARY = "mock-kuiper/src"
COMMAND = ["mock-kuiper/src/cli", "mock-kuiper/src/main.rs"]
# File → the flags that it passes to another program, and that program.
ARGUMENTS = {
    "mock-kuiper/src/package/cargo.rs": ({"--release", "--target"}, "cargo build"),
}
FLAG = re.compile(r"(?<![\w-])--(?:[a-z0-9]+(?:-[a-z0-9]+)*|\{)")
# What a string writes for a line break or a colour: a flag behind it is a flag.
ESCAPE = re.compile(r"\\(?:[nrt0]|x[0-9a-fA-F]{2}|u\{[^}]*\})(?:\[[0-9;]*m)?")
BUILT_IN = {"--help", "--version"}  # clap gives these to each command


def read(file):
    return rust_tokens.tokens(file.read_text(encoding="utf-8"))


def declared(found):
    """Yields the flags that a file's tokens declare."""
    for at, token in enumerate(found):
        words = [entry.text for entry in found[at : at + 3]]
        if words == [".", "long", "("] and found[at + 3].kind == "string":
            yield "--" + rust_tokens.string_value(found[at + 3].text)
        if words[:2] != ["arg", "("] or found[at - 1].text not in ("[", ","):
            continue
        end = rust_tokens.group_end(found, at + 1)
        inside = found[at + 2 : end - 1]
        for place, entry in enumerate(inside):
            after = inside[place + 1 : place + 3]
            is_given = len(after) == 2 and after[0].text == "="
            if is_given and entry.text in ("long", "alias", "visible_alias"):
                yield "--" + rust_tokens.string_value(after[1].text)
            elif is_given and entry.text in ("aliases", "visible_aliases"):
                closed = rust_tokens.group_end(inside, place + 2)
                names = inside[place + 2 : closed]
                yield from ("--" + rust_tokens.string_value(n.text) for n in names if n.kind == "string")
            elif entry.text == "long" and (not after or after[0].text == ","):
                yield "--" + field_name(found, end).replace("_", "-")


def field_name(found, at):
    """Returns the name of the field after the attribute whose tokens go on at `at`."""
    while found[at].text != "]":
        at += 1
    at += 1
    while found[at].text == "#" or found[at].kind == "doc":
        at = at + 1 if found[at].kind == "doc" else rust_tokens.group_end(found, at + 1)
    if found[at].text == "pub":
        at += 1
        if found[at].text == "(":
            at = rust_tokens.group_end(found, at)
    return found[at].text


def our_flags(root):
    flags = set()
    for directory in CLI:
        files = sorted((root / directory).rglob("*.rs"))
        here = {flag for file in files for flag in declared(read(file))}
        if not here:
            raise SystemExit(f"error: no flag is found in {directory}: the check sees nothing")
        flags |= here
    return flags | BUILT_IN


def library_files(root):
    command = [root / path for path in COMMAND]
    for file in sorted((root / LIBRARY).rglob("*.rs")):
        if not any(file.is_relative_to(path) for path in command):
            yield file


def check(root, arguments):
    """Returns what was looked at, and a line for each error."""
    flags, errors, count, passed = our_flags(root), [], 0, set()
    for file in library_files(root):
        count += 1
        name = file.relative_to(root).as_posix()
        allowed, _ = arguments.get(name, (set(), None))
        for token in read(file):
            if token.kind not in ("string", "doc"):
                continue
            text = token.text
            if token.kind == "string":
                text = ESCAPE.sub(" ", rust_tokens.string_value(token.text))
            for match in FLAG.finditer(text):
                flag = match.group()
                if flag != "--{" and flag not in flags:
                    continue
                is_argument = token.kind == "string" and re.fullmatch(f"{flag}(=.*)?", text)
                if flag in allowed and is_argument:
                    passed.add((name, flag))
                    continue
                kind = "a doc comment" if token.kind == "doc" else "a string"
                line = token.line + token.text[: max(token.text.find(flag), 0)].count("\n")
                errors.append(f"error: {name}:{line}: {kind} of the library names `{flag}`")
    for name, (allowed, _) in sorted(arguments.items()):
        for flag in sorted(allowed):
            if (name, flag) not in passed:
                errors.append(f"error: {name} passes no `{flag}`: remove it from ARGUMENTS in ci/flags.py")
    return f"{len(flags)} flags, {count} files of the library", errors


# A made-up project, and the errors that are in it.
TREE = {
    "mock-kuiper/src/cli/mod.rs": """
        struct Args {
            #[arg(long, value_name = "TIME")]
            init_timeout: Duration,
            /// `--not-declared` is only said.
            #[arg(short, long = "watch-it", visible_alias = "look")]
            /// More.
            pub(super) watch: bool,
            #[cfg_attr(feature = "x", arg(value_name = "long", long))]
            target: String,
            #[arg(value_name = "PATH")]
            plugin: PathBuf,
        }
        fn f() { command.arg(Arg::new("b").long("built")); println!("--target is fine here"); }
    """,
    "conformance/src/cli/mod.rs": "struct Args {\n#[arg(long)]\nrelease: bool }",
    "mock-kuiper/src/main.rs": 'const A: &str = "--target";',
    "mock-kuiper/src/a.rs": '''//! Like --look.
        // --init-timeout in a plain comment
        /// Not --targets, nor a---target, nor `--release-notes`.
        const A: &str = "more time: --init-timeout";
        const B: &str = "two lines, \\
                         --watch-it";
        const C: &str = r#"see "--built""#;
        const D: &str = "rustc --version";
        const E: &str = concat!("--", "release"); // not seen
        fn f() { format!("--{flag}"); run("--bin"); run("--plugin"); }
        /** Some
            --release */
        mod x {}
        const F: &str = "two\\n--built, \\x1b[1m--look";
    ''',
    "mock-kuiper/src/cargo.rs": 'fn f() { run(["--target", "--release=a"]); error("say --target") }',
    "mock-kuiper/src/b.rs": 'fn f() { run("--target") }',
}
TREE_ARGUMENTS = {"mock-kuiper/src/cargo.rs": ({"--target", "--release", "--look"}, "cargo")}
EXPECTED = [
    "a.rs:1: a doc comment of the library names `--look`",
    "a.rs:4: a string of the library names `--init-timeout`",
    "a.rs:6: a string of the library names `--watch-it`",
    "a.rs:7: a string of the library names `--built`",
    "a.rs:8: a string of the library names `--version`",
    "a.rs:10: a string of the library names `--{`",
    "a.rs:12: a doc comment of the library names `--release`",
    "a.rs:14: a string of the library names `--built`",
    "a.rs:14: a string of the library names `--look`",
    "b.rs:1: a string of the library names `--target`",
    "cargo.rs:1: a string of the library names `--target`",
    "cargo.rs passes no `--look`: remove it from ARGUMENTS in ci/flags.py",
]


def self_test():
    """Checks the made-up project, and returns a line for each surprise."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for name, text in TREE.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        _, found = check(root, TREE_ARGUMENTS)
    print(f"self-test: {len(EXPECTED)} errors in a made-up project")
    expected = [f"error: mock-kuiper/src/{line}" for line in EXPECTED]
    lines = [f"error: the self-test did not find: {line}" for line in expected if line not in found]
    return lines + [f"error: the self-test found: {line}" for line in found if line not in expected]


def main():
    if sys.argv[1:] == ["--self-test"]:
        errors = self_test()
    else:
        looked_at, errors = check(pathlib.Path(sys.argv[1]), ARGUMENTS)
        print(f"{looked_at}, {len(errors) or 'no'} error{'s' * (len(errors) != 1)}")
    for line in errors:
        print(line, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())

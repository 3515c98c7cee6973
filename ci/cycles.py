"""Finds modules of a crate that import each other in a cycle.

Usage: cycles.py METADATA (from `cargo metadata --format-version 1 --no-deps`)
       cycles.py --self-test
Exits with status 1 if it finds a cycle, and prints the lines that make it.

The nodes are files: a module together with its inline modules. An edge leads from a
file to the file that *defines* what the first one names, in a `use` or in a path such
as `crate::wire::excerpt(…)`. The rules:

- Re-exports are resolved. If the parent has `pub use self::sibling::Type`, a child with
  `use super::Type` imports the sibling, not the parent.
- `mod child;` is not an import by the parent, and neither is `pub use self::child::Type`
  unless the parent's own code names `Type`. A private `use` of a descendant's item does
  not count either if only other files use the name through it.
- If a child imports what its parent's file defines, and the parent uses the child in one
  of the ways that count, the two form a cycle.
- `use crate::wire;` alone does not count. The paths that begin with `wire::` do.
- A glob import counts for the items that the file names; if the file names none, for the
  module that the glob names.
- Code for unit tests does not count: items under `#[cfg(test)]` or `#[test]`, and modules
  called `tests`. Every other `cfg` is taken as set. Comments and strings do not count.
- A function that a file re-exports counts as used by that file if the file calls it.
- The library and each binary of a package are separate crates.
"""

import json
import pathlib
import sys
import tempfile

import rust_tokens

DEFINES = {"fn", "struct", "enum", "union", "trait", "type", "const", "static", "macro_rules"}
MODIFIERS = {"const", "unsafe", "async", "extern", "default"}


class Module:
    """A module and the names in it."""

    def __init__(self, name, file, directory, parent=None):
        self.name = name
        self.file = file
        self.directory = directory  # where the files of its children are
        self.parent = parent
        self.root = parent.root if parent else self
        self.children = {}  # name → Module
        self.items = set()  # names that are defined here
        self.uses = {}  # name → [Import]
        self.globs = []  # [Import]

    def is_within(self, other):
        """Tells whether this module is a descendant of the other."""
        module = self.parent
        while module and module is not other:
            module = module.parent
        return module is other


class Import:
    """A name that a `use` brings, or all names (`name` is None)."""

    def __init__(self, module, path, name, line, public, local=False):
        self.module = module
        self.path = path
        self.name = name
        self.line = line
        self.public = public
        self.local = local  # within a function
        self.passed = False  # another file uses the name through this


class Item:
    """Something that is not a module, in the module that defines it."""

    def __init__(self, module):
        self.module = module


class Crate:
    """The modules of one crate, read from its root file."""

    def __init__(self, root):
        self.imports = []  # [Import]
        self.paths = []  # [(module, path, line)], of code
        self.names = {}  # file → names that its code uses
        self.files = []
        self.root = Module("crate", root, root.parent)
        self.read_file(self.root)
        self.edges = {}  # (file that imports, file that defines) → lines of the first
        self.find_edges()

    def read_file(self, module):
        self.files.append(module.file)
        self.names.setdefault(module.file, set())
        found = rust_tokens.tokens(module.file.read_text(encoding="utf-8"))
        self.read_items(module, rust_tokens.without_tests(found))

    def read_items(self, module, found):
        """Reads the items of a module from its tokens."""
        at = 0
        while at < len(found):
            path_attribute = None
            while at + 1 < len(found) and found[at].text == "#":
                begin = at + (2 if found[at + 1].text == "!" else 1)
                end = rust_tokens.group_end(found, begin)
                if found[begin + 1].text == "path":
                    path_attribute = rust_tokens.string_value(found[begin + 3].text)
                at = end
            if at >= len(found):
                break
            end = max(rust_tokens.item_end(found, at), at + 1)
            public = found[at].text == "pub"
            if public:
                at += 1
                if found[at].text == "(":
                    at = rust_tokens.group_end(found, at)
            self.read_item(module, found[at:end], public, path_attribute)
            at = end

    def read_item(self, module, item, public, path_attribute):
        words = [token.text for token in item]
        if words[0] == "use":
            self.read_use(module, item, public)
            return
        if words[0] == "mod":
            self.read_module(module, item, path_attribute)
            return
        if words[:3] == ["extern", "crate", "self"]:
            self.imports.append(Import(module, ["crate"], words[4], item[4].line, public))
            module.uses.setdefault(words[4], []).append(self.imports[-1])
            return
        if words[:2] == ["extern", "crate"]:
            return
        at = 0
        while at + 1 < len(item) and words[at] in MODIFIERS:
            if words[at] == "const" and words[at + 1] not in MODIFIERS | {"fn"}:
                break
            at += 2 if item[at + 1].kind == "string" else 1
        if at + 1 < len(item) and words[at] in DEFINES:
            name = at + 1
            while words[name] in ("mut", "!"):
                name += 1
            module.items.add(words[name])
        self.read_code(module, item)

    def read_module(self, module, item, path_attribute):
        name = item[1].text
        if name == "tests":
            return
        directory = module.directory / name
        child = Module(name, module.file, directory, module)
        if item[2].text == ";":
            choices = [module.directory / f"{name}.rs", directory / "mod.rs"]
            if path_attribute:
                choices = [module.file.parent / path_attribute]
            child.file = next((file for file in choices if file.is_file()), None)
            if child.file is None:
                raise SystemExit(f"error: {module.file}:{item[0].line}: no file of `mod {name}`")
            if path_attribute and child.file.name == "mod.rs":
                child.directory = child.file.parent
            module.children[name] = child
            self.read_file(child)
        else:
            module.children[name] = child
            self.read_items(child, item[3:-1])

    def read_use(self, module, item, public, local=False):
        """Reads `use …;` with its tree, and keeps an Import for each leaf."""

        def tree(at, path):
            while True:
                token = item[at]
                if token.text == "{":
                    at += 1
                    while item[at].text != "}":
                        at = tree(at, path)
                        if item[at].text == ",":
                            at += 1
                    return at + 1
                if token.text == "*":
                    keep(path, None, token.line)
                    return at + 1
                if token.kind == "name":
                    path = [*path, token.text]
                    at += 1
                    if item[at].text != "::":
                        name = path[-1]
                        whole = path
                        if name == "self" and len(path) > 1:
                            whole = path[:-1]
                            name = whole[-1]
                        if item[at].text == "as":
                            name = item[at + 1].text
                            at += 2
                        keep(whole, name, token.line)
                        return at
                at += 1  # `::`

        def keep(path, name, line):
            found = Import(module, path, name, line, public, local)
            self.imports.append(found)
            if name is None:
                module.globs.append(found)
            else:
                module.uses.setdefault(name, []).append(found)

        # `use ::serde::…` names another crate.
        if item[1].text != "::":
            tree(1, [])

    def read_code(self, module, item):
        """Keeps the paths and the names that an item's tokens use."""
        names = self.names[module.file]
        variants = variant_positions(item)
        at = 0
        while at < len(item):
            token = item[at]
            before = item[at - 1].text if at else ""
            if token.text == "use" and token.kind == "name":
                end = rust_tokens.item_end(item, at)
                self.read_use(module, item[at:end], public=False, local=True)
                at = end
                continue
            if token.kind != "name" or before in ("::", ".", "$") and token.text != "crate":
                at += 1
                continue
            path, end = [token.text], at + 1
            while end + 1 < len(item) and item[end].text == "::" and item[end + 1].kind == "name":
                path.append(item[end + 1].text)
                end += 2
            if len(path) > 1:
                self.paths.append((module, path, token.line))
            after = item[end].text if end < len(item) else ""
            is_named = before not in DEFINES | {"let"} and at not in variants and after != "="
            if token.text[0].islower():  # A function or a macro; not a variable, not a module.
                is_named = is_named and len(path) == 1 and after in ("(", "!", "::")
            if is_named:
                names.add(token.text)
            at = end

    def lookup(self, module, name, file, seen):
        """Returns the modules and items that a name in a module may mean."""
        found = []
        if name in module.children:
            found.append(module.children[name])
        if name in module.items:
            found.append(Item(module))
        for entry in module.uses.get(name, []):
            if entry in seen or entry.local and file != module.file:
                continue
            results = self.resolve(module, entry.path, module.file, seen | {entry})
            if results and file != module.file:
                entry.passed = True
            found += results
        if not found:
            for entry in module.globs:
                if entry in seen or entry.local and file != module.file:
                    continue
                for target in self.resolve(module, entry.path, module.file, seen | {entry}):
                    if isinstance(target, Module):
                        found += self.lookup(target, name, module.file, seen | {entry})
        return found

    def resolve(self, module, path, file, seen=frozenset()):
        """Returns the modules and items that a path in a module may mean.

        Nothing for a path into another crate.
        """
        rest = list(path)
        if rest[0] == "crate":
            current, rest = [module.root], rest[1:]
        elif rest[0] in ("self", "super"):
            current = [module]
            while rest and rest[0] in ("self", "super"):
                if rest.pop(0) == "super":
                    current = [current[0].parent or current[0]]
        else:
            current = self.lookup(module, rest.pop(0), file, seen)
        for name in rest:
            modules = [entry for entry in current if isinstance(entry, Module)]
            if not modules:
                return current  # What follows belongs to an item: a variant, a method.
            current = []
            for entry in modules:
                current += self.lookup(entry, name, file, seen)
            if not current and not any(entry.globs for entry in modules):
                return [Item(entry) for entry in modules]  # A macro made it.
        return current

    def add_edge(self, file, target, line):
        if target != file:
            self.edges.setdefault((file, target), set()).add(line)

    def find_edges(self):
        for module, path, line in self.paths:
            first = self.resolve(module, path[:1], module.file)
            if not any(isinstance(entry, Module) for entry in first):
                continue  # Another crate's, or an item's; its import is handled below.
            for entry in self.resolve(module, path, module.file):
                if isinstance(entry, Item):
                    self.add_edge(module.file, entry.module.file, line)
        resolved = [
            (entry, self.resolve(entry.module, entry.path, entry.module.file, frozenset([entry])))
            for entry in self.imports
        ]
        # After all paths are resolved: `passed` is known for each import.
        for entry, results in resolved:
            if entry.name is None:
                self.add_glob(entry, results)
                continue
            is_named = entry.name in self.names[entry.module.file]
            is_module_too = any(isinstance(result, Module) for result in results)
            for result in results:
                if isinstance(result, Module):
                    continue
                # A re-export of what the module's own descendants define.
                is_for_others = (entry.public or entry.passed) and result.module.is_within(entry.module)
                if is_named or not (is_for_others or is_module_too):
                    self.add_edge(entry.module.file, result.module.file, entry.line)

    def add_glob(self, entry, results):
        file = entry.module.file
        for result in results:
            if isinstance(result, Item):
                if not entry.public:
                    self.add_edge(file, result.module.file, entry.line)
                continue
            found = set()
            own = {*entry.module.items, *entry.module.uses, *entry.module.children}
            for name in self.names[file] - own:
                for target in self.lookup(result, name, file, frozenset([entry])):
                    if isinstance(target, Item):
                        found.add(target.module.file)
            if not found and not (entry.public and result.is_within(entry.module)):
                found.add(result.file)
            for target in found:
                self.add_edge(file, target, entry.line)

    def cycles(self):
        """Returns the sets of files that reach each other."""
        after = {file: set() for file in self.files}
        for file, target in self.edges:
            after[file].add(target)
        reach = {}
        for file in self.files:
            seen, stack = set(), list(after[file])
            while stack:
                target = stack.pop()
                if target not in seen:
                    seen.add(target)
                    stack += after[target]
            reach[file] = seen
        groups = {
            frozenset(b for b in reach[a] if a in reach[b]) for a in self.files if a in reach[a]
        }
        return sorted(groups, key=lambda group: sorted(map(str, group)))

    def shortest(self, group):
        """Returns a shortest cycle among files that reach each other."""
        best = None
        for start in sorted(group):
            queue = [[start]]
            seen = set()
            while queue:
                chain = queue.pop(0)
                targets = sorted(b for a, b in self.edges if a == chain[-1] and b in group)
                if start in targets:
                    if best is None or len(chain) + 1 < len(best):
                        best = [*chain, start]
                    break
                for target in targets:
                    if target not in seen:
                        seen.add(target)
                        queue.append([*chain, target])
        return best


def variant_positions(item):
    """Returns where in an enum's tokens the names of its variants are."""
    words = [token.text for token in item]
    if "enum" not in words or "{" not in words[words.index("enum") :]:
        return set()
    positions, at, expected = set(), words.index("{", words.index("enum")) + 1, True
    while at < len(item) and words[at] != "}":
        if words[at] in rust_tokens.OPENING:
            at = rust_tokens.group_end(item, at)
            continue
        if expected and item[at].kind == "name":
            positions.add(at)
            expected = False
        expected = expected or words[at] == ","
        at += 1
    return positions


def report(label, crate, base):
    """Returns the lines that describe a crate's cycles."""

    def shown(file):
        return file.relative_to(base).as_posix()

    lines = []
    for group in crate.cycles():
        lines.append(f"error: {label}: {len(group)} modules import each other in a cycle")
        chain = crate.shortest(group)
        lines.append(f"  shortest cycle: {' → '.join(map(shown, chain))}")
        for (file, target), places in sorted(crate.edges.items()):
            if file in group and target in group:
                source = file.read_text(encoding="utf-8").splitlines()
                lines.append(f"  {shown(file)} → {shown(target)}")
                lines += [f"    {shown(file)}:{at}: {source[at - 1].strip()}" for at in sorted(places)]
    return lines


def crates(metadata):
    """Yields (label, root file) of each library and program with its root in `src/`."""
    for package in sorted(metadata["packages"], key=lambda package: package["name"]):
        source = pathlib.Path(package["manifest_path"]).parent / "src"
        for target in package["targets"]:
            root = pathlib.Path(target["src_path"])
            if root.is_relative_to(source) and {"lib", "bin"} & set(target["kind"]):
                yield f"{package['name']} ({target['kind'][0]})", root


# Made-up crates: their files, and the cycles that are in them.
TREES = [
    (
        "two siblings",
        {
            "lib.rs": "mod a; mod b;",
            "a.rs": "use crate::b::B; pub struct A(B);",
            "b.rs": "pub struct B; fn f(_: &super::a::A) {}",
        },
        [{"a.rs", "b.rs"}],
    ),
    (
        "a chain without a cycle",
        {
            "lib.rs": "mod a; mod b; pub use a::A;",
            "a.rs": "use crate::b::B; pub struct A(B);",
            "b.rs": "pub struct B;",
        },
        [],
    ),
    (
        "a name that the parent re-exports from a sibling",
        {
            "lib.rs": "mod host;",
            "host/mod.rs": "mod error; mod sink; pub use self::error::{Error, Kind as K}; pub use self::sink::Sink;",
            "host/error.rs": "pub struct Error; pub enum Kind { A }",
            "host/sink.rs": "use super::{Error, K}; pub struct Sink(Error, K);",
        },
        [],
    ),
    (
        "a cycle of siblings through the parent's re-exports",
        {
            "lib.rs": "mod host;",
            "host/mod.rs": "mod error; mod sink; pub use self::{error::Error, sink::Sink};",
            "host/error.rs": "use super::Sink; pub struct Error(Option<Box<Sink>>);",
            "host/sink.rs": "use crate::host::Error; pub struct Sink(Error);",
        },
        [{"host/error.rs", "host/sink.rs"}],
    ),
    (
        "a child uses what its parent defines, and the parent the child",
        {
            "lib.rs": "mod run;",
            "run.rs": "mod step; pub struct Args; pub fn run(a: Args) { step::go(&a) }",
            "run/step.rs": "use super::Args; pub fn go(_: &Args) {}",
        },
        [{"run.rs", "run/step.rs"}],
    ),
    (
        "a child uses what its parent defines, and the parent only re-exports the child",
        {
            "lib.rs": "mod run;",
            "run.rs": "mod step; pub use step::Step; pub struct Args;",
            "run/step.rs": "use super::Args; pub struct Step(Args);",
        },
        [],
    ),
    (
        "a parent that re-exports an item and also uses it",
        {
            "lib.rs": "mod run;",
            "run.rs": "mod step; pub use step::Step; pub struct Args; fn f() -> Step { todo!() }",
            "run/step.rs": "use super::Args; pub struct Step(Args);",
        },
        [{"run.rs", "run/step.rs"}],
    ),
    (
        "a private import that only the children use",
        {
            "lib.rs": "mod run;",
            "run.rs": "mod a; mod b; use self::a::A; pub struct Args;",
            "run/a.rs": "use super::Args; pub struct A(Args);",
            "run/b.rs": "use super::A; pub struct B(A);",
        },
        [],
    ),
    (
        "tests, comments and strings do not count",
        {
            "lib.rs": "mod a; mod b; #[cfg(test)] mod any;",
            "a.rs": "// use crate::b::B;\n/// [`crate::b::B`]\npub struct A;\nconst T: &str = \"crate::b::B\";\n"
            "/* use crate::b::B; /* nested */ */ const C: char = '\"'; const R: &str = r#\"\" crate::b::B\"#;\n"
            "#[cfg(test)]\nmod checks { use crate::b::B; }\n#[cfg(test)] use crate::b::B;\n"
            "impl A { #[cfg(test)] fn of<T, U>(b: crate::b::B) -> A { A } }\nmod tests;",
            "b.rs": "use crate::a::A; pub struct B(A);",
            "any.rs": "use crate::a::A; pub struct Any(A);",
        },
        [],
    ),
    (
        "code after a test module counts",
        {
            "lib.rs": "mod a; mod b;",
            "a.rs": "#[cfg(test)]\nmod tests { fn f() {} }\n#[cfg(not(test))] fn f(_: crate::b::B) {}\npub struct A;",
            "b.rs": "use crate::a::A; pub struct B(A);",
        },
        [{"a.rs", "b.rs"}],
    ),
    (
        "an imported module of which only a child is used",
        {
            "lib.rs": "mod wire; mod order;",
            "wire.rs": "pub mod go; pub use crate::order::Order; pub fn f(_: Order) {}",
            "wire/go.rs": "pub fn number() {}",
            "order.rs": "use crate::wire; pub struct Order; fn f() { wire::go::number() }",
        },
        [],
    ),
    (
        "a path through an imported module",
        {
            "lib.rs": "mod wire; mod order;",
            "wire.rs": "use crate::order::Order; pub fn text(_: Order) {}",
            "order.rs": "use crate::wire; pub struct Order; fn f() { wire::text(Order) }",
        },
        [{"order.rs", "wire.rs"}],
    ),
    (
        "a re-export from outside the module's descendants is an import",
        {
            "lib.rs": "mod a; mod b;",
            "a.rs": "pub use crate::b::B; pub struct A;",
            "b.rs": "use crate::a::A; pub struct B(A);",
        },
        [{"a.rs", "b.rs"}],
    ),
    (
        "globs, a macro, inline modules and uses in functions",
        {
            "lib.rs": "mod a; mod b; mod c; mod d;",
            "a.rs": "use crate::b::*; pub fn a() { b() } macro_rules! twice { () => {} } pub(crate) use twice;",
            "b.rs": "pub mod inner { pub fn c() { use crate::c::c; c() } } pub fn b() {}",
            "c.rs": "use crate::d as other; pub fn c() { let _: other::D; }",
            "d.rs": "use crate::a::{self, twice}; pub struct D; fn f() { a::a(); twice!() }",
        },
        [{"a.rs", "b.rs", "c.rs", "d.rs"}],
    ),
    (
        "a variant is defined where its enum is",
        {
            "lib.rs": "mod a; mod b;",
            "a.rs": "use crate::b::Kind::One; pub struct A;",
            "b.rs": "pub enum Kind { One } fn f(_: crate::a::A) {}",
        },
        [{"a.rs", "b.rs"}],
    ),
    (
        "a module and a function of one name",
        {
            "lib.rs": "mod a; mod any; pub use any::any;",
            "a.rs": "use crate::any; pub struct A; fn f() { any::x::go() }",
            "any.rs": "pub mod x; pub fn any(_: crate::a::A) {}",
            "any/x.rs": "pub fn go() {}",
        },
        [],
    ),
    (
        "a use within a function is not visible to others",
        {
            "lib.rs": "mod a; mod b; mod c; pub use c::help; fn f() { use crate::b::b as help; help() }",
            "a.rs": "pub fn a() { crate::help() }",
            "b.rs": "pub fn b() { crate::a::a() }",
            "c.rs": "pub fn help() {}",
        },
        [],
    ),
    (
        "a variant with the name of a re-export",
        {
            "lib.rs": "mod a;",
            "a.rs": "mod b; pub use b::Row; pub enum What { #[doc(hidden)] Row { n: u8 }, Other(u8) }"
            " fn f(w: What) { matches!(w, What::Row { .. }); }",
            "a/b.rs": "use super::What; pub struct Row(What);",
        },
        [],
    ),
]


def self_test():
    """Looks for the cycles in TREES, and returns the lines that say where it failed."""
    failures = []
    for name, files, expected in TREES:
        with tempfile.TemporaryDirectory() as directory:
            base = pathlib.Path(directory)
            for file, text in files.items():
                (base / file).parent.mkdir(parents=True, exist_ok=True)
                (base / file).write_text(text, encoding="utf-8")
            crate = Crate(base / "lib.rs")
            found = [{file.relative_to(base).as_posix() for file in group} for group in crate.cycles()]
            if found != expected:
                failures.append(f"error: the self-test `{name}`: expected {expected}, found {found}")
                failures += report(name, crate, base)
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        failures = self_test()
        print(f"self-test: {len(TREES)} made-up crates")
    else:
        with open(sys.argv[1], encoding="utf-8") as file:
            metadata = json.load(file)
        failures = []
        for label, root in crates(metadata):
            crate = Crate(root)
            cycles = len(crate.cycles())
            print(f"{label}: {len(crate.files)} modules, {cycles or 'no'} cycle{'s' * (cycles != 1)}")
            failures += report(label, crate, pathlib.Path(metadata["workspace_root"]))
    for line in failures:
        print(line, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What ci/dist asks of the crates' metadata, and its checks of an archive.

Usage: ci/dist.py name CRATE TARGET      prints the name of an archive, as cargo-binstall
                                         makes it from the crate's metadata
       ci/dist.py readme CRATE           prints the path of the crate's README
       ci/dist.py licences CRATE TARGET  prints the licences of the crates that are linked in
       ci/dist.py check CRATE TARGET ARCHIVE HELP
                                         checks the contents of an archive; HELP is a file
                                         with what the executable's --help prints
"""

import json
import pathlib
import re
import subprocess
import sys
import tarfile

LARGEST = 8 * 1024 * 1024
SHELLS = ["{}.bash", "{}.fish", "_{}"]


def metadata(*arguments):
    """Returns what cargo tells about the workspace."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", *arguments]
    return json.loads(subprocess.check_output(command))


def crate(name):
    """Returns the metadata of a crate of the workspace."""
    packages = metadata("--no-deps")["packages"]
    return next(package for package in packages if package["name"] == name)


def linked(root, target):
    """Returns the crates of others that are linked into an executable."""
    whole = metadata("--filter-platform", target)
    packages = {package["id"]: package for package in whole["packages"]}
    nodes = {node["id"]: node for node in whole["resolve"]["nodes"]}
    found, rest = set(), [root]
    while rest:
        name = rest.pop()
        if name not in found:
            found.add(name)
            rest += [
                dependency["pkg"]
                for dependency in nodes[name]["deps"]
                if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            ]
    others = [packages[name] for name in found if packages[name]["source"]]
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def licences(root, target):
    """Returns the licences of those crates; a text that several have is there once."""
    texts = {}
    lines = ["The executable is built from these crates, and from glibc (LGPL-2.1-or-later).", ""]
    for package in linked(root, target):
        label = f"{package['name']} {package['version']}"
        lines.append(f"{label}: {package['license']}")
        folder = pathlib.Path(package["manifest_path"]).parent
        for file in sorted(folder.iterdir()):
            if file.is_file() and re.match(r"(?i)licen[cs]e|copying|copyright|notice", file.name):
                text = file.read_text("utf-8", "replace").strip()
                texts.setdefault(text, []).append(label)
    for text, labels in sorted(texts.items(), key=lambda item: (item[1], item[0])):
        lines += ["", "-" * 79, f"{', '.join(labels)}:", "", text]
    return "\n".join(lines)


def fill(template, package, target):
    """Replaces the variables of a template of cargo-binstall."""
    values = {
        "repo": package["repository"] or "",
        "name": package["name"],
        "bin": package["name"],
        "version": package["version"],
        "target": target,
        "archive-suffix": ".tar.gz",
        "binary-ext": "",
    }
    return re.sub(r"\{ ([a-z-]+) \}", lambda found: values[found.group(1)], template)


def name(package, target):
    """Returns the name of an archive without its suffix, which is its directory, too."""
    url = fill(package["metadata"]["binstall"]["pkg-url"], package, target)
    return url.rsplit("/", 1)[1].removesuffix(".tar.gz")


def subcommands(text):
    """Returns the subcommands that a help text lists."""
    section = re.search(r"^Commands:\n((?:  .*\n|\n)+)", text, re.MULTILINE)
    return re.findall(r"^  ([a-z]\S*)", section.group(1), re.MULTILINE) if section else []


def flags(text):
    """Returns the flags that a help text lists, except those of every command."""
    found = re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)
    return sorted(set(found) - {"--help", "--version"})


def mistakes(package, target, archive, help_text):
    """Yields what is wrong with an archive."""
    command = package["name"]
    folder = name(package, target)
    if archive.name != f"{folder}.tar.gz":
        yield f"cargo-binstall would look for {folder}.tar.gz"
    with tarfile.open(archive, "r:gz") as tar:
        members = tar.getmembers()
        texts = {
            member.name.removeprefix(f"{folder}/"): tar.extractfile(member).read()
            for member in members
            if member.isfile()
        }
    for member in members:
        if member.name != folder and not member.name.startswith(f"{folder}/"):
            yield f"{member.name} is outside of {folder}"
        if (member.uid, member.gid, member.uname, member.gname) != (0, 0, "", ""):
            yield f"{member.name} has an owner of the machine that made it"

    path = fill(package["metadata"]["binstall"]["bin-dir"], package, target)
    executable = next((member for member in members if member.name == path), None)
    if executable is None:
        yield f"cargo-binstall would look for {path}"
    else:
        if executable.mode & 0o777 != 0o755:
            yield f"{path} has the mode {executable.mode:o}"
        if executable.size > LARGEST:
            yield f"{path} has {executable.size} bytes; at most {LARGEST} are allowed"

    commands = subcommands(help_text)
    expected = {command, "LICENSE", "README.md", "THIRD-PARTY.txt"}
    expected |= {f"completions/{shell.format(command)}" for shell in SHELLS}
    expected |= {f"man/man1/{'-'.join([command, *sub])}.1" for sub in [[], *([c] for c in commands)]}
    for file in sorted(expected ^ texts.keys()):
        yield f"{file} is missing" if file in expected else f"{file} is not expected"
    words = [*commands, *flags(help_text)]
    if len(words) < 5:
        yield f"the help lists only {words}"
    for file in sorted(expected & texts.keys()):
        # A man page has escapes for fonts and dashes.
        text = re.sub(r"\\f[BIR]", "", texts[file].decode("utf-8", "replace"))
        text = text.replace("\\-", "-")
        if not text:
            yield f"{file} is empty"
        if file.startswith("man/") and f"{command}" not in text:
            yield f"{file} does not name {command}"
        if file == f"man/man1/{command}.1" and package["version"] not in text:
            yield f"{file} does not have the version {package['version']}"
        if file == f"man/man1/{command}.1" or file.startswith("completions/"):
            for word in words:
                # A man page names mock-kuiper-run; fish has no dashes before a flag.
                found = rf"(?<![\w-])({command}-)?{word}\b|-l {word.lstrip('-')}\b"
                if not re.search(found, text):
                    yield f"{file} does not name {word}"


def main():
    what, named, *rest = sys.argv[1:]
    package = crate(named)
    if what == "name":
        print(name(package, rest[0]))
    elif what == "readme":
        print(pathlib.Path(package["manifest_path"]).parent / package["readme"])
    elif what == "licences":
        print(licences(package["id"], rest[0]))
    else:
        target, archive, help_file = rest
        archive = pathlib.Path(archive)
        help_text = pathlib.Path(help_file).read_text()
        wrong = list(mistakes(package, target, archive, help_text))
        for mistake in wrong:
            print(f"ci/dist: {archive.name}: {mistake}", file=sys.stderr)
        return 1 if wrong else 0
    return 0


sys.exit(main())

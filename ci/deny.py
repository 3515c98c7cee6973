"""Checks the licences and the duplicate versions of the dependencies.

Usage: deny.py METADATA (from `cargo metadata --format-version 1 --all-features`).
Exits with status 1 if a licence is not in the list or a duplicate is not known.
"""

import json
import re
import sys

LICENCES = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}
# Crates that the lock file may have in several versions, and why.
DUPLICATES = {
    "getrandom": "proptest's rand takes an older one than tempfile",
    "r-efi": "the two versions of getrandom need one each, only on UEFI",
    "syn": "zerocopy-derive takes an older one than serde's and clap's macros",
}


def permitted(expression):
    """Tells whether an SPDX expression can be met with LICENCES alone."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        result = conjunction()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            result = conjunction() or result
        return result

    def conjunction():
        result = licence()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            result = licence() and result
        return result

    def licence():
        name = tokens.pop(0)
        if name == "(":
            result = alternatives()
            tokens.pop(0)
            return result
        if len(tokens) > 1 and tokens[0] == "WITH":
            name = f"{name} WITH {tokens[1]}"
            del tokens[:2]
        return name in LICENCES

    return alternatives()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        packages = json.load(file)["packages"]
    errors, versions = [], {}
    for package in packages:
        versions.setdefault(package["name"], []).append(package["version"])
        expression = package["license"]
        if not expression:
            errors.append(f"{package['name']} {package['version']} names no licence")
        elif not permitted(expression):
            errors.append(f"{package['name']} {package['version']}: `{expression}` is not in the list of ci/deny.py")
    for name, found in sorted(versions.items()):
        if len(found) > 1 and name not in DUPLICATES:
            errors.append(f"{name} is in the lock file in versions {', '.join(sorted(found))}")
    for name in sorted(DUPLICATES):
        if len(versions.get(name, [])) < 2:
            errors.append(f"{name} is not a duplicate any more: remove it from DUPLICATES in ci/deny.py")
    print(f"{len(packages)} packages, {len(errors)} errors")
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())

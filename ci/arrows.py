"""Checks the dependencies among the workspace's crates, and which of them reach NNG.

Usage: arrows.py METADATA-DEFAULT METADATA-ALL-FEATURES
(both from `cargo metadata --format-version 1`). Exits with status 1 on an error.
"""

import json
import sys

ALLOWED = {
    "ekuiper-sp": set(),
    "ekuiper": {"ekuiper-sp"},
    "mock-kuiper": {"ekuiper-sp"},
    "ekuiper-conformance": {"mock-kuiper"},
    "ekuiper-tests": {"ekuiper-sp", "ekuiper", "mock-kuiper", "ekuiper-conformance"},
    "ekuiper-fuzz": {"ekuiper-sp", "ekuiper", "mock-kuiper"},
}
NNG = {"nng", "nng-sys"}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def broken_arrows(metadata):
    """Yields a line for each dependency within the workspace that is not allowed."""
    members = set(metadata["workspace_members"])
    ours = [p for p in metadata["packages"] if p["id"] in members]
    names = {p["name"] for p in ours}
    for name in sorted(names - set(ALLOWED)):
        yield f"{name}: this workspace member has no rule; add it to ALLOWED in ci/arrows.py"
    for package in sorted(ours, key=lambda p: p["name"]):
        # `dependencies` holds normal, dev- and build-dependencies alike.
        wanted = {d["name"] for d in package["dependencies"]} & names
        print(f"{package['name']:20} → {', '.join(sorted(wanted)) or 'no other member'}")
        for name in sorted(wanted - ALLOWED.get(package["name"], names)):
            yield f"{package['name']} must not depend on {name}"


def nng_chains(metadata):
    """Yields, for each member that reaches NNG, the chain of dependencies."""
    names = {p["id"]: p["name"] for p in metadata["packages"]}
    edges = {n["id"]: [d["pkg"] for d in n["deps"]] for n in metadata["resolve"]["nodes"]}
    for member in sorted(metadata["workspace_members"]):
        seen, stack = {member}, [(member,)]
        while stack:
            chain = stack.pop()
            if names[chain[-1]] in NNG:
                yield " → ".join(names[i] for i in chain)
                break
            for dependency in edges[chain[-1]]:
                if dependency not in seen:
                    seen.add(dependency)
                    stack.append((*chain, dependency))


def main():
    default, everything = load(sys.argv[1]), load(sys.argv[2])
    errors = list(broken_arrows(default))
    errors += [f"NNG is reachable with default features: {c}" for c in nng_chains(default)]
    optional = list(nng_chains(everything))
    if not optional:
        errors.append("NNG is not reachable with all features either: this check sees nothing")
    for chain in optional:
        print(f"only with a feature: {chain}")
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())

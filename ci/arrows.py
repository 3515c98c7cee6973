"""Checks the dependency arrows between our crates and where NNG is reachable.

Usage: arrows.py METADATA-DEFAULT METADATA-ALL-FEATURES
(both from `cargo metadata --format-version 1`). Status 1 where one is broken.
"""

import json
import sys

ALLOWED = {
    "ekuiper-sp": set(),
    "ekuiper": {"ekuiper-sp"},
    "mock-kuiper": {"ekuiper-sp"},
    "ekuiper-conformance": {"mock-kuiper"},
    "ekuiper-tests": {"ekuiper-sp", "ekuiper", "mock-kuiper", "ekuiper-conformance"},
}
NNG = {"nng", "nng-sys"}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def broken_arrows(metadata):
    """Yields a line for each dependency of ours on ours that is not allowed."""
    members = set(metadata["workspace_members"])
    ours = [p for p in metadata["packages"] if p["id"] in members]
    names = {p["name"] for p in ours}
    for name in sorted(names - set(ALLOWED)):
        yield f"{name}: a workspace member without a rule; add it to ALLOWED in ci/arrows.py"
    for package in sorted(ours, key=lambda p: p["name"]):
        # `dependencies` holds normal, dev- and build-dependencies alike.
        wanted = {d["name"] for d in package["dependencies"]} & names
        print(f"{package['name']:20} → {', '.join(sorted(wanted)) or 'nothing of ours'}")
        for name in sorted(wanted - ALLOWED.get(package["name"], names)):
            yield f"{package['name']} must not depend on {name}"


def nng_chains(metadata):
    """Yields, for each member that reaches NNG, the chain that leads there."""
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
    faults = list(broken_arrows(default))
    faults += [f"NNG is reachable with default features: {c}" for c in nng_chains(default)]
    behind = list(nng_chains(everything))
    if not behind:
        faults.append("NNG is not found with all features either: the check sees nothing")
    for chain in behind:
        print(f"only with a feature: {chain}")
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

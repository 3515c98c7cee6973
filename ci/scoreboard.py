"""Collects the results of the conformance suite on several SDKs, and writes them as a page.

Usage:
  scoreboard.py versions                      prints the versions of the SDK from PyPI
  scoreboard.py collect SUITE WORK [COLUMN…]  runs the suite, and writes docs/scoreboard.*
  scoreboard.py check SUITE COLUMN RELEASE    fails if the page differs from its data, or
                                              the data from the results of one run, or if
                                              a link of the page leads nowhere

docs/scoreboard.json has the data, docs/scoreboard.md is made from it. A requirement whose
results differ from run to run is flaky, and so is one that a plugin's list of flaky ones
names.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "docs/scoreboard.json"
PAGE = ROOT / "docs/scoreboard.md"
REQUIREMENTS = ROOT / "docs/requirements.md"
RUNS = int(os.environ.get("RUNS", "2"))
WORKERS = int(os.environ.get("WORKERS", "2"))

# A machine that is busy with several runs must not look like a slow plugin.
WAITS = ["--timeout-scale", "2", "--jobs", "8"]

# One release of each column of section 9 of docs/protocol.md, with the releases that it
# stands for.
RELEASES = {
    "1.7": "1.4 – 1.7", "1.13": "1.8 – 1.13", "1.14": "1.14", "2.0": "2.0", "2.1": "2.1",
    "2.3": "2.2 – 2.3", "2.4": "2.4",
}

# The SDK on PyPI: the last version of each code, apart from log lines, with the versions
# that have it.
PYPI = {"2.4.2": "2.4", "2.3.1": "2.1 – 2.3", "1.14.7": "1.14", "1.13.6": "1.5 – 1.13", "1.4.4": "1.4"}

PYSAM = ["--promises", "tests/plugins/pysam/promises.txt", "--expect-flaky", "tests/plugins/pysam/flaky.txt"]

# Column: its title, the plugin, and the arguments of the suite; `{work}` is where the
# plugins were built.
COLUMNS = {
    "rust": ("Rust SDK", "sdk/examples/mirror", ["--debug"]),
    **{
        f"pypi-{version}": (f"PyPI {version}", "tests/plugins/pysam", ["--python", f"{{work}}/venv-{version}/bin/python", *PYSAM])
        for version in PYPI
    },
    "go": ("mangos, Go", "{work}/bench_go", ["--counter", "n"]),
    "nng": ("NNG, C", "{work}/reference", []),
}

GROUPS = ["passed", "failed", "untested", "flaky", "not-applicable"]
GROUP_OF = {"passed": "passed", "failed": "failed", "not-testable": "untested", "not-applicable": "not-applicable"}


def run(suite, work, column, release):
    """Runs the suite once; returns the group and what was seen for each requirement."""
    _, plugin, arguments = COLUMNS[column]
    with tempfile.TemporaryDirectory() as place:
        results = pathlib.Path(place) / "results.json"
        command = [suite, plugin, "--release", release, "--json", results, *WAITS, *arguments]
        command = [str(part).replace("{work}", str(work)) for part in command]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise SystemExit(f"error: {' '.join(command)}: status {done.returncode}\n{done.stderr}")
        requirements = json.loads(results.read_text())["runs"][0]["requirements"]
    found = {}
    for requirement in requirements:
        group = "flaky" if requirement["standing"] == "flaky" else GROUP_OF[requirement["verdict"]]
        found[requirement["id"]] = group, requirement.get("seen", ""), requirement.get("cause")
    return found


def merge(runs):
    """Returns the cell of several runs: the requirements of each group, and what was seen."""
    cell = {group: [] for group in GROUPS} | {"runs": len(runs), "seen": {}}
    for number in runs[0]:
        groups = {found[number][0] for found in runs}
        # A failure of another rule may hide this one in some of the runs.
        if groups == {"failed", "untested"}:
            groups = {"failed"}
        group = groups.pop() if len(groups) == 1 else "flaky"
        cell[group].append(number)
        seen = next((found[number] for found in runs if found[number][1]), None)
        if seen and group in ("failed", "untested", "flaky"):
            cause = seen[2]
            is_hidden = cause and group == "untested"
            cell["seen"][number] = f"{cause['text']}, see {cause['see']}" if is_hidden else seen[1]
    return {name: " ".join(value) if isinstance(value, list) else value for name, value in cell.items()}


def collect(suite, work, columns):
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    # The latest release first: a run that is interrupted has it for all columns.
    cells = [(column, release) for release in reversed(RELEASES) for column in columns or COLUMNS]

    def cell(of):
        merged = merge([run(suite, work, *of) for _ in range(RUNS)])
        print(*of, *(f"{len(merged[group].split())} {group}" for group in GROUPS), flush=True)
        return of, merged

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for (column, release), merged in pool.map(cell, cells):
            data.setdefault(column, {})[release] = merged
            ordered = {known: data[known] for known in COLUMNS if known in data}
            DATA.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
            PAGE.write_text(page(ordered))


def requirements():
    """Returns the rule and the level of each requirement, from docs/requirements.md."""
    found = re.findall(r"^### (\S+)\n\n\*\*(.*)\*\* \((\w+), ", REQUIREMENTS.read_text(), re.M)
    return {number: (rule, level) for number, rule, level in found}


def counts(cell):
    size = {group: len(cell[group].split()) for group in GROUPS}
    failed = size["failed"] + size["untested"]
    text = f"{size['passed']} / {f'**{failed}**' if failed else 0} / {size['not-applicable']}"
    return text + (f", {size['flaky']} flaky" if size["flaky"] else "")


INTRODUCTION = """\
<!-- Written by `ci/scoreboard` from docs/scoreboard.json. -->

# Scoreboard

What [the requirements](requirements.md) for a plugin find in the SDKs that exist, under each kind of eKuiper release. A cell has the numbers of requirements that **passed / failed / do not apply**. Failed SHOULDs are included, and so is a requirement that could not be observed because another one failed. A flaky one passed in some runs and failed in others; it counts as neither.

"""

NOTES = """
- **Rust SDK**: [`mirror`](../sdk/examples/mirror), the example of this repository. `.ci/run` compares its column under 2.4 with this page.
- **PyPI**: the package `ekuiper` with [`pysam`](../tests/plugins/pysam), a plugin that does no more than users of the SDK do. {pypi}. A version says for which releases it was made: sinks of the versions from 1.14 on need the ack channel, which older releases do not have, so that they do not start there.
- **mangos, Go**: [a plugin on mangos](../tests/plugins/bench/go), which uses it as eKuiper's Go SDK does: the Go module proxy does not have that SDK.
- **NNG, C**: [a plugin on NNG](../tests/plugins/reference), written for the tests of this repository.

{runs} `ci/scoreboard` repeats all of it.
"""


def page(data):
    known = requirements()
    lines = [INTRODUCTION, "| eKuiper | " + " | ".join(COLUMNS[column][0] for column in data) + " |\n", "|---|" + "---|" * len(data) + "\n"]
    for release, stands_for in RELEASES.items():
        row = [counts(cells[release]) if release in cells else "not run" for cells in data.values()]
        lines.append(f"| {stands_for} | " + " | ".join(row) + " |\n")
    same = [f"{version} has the code of {versions}" for version, versions in PYPI.items() if "–" in versions]
    least = min(cell["runs"] for cells in data.values() for cell in cells.values())
    runs = f"Each cell is the result of {least} {'run' if least == 1 else 'runs'} at least."
    lines.append(NOTES.format(pypi="; ".join(same), runs=runs))
    for column, cells in data.items():
        lines.append(f"\n## {COLUMNS[column][0]}\n\n")
        lines += details(cells, known)
    return "".join(lines)


def details(cells, known):
    """The requirements that are not met, with the releases and what was seen first."""
    rows = []
    for number, (rule, level) in known.items():
        for group, word in [("failed", ""), ("flaky", "flaky: ")]:
            releases = [release for release in RELEASES if release in cells and number in cells[release][group].split()]
            if releases:
                seen = cells[releases[-1]]["seen"].get(number, "it fails in some runs")
                rows.append(f"| [{number}](requirements.md#{number.lower()}) | {level} | {rule} | {names(releases)} | {word}{text(seen)} |\n")
    if not rows:
        yield "It meets every requirement that applies.\n"
    else:
        yield "| | | Requirement | Fails under | Seen |\n|---|---|---|---|---|\n"
        yield from rows
    hidden = {}
    for release, cell in cells.items():
        for number in cell["untested"].split():
            hidden.setdefault((cell["seen"].get(number, ""), release), []).append(number)
    if hidden:
        yield "\nNot observed:\n\n"
    merged = {}
    for (cause, release), numbers in hidden.items():
        merged.setdefault((cause, tuple(numbers)), []).append(release)
    for (cause, numbers), releases in merged.items():
        links = ", ".join(f"[{number}](requirements.md#{number.lower()})" for number in numbers)
        yield f"- under {names(releases)}: {links}, because {text(cause)}\n"


def names(releases):
    return "all" if len(releases) == len(RELEASES) else ", ".join(RELEASES[release] for release in releases)


def text(seen):
    """What was observed as one cell of a table: without what differs from run to run."""
    seen = re.sub(r"/\S*/(venv|v)\S*/", "…/", seen)
    seen = seen if len(seen) <= 300 else seen[:300] + "…"
    return seen.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")


def dead_links(page):
    """The links of a page to files that do not exist, or to headings that they do not have."""
    for link in sorted(set(re.findall(r"\]\(([^)]+)\)", page.read_text()))):
        file, _, anchor = link.partition("#")
        path = page.parent / file
        headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M) if path.is_file() else []
        if not path.exists() or anchor and anchor not in [heading.lower().replace(" ", "-") for heading in headings]:
            yield f"{page.name}: the link {link} leads nowhere"


def check(suite, column, release):
    wrong = list(dead_links(PAGE))
    data = json.loads(DATA.read_text())
    if page(data) != PAGE.read_text():
        wrong.append("docs/scoreboard.md is not made from docs/scoreboard.json and docs/requirements.md")
    known = data[column][release]
    for number, (group, seen, _) in run(suite, "", column, release).items():
        expected = next((name for name in GROUPS if number in known[name].split()), "missing")
        if group != expected and expected != "flaky":
            wrong.append(f"{number} under eKuiper {release}: {group}, but {expected} in docs/scoreboard.json: {seen}")
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    if wrong:
        print(f"error: write the page again with `ci/scoreboard {column}`", file=sys.stderr)
    else:
        print(f"{COLUMNS[column][0]} under eKuiper {release}: {counts(known)} (passed / failed / not applicable), as in docs/scoreboard.md")
    return 1 if wrong else 0


def main():
    match sys.argv[1:]:
        case ["versions"]:
            print(*PYPI)
        case ["collect", suite, work, *columns]:
            collect(pathlib.Path(suite).resolve(), pathlib.Path(work).resolve(), columns)
        case ["check", suite, column, release]:
            return check(pathlib.Path(suite).resolve(), column, release)
        case _:
            raise SystemExit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Checks that the public documentation of the libraries has no dead end on docs.rs: no
link to a Markdown file, and no mention of a page in docs/ that is not a link.

Usage: ci/doc_links.py DOC, where DOC is the directory that `cargo doc` wrote.
"""

import pathlib
import re
import sys

CRATES = ["ekuiper", "ekuiper_sp", "mock_kuiper"]
DEAD = [
    ("a link to a file of the repository", re.compile(r'href="(?!https?:)[^"]*\.md[#"]')),
    ("a page of the repository without a URL", re.compile(r"(?<![\w/.-])docs/[\w-]+\.md")),
]


def findings(path):
    """Yields what is wrong in one page, without the text of its links to URLs."""
    text = path.read_text()
    text = re.sub(r'<a href="https?:[^"]*"[^>]*>.*?</a>', "", text)
    for what, pattern in DEAD:
        for found in pattern.finditer(text):
            yield f"{path}: {what}: {found.group()}"


def main():
    root = pathlib.Path(sys.argv[1])
    pages = [page for crate in CRATES for page in sorted((root / crate).rglob("*.html"))]
    if not pages:
        print(f"ci/doc_links.py: no pages in {root}")
        return 1
    wrong = [finding for page in pages for finding in findings(page)]
    print(*wrong, f"{len(pages)} pages, {len(wrong)} dead ends", sep="\n")
    return 1 if wrong else 0


sys.exit(main())

"""Checks that each page and its translation have the same commands and outputs.

Usage: translations.py [ROOT]
       translations.py --self-test

README.zh.md translates README.md, and docs/zh/NAME.md translates docs/NAME.md. Both
pages must have, in the same order,

- the same code blocks, with the same comments on how CI runs them,
- headings of the same level, and the same code in those that have one (`ack.missing`),
- tables with as many rows,

a link to each other in the first lines, and links that lead to files. Exits with status
1 if they differ, and prints the first difference of each pair.
"""

import itertools
import pathlib
import re
import sys
import tempfile

COMMENT = re.compile(r"<!-- (?:not run|run by): .* -->")
CODE = re.compile(r"[a-z]+\.[a-z-]+")


def parts(text):
    """Returns (line number, what must be the same) of each block, comment and heading."""
    found = []
    lines = enumerate(text.split("\n"), 1)
    for number, line in lines:
        if line.startswith("```"):
            block = [line]
            block += itertools.takewhile(lambda line: line != "```", (line for _, line in lines))
            found.append((number, "\n".join(block)))
        elif COMMENT.fullmatch(line):
            # The reason is translated.
            found.append((number, line if "run by" in line else "not run"))
        elif line.startswith("|"):
            found.append((number, "a row of a table"))
        elif heading := re.match(r"(#+) (.*)", line):
            level, title = heading.groups()
            code = title if CODE.fullmatch(title) else ""
            found.append((number, f"{level} {code}"))
    return found


def differences(page, translation):
    """Returns what is wrong with a page and its translation, as lines."""
    texts = [page.read_text(), translation.read_text()]
    for one, two in itertools.zip_longest(*map(parts, texts), fillvalue=(0, "nothing")):
        if one[1] != two[1]:
            yield f"{page}:{one[0]} has\n{one[1]}\nand {translation}:{two[0]} has\n{two[1]}"
            break
    for file, other, text in [(page, translation, texts[0]), (translation, page, texts[1])]:
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S))
        files = {(file.parent / it).resolve() for it in targets if "://" not in it}
        yield from (f"{file}: a link leads to {it}, which does not exist" for it in files if not it.exists())
        top = "\n".join(text.split("\n")[:6])
        if f"{other.name})" not in top:
            yield f"{file}: its first lines have no link to {other}"


def pairs(root):
    """Returns the pages that have a translation, with it."""
    found = [(root / "README.md", root / "README.zh.md")]
    translated = sorted((root / "docs/zh").glob("*.md"))
    return found + [(root / "docs" / file.name, file) for file in translated]


def self_test():
    """Checks that each kind of difference is found."""
    page = "# A\n[中文](b.md)\n\n## ack.missing\n\n<!-- run by: ci/x -->\n```console\n$ a\nb\n```\n| c |\n"
    same = page.replace("# A", "# 甲", 1).replace("中文", "English").replace("b.md", "a.md")
    with tempfile.TemporaryDirectory() as place:
        one, two = pathlib.Path(place, "a.md"), pathlib.Path(place, "b.md")
        one.write_text(page)
        two.write_text(same)
        assert not list(differences(one, two))
        for old, new in [
            ("$ a", "$ c"),
            ("\nb\n", "\n"),
            ("ack.missing", "ack.error"),
            ("ci/x", "ci/y"),
            ("a.md", "c.md"),
            ("## ack.missing\n", ""),
            ("# 甲", "## 甲"),
            ("| c |", "| c |\n| d |"),
        ]:
            two.write_text(same.replace(old, new, 1))
            assert list(differences(one, two)), (old, new)


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        sys.exit()
    wrong = [line for pair in pairs(pathlib.Path(*sys.argv[1:])) for line in differences(*pair)]
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)

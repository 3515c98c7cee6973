"""Opens the reports of mock-kuiper and of the suite in headless Chromium and checks them.

Usage: html.py CHROMIUM TESTS CONFORMANCE [--screenshots DIRECTORY]
Exits with status 1 if a check fails, and names it.

The pages are those that the tests `writes_the_page_that_ci_html_opens` of `mock-kuiper
test` and of the suite write.
"""

import pathlib
import sys

from browser import CONTRAST, Checks, run_in, settled, wrong_events

SHOWN = "[...document.querySelectorAll('.entry')].filter(e => e.checkVisibility()).map(e => e.dataset.word).join(' ')"
OUTPUT = "document.querySelector('output').textContent"
TESTS = "passed failed failed flaky invalid error skipped failed"
CONFORMANCE = "failed|known failure|stale|flaky|not applicable|failed|untested|error"


def check_tests(browser, url, checks):
    """The page of `mock-kuiper test` with its script: filter, search, links."""
    browser.show(1200, dark=False)
    browser.open(url)
    checks.equal("title", browser.run("document.title"), "Tests of mirror")
    checks.equal("entries that are shown", browser.run(SHOWN), TESTS)
    checks.equal("controls are shown", browser.run("document.querySelector('.controls').checkVisibility()"), True)
    checks.equal("open entries", browser.run("document.querySelectorAll('.entry[open]').length"), 5)
    checks.equal("pictures", browser.run("document.querySelectorAll('.timeline svg[role=img]').length"), 4)

    browser.run("document.querySelector('input[value=failed]').click()")
    checks.equal("entries without `failed`", browser.run(SHOWN), "passed flaky invalid error skipped")
    checks.equal("the text of the filter", browser.run(OUTPUT), "5 of 8 shown")
    browser.run("document.querySelector('input[value=failed]').click()")

    # As a person does: with the keyboard.
    browser.run("document.querySelector('input[type=search]').focus()")
    browser.ask("Input.insertText", text="ECHO returns")
    checks.equal("entries with `echo returns`", browser.run(SHOWN), "failed")
    checks.equal("sections that are shown", browser.run(
        "[...document.querySelectorAll('section')].filter(e => e.checkVisibility()).length"), 1)
    browser.run("const s = document.querySelector('input[type=search]'); s.value = ''; s.dispatchEvent(new Event('input'))")
    checks.equal("entries after the search", browser.run(SHOWN), TESTS)

    browser.run("document.querySelector('.controls button').click()")
    checks.equal("all are open", browser.run("document.querySelectorAll('.entry:not([open])').length"), 0)
    browser.run("document.querySelector('.controls button').click()")
    checks.equal("all are closed", browser.run("document.querySelectorAll('.entry[open]').length"), 0)
    browser.run("document.querySelector('nav a[href=\"#e2\"]').click()")
    browser.run(settled())
    checks.equal("a link opens its entry", browser.run("document.querySelector('#e2').open"), True)

    check_names(browser, checks)


def check_conformance(browser, url, checks):
    """The page of the suite: one release can be chosen, whose results are then filtered."""
    browser.show(1200, dark=False)
    browser.open(url)
    shown = SHOWN.replace("join(' ')", "join('|')")
    checks.equal("title", browser.run("document.title"), "Conformance of mirror")
    checks.equal("entries that are shown", browser.run(shown), CONFORMANCE)
    checks.equal("open entries", browser.run("document.querySelectorAll('.entry[open]').length"), 5)
    left = "[...document.querySelectorAll('.cells')].map(e => [...e.children].map(c => c.offsetLeft).join()).filter((e, i, all) => e !== all[0]).length"
    checks.equal("rows whose cells are not below those of the first", browser.run(left), 0)
    counts = "[...document.querySelectorAll('.choices label')].map(e => e.textContent.trim()).join(', ')"
    before = "2 failed, 1 stale, 1 untested, 1 error, 1 flaky, 0 passed, 1 known failure, 1 not applicable"
    checks.equal("counts", browser.run(counts), before)
    labels = "[...document.querySelectorAll('.entry summary > .label')].map(e => e.textContent).join('|')"
    parts = "[...document.querySelector('#e4').querySelectorAll('.part')].filter(e => e.checkVisibility()).map(e => e.dataset.columns).join(' ')"
    browser.run("document.querySelector('#e4').open = true")
    checks.equal("parts of a flaky requirement", browser.run(parts), "1 0")

    choose = "const s{0} = document.querySelector('select'); s{0}.value = '{1}'; s{0}.dispatchEvent(new Event('change'))"
    browser.run(choose.format(1, "1"))
    chosen = "failed|known failure|passed|flaky|not applicable|failed|passed|no result"
    checks.equal("results under one release", browser.run(shown), chosen)
    checks.equal("labels under one release", browser.run(labels), chosen)
    checks.equal("parts under one release", browser.run(parts), "1")
    checks.equal("counts under one release", browser.run(counts),
                 "2 failed, 0 stale, 0 untested, 0 error, 1 flaky, 2 passed, 1 known failure, 1 not applicable")
    checks.equal("chosen cells", browser.run("document.querySelectorAll('.cell.chosen').length"), 8)
    browser.run("document.querySelector('input[value=passed]').click()")
    checks.equal("what did not pass under one release", browser.run(shown), chosen.replace("passed|", ""))
    browser.run("document.querySelector('input[value=passed]').click()")
    browser.run(choose.format(2, ""))
    checks.equal("results under all releases", browser.run(labels), CONFORMANCE)
    checks.equal("counts under all releases", browser.run(counts), before)
    check_names(browser, checks)


def check_names(browser, checks):
    """The names that a screen reader needs."""
    names = {"search box": "Search", "button": "Open all", "group": "Show"}
    tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
    of_role = {}
    for node in tree:
        if not node.get("ignored"):
            role = node["role"]["value"]
            of_role.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    checks.equal("the search has a name", names["search box"] in of_role.get("searchbox", []), True)
    checks.equal("each checkbox has a name", "" in of_role.get("checkbox", [""]), False)
    checks.equal("each heading has a name", "" in of_role.get("heading", [""]), False)


def check_looks(browser, url, checks, screenshots, page):
    """Each width, light and dark: nothing is wider than the page, all text can be read."""
    for width in (360, 1200):
        for dark in (False, True):
            name = f"{page}-{width}-{'dark' if dark else 'light'}"
            browser.show(width, dark)
            browser.open(url)
            # Also what is not on the screen.
            browser.run("document.styleSheets[0].insertRule('.entry { content-visibility: visible !important }')")
            if screenshots:
                browser.run("document.querySelectorAll('.entry').forEach(e => { e.open = true })")
                screenshot(browser, screenshots / f"{name}.png", width)
            browser.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
            checks.equal(f"pixels beyond a width of {width}", browser.overflow(), 0)
            checks.equal(f"text that is hard to read, {name}", browser.run(CONTRAST), "")
    if screenshots:
        browser.show(800, dark=False, media="print")
        browser.open(url)
        screenshot(browser, screenshots / f"{page}-print.png", 800)


def screenshot(browser, path, width):
    height = min(browser.run("document.documentElement.scrollHeight"), 2200)
    browser.screenshot(path, width, height)


def check_without_script(browser, url, checks, words):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(url)
    checks.equal("entries without a script", browser.run(SHOWN).replace(" ", "|"), words.replace(" ", "|"))
    checks.equal("controls without a script", browser.run("document.querySelector('.controls').checkVisibility()"), False)
    checks.equal("counts without a script", browser.run("document.querySelector('.counts').checkVisibility()"), True)
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)


def note_events(browser, url, checks):
    """Messages in the console, exceptions, and requests other than for the page."""
    browser.run(settled())
    wrong = wrong_events(browser, lambda requested: requested.split("#")[0] == url)
    checks.equal("the console is empty, and nothing is requested", wrong, [])


def main():
    chromium = sys.argv[1]
    screenshots = pathlib.Path(sys.argv[5]) if sys.argv[4:5] == ["--screenshots"] else None
    checks = Checks()
    sizes = []
    with run_in(chromium) as browser:
        for file, check, words in [(sys.argv[2], check_tests, TESTS), (sys.argv[3], check_conformance, CONFORMANCE)]:
            page = pathlib.Path(file).resolve()
            url = page.as_uri()
            check(browser, url, checks)
            note_events(browser, url, checks)
            check_without_script(browser, url, checks, words)
            check_looks(browser, url, checks, screenshots, page.stem)
            note_events(browser, url, checks)
            sizes.append(f"{page.name}: {page.stat().st_size} bytes")
    return checks.end(", ".join(sizes))


if __name__ == "__main__":
    sys.exit(main())

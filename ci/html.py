"""Opens a report of mock-kuiper in headless Chromium and checks it.

Usage: html.py CHROMIUM PAGE [--screenshots DIRECTORY]
Exits with status 1 if a check fails, and names it.

The page is the one that the test `writes_the_page_that_ci_html_opens` writes.
"""

import pathlib
import sys

from browser import CONTRAST, Checks, run_in, settled, wrong_events

SHOWN = "[...document.querySelectorAll('.entry')].filter(e => e.checkVisibility()).map(e => e.dataset.word).join(' ')"
OUTPUT = "document.querySelector('output').textContent"
ALL = "passed failed failed flaky invalid error skipped failed"

def check_behaviour(browser, url, checks):
    """The page with its script: filter, search, links."""
    browser.show(1200, dark=False)
    browser.open(url)
    checks.equal("title", browser.run("document.title"), "Tests of mirror")
    checks.equal("entries that are shown", browser.run(SHOWN), ALL)
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
    checks.equal("entries after the search", browser.run(SHOWN), ALL)

    browser.run("document.querySelector('.controls button').click()")
    checks.equal("all are open", browser.run("document.querySelectorAll('.entry:not([open])').length"), 0)
    browser.run("document.querySelector('.controls button').click()")
    checks.equal("all are closed", browser.run("document.querySelectorAll('.entry[open]').length"), 0)
    browser.run("document.querySelector('nav a[href=\"#e2\"]').click()")
    browser.run(settled())
    checks.equal("a link opens its entry", browser.run("document.querySelector('#e2').open"), True)

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


def check_looks(browser, url, checks, screenshots):
    """Each width, light and dark: nothing is wider than the page, all text can be read."""
    for width in (360, 1200):
        for dark in (False, True):
            name = f"{width}-{'dark' if dark else 'light'}"
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
        screenshot(browser, screenshots / "print.png", 800)


def screenshot(browser, path, width):
    height = min(browser.run("document.documentElement.scrollHeight"), 2200)
    browser.screenshot(path, width, height)


def check_without_script(browser, url, checks):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(url)
    checks.equal("entries without a script", browser.run(SHOWN), ALL)
    checks.equal("controls without a script", browser.run("document.querySelector('.controls').checkVisibility()"), False)
    checks.equal("counts without a script", browser.run("document.querySelector('.counts').checkVisibility()"), True)
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)


def note_events(browser, url, checks):
    """Messages in the console, exceptions, and requests other than for the page."""
    browser.run(settled())
    wrong = wrong_events(browser, lambda requested: requested.split("#")[0] == url)
    checks.equal("the console is empty, and nothing is requested", wrong, [])


def main():
    chromium, page = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    screenshots = pathlib.Path(sys.argv[4]) if sys.argv[3:4] == ["--screenshots"] else None
    url = page.as_uri()
    checks = Checks()
    with run_in(chromium) as browser:
        check_behaviour(browser, url, checks)
        note_events(browser, url, checks)
        check_without_script(browser, url, checks)
        check_looks(browser, url, checks, screenshots)
        note_events(browser, url, checks)
    return checks.end(f"{page.name}: {page.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())

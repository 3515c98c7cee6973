"""Opens a report of mock-kuiper in headless Chromium and checks it.

Usage: html.py CHROMIUM PAGE [--screenshots DIRECTORY]
Exits with status 1 if a check fails, and names it.

The browser is driven over a pipe with the Chrome DevTools Protocol
(https://chromedevtools.github.io/devtools-protocol/), so nothing but Python is needed.
The page is the one that the test `writes_the_page_that_ci_html_opens` writes.
"""

import base64
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

LIMIT = 60  # seconds, for one answer of the browser


class Browser:
    """A Chromium with one tab."""

    def __init__(self, chromium, profile):
        to_browser, self.to = os.pipe()
        self.answers, from_browser = os.pipe()
        # The browser reads from 3 and writes to 4.
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        command += ["--no-first-run", "--disable-dev-shm-usage", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.read = b""
        self.number = 0
        self.session = None
        self.events = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        """Sends a command and returns its result; events are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"error: {method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def receive(self):
        end = time.monotonic() + LIMIT
        while b"\0" not in self.read:
            ready, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            piece = os.read(self.answers, 1 << 20) if ready else b""
            if not piece:
                raise SystemExit("error: the browser does not answer")
            self.read += piece
        message, self.read = self.read.split(b"\0", 1)
        return json.loads(message)

    def open(self, url):
        self.events.clear()
        self.ask("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def run(self, expression):
        """Returns the value of an expression of JavaScript."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"error: {expression}: {answer['exceptionDetails']['text']}")
        return answer["result"].get("value")

    def show(self, width, dark, media=""):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def end(self):
        self.session = None
        self.ask("Browser.close")
        self.process.wait(LIMIT)


def settled():
    """Waits until the browser has drawn twice."""
    return "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


SHOWN = "[...document.querySelectorAll('.entry')].filter(e => e.checkVisibility()).map(e => e.dataset.word).join(' ')"
OUTPUT = "document.querySelector('output').textContent"
ALL = "passed failed failed flaky invalid error skipped failed"
# Text on its background, as the browser shows it: the pairs below WCAG's 4.5 to 1.
CONTRAST = """(() => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const below = element => {
    for (; element; element = element.parentElement) {
      const color = parts(getComputedStyle(element).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
  };
  const pale = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest('svg')) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(below(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) pale.add(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
  }
  return [...pale].join(', ');
})()"""


class Checks:
    def __init__(self):
        self.failures = []
        self.count = 0

    def equal(self, what, seen, expected):
        self.count += 1
        if seen != expected:
            self.failures.append(f"error: {what}: expected {expected!r}, seen {seen!r}")


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
            overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            checks.equal(f"pixels beyond a width of {width}", browser.run(overflow), 0)
            checks.equal(f"text that is hard to read, {name}", browser.run(CONTRAST), "")
    if screenshots:
        browser.show(800, dark=False, media="print")
        browser.open(url)
        screenshot(browser, screenshots / "print.png", 800)


def screenshot(browser, path, width):
    height = min(browser.run("document.documentElement.scrollHeight"), 2200)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = browser.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    path.write_bytes(base64.b64decode(shot["data"]))


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
    wrong = []
    for event in browser.events:
        method, params = event.get("method"), event.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            wrong.append(f"{method}: {json.dumps(params)[:400]}")
        if method == "Network.requestWillBeSent" and params["request"]["url"].split("#")[0] != url:
            wrong.append(f"request: {params['request']['url'][:200]}")
        if method == "Page.javascriptDialogOpening":
            wrong.append("a dialog")
    checks.equal("the console is empty, and nothing is requested", wrong, [])


def main():
    chromium, page = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    screenshots = pathlib.Path(sys.argv[4]) if sys.argv[3:4] == ["--screenshots"] else None
    url = page.as_uri()
    checks = Checks()
    # The browser's helpers may write to the profile after its end.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(chromium, profile)
        check_behaviour(browser, url, checks)
        note_events(browser, url, checks)
        check_without_script(browser, url, checks)
        check_looks(browser, url, checks, screenshots)
        note_events(browser, url, checks)
        browser.end()
    for failure in checks.failures:
        print(failure, file=sys.stderr)
    print(f"{page.name}: {page.stat().st_size} bytes, {checks.count} checks, {len(checks.failures)} failed")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())

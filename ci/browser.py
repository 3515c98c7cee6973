"""A headless Chromium with one tab or several, for the checks of pages.

It is driven over a pipe with the Chrome DevTools Protocol
(https://chromedevtools.github.io/devtools-protocol/), so nothing but Python is needed.
"""

import base64
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time

LIMIT = 60  # seconds, for one answer of the browser


class Browser:
    """A Chromium. `session` is the tab that is driven; `tab` opens another one."""

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
        self.tab()

    def tab(self):
        """Opens a tab in a window of its own, so that it is not hidden; drives it from now on."""
        self.session = None
        target = self.ask("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.ask(f"{domain}.enable")
        return self.session

    def ask(self, method, **params):
        """Sends a command and returns its result; events are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + LIMIT
        while True:
            if time.monotonic() > end:
                raise SystemExit(f"error: {method}: no answer within {LIMIT} s")
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
        # A page that differs only behind its `#` would not be loaded again.
        for each in ("about:blank", url):
            self.events.clear()
            self.ask("Page.navigate", url=each)
            self.wait("Page.loadEventFired")

    def wait(self, method):
        end = time.monotonic() + LIMIT
        while not any(event.get("method") == method for event in self.events):
            if time.monotonic() > end:
                raise SystemExit(f"error: no {method} within {LIMIT} s")
            self.events.append(self.receive())

    def run(self, expression):
        """Returns the value of an expression of JavaScript."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            raise SystemExit(f"error: {expression}: {text}")
        return answer["result"].get("value")

    def show(self, width, dark, media="", height=900):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def screenshot(self, path, width, height, beyond=True):
        """Keeps a picture of the page, from its top; without `beyond`, of what its window shows."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=beyond)
        path.write_bytes(base64.b64decode(shot["data"]))

    def overflow(self):
        """Returns how many pixels the page is wider than its window."""
        return self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def end(self):
        self.session = None
        self.ask("Browser.close")
        self.process.wait(LIMIT)


@contextlib.contextmanager
def run_in(chromium):
    """Runs a browser with a profile of its own, and ends it."""
    # The browser's helpers may write to the profile after its end.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(chromium, profile)
        try:
            yield browser
        finally:
            browser.end()


def settled():
    """Waits until the browser has drawn twice."""
    return "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


# Text on its background, as the browser shows it: the pairs below WCAG's 4.5 to 1.
CONTRAST = """(() => {
  // The colours at the end of a change, which takes longer on a busy machine.
  document.getAnimations().forEach(animation => animation.finish());
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
    """Compares, and keeps what differs."""

    def __init__(self):
        self.failures = []
        self.count = 0

    def equal(self, what, seen, expected):
        self.count += 1
        if seen != expected:
            self.failures.append(f"error: {what}: expected {expected!r}, seen {seen!r}")

    def end(self, what):
        """Prints what differs, and how many checks there were; returns the exit status."""
        for failure in self.failures:
            print(failure, file=sys.stderr)
        print(f"{what}: {self.count} checks, {len(self.failures)} failed")
        return 1 if self.failures else 0


def wrong_events(browser, allowed):
    """Returns messages in the console, exceptions, dialogs, and requests for what is not allowed."""
    wrong = []
    for event in browser.events:
        method, params = event.get("method"), event.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            wrong.append(f"{method}: {json.dumps(params)[:400]}")
        if method == "Network.requestWillBeSent" and not allowed(params["request"]["url"]):
            wrong.append(f"request: {params['request']['url'][:200]}")
        if method == "Page.javascriptDialogOpening":
            wrong.append("a dialog")
    return wrong

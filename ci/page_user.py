"""What a person does with the page of `mock-kuiper serve`: a server, and the page in a tab."""

import json
import signal
import subprocess
import time

from browser import CONTRAST, settled, wrong_events

LIMIT = 60  # seconds, for what the page waits for
SHADES = [(800, False), (800, True), (1280, False), (1280, True)]


class Server:
    """A `mock-kuiper serve`, which can be started again at its port, or suspended."""

    def __init__(self, command, *arguments):
        self.command = [command, "serve", *arguments]
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [*self.command, "--port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: `{' '.join(self.command)}` ended with status {self.process.wait(LIMIT)}")
        self.about = json.loads(line)
        self.url, self.port = self.about["url"].rstrip("/"), self.about["port"]

    def suspend(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        if self.process.poll() is not None:
            return
        self.resume()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT)
        self.process.stdout.close()


class Page:
    """The page in a tab, with what a person does."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url

    def see(self, what, expression):
        """Waits until an expression is true."""
        end = time.monotonic() + LIMIT
        while not self.browser.run(f"Boolean({expression})"):
            if time.monotonic() > end:
                text = self.browser.run("document.body.innerText")[:3000]
                wrong = wrong_events(self.browser, lambda url: True)
                raise SystemExit(f"error: never seen within {LIMIT} s: {what}\n{expression}\n{wrong}\nThe page:\n{text}")
            time.sleep(0.05)

    def point(self, element):
        """Returns the middle of an element, once it is what a click there would hit."""
        at = f"""(() => {{
          const element = {element};
          if (!element || !element.checkVisibility() || element.disabled) return null;
          element.scrollIntoView({{ block: 'center' }});
          const box = element.getBoundingClientRect();
          const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
          const hit = document.elementFromPoint(x, y);
          return hit && (element.contains(hit) || hit.contains(element)) ? [x, y] : null;
        }})()"""
        self.see(f"{element} can be clicked", at)
        return self.browser.run(at)

    def click(self, element, count=1):
        x, y = self.point(element)
        for kind in ("mousePressed", "mouseReleased"):
            self.browser.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count)

    def press(self, key, code=None, modifiers=0):
        text = {"Enter": "\r", " ": " "}.get(key)
        number = {"Enter": 13, "Tab": 9, " ": 32, "ArrowDown": 40, "ArrowRight": 39, "a": 65}[key]
        about = {"key": key, "code": code or key, "windowsVirtualKeyCode": number, "modifiers": modifiers}
        self.browser.ask("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text and not modifiers else {}))
        self.browser.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, element, text):
        """Clicks into a field and replaces what is in it."""
        self.click(element)
        self.browser.run(f"{element}.select()")
        self.browser.ask("Input.insertText", text=text)

    def choose(self, symbol):
        self.click(f"document.querySelector('nav a[data-key=\"{symbol}\"]')")
        self.see(f"the view of {symbol}", f"document.querySelector('nav a[aria-current]')?.dataset.key === '{symbol}'")

    def open(self, fragment="", state="running"):
        self.browser.open(f"{self.url}/{fragment}")
        self.see(f"the plugin's state is {state}", STATE_IS % state)

    def pick(self, select, value):
        """Chooses an option, as the list of the browser does, which no test can click."""
        self.point(select)
        self.browser.run(f"(() => {{ const s = {select}; s.value = {value!r}; s.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()")

    def text(self, selector):
        return self.browser.run(f"document.querySelector({selector!r})?.innerText ?? ''")


def one(selector):
    return f"document.querySelector({selector!r})"


def named(text, selector="button"):
    """The button of this text or label."""
    return f"[...document.querySelectorAll({selector!r})].find(e => (e.ariaLabel ?? e.textContent).startsWith({text!r}))"


STATE_IS = "document.querySelector('.top .label')?.textContent.startsWith('%s')"
START = "document.querySelector('form .actions .main')"
SHOWN = "document.querySelectorAll('.live li').length"
LAST = "Number([...document.querySelectorAll('.live .n')].at(-1)?.textContent)"
TOTAL = "Number(document.querySelector('.live .rate').textContent.match(/([\\d,]+) rows$/)?.[1].replaceAll(',', ''))"
BANNER = "document.querySelector('.banner[role=status]:not([hidden])')"
RATE = "Number(document.querySelector('.live .rate').textContent.match(/^([\\d,.]+) rows/)?.[1].replaceAll(',', ''))"


def check_looks(page, checks, shots, name):
    """Each width, light and dark: nothing is wider than the page, all text can be read."""
    for width, dark in SHADES:
        page.browser.show(width, dark)
        page.browser.run(settled())
        if shots:
            page.browser.screenshot(shots / f"{name}-{width}-{'dark' if dark else 'light'}.png", width, 900, beyond=False)
        checks.equal(f"pixels beyond a width of {width}, {name}", page.browser.overflow(), 0)
        beyond = page.browser.run("document.documentElement.scrollHeight - innerHeight")
        checks.equal(f"pixels below the window, {name}, {width}", beyond, 0)
        checks.equal(f"text that is hard to read, {name}, {width}, dark {dark}", page.browser.run(CONTRAST), "")
    page.browser.show(1280, False)


def note_events(page, checks, when, expected=()):
    """Messages in the console, exceptions, and requests elsewhere. The browser notes
    refused requests itself; `expected` are parts of these notes."""
    page.browser.run(settled())
    wrong = wrong_events(page.browser, lambda url: url.startswith((page.url, "blob:" + page.url)))
    wrong = [each for each in wrong if not any(part in each for part in expected)]
    checks.equal(f"the console is empty, and nothing is requested elsewhere, {when}", wrong, [])
    page.browser.events.clear()

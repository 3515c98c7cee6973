"""Drives the page of `mock-kuiper serve` as a person does, with clicks and keys.

Usage: page.py CHROMIUM MOCK-KUIPER SCREENSHOTS MIRROR [PYSAM PYTHON]
SCREENSHOTS is a directory or empty. MIRROR and PYSAM are plugins' directories.
Exits with status 1 if a check fails, and names it.
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from browser import CONTRAST, Browser, Checks, settled, wrong_events

LIMIT = 30  # seconds, for what the page waits for
NODES = 12_000  # elements that the page has at most
SHADES = [(800, False), (800, True), (1280, False), (1280, True)]


class Server:
    """A `mock-kuiper serve`, which can be started again at its port."""

    def __init__(self, command, plugin, *more):
        self.command = [command, "serve", plugin, "--isolate", *more]
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [*self.command, "--port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: `{' '.join(self.command)}` ended with status {self.process.wait(LIMIT)}")
        about = json.loads(line)
        self.url, self.port = about["url"].rstrip("/"), about["port"]

    def end(self):
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

    def open(self, fragment=""):
        self.browser.open(f"{self.url}/{fragment}")
        self.see("the plugin runs", STATE_IS % "running")

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


def check_source(page, checks):
    """The form, its JSON, rows, pause."""
    page.open()
    checks.equal("the first symbol is chosen", page.browser.run("document.querySelector('h2[tabindex]').firstChild.data"), "random")
    checks.equal("the hint of the metadata", "milliseconds, or a text" in page.text("[data-name=period]"), True)
    page.type(one(".config > .fields > [data-name=period] input"), "20")
    page.type(one("[data-name=pattern] [data-name=count] input"), "7")
    page.click(one(".advanced summary"))
    shown = json.loads(page.browser.run(one(".advanced textarea") + ".value"))
    checks.equal("the JSON follows the form", shown, {"count": 0, "pattern": {"count": 7}, "period": 20, "seed": 1})

    page.type(one(".advanced textarea"), '{"period": ')
    page.see("what is not JSON is named", f"{one('.advanced .bad')}.textContent.startsWith('This is not JSON')")
    page.type(one(".advanced textarea"), '{"period": 30, "pattern": {"count": 7}, "extra": [1]}')
    checks.equal("the form follows the JSON", page.browser.run(one("[data-name=period] input") + ".value"), "30")
    checks.equal("another property is named", "Not in the metadata: extra" in page.text(".config"), True)

    page.click(START)
    page.see("rows appear", f"{SHOWN} >= 3")
    page.see("a rate", "/^[1-9][\\d.]* rows\\/s/.test(document.querySelector('.live .rate').textContent)")
    checks.equal("a row", page.browser.run(one(".live li .foreign") + ".textContent"), '{"count":7}')
    checks.equal("the list of symbols has the rate", "rows/s" in page.text("nav a[data-key='source/random']"), True)

    page.click(named("Pause"))
    last = page.browser.run(LAST)
    page.see("rows wait", "/^Paused. [1-9]\\d* new rows wait/.test(document.querySelector('.live').innerText.match(/Paused.*/)?.[0])")
    checks.equal("no row is added in the pause", page.browser.run(LAST), last)
    page.click(named("Resume"))
    page.see("the rows go on", f"{LAST} > {last}")


def check_sink(page, checks, work):
    """Rows of a source, and rows that are typed, with acks and without."""
    out = work / "out.jsonl"
    out.unlink(missing_ok=True)
    page.choose("sink/append")
    page.type(one("[data-name=path] input"), str(out))
    page.click(named("Send", "button[type=submit]"))
    page.see("a hint that no instance runs", "document.body.innerText.includes('Start an instance first.')")
    page.click(START)
    page.see("the instance runs", "document.querySelector('tbody .label.good')")
    page.type(one(".live-column textarea"), '{"n": 1}\n{"n": 2.5}')
    page.press("Enter", modifiers=2)
    page.see("two acks", "document.querySelector('.results')?.innerText.includes('2 acked, 0 failed')")
    checks.equal("what the sink wrote", out.read_text(), '{"n":1}\n{"n":2.5}\n')

    page.click(one("[data-name=raw] input"))
    page.type(one(".live-column textarea"), "no json")
    page.click(named("Send", "button[type=submit]"))
    page.see("a failed ack with its text", "document.querySelector('.results li p.bad')")
    page.click(one("[data-name=raw] input"))
    page.click(named("Insert"))
    page.see("the last row of the source", one(".live-column textarea") + ".value.includes('\"count\": 7')")
    page.type(one("[data-name=path] input"), "/")
    page.type(one("[data-name=rule] input"), "rule2")
    page.click(START)
    page.see("a refusal with its code and what explains it", "document.querySelector('form .problem')?.innerText.includes('mock-kuiper explain')")
    checks.equal("the refusal", "config.path: /" in page.text("form .problem"), True)


def check_call(page, checks):
    """Calls, the history, what is hostile."""
    page.choose("function/echo")
    page.type(one("[data-name=value] textarea"), '{"a": 1.5, "b": 9007199254740993}')
    page.press("Enter", modifiers=2)
    page.see("the result", "document.querySelector('tbody td:nth-child(3)')")
    checks.equal("the result keeps its digits", page.text("tbody td:nth-child(3)"), '{"a":1.5,"b":9007199254740993}')

    page.type(one("[data-name=value] textarea"), json.dumps("<img src=x onerror=alert(1)>\x1b[31m\u202e" + "x" * 5000))
    page.click(named("Call"))
    page.see("the second call", "document.querySelectorAll('tbody tr').length === 2")
    hostile = page.text("tbody td:nth-child(3)")
    checks.equal("hostile text is shown", '<img src=x onerror=alert(1)>' in hostile and "\\u202e" in hostile, True)
    checks.equal("it makes no element", page.browser.run("document.querySelectorAll('main img').length"), 0)
    checks.equal("it is shortened", len(hostile) < 400 and "show all" in hostile, True)
    page.click(named("show all", "tbody td:nth-child(3) button"))
    checks.equal("all of it can be seen", len(page.text("tbody td:nth-child(3)")) > 5000, True)

    page.click(named("Remove the last"))
    page.click(named("Validate"))
    page.see("a call without an argument is refused", "document.querySelector('tbody tr .label')?.textContent === 'refused'")
    page.click("[...document.querySelectorAll('tbody button')].at(-1)")
    page.see("a call of the history is used again", one("[data-name=value] textarea") + ".value.includes('\"a\": 1.5')")


def check_fault_and_case(page, checks):
    page.choose("faults")
    page.see("the faults", "document.querySelectorAll('.fault').length > 15")
    checks.equal("a fault is explained", "Survived if" in page.text(".fault[data-name=stale]"), True)
    page.click(named("Play stale"))
    page.see("the outcome", "document.querySelector('.fault[data-name=stale] .label.good')?.textContent === 'survived'")
    page.choose("case")
    page.type(one("main form input"), "by hand")
    page.click(named("Save"))
    page.see("the case", "document.querySelector('pre.file')?.textContent.includes('by hand')")


def check_conversation(page, checks):
    """Messages by channel, their meaning and body, and the log."""
    page.see("messages", "document.querySelectorAll('.wire li').length > 10")
    page.click(one(".tools select"))
    page.press("Enter")
    page.browser.run("(() => { const s = document.querySelector('.tools select'); s.value = 'plugin_mirror'; s.dispatchEvent(new Event('change')); })()")
    page.see("only this channel", "[...document.querySelectorAll('.wire .channel')].every(e => e.textContent === 'plugin_mirror')")
    order = "[...document.querySelectorAll('.wire details')].find(e => e.querySelector('.kind')?.textContent === 'order')"
    page.click(f"{order}.querySelector('summary')")
    page.see("the order's own JSON is decoded", f"{order}.querySelector('pre')?.textContent.includes('\"symbolName\": ')")
    checks.equal("a meaning", "orders the plugin to start" in page.browser.run(f"{order}.querySelector('.explain').textContent"), True)
    checks.equal("as it was sent", page.browser.run(f"{order}.querySelector('.body details pre').textContent").startswith('{"cmd":"start","arg":"{'), True)
    page.click(one("#tab-log"))
    page.see("the log", "document.querySelector('.panel .stream')")
    page.press("ArrowRight")
    page.see("the arrow key goes to the conversation", f"document.activeElement === {one('#tab-wire')}")


def check_life(page, checks, server):
    """Hot reload, crash, start, the browser's reload; a server that is suspended, or started again."""
    page.choose("source/random")
    page.see("rows", f"{SHOWN} > 0")
    state = page.text(".top .label")
    page.click(one("[data-action=reload]"))
    page.see("another process", f"{STATE_IS % 'running'} && document.querySelector('.top .label').textContent !== {state!r}")
    total = page.browser.run(TOTAL)
    page.see("the rows go on after the reload", f"{TOTAL} > {total}")

    page.click(one("[data-action=kill]"))
    page.see("the plugin has exited", STATE_IS % "exited")
    page.see("the finding", "document.querySelector('.banner .problem')?.innerText.includes('mock-kuiper explain')")
    page.click(one("[data-action=start]"))
    page.see("it runs again", f"{STATE_IS % 'running'} && !document.querySelector('.banner .problem')?.checkVisibility()")
    page.type(one("[data-name=period] input"), "20")
    page.click(START)
    page.see("rows", f"{LAST} > 2")

    page.browser.ask("Page.reload")
    page.see("the same symbol after a reload", "document.querySelector('nav a[aria-current]')?.dataset.key === 'source/random'")
    page.see("its rows", f"{LAST} > 2")

    server.process.send_signal(signal.SIGSTOP)
    page.see("a suspended server is noticed", f"{BANNER}?.innerText.includes('does not answer')")
    server.process.send_signal(signal.SIGCONT)
    page.see("it answers again", f"!{BANNER}")
    server.end()
    page.see("an ended server is noticed", f"{BANNER}?.innerText.includes('does not answer')")
    server.start()
    page.see("the page connects again", f"!{BANNER} && {STATE_IS % 'running'}")
    page.see("it says so", "document.querySelector('.top').innerText.includes('The server was started again')")
    checks.equal("instances of the earlier server", page.browser.run("document.querySelectorAll('tbody tr').length"), 0)


def check_keyboard(page, checks):
    """Starts and stops a source with keys alone."""
    page.open("#/mirror/source/random")
    page.see("the form", START)

    def tab_to(what, expression):
        for _ in range(80):
            page.press("Tab")
            if page.browser.run(f"Boolean({expression})"):
                outline = page.browser.run("getComputedStyle(document.activeElement).outlineStyle")
                checks.equal(f"the focus on {what} can be seen", outline, "solid")
                return
        raise SystemExit(f"error: the key Tab never reaches {what}")

    tab_to("the button Start", f"document.activeElement === {START}")
    page.press("Enter")
    page.see("the instance", "document.querySelector('tbody .label.good')")
    tab_to("the button Stop", "document.activeElement.ariaLabel?.startsWith('Stop rule1_random_0')")
    page.press(" ", "Space")
    page.see("the instance has ended", "document.querySelectorAll('tbody tr:not([hidden])').length === 0")

    tree = page.browser.ask("Accessibility.getFullAXTree")["nodes"]
    for node in tree:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in ("button", "textbox", "searchbox", "combobox", "checkbox", "radio", "heading", "link", "tab", "navigation", "region"):
            checks.equal(f"each {role} has a name", bool(node.get("name", {}).get("value")), True)


def check_looks(page, checks, shots, name):
    """Each width, light and dark: nothing is wider than the page, all text can be read."""
    for width, dark in SHADES:
        page.browser.show(width, dark)
        page.browser.run(settled())
        if shots:
            page.browser.screenshot(shots / f"{name}-{width}-{'dark' if dark else 'light'}.png", width, 900)
        checks.equal(f"pixels beyond a width of {width}, {name}", page.browser.overflow(), 0)
        checks.equal(f"text that is hard to read, {name}, {width}, dark {dark}", page.browser.run(CONTRAST), "")
    page.browser.show(1280, False)


def check_flood(page, checks, shots):
    """10,000 rows per second: it samples and says so, and goes on to answer."""
    page.open("#/mirror/source/random")
    page.type(one("[data-name=period] input"), "100us")
    checks.equal("a text for a number is noted", "sent as a text" in page.text("[data-name=period]"), True)
    page.browser.run("""(() => {
      window.long = [];
      new PerformanceObserver(list => window.long.push(...list.getEntries().map(e => e.duration))).observe({ type: 'longtask' });
    })()""")
    page.click(START)
    page.see("it says that it samples", "document.querySelector('.live').innerText.includes('Sampled: at most 50 rows per second')")
    page.see("20,000 rows", f"{TOTAL} > 20000")
    frames = page.browser.run("new Promise(done => { let n = 0; const next = () => ++n < 20 ? requestAnimationFrame(next) : done(n); next(); })")
    checks.equal("it goes on to draw", frames, 20)
    page.click(named("Pause"))
    page.see("it is paused", "document.querySelector('.live').innerText.includes('Paused.')")
    page.click(named("Resume"))
    page.see("many messages", "document.querySelectorAll('.wire li').length > 100")
    nodes = page.browser.run("document.querySelectorAll('*').length")
    checks.equal(f"at most {NODES} elements, seen {nodes}", nodes < NODES, True)
    checks.equal("at most 200 rows", page.browser.run(SHOWN) <= 200, True)
    check_looks(page, checks, shots, "flood")
    page.choose("function/echo")
    page.type(one("[data-name=value] textarea"), "1")
    page.click(named("Call"))
    page.see("a call is answered meanwhile", "document.querySelector('tbody td:nth-child(3)')?.textContent === '1'")
    tasks = page.browser.run("window.long")
    print(f"flood: {nodes} elements, {len(tasks)} long tasks, the longest {max(tasks, default=0):.0f} ms")


def check_tabs(page, checks):
    """Four tabs at once: a browser has six connections for all of them."""
    browser, first = page.browser, page.browser.session
    tabs = [browser.tab() for _ in range(3)]
    for tab in tabs:
        browser.session = tab
        browser.show(1280, False)
        page.open("#/mirror/source/random")
        checks.equal("the tab is not hidden", browser.run("document.visibilityState"), "visible")
        page.see("rows in each tab", f"{SHOWN} > 0")
    for tab in tabs:
        browser.session = tab
        page.choose("function/echo")
        page.type(one("[data-name=value] textarea"), '"tab"')
        page.click(named("Call"))
        page.see("an answer in each tab", "document.querySelector('tbody td:nth-child(3)')?.textContent === '\"tab\"'")
    browser.session = tabs[0]
    page.choose("source/random")
    page.click(named("Stop rule1_random_0"))
    for tab in tabs:
        browser.session = tab
        page.see("each tab sees the stop", "!document.querySelector('nav').innerText.includes('rows/s')")
    for tab in tabs:
        browser.session = tab
        browser.ask("Page.close")
    browser.session = first
    checks.equal("the first tab goes on", page.text("h1"), "mock-kuiper")


def check_python(page, checks, shots):
    """A plugin with Chinese metadata: the language of labels and of the page."""
    page.open("#/pysam/source/pyjson")
    checks.equal("an English label", "Interval (ms)" in page.text("main"), True)
    page.type(one("[data-name=rule] input"), "regel")
    page.click("[...document.querySelectorAll('.top select')].at(-1)")
    page.press("ArrowDown")
    page.press("Enter")
    page.see("Chinese", "document.documentElement.lang === 'zh-CN'")
    checks.equal("a Chinese label", "间隔（毫秒）" in page.text("main"), True)
    checks.equal("the page's words", "动作 (Sink)" in page.text("nav"), True)
    checks.equal("what was typed stays", page.browser.run(one("[data-name=rule] input") + ".value"), "regel")
    page.click(START)
    page.see("rows", f"{SHOWN} > 3")
    check_looks(page, checks, shots, "chinese")
    page.choose("function/revert")
    page.type(one("[data-name=text] textarea"), "abc")
    page.press("Enter", modifiers=2)
    page.see("the call", "document.querySelector('tbody td:nth-child(3)')?.textContent === '\"cba\"'")
    page.choose("sink/print")
    page.click(START)
    page.see("the sink", "document.querySelector('tbody .label.good')")
    page.click("document.querySelector('.live-column form .main')")
    page.see("its ack", "document.querySelector('.results .label.good')")
    page.click(one("#tab-log"))
    page.see("its log", "document.querySelector('.panel .stream').innerText.includes('print: ')")
    page.browser.run("localStorage.clear()")


def note_events(page, checks, when, expected=()):
    """Messages in the console, exceptions, and requests elsewhere. The browser notes
    refused requests itself; `expected` are parts of these notes."""
    page.browser.run(settled())
    wrong = wrong_events(page.browser, lambda url: url.startswith((page.url, "blob:" + page.url)))
    wrong = [each for each in wrong if not any(part in each for part in expected)]
    checks.equal(f"the console is empty, and nothing is requested elsewhere, {when}", wrong, [])
    page.browser.events.clear()


def check_mirror(browser, server, checks, shots, work):
    page = Page(browser, server.url)
    browser.show(1280, False)
    check_source(page, checks)
    check_looks(page, checks, shots, "source")
    check_sink(page, checks, work)
    check_looks(page, checks, shots, "sink")
    check_call(page, checks)
    check_looks(page, checks, shots, "function")
    check_fault_and_case(page, checks)
    check_looks(page, checks, shots, "case")
    page.choose("faults")
    check_looks(page, checks, shots, "faults")
    check_conversation(page, checks)
    note_events(page, checks, "at work", ["status of 422"])
    check_life(page, checks, server)
    check_looks(page, checks, shots, "life")
    note_events(page, checks, "with a server that ends", ["net::ERR_"])
    check_keyboard(page, checks)
    note_events(page, checks, "with keys")
    check_flood(page, checks, shots)
    note_events(page, checks, "in the flood")
    check_tabs(page, checks)


def main():
    chromium, command, shots, mirror, *python = sys.argv[1:]
    shots = pathlib.Path(shots) if shots else None
    checks = Checks()
    # The browser's helpers may write to the profile after its end.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(chromium, profile)
        server = None
        try:
            server = Server(command, mirror)
            # The isolated plugin sees this directory.
            check_mirror(browser, server, checks, shots, pathlib.Path(mirror).parent)
            server.end()
            if python:
                server = Server(command, python[0], "--python", python[1])
                page = Page(browser, server.url)
                check_python(page, checks, shots)
                note_events(page, checks, "of the Python plugin")
        finally:
            browser.end()
            if server and server.process.poll() is None:
                server.process.send_signal(signal.SIGCONT)
                server.end()
    for failure in checks.failures:
        print(failure, file=sys.stderr)
    print(f"page: {checks.count} checks, {len(checks.failures)} failed")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())

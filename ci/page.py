"""Drives the page of `mock-kuiper serve` as a person does, with clicks and keys.

Usage: page.py CHROMIUM MOCK-KUIPER SCREENSHOTS MIRROR PROBE [--go BENCH_GO] [--python PYSAM PYTHON]
SCREENSHOTS is a directory or empty. The plugins are directories, PROBE is an executable.
Exits with status 1 if a check fails, and names it.
"""

import argparse
import json
import pathlib
import sys

import page_servers
from browser import Checks, run_in, settled
from page_user import (
    BANNER, LAST, RATE, SHOWN, START, STATE_IS, TOTAL, Page, Server, check_looks, named, note_events, one)

NODES = 12_000  # elements that the page has at most
FLOOD = 10_000  # rows in a second
RELEASES = "document.querySelectorAll('.top select')[0]"


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
    page.pick(one(".tools select"), "plugin_mirror")
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

    server.suspend()
    page.see("a suspended server is noticed", f"{BANNER}?.innerText.includes('does not answer')")
    server.resume()
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


def check_flood(page, checks, shots):
    """10,000 rows per second and more: it samples and says so, and goes on to answer."""
    page.open("#/mirror/source/random")
    page.type(one("[data-name=period] input"), "100us")
    checks.equal("a text for a number is noted", "sent as a text" in page.text("[data-name=period]"), True)
    page.browser.run("""(() => {
      window.long = [];
      new PerformanceObserver(list => window.long.push(...list.getEntries().map(e => e.duration))).observe({ type: 'longtask' });
    })()""")
    page.type(one("[data-name=period] input"), "0")
    page.click(START)
    page.see("it says that it samples", "document.querySelector('.live').innerText.includes('Sampled: at most 50 rows per second')")
    page.see(f"{FLOOD} rows per second", f"{RATE} >= {FLOOD}")
    rate, total = page.browser.run(RATE), page.browser.run(TOTAL)
    page.see("the count goes on", f"{TOTAL} > {total + FLOOD}")
    last = page.browser.run(LAST)
    page.see("newer rows are shown", f"{LAST} > {last + FLOOD}")
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
    page.choose("source/random")
    page.see("the flood has not ended", f"{RATE} >= {FLOOD}")
    tasks = page.browser.run("window.long")
    print(f"flood: {rate:.0f} rows/s, {nodes} elements, {len(tasks)} long tasks, the longest {max(tasks, default=0):.0f} ms")


def check_tabs(page, checks, server):
    """Four tabs at once: a browser has six connections for all of them. One of them is
    slow, and the server is suspended."""
    browser, first = page.browser, page.browser.session
    tabs = [browser.tab() for _ in range(3)]

    def each(do):
        for tab in tabs:
            browser.session = tab
            do()

    def opened():
        browser.show(1280, False)
        page.open("#/mirror/source/random")
        checks.equal("the tab is not hidden", browser.run("document.visibilityState"), "visible")
        page.see("rows in each tab", f"{SHOWN} > 0")

    each(opened)

    # A tab that stands still, while the rows flood it.
    slow, quick = tabs[1:]
    browser.session = slow
    browser.ask("Debugger.enable")
    before = browser.run(LAST)
    browser.ask("Debugger.pause")
    browser.wait("Debugger.paused")
    browser.session = quick
    total = browser.run(TOTAL)
    page.see("a slow tab holds up no other", f"{TOTAL} > {total + FLOOD}")
    last = browser.run(LAST)
    browser.session = slow
    browser.ask("Debugger.resume")
    browser.ask("Debugger.disable")
    page.see("the slow tab goes on with what is new", f"{LAST} > {max(last, before)}")

    # Slower, so that the machine has room for four tabs.
    page.click(named("Stop rule1_random_0"))
    page.type(one("[data-name=period] input"), "20")
    page.click(START)
    each(lambda: page.see("each tab has the rows of the new instance", f"{LAST} < {FLOOD}"))
    server.suspend()
    each(lambda: page.see("each tab notices that the server is suspended", f"{BANNER}?.innerText.includes('does not answer')"))
    last = browser.run(LAST)
    server.resume()
    each(lambda: page.see("each tab gets rows again", f"!{BANNER} && {LAST} > {last}"))

    def called():
        page.choose("function/echo")
        page.type(one("[data-name=value] textarea"), '"tab"')
        page.click(named("Call"))
        page.see("an answer in each tab", "document.querySelector('tbody td:nth-child(3)')?.textContent === '\"tab\"'")

    each(called)
    browser.session = tabs[0]
    page.choose("source/random")
    page.click(named("Stop rule1_random_0"))
    each(lambda: page.see("each tab sees the stop", "!document.querySelector('nav').innerText.includes('rows/s')"))
    each(lambda: browser.ask("Page.close"))
    browser.session = first
    checks.equal("the first tab goes on", page.text("h1"), "mock-kuiper")


def check_release(page, checks):
    """Another release is played by another process."""
    page.open("#/mirror/sink/append")
    page.click(START)
    page.see("an instance", "document.querySelector('tbody .label.good')")
    state = page.text(".top .label")
    page.pick(RELEASES, "1.13")
    page.see("another process", f"{STATE_IS % 'running'} && document.querySelector('.top .label').textContent !== {state!r}")
    page.see("nothing runs in it", "document.querySelectorAll('tbody .label.good').length === 0")
    page.click(START)
    page.see("an instance of a release without acks", "document.querySelector('tbody tr td:nth-child(4)')?.textContent === '—'")
    page.browser.ask("Page.reload")
    page.see("the release after a reload", f"{RELEASES}?.value === '1.13'")
    page.see("its instance", "document.querySelector('tbody .label.good')")
    page.pick(RELEASES, "2.4")
    page.see("the release from before", f"{STATE_IS % 'running'} && document.querySelectorAll('tbody .label.good').length === 0")


def check_rule(page, checks, work):
    """A sink that gets the rows of a source, which is chosen in the source's form."""
    out = work / "rule.jsonl"
    page.open("#/mirror/sink/append")
    page.type(one("[data-name=path] input"), str(out))
    page.click(START)
    page.see("the sink runs", "document.querySelector('tbody .label.good')")
    page.choose("source/random")
    page.type(one("[data-name=period] input"), "10")
    page.click("document.querySelector('[data-name=to] input')")
    page.click(START)
    page.see("rows", f"{SHOWN} > 3")
    page.choose("sink/append")
    page.see("acks of the source's rows", "/^([4-9]|\\d\\d+) done/.test(document.querySelector('tbody tr td:nth-child(4)')?.textContent)")
    checks.equal("what the sink wrote", out.read_text().startswith('{"count":50}\n{"count":50}\n'), True)
    page.choose("case")
    page.click(named("Save"))
    page.see("the rule in the case", "document.querySelector('pre.file')?.textContent.includes('- rule:')")


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
    check_tabs(page, checks, server)
    note_events(page, checks, "in several tabs", ["net::ERR_"])
    check_rule(page, checks, work)
    check_release(page, checks)
    note_events(page, checks, "with a rule and another release")


def main():
    parser = argparse.ArgumentParser()
    for name in ("chromium", "command", "shots", "mirror", "probe"):
        parser.add_argument(name)
    parser.add_argument("--go")
    parser.add_argument("--python", nargs=2)
    args = parser.parse_args()
    shots = pathlib.Path(args.shots) if args.shots else None
    checks = Checks()
    with run_in(args.chromium) as browser, page_servers.Servers(args.command) as servers:
        server = servers.start(args.mirror, "--isolate")
        # The isolated plugin sees this directory.
        work = pathlib.Path(args.mirror).parent
        check_mirror(browser, server, checks, shots, work)
        server.end()
        page_servers.check_token(browser, servers, checks, args.mirror)
        page_servers.check_attach(browser, servers, checks, shots, pathlib.Path(args.probe), work)
        if args.go:
            page_servers.check_go(browser, servers, checks, shots, args.go)
        if args.python:
            page_servers.check_python(browser, servers, checks, shots, *args.python, args.mirror)
    return checks.end("page")


if __name__ == "__main__":
    sys.exit(main())

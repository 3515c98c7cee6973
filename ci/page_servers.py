"""The checks of the page that need a server of their own: with a token, attached, with
several plugins, and with plugins in other languages than Rust."""

import pathlib
import os
import shutil
import signal
import subprocess

from page_user import (
    BANNER, LIMIT, SHOWN, START, STATE_IS, TOTAL, Page, Server, check_looks, named, note_events, one)

PROBLEM = "document.querySelector('.top .problem')?.innerText"
RESULT = "document.querySelector('tbody td:nth-child(3)')?.textContent"


class Servers:
    """Starts servers, and ends them at the end."""

    def __init__(self, command):
        self.command = command
        self.started = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for server in self.started:
            server.end()

    def start(self, *arguments):
        self.started.append(Server(self.command, *arguments))
        return self.started[-1]


def check_token(browser, servers, checks, plugin):
    """A server for other machines: the page says what is missing, and works with the token."""
    server = servers.start(plugin, "--isolate", "--listen", "0.0.0.0")
    page = Page(browser, f"http://127.0.0.1:{server.port}")
    token = server.about["token"]
    checks.equal("a random token", len(token), 32)
    for query in ("", "?token=wrong"):
        browser.open(f"{page.url}/{query}")
        page.see("the server refuses the page", f"{BANNER}?.innerText.includes('The server refuses this page.')")
        checks.equal("with the reason", "the token is missing or wrong" in page.text(".banner"), True)
    note_events(page, checks, "without the token", ["status of 401"])
    page.open(f"?token={token}#/mirror/source/random")
    page.type(one("[data-name=period] input"), "10")
    page.click(START)
    page.see("rows", f"{SHOWN} > 3")
    page.browser.ask("Page.reload")
    page.see("rows after a reload", f"{SHOWN} > 3")
    page.choose("case")
    page.click(named("Download the trace"))
    page.see("the trace can be had", "!document.querySelector('main .problem') && !document.querySelector('[aria-disabled]')")
    note_events(page, checks, "with a token")
    server.end()


def check_attach(browser, servers, checks, shots, probe, work):
    """A plugin that is started by hand, held by a signal, and started again. The machine's
    /tmp is used, so all names are those of this process."""
    name = f"page{os.getpid()}"
    rule, function = f"r{name}", f"f_{name}"
    plugin = work / name
    plugin.mkdir()
    shutil.copy(probe, plugin / name)
    (plugin / f"{name}.json").write_text(
        f'{{"version": "1", "language": "go", "executable": "{name}", "sources": ["nums"], "sinks": [], "functions": ["{function}"]}}')
    server = servers.start(str(plugin), "--attach")
    page = Page(browser, server.url)
    page.open(f"#/{name}/source/nums", state="waiting")
    page.see("how to start the plugin", "document.querySelector('.banner .command')")
    check_looks(page, checks, shots, "attach")
    command = page.text(".banner .command")
    checks.equal("the command", command.startswith(str(plugin / name)), True)
    page.click(START)
    page.see("nothing can be started before", "document.querySelector('form .problem')?.innerText.includes('the server waits for it')")

    def start():
        return subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=plugin, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def running(process):
        page.see("the plugin is attached", STATE_IS % f"running · pid {process.pid}")

    process = start()
    try:
        running(process)
        page.type(one("[data-name=rule] input"), rule)
        page.type(one(".advanced textarea"), '{"interval": 20}')
        page.click(START)
        page.see("rows", f"{SHOWN} > 3")
        for action, what in (("kill", "kill it"), ("reload", "replace it")):
            page.click(one(f"[data-action={action}]"))
            page.see(f"`{action}` is refused", f"{PROBLEM}?.includes('you start plugin `{name}` yourself: the server cannot {what}')")
        page.pick("document.querySelectorAll('.top select')[0]", "1.13")
        page.see("another release is refused", f"{PROBLEM}?.includes('another release needs a process of its own')")
        checks.equal("the release stays", browser.run("document.querySelectorAll('.top select')[0].value"), "2.4")

        # As a debugger holds it.
        page.choose(f"function/{function}")
        process.send_signal(signal.SIGSTOP)
        page.type(one(".fields textarea"), '"held"')
        page.click(named("Call"))
        page.see("the call waits", "document.querySelector('main .outcome')?.innerText.includes('Waiting for the answer')")
        process.send_signal(signal.SIGCONT)
        page.see("it is answered", f"{RESULT} === '\"held\"'")

        page.choose("source/nums")
        process.kill()
        process.wait(LIMIT)
        page.see("the server waits again", f"{STATE_IS % 'waiting'} && document.querySelector('.banner .command')?.checkVisibility()")
        total = browser.run(TOTAL)
        process = start()
        running(process)
        page.see("the rows go on", f"{TOTAL} > {total} + 3")
        note_events(page, checks, "attached", ["status of 409"])
        server.end()
        checks.equal("the plugin still runs", process.poll(), None)
    finally:
        server.end()
        process.kill()
        process.wait(LIMIT)


def work_through(page, checks, source, sink, function, config, call):
    """Drives a source, a sink that gets its rows, a function, a crash and a reload.
    `config` is the source's property and its value; `call` is an argument and the result."""
    page.choose(source)
    page.type(one(f".config [data-name={config[0]}] input"), config[1])
    page.click(START)
    page.see("rows", f"{SHOWN} > 3")
    page.choose(sink)
    page.click(one("[data-name=from] input"))
    page.click(START)
    page.see("acks of the source's rows", "/^([4-9]|\\d\\d+) done/.test(document.querySelector('tbody tr td:nth-child(4)')?.textContent)")
    page.choose(function)
    page.type(one(".fields textarea"), call[0])
    page.press("Enter", modifiers=2)
    page.see("the result", f"{RESULT} === {call[1]!r}")

    page.choose(source)
    state, total = page.text(".top .label"), page.browser.run(TOTAL)
    page.click(one("[data-action=reload]"))
    page.see("another process", f"{STATE_IS % 'running'} && document.querySelector('.top .label').textContent !== {state!r}")
    page.see("the rows go on after the reload", f"{TOTAL} > {total} + 3")
    page.click(one("[data-action=kill]"))
    page.see("the plugin has exited", STATE_IS % "exited")
    page.see("the finding", "document.querySelector('.banner .problem')?.innerText.includes('plugin.exited')")
    page.click(one("[data-action=start]"))
    page.see("it runs again", STATE_IS % "running")
    page.see("nothing runs in it", "document.querySelectorAll('tbody .label.good').length === 0")
    page.click(START)
    page.see("rows of the new process", f"{SHOWN} > 3 && document.querySelector('tbody .label.good')")


def check_go(browser, servers, checks, shots, plugin):
    """A plugin in Go."""
    server = servers.start(plugin, "--isolate")
    page = Page(browser, server.url)
    page.open("#/bench_go/source/bench_rows")
    checks.equal("its language", "go" in page.text(".who"), True)
    work_through(page, checks, "source/bench_rows", "sink/bench_take", "function/bench_echo", ("interval", "20000"), ('{"a": [1]}', '{"a":[1]}'))
    check_looks(page, checks, shots, "go")
    note_events(page, checks, "of the plugin in Go", ["status of 422"])
    server.end()


def check_python(browser, servers, checks, shots, plugin, python, other):
    """A plugin in Python with Chinese metadata, beside one in Rust: the language of labels
    and of the page, and the choice of the plugin."""
    server = servers.start(plugin, other, "--isolate", "--python", python)
    page = Page(browser, server.url)
    page.open("#/pysam/source/pyjson")
    checks.equal("an English label", "Interval (ms)" in page.text("main"), True)
    work_through(page, checks, "source/pyjson", "sink/print", "function/revert", ("interval", "100"), ("abc", '"cba"'))
    page.choose("source/pyjson")
    page.type(one("[data-name=rule] input"), "regel")
    page.click("[...document.querySelectorAll('.top select')].at(-1)")
    page.press("ArrowDown")
    page.press("Enter")
    page.see("Chinese", "document.documentElement.lang === 'zh-CN'")
    checks.equal("a Chinese label", "间隔（毫秒）" in page.text("main"), True)
    checks.equal("the page's words", "目标 (Sink)" in page.text("nav"), True)
    checks.equal("what was typed stays", page.browser.run(one("[data-name=rule] input") + ".value"), "regel")
    check_looks(page, checks, shots, "chinese")
    page.choose("sink/print")
    page.click(START)
    page.see("the sink", "document.querySelector('tbody .label.good')")
    check_looks(page, checks, shots, "chinese-sink")
    page.choose("faults")
    page.see("the faults", "document.querySelectorAll('.fault').length > 15")
    check_looks(page, checks, shots, "chinese-faults")
    page.choose("sink/print")
    page.click("document.querySelector('.live-column form .main')")
    page.see("its ack", "document.querySelector('.results .label.good')")
    page.click(one("#tab-log"))
    page.see("its log", "document.querySelector('.panel .stream').innerText.includes('print: ')")
    page.browser.run("localStorage.clear()")

    # The other plugin, and back.
    page.open("#/pysam/source/pyjson")
    page.pick(one(".who select"), "mirror")
    page.see("the other plugin's symbols", "document.querySelector('nav a[data-key=\"source/random\"]')")
    checks.equal("none of the first", page.browser.run("document.querySelectorAll('nav a[data-key=\"source/pyjson\"]').length"), 0)
    page.see("it runs", STATE_IS % "running")
    page.click(START)
    page.see("its rows", f"{SHOWN} > 1")
    checks.equal("the conversation is its own", "pyjson" in page.text(".wire"), False)
    page.pick(one(".who select"), "pysam")
    page.see("the first plugin's rows", f"document.querySelector('nav a[aria-current]')?.dataset.key === 'source/pyjson' && {SHOWN} > 3")
    note_events(page, checks, "of two plugins", ["status of 422"])
    server.end()

"""Checks of the page in a real browser. `README.md` lists them. An argument is where to put the picture."""

import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

from browser import Browser

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.join(HERE, "..", "..", "target", "debug")
TOOLS = os.path.join(HERE, "target", "tools")

# A text that would run if any of its readers took it for markup.
MARKUP = "<script>hacked=1</script><img src=x onerror=hacked=1>\"'</style></script>"

# The traces that the page keeps, and how many more are sent.
KEPT, FURTHER = 10_000, 250

# The longest median time between a keystroke and the picture behind it, in milliseconds.
KEYSTROKE_MAX = 200

checked = []


def check(claim, what, detail=""):
    if not what:
        raise SystemExit(f"browser: not so: {claim}. {detail}")
    checked.append(claim)
    print(f"ok: {claim}", flush=True)


class Program:
    """A process that tells where it listens."""

    def __init__(self, command, **variables):
        environment = {**os.environ, "NO_COLOR": "1", **variables}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        deadline, text = time.monotonic() + 30, b""
        while not (found := re.search(rb"(?:http://)?(127\.0\.0\.1:\d+)[^\d]", text)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not piece:
                raise SystemExit(f"browser: {command} does not listen: {text.decode()}")
            text += piece
        self.address = found[1].decode()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        # The lines that it prints at its end have to be read, or it waits for ever.
        self.process.communicate(timeout=30)


def send(agent, traces):
    body = json.dumps(traces).encode()
    headers = {"Content-Type": "application/json", "Datadog-Meta-Lang": "go", "Datadog-Meta-Tracer-Version": "2.4.1",
               "X-Datadog-Trace-Count": str(len(traces))}
    request = urllib.request.Request(f"http://{agent}/v0.3/traces", data=body, method="PUT", headers=headers)
    urllib.request.urlopen(request, timeout=60).read()


def span(trace, number, parent, name, resource, **fields):
    start = time.time_ns() - 60_000_000
    return {"service": "load", "name": name, "resource": resource, "type": "web", "trace_id": trace, "span_id": number,
            "parent_id": parent, "start": start, "duration": 5_000_000, "error": 0, "meta": {},
            "metrics": {"_sampling_priority_v1": 1}, **fields}


def rows(browser):
    return browser.run("[...document.querySelectorAll('#list .row .resource')].map(row => row.textContent)")


def search(browser, text):
    browser.run("$('search').focus(), $('search').select()")
    browser.text(text)


def place_order(agent):
    subprocess.run([os.path.join(BUILT, "examples", "quickstart")], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DD_TRACE_AGENT_URL": f"http://{agent}"})


def quickstart(browser, agent):
    """The quickstart's trace appears while the page is open, its failing span is red and says why."""
    browser.run("window.loaded = 1")
    place_order(agent)
    browser.wait("document.querySelectorAll('#list .row').length === 1", "the quickstart's trace appears")
    check("the quickstart's trace appears without a reload", browser.run("window.loaded") == 1)
    check("a list entry has its resource", rows(browser) == ["POST /orders/{id}"], rows(browser))
    browser.run("document.querySelector('#list .row').click()")
    browser.wait("document.querySelectorAll('#waterfall .row').length === 6", "the waterfall has six spans")
    red = browser.run("""(() => {
        const row = [...document.querySelectorAll('#waterfall .row')].find(row => row.textContent.includes('/payments'));
        const color = document.createElement('i');
        color.style.background = 'var(--bad)';
        document.body.append(color);
        const wanted = getComputedStyle(color).backgroundColor;
        color.remove();
        const own = row => getComputedStyle(row.querySelector('.bar')).backgroundColor;
        const others = [...document.querySelectorAll('#waterfall .row:not(.failed)')];
        return own(row) === wanted && others.length > 2 && others.every(other => own(other) !== wanted);
    })()""")
    check("the failing span alone is red", red)
    text = browser.wait("document.querySelector('#span .box.bad')?.innerText", "the error is shown")
    check("the failing span opens first and says why", "card declined" in text, text)
    search(browser, "card declined")
    check("search finds tags", len(rows(browser)) == 1)
    search(browser, "no such text")
    check("search leaves out what does not match", len(rows(browser)) == 0)
    search(browser, "")
    browser.key("Escape")


def hostile(browser, agent):
    """A span whose every field is markup is shown as text; its stack can be read."""
    stack = "Error: " + MARKUP + "\n    at shop::pay (src/pay.rs:42)\n    at shop::order (src/order.rs:7)"
    meta = {MARKUP: MARKUP, "error.message": MARKUP, "error.type": MARKUP, "error.stack": stack,
            "events": json.dumps([{"name": MARKUP, "time_unix_nano": time.time_ns(), "attributes": {MARKUP: MARKUP}}]),
            "_dd.span_links": json.dumps([{"trace_id": MARKUP, "span_id": MARKUP, "attributes": {MARKUP: MARKUP}}])}
    fields = {"service": MARKUP, "type": MARKUP, "error": 1, "meta": meta, "metrics": {MARKUP: 1}}
    send(agent, [[span(77, 1, 0, MARKUP, MARKUP, **fields)]])
    browser.open(f"http://localhost:{agent.split(':')[1]}/trace/77")
    shown = browser.wait("document.querySelector('#stack')?.innerText", "the stack is shown")
    check("the stack can be read, line by line", shown == stack, shown)
    count = browser.run(f"document.body.innerText.split({json.dumps(MARKUP)}).length - 1")
    check("markup is shown as text everywhere", count > 12, count)
    foreign = browser.run("document.scripts.length === 1 && !document.images.length && typeof hacked === 'undefined'")
    check("no markup has become an element", foreign)
    browser.run("choose('resources')")
    browser.wait("document.querySelectorAll('#resources tbody tr').length > 0", "the table has rows")
    browser.run("choose('requests')")
    browser.wait("document.querySelectorAll('#requests tbody tr').length > 0", "the tracers are listed")
    browser.run("choose('traces')")
    check("tables show markup as text", browser.run("typeof hacked === 'undefined' && !document.images.length"))


def details(browser, agent):
    """Events, links, complaints, copies, keys, and ids in the address."""
    large, other = 2**63 + 11, 2**63 + 12
    link = json.dumps([{"trace_id": f"{other:032x}", "span_id": f"{5:016x}", "attributes": {"why": "batch"}}])
    event = json.dumps([{"name": "row fetched", "time_unix_nano": time.time_ns(), "attributes": {"rows": 12}}])
    send(agent, [[span(large, 2**64 - 1, 0, "", "from", meta={"_dd.span_links": link, "events": event})],
                 [span(other, 5, 0, "web.request", "target"), span(other, 6, 5, "db.query", "SELECT 1", duration=10**6)]])
    browser.open(f"http://localhost:{agent.split(':')[1]}/trace/{large}")
    browser.wait("document.querySelector('#span a') !== null", "a decimal id opens the trace, and its link is shown")
    text = browser.run("document.querySelector('#span').innerText")
    check("events are shown with their attributes", "row fetched" in text and re.search(r"rows\s+12", text), text)
    check("the complaints of the Agent stand beside the span", "the name is empty" in text, text)
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.run("copy(opened.spans)")
    copied = json.loads(browser.run("navigator.clipboard.readText()"))
    check("a trace is copied with exact ids", (copied[0][0]["trace_id"], copied[0][0]["span_id"]) == (large, 2**64 - 1), copied)
    browser.run("document.querySelector('#span a').click()")
    browser.wait("document.querySelector('#head h2').innerText === 'target'", "a link leads to its trace")
    check("a link changes the address", browser.run("location.pathname") == f"/trace/{other:032x}")
    browser.run("document.activeElement.blur()")
    browser.key("n")
    browser.wait("document.querySelector('#span h3').innerText === 'SELECT 1'", "n goes to the next span")
    browser.key("Escape")
    check("Escape closes a trace", browser.run("location.pathname") == "/")
    browser.key("j")
    browser.wait("location.pathname.startsWith('/trace/')", "j opens a trace")
    browser.run("$('errors').click()")
    failed = browser.run("list.items.length > 0 && list.items.every(trace => trace.errors > 0)")
    check("errors only leaves out the others", failed)
    browser.run("$('errors').click()")
    browser.run("$('least').focus()")
    browser.text("100 s")
    check("a shortest duration leaves out the others", rows(browser) == [])
    browser.run("$('least').value = '', filter(), $('least').blur()")
    browser.open(f"http://localhost:{agent.split(':')[1]}/trace/1234567")
    browser.wait("document.body.innerText.includes('This trace is not here')", "an unknown id is said to be unknown")
    send(agent, [[span(1234567, 1, 0, "late", "late one")]])
    browser.wait("document.querySelector('#head h2').innerText === 'late one'", "a trace opens when it arrives")
    # The console notes the answer 404 to the trace that was not there yet.
    browser.errors[:] = [error for error in browser.errors if "404" not in error or "/page/trace/1234567" not in error]


def languages(browser, agent):
    """Official tracers and an OpenTelemetry service form one trace."""
    own = {"DD_TRACE_AGENT_URL": f"http://{agent}", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false"}
    rust = Program([os.path.join(BUILT, "examples", "axum"), "127.0.0.1:0"], **own)
    node = Program(["node", os.path.join(HERE, "middle.js"), f"http://{rust.address}/orders/7"], **own,
                   NODE_PATH=os.path.join(TOOLS, "node", "node_modules"))
    python = [os.path.join(TOOLS, "python", "bin", "python"), os.path.join(HERE, "front.py"), f"http://{node.address}/"]
    done = subprocess.run(python, env={**os.environ, **own}, capture_output=True, text=True, timeout=60)
    check("the request goes through three services", "order 7 placed" in done.stdout, done.stdout + done.stderr)
    rust.end()
    browser.open(f"http://localhost:{agent.split(':')[1]}/")
    services = "list.items.find(trace => trace.services.includes('front'))?.services"
    browser.wait(f"['middle', 'shop'].every(name => {services}?.includes(name))", "Python, Node and Rust are one trace")
    node.process.terminate()
    browser.run("document.activeElement.blur()")
    browser.run("go(list.items.find(trace => trace.services.includes('front')).id)")
    browser.wait("opened.spans.length >= 5", "all spans of the three are there")
    tree = browser.run("opened.spans.map(span => [span.service, span.depth, span.tracer.split(' ')[0]])")
    check("there is one root, of Python", [row[0] for row in tree if row[1] == 0] == ["front"], tree)
    depths = {service: min(row[1] for row in tree if row[0] == service) for service in ("front", "middle", "shop")}
    check("Node is below Python, Rust below Node", depths["front"] < depths["middle"] < depths["shop"], tree)
    tracers = {row[0]: row[2] for row in tree}
    check("each span names its tracer", (tracers["front"], tracers["middle"], tracers["shop"]) == ("python", "nodejs", "rust"), tracers)


def clear(browser):
    """A click forgets everything, here and in the Agent."""
    browser.run("$('clear').click()")
    browser.wait("!traces.length && !list.items.length && location.pathname === '/'", "Clear forgets all traces")
    browser.wait("document.body.innerText.includes('DD_TRACE_AGENT_URL=http://localhost:')", "an empty page says what to do")
    check("Clear forgets everything", True)


def picture(browser, agent, path):
    """The picture of the README: the quickstart's trace, open at its failing span."""
    for _ in range(3):
        place_order(agent)
    browser.size(1280, 760)
    browser.scheme("light")
    newest = browser.wait("list.items.filter(trace => trace.spans === 6).length >= 4 && list.items.find(trace => trace.spans === 6).id",
                          "the quickstart's traces arrive")
    browser.run(f"go('{newest}')")
    browser.wait("document.querySelectorAll('#waterfall .row').length === 6 && document.querySelector('#span .box.bad') !== null",
                 "the waterfall is drawn")
    browser.run("document.activeElement.blur()")
    browser.picture(path, quality=80)
    size = os.path.getsize(path)
    check("the picture is below 200 KB", 5_000 < size < 200_000, size)


def load(browser, agent):
    """Ten thousand traces: the newest are kept, and a keystroke stays quick."""
    begin = time.monotonic()
    sent = KEPT + FURTHER
    for first in range(0, sent, 250):
        traces = []
        for n in range(first, first + 250):
            trace = 1_000_000 + n
            tags = {"env": "prod", "customer.id": f"c{n * 7919 % 1000}", "request.id": f"{n * 2654435761 % 2**32:08x}",
                    "http.url": f"https://shop.example/articles/{n}?page={n % 9}", "host": f"node-{n % 40}"}
            traces.append([span(trace, 1, 0, "web.request", f"GET /articles/{n % 50}", meta=tags),
                           span(trace, 2, 1, "db.query", f"SELECT articles {n % 20}", type="sql", meta={"db.row": str(n)}),
                           span(trace, 3, 1, "cache.get", "GET", type="redis", error=int(n % 100 == 0))])
        send(agent, traces)
    browser.wait(f"traces.length === {KEPT} && traces[traces.length - 1].seq - traces[0].seq === {KEPT - 1}",
                 f"the newest {KEPT} traces are on the page")
    print(f"    {sent} traces sent and shown in {time.monotonic() - begin:.1f} s", flush=True)
    forgotten = browser.wait(f"totals.forgotten_traces >= {FURTHER} && totals.forgotten_traces", "traces are forgotten")
    browser.wait(f"$('counts').innerText.includes(' {forgotten} forgotten ')", "the page says how many traces it forgot")
    check("the page says how many traces it forgot", forgotten <= FURTHER + 20, forgotten)
    drawn = browser.run("document.querySelectorAll('#list .row').length")
    check("only rows in sight are drawn", 5 < drawn < 60, drawn)
    browser.run("""
        window.times = [];
        $('search').focus();
        $('search').select();
        $('search').addEventListener('keydown', event => {
          const begin = event.timeStamp;
          requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - begin)));
        }, true);
    """)
    typed = "c77 get /articles/12 customer.id:c1 request.id:00"
    for n, letter in enumerate(typed):
        browser.key(letter)
        browser.wait(f"times.length > {n}", "the keystroke is drawn")
    times = browser.run("times")
    median = statistics.median(times)
    print(f"    {len(times)} keystrokes at {KEPT} traces: median {median:.1f} ms, longest {max(times):.1f} ms", flush=True)
    check(f"a keystroke takes less than {KEYSTROKE_MAX} ms at the median", median < KEYSTROKE_MAX, times)
    check("the text was typed", browser.run("$('search').value") == typed, browser.run("$('search').value"))
    search(browser, "request.id:00")
    found = browser.run("list.items.length")
    check("search finds single tags among ten thousand traces", 0 < found < 200, found)
    search(browser, "")


def main():
    agent = Program([os.path.join(BUILT, "datadog-test-agent"), "0"])
    address = agent.address
    # Its drawings are not looked at here, but have to be read.
    reader = subprocess.Popen(["cat"], stdin=agent.process.stdout, stdout=subprocess.DEVNULL)
    try:
        with Browser() as browser:
            browser.open(f"http://localhost:{address.split(':')[1]}/")
            hostile(browser, address)
            details(browser, address)
            clear(browser)
            quickstart(browser, address)
            languages(browser, address)
            if sys.argv[1:]:
                picture(browser, address, sys.argv[1])
            for scheme in ("light", "dark"):
                browser.scheme(scheme)
                colors = browser.run("""['color', 'backgroundColor'].map(name => {
                    const [r, g, b] = getComputedStyle(document.body)[name].match(/\\d+/g).map(Number);
                    return 0.3 * r + 0.6 * g + 0.1 * b; })""")
                check(f"the {scheme} page has contrast", (colors[0] < colors[1] - 120) if scheme == "light" else (colors[0] > colors[1] + 120), colors)
            load(browser, address)
            check("no error in the console", not browser.errors, browser.errors)
        print(f"browser: {len(checked)} checks passed")
    finally:
        agent.process.send_signal(signal.SIGINT)
        agent.process.wait(30)
        reader.wait(30)


main()

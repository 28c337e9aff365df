"""Headless Chromium, driven over the DevTools protocol with the standard library alone."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

# Options of a browser that talks to nobody but the page.
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--remote-debugging-pipe",
]

# Longest wait for an answer of the browser or for a condition on the page, in seconds.
PATIENCE = 30


class Browser:
    """One browser with one page."""

    def __init__(self, width=1440, height=900):
        name = next((name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), None)
        if name is None:
            raise SystemExit("no Chromium: apt-get install chromium")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        ours_out, ours_in = os.pipe(), os.pipe()
        command = [name, *OPTIONS, f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}", "about:blank"]
        # The browser reads commands from descriptor 3 and writes answers to descriptor 4.
        shell = f'exec "$@" 3<&{ours_out[0]} 4>&{ours_in[1]}'
        self.process = subprocess.Popen(["bash", "-c", shell, "bash", *command], pass_fds=(ours_out[0], ours_in[1]),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ours_out[0])
        os.close(ours_in[1])
        self.out, self.read = ours_out[1], ours_in[0]
        self.rest, self.count, self.session = b"", 0, None
        # Errors in the console, exceptions, and what the Content-Security-Policy has stopped.
        self.errors = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def _message(self, deadline):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.read], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self.read, 1 << 16) if ready else b""
            if not piece:
                raise SystemExit("the browser does not answer")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(str([value.get("value", value.get("description")) for value in params["args"]]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def call(self, method, **params):
        """Sends a command and returns its result."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._message(deadline)
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def run(self, script):
        """Returns the value of an expression on the page."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, script, what):
        """Waits until an expression is true, and returns its value."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        raise SystemExit(f"{what}: not within {PATIENCE} s. The page says:\n{self.run('document.body.innerText')}")

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", f"{url} loads")

    def text(self, text):
        """Types a text where the focus is."""
        self.call("Input.insertText", text=text)

    def key(self, key):
        """Presses a key; one character, or a name such as `Escape`."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def scheme(self, scheme):
        """Makes the page light or dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self, path, quality=None):
        kind = {"format": "webp", "quality": quality} if quality else {"format": "png"}
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", **kind)["data"]))

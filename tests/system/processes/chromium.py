"""Chromium without a window, driven over its own DevTools protocol: https://chromedevtools.github.io/devtools-protocol.

Over a pipe (`--remote-debugging-pipe`: file descriptors 3 and 4, JSON ended by a zero byte), so no port and no client
library is needed.
"""

import base64
import json
import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import Future
from pathlib import Path

OPTIONS = (
    "--headless",
    "--no-sandbox",  # which root is not given
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)
LIMIT_S = 60.0


class Chromium:
    """A browser with a profile of its own; a context manager.

    Args:
        profile: a folder for it.
    """

    def __init__(self, profile: Path) -> None:
        executable = shutil.which("chromium")
        if executable is None:
            raise FileNotFoundError("no chromium on the PATH")
        self._profile, self._executable = profile, executable
        self._lock = threading.Lock()
        self._calls: dict[int, Future[dict]] = {}
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> "Chromium":
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # Two shells deep on some systems; bash hands on whatever it has open.
        command = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                command,
                "bash",
                self._executable,
                *OPTIONS,
                f"--user-data-dir={self._profile}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_read, to_write),
        )
        os.close(to_read)
        os.close(to_write)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(30)
        except (AssertionError, TimeoutError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait(30)
        self._reader.join(30)
        os.close(self._to)
        os.close(self._from)

    def page(self, width: int, height: int, *, is_phone: bool = False) -> "Page":
        """A tab of a size in CSS pixels."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        return page

    def call(self, method: str, session: str | None = None, **parameters: object) -> dict:
        """Calls the browser and returns its answer."""
        answer: Future[dict] = Future()
        with self._lock:
            number = len(self._calls)
            self._calls[number] = answer
            message = {"id": number, "method": method, "params": parameters}
            if session is not None:
                message["sessionId"] = session
            os.write(self._to, json.dumps(message).encode() + b"\0")
        done = answer.result(LIMIT_S)
        assert "error" not in done, (method, done)
        return done["result"]

    def _read(self) -> None:
        rest = b""
        while part := os.read(self._from, 1 << 16):
            *messages, rest = (rest + part).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._calls[message["id"]].set_result(message)
                elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
                    page.events.append(message)


class Page:
    """A tab: `events` holds what it told, the oldest first."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session
        self.events: list[dict] = []

    def call(self, method: str, **parameters: object) -> dict:
        return self._browser.call(method, self._session, **parameters)

    def open(self, url: str) -> None:
        answer = self.call("Page.navigate", url=url)
        assert "errorText" not in answer, answer

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)

    def value(self, expression: str) -> object:
        """What a JavaScript expression is worth, as JSON holds it."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, (expression, answer)
        return answer["result"].get("value")

    def until(self, expression: str, limit_s: float = LIMIT_S) -> object:
        """The expression's value as soon as it is true."""
        deadline_s = time.monotonic() + limit_s
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline_s, (
                f"not within {limit_s} s",
                expression,
                self.value("document.body.innerText"),
            )
            time.sleep(0.1)
        return found

    def screenshot(self) -> bytes:
        """What it shows, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def errors(self) -> list[dict]:
        """What the console shows in red or yellow, and exceptions."""
        found = []
        for event in self.events:
            told, method = event["params"], event["method"]
            if method == "Runtime.exceptionThrown":
                found.append(told)
            elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(told["entry"])
            elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(told)
        return found

    def requested(self) -> list[str]:
        """Every address it asked for."""
        return [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]

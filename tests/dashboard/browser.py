"""A real browser for the few things that only one can show: scripts at work, a policy that holds, a fragment that goes.

Headless Chromium, driven over its debugging pipe: messages of the DevTools protocol as JSON, each ended by a NUL byte.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.kit.product import eventually

ANSWER_TIMEOUT_S = 30.0
_ON_PIPES = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
_ABOVE_PIPES = 10
"""Chromium takes file descriptors 3 and 4: ours must not be in their way while they are put in place."""


def chromium() -> str | None:
    """The browser's path, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One window on a profile of its own. `dialogs`, `complaints` and `requests` collect what happened on its pages."""

    def __init__(self, profile: Path) -> None:
        self.dialogs: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._unread = b""
        their_end, self._to = _pipe()
        self._from, their_other_end = _pipe()
        self._process = subprocess.Popen(
            [
                sys.executable, "-c", _ON_PIPES, str(their_end), str(their_other_end), str(chromium()), "--headless",
                "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe", "--window-size=1100,800",
                f"--user-data-dir={profile}",
            ],
            pass_fds=(their_end, their_other_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        os.close(their_end)
        os.close(their_other_end)
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Ends the browser and everything it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; fails with what the browser says against it. Empty while a page is being replaced."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            answer = self._read(deadline_s)
            if answer.get("id") == message["id"]:
                replaced = any(word in answer.get("error", {}).get("message", "") for word in ("context", "navigated"))
                assert "result" in answer or replaced, answer
                return dict(answer.get("result", {}))
            self._note(answer)

    def go(self, url: str) -> None:
        """Loads a page, with its scripts."""
        self.call("Page.navigate", url=url)
        eventually(lambda: self.js("document.readyState === 'complete' && location.protocol !== 'about:'"))

    def js(self, expression: str) -> Any:
        """The value of an expression on the page; None while the page is being replaced."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer.get("result", {}).get("value")

    def type(self, text: str) -> None:
        """Types into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """One of the keys Enter and Tab."""
        details = {"Enter": (13, "\r"), "Tab": (9, "")}[key]
        stroke = {"key": key, "code": key, "windowsVirtualKeyCode": details[0]}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=details[1], **stroke)
        self.call("Input.dispatchKeyEvent", type="keyUp", **stroke)

    def _read(self, deadline_s: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline_s - time.monotonic()))
            assert ready, "the browser does not answer"
            self._unread += os.read(self._from, 1 << 20)
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        details = event.get("params", {})
        match event.get("method"):
            case "Page.javascriptDialogOpening":
                self.dialogs.append(details["message"])
                self._number += 1
                close = {"id": self._number, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}}
                os.write(self._to, json.dumps({**close, "sessionId": self._session}).encode() + b"\0")
            case "Log.entryAdded":
                self.complaints.append(details["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(details["exceptionDetails"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(details["request"]["url"])


def _pipe() -> tuple[int, int]:
    """A pipe's reading and writing end."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _ABOVE_PIPES) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]

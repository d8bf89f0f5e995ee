"""Renders the report as a reader sees it: telephone, desk and paper.

``python -m fedcredit.screenshot`` (``make demo-shot``) opens ``demo/report.html`` in Debian's
Chromium at 390 and 1280 pixels, measures whether the page is wider than its window, and writes
two pictures and an A4 print beside the report. The browser is driven over a pair of pipes (its
DevTools protocol, NUL-terminated JSON), so no port is opened; its network is switched off, and
every address that the page asks for is recorded.
"""

import argparse
import base64
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

WIDTHS = (390, 1280)
TIMEOUT_S = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How the page stood in a window of one width.

    Attributes
    ----------
    width_px, scroll_width_px : int
        Width of the window, and of what the page wanted.
    widest : tuple of str
        The elements that stick out on the right, outside any scrolling box.
    requests : tuple of str
        Addresses that the page asked for, itself excepted.
    picture : bytes
        The whole page as PNG; empty when it was measured only.
    """

    width_px: int
    scroll_width_px: int
    widest: tuple[str, ...]
    requests: tuple[str, ...]
    picture: bytes

    @property
    def fits(self) -> bool:
        """True when nothing sticks out and nothing was asked from elsewhere."""
        return self.scroll_width_px <= self.width_px and not self.widest and not self.requests


def find_browser() -> str | None:
    """Return the path of Chromium, or None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A headless Chromium on two pipes; use it as a context manager.

    Parameters
    ----------
    program : str
        Path of the browser.

    Raises
    ------
    TimeoutError
        When the browser does not answer within a minute.
    ConnectionError
        When it ends early.
    """

    def __init__(self, *, program: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="fedcredit-browser-")
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        # The protocol wants descriptors 3 and 4; move ours out of the way of that first.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in (to_child, from_child)]
        os.close(to_child)
        os.close(from_child)
        nowhere = os.open(os.devnull, os.O_RDWR)
        self._process_id = os.posix_spawn(
            program,
            [program, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nowhere, 0),
                (os.POSIX_SPAWN_DUP2, nowhere, 1),
                (os.POSIX_SPAWN_DUP2, nowhere, 2),
                (os.POSIX_SPAWN_DUP2, ends[0], 3),
                (os.POSIX_SPAWN_DUP2, ends[1], 4),
            ],
            setpgroup=0,
        )
        for end in (*ends, nowhere):
            os.close(end)
        self._buffer = b""
        self._n_calls = 0
        self._session: str | None = None
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        """Attach to a fresh page whose network is off."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = str(attached["sessionId"])
        self.call("Page.enable")
        self.call("Network.enable")
        self.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the browser's own process group and remove its profile."""
        os.close(self._write)
        os.close(self._read)
        deadline = time.monotonic() + 5.0
        ended, _ = os.waitpid(self._process_id, os.WNOHANG)
        while not ended and time.monotonic() < deadline:
            time.sleep(0.05)
            ended, _ = os.waitpid(self._process_id, os.WNOHANG)
        if not ended:
            os.killpg(self._process_id, signal.SIGKILL)
            os.waitpid(self._process_id, 0)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call one DevTools method and return its result."""
        self._n_calls += 1
        message: dict[str, object] = {"id": self._n_calls, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next_message()
            if answer.get("id") == self._n_calls:
                if "error" in answer:
                    raise ConnectionError(f"{method}: {answer['error'].get('message')}")
                return dict(answer["result"])

    def wait_for(self, event: str) -> None:
        """Read messages until `event` arrives."""
        while self._next_message().get("method") != event:
            continue

    def _next_message(self) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise TimeoutError(f"the browser did not answer within {TIMEOUT_S:.0f} s")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise ConnectionError("the browser ended before it answered")
            self._buffer += chunk
        raw, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(raw)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(str(message["params"]["request"]["url"]))
        return message


# What sticks out: an element whose right edge is beyond the window, and which no ancestor with a
# scroll bar of its own contains.
MEASURE = """
(() => {
  const out = [], width = document.documentElement.clientWidth;
  for (const element of document.body.querySelectorAll('*')) {
    if (element.getBoundingClientRect().right <= width + 0.5) continue;
    let box = element.parentElement;
    while (box && !['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX))
      box = box.parentElement;
    if (!box) out.push(element.tagName.toLowerCase() + '.' + element.getAttribute('class'));
  }
  return {scroll: document.scrollingElement.scrollWidth, height:
    document.scrollingElement.scrollHeight, inner: window.innerWidth, out: out.slice(0, 10)};
})()
"""


def shoot(
    browser: Browser, page: Path, *, width_px: int, dark: bool = False, draws: bool = True
) -> Shot:
    """Open `page` in a window of `width_px` and return how it stands there.

    Without `draws` it is measured only: a picture of a long page takes a second.
    """
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width_px,
        height=844,
        deviceScaleFactor=2 if width_px < 800 else 1,
        mobile=width_px < 800,
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.call("Emulation.setEmulatedMedia", media="", features=[scheme])
    browser.requests.clear()
    address = page.resolve().as_uri()
    browser.call("Page.navigate", url=address)
    browser.wait_for("Page.loadEventFired")
    answer = browser.call("Runtime.evaluate", expression=MEASURE, returnByValue=True)
    measured: Mapping[str, Any] = answer["result"]["value"]
    clip = {"x": 0, "y": 0, "width": width_px, "height": measured["height"], "scale": 1}
    picture = (
        browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)[
            "data"
        ]
        if draws
        else ""
    )
    return Shot(
        width_px=width_px,
        scroll_width_px=max(int(measured["scroll"]), int(measured["inner"])),
        widest=tuple(str(name) for name in measured["out"]),
        requests=tuple(url for url in browser.requests if url != address),
        picture=base64.b64decode(picture),
    )


def print_a4(browser: Browser, page: Path) -> bytes:
    """Return `page` as a PDF on A4, with the page's own margins."""
    browser.call("Page.navigate", url=page.resolve().as_uri())
    browser.wait_for("Page.loadEventFired")
    printed = browser.call(
        "Page.printToPDF", preferCSSPageSize=True, printBackground=True, paperWidth=8.27,
        paperHeight=11.69,
    )  # fmt: skip
    return base64.b64decode(printed["data"])


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures; return 0 when the page fits at every width, else 1."""
    parser = argparse.ArgumentParser(prog="python -m fedcredit.screenshot", description=__doc__)
    parser.add_argument("page", type=Path, nargs="?", default=Path("demo/report.html"))
    parser.add_argument("--out", type=Path, help="folder of the pictures (default: beside PAGE)")
    parser.add_argument("--dark", action="store_true", help="as on a screen set to dark")
    options = parser.parse_args(arguments)
    program = find_browser()
    if program is None:
        print("Chromium is not installed: apt-get install chromium", file=sys.stderr)
        return 1
    if not options.page.is_file():
        print(f"no page at {options.page}: run `make demo` first", file=sys.stderr)
        return 1
    folder = options.out or options.page.parent
    folder.mkdir(parents=True, exist_ok=True)
    fits = True
    with Browser(program=program) as browser:
        for width in WIDTHS:
            shot = shoot(browser, options.page, width_px=width, dark=options.dark)
            target = folder / f"{options.page.stem}-{width}{'-dark' if options.dark else ''}.png"
            target.write_bytes(shot.picture)
            verdict = "fits" if shot.fits else f"does not fit: {shot.widest} {shot.requests}"
            print(f"{width} px: page is {shot.scroll_width_px} px wide, {verdict} -> {target}")
            fits = fits and shot.fits
        target = folder / f"{options.page.stem}-a4.pdf"
        target.write_bytes(print_a4(browser, options.page))
        print(f"A4 -> {target}")
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())

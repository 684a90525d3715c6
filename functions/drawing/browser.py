"""Cards drawn by a Chromium of our own: started, spoken to and killed here, and nowhere else.

Chromium is spoken to over its debugging pipe (``--remote-debugging-pipe``: file descriptors 3 and 4,
JSON messages ended by NUL) without a driver in between: that starts a second sooner, and the whole
process group is ours to kill. The page is our template (card.html, card.js), loaded once; a card only sets
the text and known classes of its elements, so nobody's text is ever read as HTML. Nothing is ever fetched.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from dealbrain import facts
from dealbrain.cardspec import PIXELS, CardSpec, Format, Size, Style
from functions.drawing import png

HERE = Path(__file__).parent
NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "google-chrome-stable", "chrome")
DOWNLOADS = (
    "chromium_headless_shell-*/**/chrome-headless-shell",
    "chromium_headless_shell-*/**/headless_shell",
    "chromium-*/**/chrome",
)
# Chromium's memory grows slowly with every card, and much faster with nobody to collect its pictures.
RECYCLE_AFTER = 200
COLLECT_EVERY = 10
JPEG_QUALITY = 85
# What the folder of a Chromium is called, before the number of our process.
HOMES = "dealbrain-card-"

# Elements can be drawn on a canvas: less work than a screenshot, and pixels that are ours to encode. It is
# an experiment of Chromium's, so the page looks whether it is there (card.js), or else screenshots are taken.
CANVAS = "--enable-blink-features=CanvasDrawElement"
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    # Lambda allows no namespaces and root no sandbox; what shields us is the fence, the role and the network.
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # Nobody watches, so no frame need wait for a display.
    "--disable-frame-rate-limit",
    CANVAS,
    # The same pixels on every machine.
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    # The fence: whatever is fetched goes to a proxy that is not there, this machine's own addresses included.
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-breakpad",
    "--no-first-run",
    "--no-default-browser-check",
)

_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{home}/fontcache</cachedir></fontconfig>
"""


class RendererDown(Exception):  # noqa: N818 - it says what is so; a picture is missing, not wrong
    """No picture in time: Chromium is absent, dies, or hangs."""


class _Broken(Exception):  # noqa: N818 - never leaves this file
    """This Chromium is of no use any more; another may be."""


class _Late(Exception):  # noqa: N818 - never leaves this file
    """The deadline passed."""


def find_chromium(explicit: str = "") -> str:
    """Find the program: as told, else on the PATH, else where Playwright downloads its own.

    Raises:
        RendererDown: there is none; says what to install.
    """
    if explicit:
        found = shutil.which(explicit)
        if not found:
            raise RendererDown(
                f"There is no Chromium at {explicit}; correct or empty the setting 'chromium'."
            )
        return found
    on_path = (shutil.which(name) for name in NAMES)
    downloads = Path.home() / ".cache/ms-playwright"
    downloaded = (
        str(path) for pattern in DOWNLOADS for path in sorted(downloads.glob(pattern), reverse=True)
    )
    program = next(filter(None, chain(on_path, downloaded)), None)
    if program is None:
        raise RendererDown(
            "Chromium is missing, and cards cannot be drawn without it: install Debian's "
            "chromium-headless-shell, or run 'playwright install chromium', or set 'chromium' to its path."
        )
    return program


class _Page:
    """Our template in one Chromium: the process, its folder, and the talk with it."""

    def __init__(self, program: str) -> None:
        self.drawn = 0
        _sweep_leftovers()
        self._home = Path(tempfile.mkdtemp(prefix=f"{HOMES}{os.getpid()}-"))
        try:
            self._process = _start(program, self._home)
        except OSError as error:
            shutil.rmtree(self._home, ignore_errors=True)
            raise _Broken(f"it cannot be started: {error}") from error
        self._to, self._from = (pipe.fileno() for pipe in (self._process.stdin, self._process.stdout) if pipe)
        self._readable = select.poll()
        self._readable.register(self._from, select.POLLIN)
        self._received = bytearray()
        self._asked = 0
        self._session = ""
        self._document = ""
        self.on_canvas = False

    def load(self, until: float) -> None:
        """Open a blank page, fence it, and put our template into it."""
        target = self.ask(until, "Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask(until, "Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.ask(until, "Inspector.enable")
        self.ask(
            until,
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )
        # The main frame is called what its target is called.
        self.ask(until, "Page.setDocumentContent", frameId=target, html=_file("card.html"))
        script = _file("card.js") + "\ndocument"
        self._document = self.ask(until, "Runtime.evaluate", expression=script)["result"]["objectId"]
        self.on_canvas = self.run(until, "function () { return onCanvas; }")

    def draw(self, spec: CardSpec, look: str, pixels: tuple[int, int], kind: Format, until: float) -> bytes:
        """Show a card and take its picture."""
        take = self._drawn if self.on_canvas else self._screenshot
        picture = take((spec.model_dump(mode="json"), look, *pixels), pixels, kind, until)
        self.drawn += 1
        if self.drawn % COLLECT_EVERY == 0:
            # Nobody waits for it but the next card, if it comes at once.
            self._send("HeapProfiler.collectGarbage")
        return picture

    def _drawn(self, card: tuple[object, ...], pixels: tuple[int, int], kind: Format, until: float) -> bytes:
        quality = JPEG_QUALITY if kind is Format.jpeg else None
        drawn = self.run(until, "function (...card) { return pictureOf(...card); }", *card, quality)
        if kind is Format.jpeg:
            return base64.b64decode(drawn["jpeg"])
        return png.indexed(pixels, base64.b64decode(drawn["palette"]), base64.b64decode(drawn["rows"]))

    def _screenshot(
        self, card: tuple[object, ...], pixels: tuple[int, int], kind: Format, until: float
    ) -> bytes:
        width, height = pixels
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask(until, "Emulation.setDeviceMetricsOverride", **screen)
        self.run(until, "function (...card) { showCard(...card); }", *card)
        encoding = {"quality": JPEG_QUALITY} if kind is Format.jpeg else {}
        shot = self.ask(until, "Page.captureScreenshot", format=kind.value, **encoding)
        return base64.b64decode(shot["data"])

    def run(self, until: float, function: str, *values: object) -> Any:  # noqa: ANN401 - a JavaScript value
        """Call a function of ours with the document as ``this``; values travel as values, never as code."""
        answer = self.ask(
            until,
            "Runtime.callFunctionOn",
            functionDeclaration=function,
            objectId=self._document,
            arguments=[{"value": value} for value in values],
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            raise _Broken(f"the template's function failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def ask(self, until: float, method: str, **parameters: object) -> dict[str, Any]:
        """Send one command and wait for its answer (Chrome DevTools Protocol).

        Raises:
            _Broken: Chromium or its page died, or refuses the command.
            _Late: no answer until then (monotonic seconds).
        """
        self._send(method, **parameters)
        while True:
            answer = self._message(until)
            if answer.get("method") in {"Inspector.targetCrashed", "Target.detachedFromTarget"}:
                raise _Broken("the page crashed")
            if answer.get("id") == self._asked:
                if "error" in answer:
                    raise _Broken(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def kill(self) -> None:
        """Kill every process of this Chromium, stopped ones too, and remove its files."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        shutil.rmtree(self._home, ignore_errors=True)

    def _send(self, method: str, **parameters: object) -> None:
        self._asked += 1
        message: dict[str, object] = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        # All commands of one card fit a pipe's buffer (64 KiB), so a stopped Chromium does not block us.
        try:
            os.write(self._to, json.dumps(message).encode() + b"\0")
        except OSError as error:
            raise _Broken("Chromium closed its pipe") from error

    def _message(self, until: float) -> dict[str, Any]:
        while (end := self._received.find(0)) < 0:
            if not self._readable.poll(max(0.0, until - time.monotonic()) * 1000):
                raise _Late
            more = os.read(self._from, 1 << 20)
            if not more:
                raise _Broken("Chromium ended")
            self._received += more
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        # The plain reader: our own program speaks, and pictures are too long for a careful one.
        message: dict[str, Any] = json.loads(line)
        return message


def _sweep_leftovers() -> None:
    """Remove the folders of processes like ours that were killed, before they fill the disk."""
    for home in Path(tempfile.gettempdir()).glob(f"{HOMES}*-*"):
        pid = home.name.removeprefix(HOMES).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(home, ignore_errors=True)


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def own_fonts(home: Path) -> Path:
    """Write into a folder what makes fontconfig (``FONTCONFIG_FILE``) see our fonts and no others."""
    file = home / "fonts.conf"
    file.write_text(_FONTCONFIG.format(fonts=HERE / "fonts", home=home), encoding="utf-8")
    return file


def _start(program: str, home: Path) -> subprocess.Popen[bytes]:
    fontconfig = own_fonts(home)
    # The shell moves the two pipes to where Chromium expects them, and is replaced by it.
    return subprocess.Popen(  # noqa: S603 - the program is ours to choose, and no text of a card is in it
        (
            "/bin/sh",
            "-c",
            'exec "$@" 3<&0 4>&1 </dev/null >/dev/null',
            "sh",
            program,
            *FLAGS,
            f"--user-data-dir={home}/profile",
        ),
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=home,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home),  # memory it shares among its processes is files there
            "FONTCONFIG_FILE": str(fontconfig),
            "LANG": "C.UTF-8",
        },
    )


class Browser:
    """Draws cards with a Chromium that is started on the first card and kept. Safe to share by threads."""

    def __init__(self, chromium: str = "", deadline: timedelta = facts.RENDER_DEADLINE) -> None:
        self._chromium = chromium
        self._seconds = deadline.total_seconds()
        self._page: _Page | None = None
        self._turn = threading.Lock()

    def draw(self, spec: CardSpec, style: Style, size: Size, kind: Format) -> bytes:
        """Draw a card; the bytes of a picture of exactly ``PIXELS[size]``.

        A Chromium that died is replaced and asked once more. All of it (waiting for another card,
        starting, drawing, the second attempt) takes no longer than the deadline.

        Raises:
            RendererDown: no picture within the deadline. No process is left and the next card starts afresh.
        """
        until = time.monotonic() + self._seconds
        if not self._turn.acquire(timeout=self._seconds):
            raise RendererDown(f"Other cards were drawn for {self._seconds:g} s.")
        try:
            return self._draw(spec, f"{style} {size}", size, kind, until)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Kill Chromium and remove its files. The next card starts another."""
        with self._turn:
            self._drop()

    def _draw(self, spec: CardSpec, look: str, size: Size, kind: Format, until: float) -> bytes:
        problem: Exception | None = None
        for _attempt in range(2):
            try:
                picture = self._ready_page(until).draw(spec, look, PIXELS[size], kind, until)
            except _Late:
                self._drop()
                raise RendererDown(
                    f"Chromium drew no card within {self._seconds:g} s and was killed."
                ) from None
            except _Broken as error:
                self._drop()
                problem = error
            else:
                return picture
        raise RendererDown(f"Chromium failed twice: {problem}") from problem

    def _ready_page(self, until: float) -> _Page:
        if self._page and self._page.drawn >= RECYCLE_AFTER:
            self._drop()
        if not self._page:
            self._page = _Page(find_chromium(self._chromium))
            self._page.load(until)
        return self._page

    def _drop(self) -> None:
        if self._page:
            self._page.kill()
            self._page = None

"""What one sees of a page whose end has not come yet: nothing of it moves when the rest is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from dealbrain import facts
from infra.local.run import System
from tests.browser.conftest import DESKTOP, PATIENCE_MS, cookie, script

WAITS = b'<link rel="expect" href="#told" blocking="render">\n'
# The menu of who is signed in, which shows a word of the browser's own until what it is called has come; the
# heading; and the last of what is in the main part.
CUTS = (b'<details class="menu">', b"<h1>", b'<section aria-labelledby="past-title"')
# Whether a frame was drawn within some milliseconds.
DRAWN = """patience => new Promise(told => {
  requestAnimationFrame(() => requestAnimationFrame(() => told(true)));
  setTimeout(() => told(false), patience);
})"""


@contextmanager
def halting(whole: bytes, cut: bytes) -> Iterator[tuple[str, Event]]:
    """Serve a page up to where it is cut, and the rest when it is told to; its address."""
    rest = Event()

    class Halting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            before, _, after = whole.partition(cut)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(before + cut)
            rest.wait(PATIENCE_MS / 1000)
            self.wfile.write(after)

        def log_message(self, *_: object) -> None:
            """Say nothing among what the tests say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Halting) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", rest
        finally:
            rest.set()
            server.shutdown()


@pytest.fixture
def whole(running: System) -> bytes:
    """The page one imports on, as alice gets it."""
    kept = cookie("alice", running.url)
    headers = {"Cookie": f"{facts.SESSION_COOKIE}={kept['value']}"}
    return httpx.get(f"{running.url}/import", headers=headers).content


@pytest.fixture
def page(running: System, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    context.add_init_script(script("watch.js"))
    context.route(
        "**/static/**",
        lambda route: route.continue_(url=running.url + urlsplit(route.request.url).path),
    )
    yield context.new_page()
    context.close()


def moved(page: Page, whole: bytes, cut: bytes, patience: int) -> tuple[bool, list[object]]:
    """Whether a page is drawn while a part of it is there, and what moves when the rest comes.

    Args:
        page: a browser's.
        whole: the page's HTML.
        cut: where the part ends.
        patience: how long to wait for a frame, in milliseconds.
    """
    assert whole.count(cut) == 1
    with halting(whole, cut) as (address, rest):
        page.goto(address, wait_until="commit")
        page.wait_for_selector(".brand", state="attached")
        is_drawn = page.evaluate(DRAWN, patience)
        rest.set()
        page.wait_for_load_state()
        page.evaluate(script("settled.js"))
    return is_drawn, page.evaluate("moved")


@pytest.mark.parametrize("cut", CUTS)
def test_a_page_is_drawn_when_all_of_it_is_there(page: Page, whole: bytes, cut: bytes) -> None:
    assert moved(page, whole, cut, 1000) == (False, [])


@pytest.mark.parametrize("cut", CUTS)
def test_else_a_part_of_it_would_be_drawn(page: Page, whole: bytes, cut: bytes) -> None:
    is_drawn, _ = moved(page, whole.replace(WAITS, b""), cut, PATIENCE_MS)
    assert is_drawn


def test_and_it_would_move(page: Page, whole: bytes) -> None:
    moved(page, whole.replace(WAITS, b""), CUTS[0], PATIENCE_MS)
    page.wait_for_function("() => moved.length")

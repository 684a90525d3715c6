"""What other sites learn of our pages and may do with them, as a real browser has it between two origins."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.pages import path
from tests.makers import Person, made


@dataclass
class Elsewhere:
    """Another site: it shows what its address says, and remembers where visitors came from."""

    origin: str
    referers: list[str | None] = field(default_factory=list)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/shop"):
                there.referers.append(self.headers["Referer"])
            html = unquote(self.path.partition("?")[2]) or "<h1>Elsewhere</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            # Without it a browser would tell another site our origin alone; this site tells all it can.
            self.send_header("Referrer-Policy", "unsafe-url")
            self.end_headers()
            self.wfile.write(f"<!doctype html><title>Elsewhere</title>{html}".encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        there = Elsewhere(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield there
        server.shutdown()
        thread.join()


@pytest.fixture
def shared(visit: Visit, alice: Person, elsewhere: Elsewhere) -> Page:
    """A shared collection whose offer stands in the other site's shop."""
    collection = alice.collection(visibility="unlisted")
    alice.item(collection, alice.listing(listing_url=f"{elsewhere.origin}/shop"))
    token = made(alice.post(f"/collections/{collection['id']}/share-tokens", {}))
    page = visit()
    page.goto(f"{path(token['url'])}?view=table")
    return page


def follow(page: Page) -> None:
    """Follow the link to the shop."""
    page.locator("a[href$='/shop']").first.click()
    page.wait_for_url("**/shop")


def test_a_shop_does_not_learn_by_which_link_one_came(shared: Page, elsewhere: Elsewhere) -> None:
    follow(shared)
    assert elsewhere.referers == [None]


def test_nor_would_it_if_the_link_itself_did_not_forbid_it(shared: Page, elsewhere: Elsewhere) -> None:
    shared.evaluate("document.querySelectorAll('a').forEach(one => one.removeAttribute('rel'))")
    follow(shared)
    assert elsewhere.referers == [None]


def test_a_page_that_forbids_nothing_would_tell_it(visit: Visit, elsewhere: Elsewhere) -> None:
    page = visit()
    address = f"{elsewhere.origin}/page?<a href='/shop'>on</a>"
    page.goto(address)
    follow(page)
    assert elsewhere.referers == [page.evaluate("document.referrer")]
    assert elsewhere.referers[0]


def frame(page: Page, elsewhere: Elsewhere, address: str) -> FrameLocator:
    """Put a page of ours into a frame of the other site; answers what is in it."""
    page.goto(address)
    page.goto(f"{elsewhere.origin}/page?<iframe src='{page.url}' width='600' height='400'></iframe>")
    return page.frame_locator("iframe")


def test_a_page_made_for_it_shows_in_another_sites_frame(
    visit: Visit, elsewhere: Elsewhere, alice: Person
) -> None:
    collection = alice.collection("Quiet minis", visibility="public")
    framed = frame(visit(), elsewhere, f"/embed/{collection['id']}")
    expect(framed.get_by_role("heading", name="Quiet minis")).to_be_visible()


@pytest.mark.parametrize("where", ["/", "/discover", "/collections/{}"])
def test_no_other_page_does(
    visit: Visit, elsewhere: Elsewhere, alice: Person, complaints: list[str], where: str
) -> None:
    collection = alice.collection("Quiet minis", visibility="public")
    page = visit()
    with page.expect_console_message(lambda one: "frame-ancestors 'none'" in one.text):
        framed = frame(page, elsewhere, where.format(collection["id"]))
    assert framed.locator("main").count() == 0
    complaints.clear()

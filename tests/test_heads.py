"""What every page says beside its words: who may keep it, frame it, find it, and how it unfurls elsewhere."""

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from PIL import Image

from dealbrain import db, jsontext, uploading
from infra.local.run import System
from tests.browser.pages import WAYS, Way, World, world
from tests.conftest import EMPTY
from tests.makers import Api, drawn

CSP = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# Pages anybody may find; those of one's own and those a link opens are another matter.
FOUND = [way for way in WAYS if way.is_public]
# Whoever is signed in sees these as everybody does, with what is their own added to them.
ANYBODYS = {"GET /", "GET /discover", "GET /listings/{listing_id}"}
HIDDEN = [way for way in WAYS if way.who == "alice" and way.route not in ANYBODYS and not way.then]
OPENED = [way for way in WAYS if "token}" in way.route]
KEPT = [way for way in WAYS if way.where != "/sign-in"]


def named(ways: list[Way]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("way", ways, ids=[way.name for way in ways])


class Head(HTMLParser):
    """What stands in a page's head."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.meta: dict[str, str] = {}
        self.links: list[dict[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "meta" and "content" in said:
            self.meta[said.get("property") or said.get("name", "")] = said["content"]
        if tag == "link":
            self.links.append(said)

    def linked(self, rel: str) -> list[str]:
        """Where links of this kind lead."""
        return [link["href"] for link in self.links if link["rel"] == rel]


class Site:
    """A world, and everybody's browser in it; each page is fetched once."""

    def __init__(self, api: Api, there: World) -> None:
        self.api, self.there = api, there
        self._known: dict[str, httpx.Response] = {}

    def open(self, way: Way) -> httpx.Response:
        if way.name not in self._known:
            self._known[way.name] = self.api.browser(way.who).open(way.address(self.there))
        return self._known[way.name]

    def fetch(self, url: str) -> httpx.Response:
        """As a crawler does: an absolute address of ours, without following anything."""
        assert url.startswith(f"{self.api.system.settings.public_origin}/"), url
        return self.api.stranger.open(url.removeprefix(self.api.system.settings.public_origin))


@pytest.fixture(scope="module")
def site(running: System) -> Iterator[Site]:
    with db.engine().begin() as connection:
        connection.exec_driver_sql(EMPTY)
    with Api(running) as api:
        yield Site(api, world(api))


# --------------------------------------------------------------------------------------------- for browsers


@named(KEPT)
def test_the_policy_runs_and_fetches_nothing_but_what_we_serve(site: Site, way: Way) -> None:
    answer = site.open(way)
    said = dict(one.split(" ", 1) for one in answer.headers["content-security-policy"].split("; "))
    wanted = {**CSP, "form-action": f"'self' {site.api.system.settings.sign_in_url}"}
    if way.route == "GET /import":
        wanted["connect-src"] = f"'self' {uploading.origin()}"
    if way.name == "embedded":
        wanted |= {
            "frame-ancestors": "*",
            "form-action": "'none'",
            "script-src": "'none'",
            "connect-src": "'none'",
        }
    assert said == wanted


@named(KEPT)
def test_nobody_else_learns_where_one_came_from(site: Site, way: Way) -> None:
    assert site.open(way).headers["referrer-policy"] == "same-origin"


@named(KEPT)
def test_nothing_is_taken_for_another_kind_of_file(site: Site, way: Way) -> None:
    answer = site.open(way)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@named(KEPT)
def test_no_other_window_holds_on_to_it(site: Site, way: Way) -> None:
    assert site.open(way).headers["cross-origin-opener-policy"] == "same-origin"


@named([way for way in KEPT if way.who])
def test_what_somebody_sees_who_is_signed_in_is_kept_nowhere(site: Site, way: Way) -> None:
    assert site.open(way).headers["cache-control"] == "no-store"


# ---------------------------------------------------------------------------------------------- for crawlers


@named(HIDDEN)
def test_what_is_ones_own_is_in_no_index(site: Site, way: Way) -> None:
    assert Head(site.open(way).text).meta["robots"] == "noindex"


@named(OPENED)
def test_what_a_link_opens_is_in_no_index(site: Site, way: Way) -> None:
    assert Head(site.open(way).text).meta["robots"] == "noindex"


@named(FOUND)
def test_what_is_public_may_be_in_every_index(site: Site, way: Way) -> None:
    assert "robots" not in Head(site.open(way).text).meta


@named(FOUND)
def test_a_public_page_says_how_it_unfurls(site: Site, way: Way) -> None:
    meta = Head(site.open(way).text).meta
    for name in ("title", "description", "image", "image:alt", "type", "site_name"):
        assert meta[f"og:{name}"], name
    assert meta["twitter:card"] == "summary_large_image"
    assert meta["twitter:image"] == meta["og:image"]
    assert meta["description"]


@named([*FOUND, *(way for way in OPENED if way.status == 200)])
def test_the_picture_it_unfurls_with_is_what_it_says(site: Site, way: Way) -> None:
    meta = Head(site.open(way).text).meta
    answer = drawn(site.fetch, meta["og:image"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, meta["og:image:type"])
    size = Image.open(io.BytesIO(answer.content)).size
    assert size == (int(meta["og:image:width"]), int(meta["og:image:height"]))


@named(FOUND)
def test_its_own_address_is_said_and_there(site: Site, way: Way) -> None:
    head = Head(site.open(way).text)
    assert head.linked("canonical") == [head.meta["og:url"]]
    assert site.fetch(head.meta["og:url"]).status_code == 200


@pytest.mark.parametrize(
    ("asked", "own"),
    [
        ("?utm_source=mail", ""),
        ("?sort=recent&fbclid=x", ""),
        ("?max_price=400&utm_source=mail&q=quiet+minis", "?q=quiet+minis&max_price=400"),
        ("?sort=trending&q=%3Cb%3E", "?q=%3Cb%3E&sort=trending"),
    ],
)
def test_a_search_has_one_address_of_its_own_whatever_its_link_was_hung_with(
    site: Site, asked: str, own: str
) -> None:
    head = Head(site.api.browser().open(f"/discover{asked}").text)
    assert head.linked("canonical") == [f"{site.api.system.settings.public_origin}/discover{own}"]


@named([way for way in FOUND if way.route.count("{")])
def test_programs_read_what_a_public_page_is_about(site: Site, way: Way) -> None:
    (found,) = re.findall(
        r'<script type="application/ld\+json">(.*?)</script>', site.open(way).text, re.DOTALL
    )
    said: Any = jsontext.loads(found)
    assert said["@context"] == "https://schema.org"
    assert said["@type"] in {"Product", "ItemList"}


@named([way for way in FOUND if "collection_id" in way.route])
def test_a_public_collections_feeds_and_embedding_are_found(site: Site, way: Way) -> None:
    links = Head(site.open(way).text).links
    found = {link["type"]: link["href"] for link in links if link["rel"] == "alternate"}
    assert found.keys() == {
        "application/rss+xml",
        "application/atom+xml",
        "application/feed+json",
        "application/json+oembed",
    }
    for kind, url in found.items():
        answer = site.fetch(url)
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] in {kind, "application/json"}


@named(OPENED)
def test_what_a_link_opens_tells_programs_nothing(site: Site, way: Way) -> None:
    text = site.open(way).text
    assert "ld+json" not in text
    assert 'rel="alternate"' not in text

"""What a page weighs on the line: HTML, style and script as they are sent, together."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from dealbrain import db
from infra.local.run import System
from tests.browser.pages import WAYS, Way, World, bring, world
from tests.conftest import EMPTY
from tests.makers import LATITUDE, Api, Person, fill

MOST = 60 * 1024
# Pages that grow with what is in them, at their largest: a collection holds 500 offers.
LARGE = (
    Way("a public collection of 100", "GET /collections/{collection_id}", "{hundred}?view=cards", None),
    Way("the same as a table", "GET /collections/{collection_id}", "{hundred}?view=table", None),
    Way("a workspace of 100", "GET /collections/{collection_id}", "{hundred}"),
    Way("a workspace of 500", "GET /collections/{collection_id}", "{five_hundred}"),
    Way("a preview of 500 rows", "GET /import/{preview_id}", "{rows}"),
)
# Copies weigh nothing where the same was said before: each offer has a name, a price and a seller of its own.
DIFFERING = """
    UPDATE listings SET title = title || ' ' || left(md5(id::text), 12), seller = left(md5(seller || id), 10),
        price_usd = 100 + id % 700, listing_url = 'https://www.ebay.com/itm/' || 256000000000 + id * 7919
"""
ALL = (*(way for way in WAYS if not way.then and way.where != "/sign-in"), *LARGE)


@dataclass(frozen=True)
class Weight:
    """Bytes on the line, and what they are of."""

    parts: Mapping[str, int]
    """Of the page itself and of each style and script it fetches, by its address."""

    @property
    def whole(self) -> int:
        return sum(self.parts.values())

    def count(self, ending: str) -> int:
        return sum(part.endswith(ending) for part in self.parts)


class Scales:
    """Weighs pages as browsers get them."""

    def __init__(self, api: Api, there: World) -> None:
        self._api, self._there = api, there
        self._known: dict[str, Weight] = {}
        self.foreign: dict[str, list[str]] = {}

    def weigh(self, way: Way) -> Weight:
        if way.name not in self._known:
            browser = self._api.browser(way.who)
            size, html = sent(browser, way.address(self._there))
            fetched = re.findall(r'<(?:script src|link rel="stylesheet" href)="([^"]+)"', html)
            self._known[way.name] = Weight({"page": size, **{one: sent(browser, one)[0] for one in fetched}})
            self.foreign[way.name] = [
                one for one in re.findall(r'(?:src|srcset)="([^"]+)"', html) if "//" in one
            ]
        return self._known[way.name]


def sent(browser: Person, address: str) -> tuple[int, str]:
    """How many bytes the server sends to who takes gzip, and what they say."""
    with browser._http.stream(
        "GET", address, headers={**browser.headers, "Accept-Encoding": "gzip"}
    ) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip", address
    return len(raw), browser.open(address).text


@pytest.fixture(scope="module")
def scales(running: System) -> Iterator[Scales]:
    with db.engine().begin() as connection:
        connection.exec_driver_sql(EMPTY)
    with Api(running) as api:
        there, alice = world(api), api.person("alice")
        for name, count in (("hundred", 100), ("five hundred", 500)):
            collection = alice.collection(name, visibility="public")
            fill(collection, alice.listing(), count)
            there.at[name] = f"/collections/{collection['id']}"
        with db.engine().begin() as connection:
            connection.exec_driver_sql(DIFFERING)
        rows = "".join(f"{LATITUDE['title']} {number},{number + 100},\n" for number in range(500))
        there.at["rows"] = bring(api.browser("alice"), "title,price,url\n" + rows, "rows.csv")
        yield Scales(api, there)


by_way = pytest.mark.parametrize("way", ALL, ids=[way.name for way in ALL])


@by_way
def test_a_page_with_its_style_and_script_is_light(scales: Scales, way: Way) -> None:
    weight = scales.weigh(way)
    print(f"{way.name:35} {weight.parts['page'] / 1024:6.1f} KB of {weight.whole / 1024:6.1f} KB")  # noqa: T201 - shown by -rP
    assert weight.whole <= MOST


@by_way
def test_a_page_is_one_document_one_style_and_one_script(scales: Scales, way: Way) -> None:
    weight = scales.weigh(way)
    # What arranges items is no part of what others read.
    own = 1 if any("workspace" in part for part in weight.parts) else 0
    assert (weight.count(".css"), weight.count(".js") - own) == (1, 0 if way.name == "embedded" else 1)
    assert not own or way.who == "alice"


@by_way
def test_a_page_fetches_nothing_from_elsewhere(scales: Scales, way: Way) -> None:
    scales.weigh(way)
    assert scales.foreign[way.name] == []

"""How long the main path takes, part by part, side by side in one run; nothing here claims a number."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dealbrain import reading
from tests.bench.conftest import milliseconds
from tests.makers import LATITUDE, Api, rows

pytestmark = pytest.mark.bench

type Report = Callable[[str, list[float]], None]
LISTINGS = 2_000
ITEMS = 100


@pytest.fixture
def stocked(api: Api) -> Api:
    """Two thousand listings under real titles, of one seller."""
    seller = api.person("seller")
    titles = itertools.islice((row["title_a"] for row in rows("product-title-pairs.csv")), LISTINGS)
    for title in titles:
        seller.post("/listings", {**LATITUDE, "title": title.strip()[:255] or "-", "listing_url": None})
    return api


@pytest.fixture
def collection(stocked: Api) -> dict[str, Any]:
    """A public collection of a hundred items."""
    alice = stocked.person("alice")
    made = alice.collection(visibility="public")
    for listing_id in range(1, ITEMS + 1):
        alice.post(f"/collections/{made['id']}/items", {"listing_id": listing_id})
    return made


def test_the_spine(stocked: Api, collection: dict[str, Any], report: Report) -> None:
    alice, bob, stranger = stocked.person("alice"), stocked.person("bob"), stocked.stranger
    collection_id = collection["id"]
    report("one listing", milliseconds(100, lambda: stranger.get("/listings/1")))
    report("twenty listings", milliseconds(50, lambda: stranger.get("/listings")))
    report("listings with a word", milliseconds(50, lambda: stranger.get("/listings?q=intel")))
    report(
        "a public collection of 100",
        milliseconds(20, lambda: stranger.get(f"/collections/public/{collection_id}")),
    )
    report("its export", milliseconds(20, lambda: alice.get(f"/collections/{collection_id}/export")))
    file = alice.get(f"/collections/{collection_id}/export").content
    report("reading that file", milliseconds(20, lambda: reading.read(file, now=datetime.now(UTC))))
    report("its preview against 2,000 listings", milliseconds(10, lambda: bob.preview("collections", file)))
    card = stranger.get("/listings/1/card-image").headers["location"].removeprefix("/v1")
    report("a card's first look", milliseconds(2, lambda: stranger.get(card)))
    report("a card that is there", milliseconds(50, lambda: stranger.get(card)))

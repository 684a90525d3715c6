"""What pages cost beside the API's answers they are made of, in turns, and what they weigh."""

import gzip
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

import pytest

from dealbrain import assets
from tests.bench.conftest import milliseconds
from tests.makers import Api, fill

pytestmark = pytest.mark.bench

ROUNDS = 15
PUBLIC_ITEMS = 100
OWN_ITEMS = 500
# What a page of the kind asks the API for, were it made of that.
BESIDE: Mapping[str, str] = {
    "/": "/v1/collections/discover?sort=trending&limit=6",
    "/discover": "/v1/collections/discover",
    "/listings/1": "/v1/listings/1",
    "/collections/1": "/v1/collections/public/1",
    "/collections/1?view=table": "/v1/collections/public/1",
}
OWN: Mapping[str, str] = {"/collections/2": "/v1/collections/2", "/collections": "/v1/collections"}


@pytest.fixture
def stocked(api: Api) -> Api:
    """A public collection of a hundred offers, and one of the most there may be."""
    alice = api.person("alice")
    listing = alice.listing()
    for count, visibility in ((PUBLIC_ITEMS, "public"), (OWN_ITEMS, "private")):
        fill(alice.collection("My picks", visibility=visibility), listing, count)
    return api


def test_pages_beside_the_api(stocked: Api, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[str, str, Callable[[str], Any]]] = []
    for beside, who in ((BESIDE, stocked.browser()), (OWN, stocked.browser("alice"))):
        asked += [(page, other, who.open) for page, other in beside.items()]
    fetched = sum(len(gzip.compress(one.content)) for one in map(_asset, ("app.css", "app.js")))
    for page, other, look in asked:
        mine, theirs = in_turns(partial(look, page), partial(look, other))
        weight = len(gzip.compress(look(page).content)) + fetched
        with capsys.disabled():
            print(
                f"\n{page:<28}{mine:7.1f} ms  {mine / theirs:5.2f} x its answer"
                f"  {weight / 1024:6.1f} KB with style and script",
                end="",
            )


def in_turns(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """The medians of two, taken in turns, so that a busy machine is as busy for both."""
    taken = [(milliseconds(1, one)[0], milliseconds(1, other)[0]) for _ in range(ROUNDS)]
    return median(mine for mine, _ in taken), median(theirs for _, theirs in taken)


def _asset(name: str) -> assets.Asset:
    return assets.served()[assets.address(name).removeprefix(assets.PATH)]

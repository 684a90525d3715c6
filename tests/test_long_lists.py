"""Pages of whoever has more than fits into one answer: nothing of theirs is out of reach."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from dealbrain import facts
from tests.makers import Api, Person, made
from tests.test_collection_pages import page_of, shown


@pytest.fixture
def ann(api: Api) -> Person:
    """Alice at her browser."""
    return api.browser("alice")


def test_links_that_are_open_are_listed_however_many_have_expired(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    there = f"/collections/{collection['id']}/share-tokens"
    made(alice.post(there, {"label": "The oldest"}))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for _ in range(facts.SHARE_TOKENS - 1):
        made(alice.post(there, {"expires_at": tomorrow}))
    later = api.later("alice", timedelta(days=2))
    made(later.post(there, {"label": "A new one"}))
    assert "The oldest" in shown(later, page_of(collection, "/share"))


def test_expired_links_end_by_nothing(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made(alice.post(f"/collections/{collection['id']}/share-tokens", {"expires_at": tomorrow}))
    assert "Its links end now" in shown(alice, page_of(collection, "/delete"))
    later = api.later("alice", timedelta(days=2))
    assert "Its links end now" not in shown(later, page_of(collection, "/delete"))


def test_an_offer_can_go_into_every_collection_of_ones_own(alice: Person, ann: Person) -> None:
    oldest, listing = alice.collection("The oldest"), alice.listing()
    for number in range(facts.PAGE_MOST):
        alice.collection(f"Number {number}")
    assert ">The oldest</option>" in shown(ann, f"/listings/{listing['id']}/collect")
    alice.item(oldest, listing)
    assert "You have it in" in shown(ann, f"/listings/{listing['id']}/collect")


def test_what_was_deleted_long_ago_can_be_restored_too(alice: Person, ann: Person) -> None:
    for number in range(facts.PAGE + 1):
        alice.delete(f"/collections/{alice.collection(f'Number {number}')['id']}")
    first = shown(ann, "/collections")
    (earlier,) = re.findall(r'href="([^"]*)">Deleted before', first)
    assert ("Number 0" in first, "Number 0" in shown(ann, unescape(earlier))) == (False, True)

"""Two orders of one collection at the same moment: one is taken, the other hears of it; they never mix."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from dealbrain import collecting
from tests.makers import Api, Person, refused

ITEMS = 6
RIVALS = 2


@pytest.fixture
def shelf(api: Api) -> tuple[Person, dict[str, Any]]:
    """Somebody with a collection."""
    alice = api.person("alice")
    collection = alice.collection()
    for number in range(ITEMS):
        alice.item(collection, alice.listing(title=f"{number}", performance=None))
    return alice, read(alice, collection)


def read(person: Person, collection: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = person.get(f"/collections/{collection['id']}").json()
    return found


def order(collection: dict[str, Any]) -> list[int]:
    return [item["id"] for item in collection["items"]]


def race(person: Person, collection: dict[str, Any], orders: list[list[int]]) -> list[httpx.Response]:
    """Send orders at the same moment, all of them with the revision that is right before."""
    start = Barrier(len(orders))

    def put(wanted: list[int]) -> httpx.Response:
        start.wait(30)
        body = {"item_ids": wanted, "revision": collection["revision"]}
        return person.put(f"/collections/{collection['id']}/items/order", body)

    with ThreadPoolExecutor(len(orders)) as pool:
        return list(pool.map(put, orders))


def rivals(before: list[int]) -> list[list[int]]:
    """Two orders that share no place with each other or with the one before."""
    return [before[shift:] + before[:shift] for shift in range(1, RIVALS + 1)]


def test_of_two_orders_at_once_exactly_one_is_taken_and_whole(
    shelf: tuple[Person, dict[str, Any]], count: Callable[[int, int], int]
) -> None:
    alice, collection = shelf
    for _ in range(count(20, 200)):
        before = read(alice, collection)
        wanted = rivals(order(before))
        answers = race(alice, before, wanted)
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        won = next(index for index, answer in enumerate(answers) if answer.status_code == 200)
        after = read(alice, collection)
        assert (order(after), after["revision"]) == (wanted[won], before["revision"] + 1)
        problem = refused(answers[1 - won], 409, "revision_changed")
        assert problem["revision"] == after["revision"]


def test_without_the_revision_both_would_be_taken(
    shelf: tuple[Person, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, collection = shelf
    monkeypatch.setattr(collecting, "_refuse_outdated", lambda *_: None)
    answers = race(alice, collection, rivals(order(collection)))
    assert [answer.status_code for answer in answers] == [200, 200]

"""Somebody copies a collection while its owner closes it: a complete copy or none, whoever comes first."""

import gc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import access, copying, db, sharing
from dealbrain.document import Visibility
from dealbrain.errors import NotFound, Unavailable
from dealbrain.identity import Person as Verified
from dealbrain.shapes import NewCopy
from dealbrain.tables import Collection, Item
from infra.local.issuer import subject
from infra.local.processes import wait_until
from tests.makers import Person, fill, made, refused

ITEMS = 40
ALICE = Verified(subject("alice"), "alice")
BOB = Verified(subject("bob"), "bob")


@pytest.fixture
def bob(bob: Person) -> Person:
    """Bob with an account: making it would let a first copy begin later than the rest."""
    bob.delete(f"/collections/{bob.collection()['id']}")
    return bob


@pytest.fixture
def source(alice: Person) -> dict[str, Any]:
    collection = alice.collection()
    fill(collection, alice.listing(), ITEMS)
    return collection


def set_visibility(person: Person, collection: Mapping[str, Any], visibility: str) -> httpx.Response:
    return person.patch(f"/collections/{collection['id']}/visibility", {"visibility": visibility})


def copies(source: Mapping[str, Any]) -> list[int]:
    """How many items each copy of a collection has."""
    with db.transaction() as session:
        counted = sa.select(sa.func.count(Item.id)).select_from(Collection)
        counted = counted.outerjoin(Item, Item.collection_id == Collection.id)
        mine = counted.where(Collection.copied_from_id == source["id"]).group_by(Collection.id)
        return list(session.scalars(mine))


@dataclass(frozen=True)
class Race:
    """What came of a copy and a closing at the same moment."""

    closed: int
    copied: int
    later: int
    """How a copy is answered afterwards."""
    shown: int | None
    """Items in the answer."""

    @property
    def is_right(self) -> bool:
        outcome = (self.copied, self.shown) in {(201, ITEMS), (404, None)}
        return outcome and (self.closed, self.later) == (200, 404)


def race(alice: Person, bob: Person, source: Mapping[str, Any], visibility: str) -> Race:
    """Open a collection, then close and copy it at the same moment."""
    assert set_visibility(alice, source, visibility).status_code == 200
    token = made(alice.post(f"/collections/{source['id']}/share-tokens", {}))["token"]
    start, path = Barrier(2), f"/collections/{source['id']}/copy"

    def together(call: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait(30)
        return call()

    calls = (
        lambda: set_visibility(alice, source, "private"),
        lambda: bob.post(path, {"token": token}),
    )
    with ThreadPoolExecutor(2) as pool:
        closed, copied = pool.map(together, calls)
    shown = copied.json()["item_count"] if copied.status_code == 201 else None
    later = bob.post(path, {"token": token}).status_code
    return Race(closed.status_code, copied.status_code, later, shown)


@pytest.mark.parametrize("visibility", ["public", "unlisted"])
def test_a_copy_at_the_moment_of_closing_is_complete_or_not_found(
    alice: Person, bob: Person, source: dict[str, Any], visibility: str, count: Callable[[int, int], int]
) -> None:
    races = [race(alice, bob, source, visibility) for _ in range(count(10, 100))]
    assert [one for one in races if not one.is_right] == []
    assert copies(source) == [ITEMS] * sum(one.copied == 201 for one in races)


# ------------------------------------------------------------------------------- one step after the other


def somebody_waits() -> bool:
    with db.transaction() as session:
        return bool(session.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


@contextmanager
def closing(source: Mapping[str, Any]) -> Iterator[None]:
    """Close a collection, and not quite have done so."""
    with db.transaction() as session:
        sharing.set_visibility(session, ALICE, source["id"], Visibility.private, datetime.now(UTC))
        yield


def test_a_copy_that_waits_for_the_closing_finds_nothing(
    alice: Person, bob: Person, source: dict[str, Any], tmp_path: Path
) -> None:
    set_visibility(alice, source, "public")
    with ThreadPoolExecutor(1) as pool:
        with closing(source):
            waiting = pool.submit(bob.post, f"/collections/{source['id']}/copy", {})
            wait_until(somebody_waits, "The copy", seconds=20, log=tmp_path)
        refused(waiting.result(20), 404, "not_found")
    assert copies(source) == []


def test_a_look_without_the_lock_would_still_find_it(alice: Person, source: dict[str, Any]) -> None:
    set_visibility(alice, source, "public")
    with closing(source), db.transaction() as session:
        assert access.readable(session, BOB, source["id"], datetime.now(UTC))


@contextmanager
def impatient() -> Iterator[Session]:
    """A transaction that waits for nobody."""
    with db.transaction() as session:
        session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        yield session


def close_at_once(source: Mapping[str, Any]) -> None:
    with impatient() as session:
        sharing.set_visibility(session, ALICE, source["id"], Visibility.private, datetime.now(UTC))


@pytest.mark.usefixtures("bob")
def test_a_closing_waits_for_the_copy_that_came_first(alice: Person, source: dict[str, Any]) -> None:
    set_visibility(alice, source, "public")
    with db.transaction() as session:
        copying.copy(session, BOB, source["id"], NewCopy(), None, datetime.now(UTC))
        with pytest.raises(Unavailable):
            close_at_once(source)
    close_at_once(source)
    assert copies(source) == [ITEMS]


@pytest.mark.usefixtures("bob")
def test_one_copy_does_not_make_another_wait(alice: Person, source: dict[str, Any]) -> None:
    set_visibility(alice, source, "public")
    with db.transaction() as session, impatient() as other:
        for one, who in ((session, BOB), (other, ALICE)):
            assert access.copyable(one, who, source["id"], datetime.now(UTC))


def test_a_copy_waits_for_the_items_that_are_changing(
    alice: Person, bob: Person, source: dict[str, Any], tmp_path: Path
) -> None:
    set_visibility(alice, source, "public")
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            row = access.editable(session, ALICE, source["id"])
            session.execute(sa.delete(Item).where(Item.collection_id == row.id))
            waiting = pool.submit(bob.post, f"/collections/{source['id']}/copy", {})
            wait_until(somebody_waits, "The copy", seconds=20, log=tmp_path)
        assert made(waiting.result(20))["item_count"] == 0


def break_off(source: Mapping[str, Any], key: str) -> None:
    """Copy everything and lose the connection before it is committed."""
    with db.transaction() as session:
        copying.copy(session, BOB, source["id"], NewCopy(), key, datetime.now(UTC))
        session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


# The driver leaves the socket of a connection that broke to the garbage collector, where it complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_copy_that_breaks_off_leaves_nothing_and_its_key_free(
    alice: Person, bob: Person, source: dict[str, Any]
) -> None:
    set_visibility(alice, source, "public")
    key = {"Idempotency-Key": "once"}
    with pytest.raises(Unavailable):
        break_off(source, key["Idempotency-Key"])
    gc.collect()
    assert copies(source) == []
    answer = bob.post(f"/collections/{source['id']}/copy", {}, headers=key)
    assert made(answer)["item_count"] == ITEMS


def test_what_is_closed_already_is_not_copied(bob: Person, source: dict[str, Any]) -> None:
    with pytest.raises(NotFound), db.transaction() as session:
        access.copyable(session, BOB, source["id"], datetime.now(UTC))
    refused(bob.post(f"/collections/{source['id']}/copy", {}), 404, "not_found")

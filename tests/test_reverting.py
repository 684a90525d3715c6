"""A change of many items taken back: they are as before, and what others did meanwhile stays."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from dealbrain import access, collecting, db, facts, reverting
from dealbrain.errors import Invalid, NotFound, TooManyItems
from dealbrain.identity import Person as Verified
from dealbrain.shapes import BulkChange, BulkSet
from dealbrain.tables import BulkUndo, Collection, Item
from functions.sweeping import forgotten
from infra.local.issuer import subject
from tests.makers import Person, fill

ALICE, BOB = (Verified(subject(name), name) for name in ("alice", "bob"))
MINUTE = timedelta(minutes=1)

type Thing = dict[str, Any]
type Rows = list[dict[str, Any]]


def now() -> datetime:
    return datetime.now(UTC)


def change(collection: Thing, items: Sequence[Thing], who: Verified = ALICE, **wanted: Any) -> UUID:
    """Do one thing to some items; answers by what it is taken back."""
    with db.transaction() as session:
        change = BulkChange(item_ids=[one["id"] for one in items], **wanted)
        return reverting.change(session, who, collection["id"], change, now())


def revert(collection: Thing, undo: UUID, who: Verified = ALICE, after: timedelta = timedelta(0)) -> int:
    with db.transaction() as session:
        return reverting.revert(session, who, collection["id"], undo, now() + after)


def rows(*collections: Thing) -> Rows:
    """All columns of the items but their ids, collection by collection, in their order."""
    with db.transaction() as session:
        names = [column.name for column in Item.__table__.columns if column.name != "id"]
        statement = sa.select(*(Item.__table__.c[name] for name in names))
        ours = statement.where(Item.collection_id.in_([one["id"] for one in collections]))
        found = session.execute(ours.order_by(Item.collection_id, Item.position, Item.id)).mappings()
        return [dict(one) for one in found]


def titles(person: Person, collection: Thing) -> list[str]:
    items = person.get(f"/collections/{collection['id']}").json()["items"]
    return [one["listing"]["title"] for one in items]


@pytest.fixture
def picks(alice: Person) -> Thing:
    return alice.collection("My picks")


@pytest.fixture
def others(alice: Person) -> Thing:
    """Another collection of hers, with an offer in it."""
    made = alice.collection("Others")
    alice.item(made, alice.listing(title="Elsewhere"))
    return made


@pytest.fixture
def items(alice: Person, picks: Thing) -> list[Thing]:
    """Three items of which much is known, one of them with a key of another program's."""
    made = []
    for number, title in enumerate(("First", "Second", "Third")):
        listing = alice.listing(title=title, price_usd=100 + number, listing_url=None)
        noted = {"notes": f"note of {title}", "private_notes": f"secret of {title}", "status": "shortlisted"}
        made.append(alice.item(picks, listing, **noted))
        # What it cost then is not what it costs now.
        alice.patch(f"/listings/{listing['id']}", {"price_usd": 50})
    with db.transaction() as session:
        session.execute(sa.update(Item).values(extra={"rack": {"unit": 7}}))
        session.execute(sa.update(Item).values(added_at=now() - timedelta(days=9)))
    return made


WAYS: dict[str, Callable[[Thing], dict[str, Any]]] = {
    "a status": lambda _: {"set": BulkSet(status="bought")},
    "a removal": lambda _: {"remove": True},
    "a move": lambda others: {"move_to": others["id"]},
}
by_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
type Way = Callable[[Thing], dict[str, Any]]


# ------------------------------------------------------------------------------------ all is as before


@by_way
def test_everything_known_of_the_items_is_as_before(
    picks: Thing, others: Thing, items: list[Thing], way: Way
) -> None:
    before = rows(picks, others)
    undo = change(picks, [items[0], items[2]], **way(others))
    assert rows(picks, others) != before
    assert revert(picks, undo) == 2
    assert rows(picks, others) == before


def test_different_statuses_come_back_each_as_it_was(alice: Person, picks: Thing, items: list[Thing]) -> None:
    alice.patch(f"/collections/{picks['id']}/items/{items[1]['id']}", {"status": "rejected"})
    revert(picks, change(picks, items, set=BulkSet(status="bought")))
    assert [one["status"] for one in rows(picks)] == ["shortlisted", "rejected", "shortlisted"]


def test_all_500_items_of_a_full_collection_come_back(alice: Person, picks: Thing) -> None:
    fill(picks, alice.listing(), facts.COLLECTION_ITEMS)
    before = rows(picks)
    with db.transaction() as session:
        whole = [{"id": one.id} for one in access.items_of(session, picks["id"])]
    undo = change(picks, whole, remove=True)
    assert rows(picks) == []
    assert revert(picks, undo) == facts.COLLECTION_ITEMS
    assert rows(picks) == before


def test_a_change_can_be_taken_back_out_of_its_turn(picks: Thing, items: list[Thing]) -> None:
    first = change(picks, items[:1], remove=True)
    second = change(picks, items[1:2], remove=True)
    revert(picks, first)
    assert [one["notes"] for one in rows(picks)] == ["note of First", "note of Third"]
    revert(picks, second)
    assert [one["notes"] for one in rows(picks)] == ["note of First", "note of Second", "note of Third"]


@by_way
def test_taking_back_counts_as_a_change_of_every_collection_touched(
    alice: Person, picks: Thing, others: Thing, items: list[Thing], way: Way
) -> None:
    wanted = way(others)
    touched = [picks, others] if "move_to" in wanted else [picks]
    undo = change(picks, items, **wanted)

    def revisions() -> list[int]:
        return [alice.get(f"/collections/{one['id']}").json()["revision"] for one in touched]

    before = revisions()
    revert(picks, undo)
    assert revisions() == [one + 1 for one in before]


def test_a_change_that_is_refused_leaves_nothing_to_take_back(picks: Thing, items: list[Thing]) -> None:
    with pytest.raises(Invalid):
        change(picks, items, remove=True, set=BulkSet(status="bought"))
    with db.transaction() as session:
        assert session.scalars(sa.select(BulkUndo)).all() == []


# ------------------------------------------------------------------------------------------ whose it is


def test_a_second_time_there_is_nothing_to_take_back(picks: Thing, items: list[Thing]) -> None:
    undo = change(picks, items, remove=True)
    revert(picks, undo)
    before = rows(picks)
    with pytest.raises(NotFound, match="nothing to undo"):
        revert(picks, undo)
    assert rows(picks) == before


@pytest.mark.parametrize(
    ("after", "works"), [(facts.BULK_UNDOABLE - MINUTE, True), (facts.BULK_UNDOABLE + MINUTE, False)]
)
def test_a_change_can_be_taken_back_for_a_day(
    picks: Thing,
    items: list[Thing],
    after: timedelta,
    works: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    undo = change(picks, items, remove=True)
    if works:
        assert revert(picks, undo, after=after) == 3
    else:
        with pytest.raises(NotFound, match="nothing to undo"):
            revert(picks, undo, after=after)


def test_nobody_takes_back_somebody_elses_change(bob: Person, picks: Thing, items: list[Thing]) -> None:
    bob.collection()
    undo = change(picks, items, remove=True)
    with pytest.raises(NotFound):
        revert(picks, undo, who=BOB)
    assert revert(picks, undo) == 3


def test_a_change_of_one_collection_is_not_taken_back_in_another(
    picks: Thing, others: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items, move_to=others["id"])
    with pytest.raises(NotFound, match="nothing to undo"):
        revert(others, undo)
    assert revert(picks, undo) == 3


def test_what_never_was_cannot_be_taken_back(picks: Thing) -> None:
    with pytest.raises(NotFound, match="nothing to undo"):
        revert(picks, uuid4())


def test_in_a_deleted_collection_nothing_is_taken_back_until_it_is_restored(
    alice: Person, picks: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items, remove=True)
    alice.delete(f"/collections/{picks['id']}")
    with pytest.raises(NotFound):
        revert(picks, undo)
    alice.post(f"/collections/{picks['id']}/restore")
    assert revert(picks, undo) == 3


# --------------------------------------------------------------------------- what happened meanwhile


def test_an_offer_deleted_meanwhile_does_not_come_back(
    alice: Person, picks: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items, remove=True)
    assert alice.delete(f"/listings/{items[1]['listing_id']}").status_code == 204
    assert revert(picks, undo) == 2
    assert titles(alice, picks) == ["First", "Third"]


def test_an_offer_its_owner_left_to_others_comes_back(
    alice: Person, bob: Person, picks: Thing, items: list[Thing]
) -> None:
    assert items
    theirs = bob.listing(title="Theirs", listing_url=None)
    item = alice.item(picks, theirs)
    alice.item(alice.collection("Also there"), theirs)
    undo = change(picks, [item], remove=True)
    bob.delete(f"/listings/{theirs['id']}")
    assert revert(picks, undo) == 1
    assert titles(alice, picks) == ["First", "Second", "Third", "Theirs"]


def test_a_collection_filled_up_meanwhile_takes_nothing_back_until_there_is_room(
    alice: Person, picks: Thing
) -> None:
    fill(picks, alice.listing(), facts.COLLECTION_ITEMS)
    with db.transaction() as session:
        ids = [{"id": one.id} for one in access.items_of(session, picks["id"])]
    undo = change(picks, ids[:2], remove=True)
    late = [alice.item(picks, alice.listing(title=title, listing_url=None)) for title in ("Late", "Later")]
    full = rows(picks)
    with pytest.raises(TooManyItems):
        revert(picks, undo)
    assert rows(picks) == full
    for one in late:
        alice.delete(f"/collections/{picks['id']}/items/{one['id']}")
    assert revert(picks, undo) == 2


def test_what_was_done_to_other_items_stays(alice: Person, picks: Thing, items: list[Thing]) -> None:
    undo = change(picks, items[:1], set=BulkSet(status="bought"))
    said = {"status": "rejected", "notes": "new words"}
    alice.patch(f"/collections/{picks['id']}/items/{items[1]['id']}", said)
    revert(picks, undo)
    assert [(one["status"], one["notes"]) for one in rows(picks)] == [
        ("shortlisted", "note of First"),
        ("rejected", "new words"),
        ("shortlisted", "note of Third"),
    ]


def test_what_was_noted_meanwhile_stays_when_a_status_is_taken_back(
    alice: Person, picks: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items, set=BulkSet(status="bought"))
    alice.patch(f"/collections/{picks['id']}/items/{items[0]['id']}", {"notes": "new words"})
    revert(picks, undo)
    assert (rows(picks)[0]["status"], rows(picks)[0]["notes"]) == ("shortlisted", "new words")


def test_an_order_made_meanwhile_stays_when_a_status_is_taken_back(
    alice: Person, picks: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items[:1], set=BulkSet(status="bought"))
    alice.patch(f"/collections/{picks['id']}/items/{items[0]['id']}", {"position": 3})
    revert(picks, undo)
    assert titles(alice, picks) == ["Second", "Third", "First"]


def test_a_status_set_meanwhile_stays_when_a_move_is_taken_back(
    alice: Person, picks: Thing, others: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items[:1], move_to=others["id"])
    alice.patch(f"/collections/{others['id']}/items/{items[0]['id']}", {"status": "bought"})
    revert(picks, undo)
    assert [one["status"] for one in rows(picks)] == ["bought", "shortlisted", "shortlisted"]


def test_what_was_put_in_again_by_hand_is_there_once_with_its_old_notes(
    alice: Person, picks: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items[:1], remove=True)
    alice.item(picks, {"id": items[0]["listing_id"]}, notes="new words")
    assert revert(picks, undo) == 1
    (first, *_) = rows(picks)
    assert titles(alice, picks) == ["First", "Second", "Third"]
    assert (first["notes"], first["private_notes"], first["status"]) == (
        "new words",
        "secret of First",
        "shortlisted",
    )


def test_what_was_removed_meanwhile_stays_away_when_a_status_is_taken_back(
    alice: Person, picks: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items, set=BulkSet(status="bought"))
    alice.delete(f"/collections/{picks['id']}/items/{items[1]['id']}")
    assert revert(picks, undo) == 2
    assert titles(alice, picks) == ["First", "Third"]


def test_what_was_moved_on_to_a_third_place_stays_there(
    alice: Person, picks: Thing, others: Thing, items: list[Thing]
) -> None:
    third = alice.collection("Third")
    undo = change(picks, items[:2], move_to=others["id"])
    change(others, items[:1], move_to=third["id"])
    assert revert(picks, undo) == 1
    assert (titles(alice, picks), titles(alice, third)) == (["Second", "Third"], ["First"])


def test_what_was_moved_back_by_hand_is_put_in_its_place(
    alice: Person, picks: Thing, others: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items[:1], move_to=others["id"])
    change(others, items[:1], move_to=picks["id"])
    assert titles(alice, picks) == ["Second", "Third", "First"]
    assert revert(picks, undo) == 1
    assert titles(alice, picks) == ["First", "Second", "Third"]


def test_a_move_into_a_collection_deleted_meanwhile_says_what_to_do_first(
    alice: Person, picks: Thing, others: Thing, items: list[Thing]
) -> None:
    undo = change(picks, items, move_to=others["id"])
    alice.delete(f"/collections/{others['id']}")
    with pytest.raises(NotFound, match="restore it first"):
        revert(picks, undo)
    alice.post(f"/collections/{others['id']}/restore")
    assert revert(picks, undo) == 3


# -------------------------------------------------------------------------------------- at the same time


def test_of_many_who_take_back_the_same_change_one_does(picks: Thing, items: list[Thing]) -> None:
    before = rows(picks)
    undo = change(picks, items, remove=True)

    def attempt(_: int) -> int:
        try:
            return revert(picks, undo)
        except NotFound:
            return 0

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [0, 0, 0, 3]
    assert rows(picks) == before


@pytest.fixture
def crossed(alice: Person) -> tuple[list[Thing], list[Thing]]:
    """Two public collections, and an item of each."""
    places = [alice.collection(name, visibility="public") for name in ("Here", "There")]
    return places, [
        alice.item(place, alice.listing(title=place["name"], listing_url=None)) for place in places
    ]


def test_opposite_moves_and_their_undoing_at_once_wait_for_each_other_in_one_order(
    crossed: tuple[list[Thing], list[Thing]], count: Callable[[int, int], int]
) -> None:
    places, items = crossed

    def back_and_forth(number: int) -> int:
        place, to = places[number], places[1 - number]
        return revert(place, change(place, [items[number]], move_to=to["id"]))

    with ThreadPoolExecutor(2) as pool:
        for _ in range(count(10, 200)):
            assert list(pool.map(back_and_forth, range(2))) == [1, 1]


# ------------------------------------------------------------------------- what follows from the items


def prices(collection: Thing) -> list[int]:
    """What the search for public collections knows of its prices."""
    with db.transaction() as session:
        found = sa.text("SELECT prices FROM search_documents WHERE collection_id = :id")
        return sorted(map(int, session.execute(found, {"id": collection["id"]}).scalar_one()))


@by_way
def test_a_public_collection_is_found_by_what_it_holds_again(alice: Person, others: Thing, way: Way) -> None:
    place = alice.collection("Public", visibility="public")
    made = [alice.item(place, alice.listing(price_usd=n, listing_url=None, title=str(n))) for n in (7, 8)]
    undo = change(place, made[:1], **way(others))
    assert prices(place) == ([7, 8] if "set" in way(others) else [8])
    revert(place, undo)
    assert prices(place) == [7, 8]


def test_the_card_of_a_public_collection_is_the_one_of_before(alice: Person) -> None:
    place = alice.collection("Public", visibility="public")
    made = [alice.item(place, alice.listing(price_usd=n, listing_url=None, title=str(n))) for n in (7, 8)]

    def card() -> str:
        return alice.get(f"/collections/{place['id']}/card-image").headers["location"]

    before = card()
    undo = change(place, made[:1], remove=True)
    assert card() != before
    revert(place, undo)
    assert card() == before


# ---------------------------------------------------------------------------------------- forgetting


@pytest.mark.parametrize(("by", "removed"), [(-MINUTE, 0), (MINUTE, 1)])
def test_the_nightly_sweep_forgets_what_can_be_taken_back_no_more(
    picks: Thing, items: list[Thing], by: timedelta, removed: int
) -> None:
    change(picks, items, set=BulkSet(status="bought"))
    swept = forgotten.handler({"now": (now() + facts.BULK_UNDOABLE + by).isoformat()}, None)
    assert swept[BulkUndo.__tablename__] == removed


def test_what_can_be_taken_back_goes_with_its_collection(
    alice: Person, picks: Thing, items: list[Thing]
) -> None:
    change(picks, items, remove=True)
    with db.transaction() as session:
        session.delete(session.get_one(Collection, picks["id"]))
    assert alice
    with db.transaction() as session:
        assert session.scalars(sa.select(BulkUndo)).all() == []


def test_taking_back_500_items_asks_the_database_a_bounded_number_of_times(
    alice: Person, picks: Thing, statements: list[str]
) -> None:
    fill(picks, alice.listing(), facts.COLLECTION_ITEMS)
    with db.transaction() as session:
        whole = [{"id": one.id} for one in access.items_of(session, picks["id"])]
    undo = change(picks, whole, remove=True)
    statements.clear()
    revert(picks, undo)
    assert len(statements) <= 12, statements


def test_what_is_done_is_what_the_api_does(picks: Thing, items: list[Thing]) -> None:
    change(picks, items[1:], set=BulkSet(status="bought"))
    reached = rows(picks)
    with db.transaction() as session:
        wanted = BulkChange(item_ids=[one["id"] for one in items[1:]], set=BulkSet(status="bought"))
        collecting.bulk(session, ALICE, picks["id"], wanted, now())
    assert rows(picks) == reached

"""Taking an import back: what goes, what is as before, what stays and why; and pairs told apart."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from dealbrain import db, facts, jsontext, sweeping
from tests.makers import Api, Person, collection_file, deal_data, deal_file, made, pointers, refused
from tests.test_importing import NO_SUCH_ID, confirm, created, preview, read, suggested

X1 = "Lenovo ThinkPad X1 Carbon"
LATER = facts.UNDOABLE + timedelta(minutes=1)


def undo(person: Person, done: Mapping[str, Any]) -> httpx.Response:
    return person.post(f"/imports/{done['import_id']}/undo")


def undone(person: Person, done: Mapping[str, Any]) -> dict[str, Any]:
    answer = undo(person, done)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def two() -> dict[str, Any]:
    """A file of a collection of two deals that do not resemble each other."""
    return collection_file(deal_data(title=X1), deal_data(title="Dell OptiPlex 7050 Micro"))


# ------------------------------------------------------------------------------------------ what goes


def test_a_created_listing_goes(alice: Person) -> None:
    done = created(alice, deal_file())
    assert undone(alice, done) == {"undone": done["listing_ids"], "kept": []}
    assert alice.get(f"/listings/{done['id']}").status_code == 404


def test_everything_a_collection_brought_goes(alice: Person) -> None:
    before = alice.get("/listings").json()["items"]
    done = created(alice, two())
    undone(alice, done)
    assert alice.get(f"/collections/{done['id']}").status_code == 404
    assert alice.get("/listings").json()["items"] == before


def test_a_listing_that_was_there_stays_where_it_was(alice: Person) -> None:
    listing = alice.listing(title=X1, listing_url="https://shop.example/x1")
    shown = preview(alice, collection_file(deal_data(title=X1, listing_url="https://shop.example/x1")))
    done = made(suggested(alice, shown))
    assert done["listing_ids"] == [listing["id"]]
    assert undone(alice, done) == {"undone": [], "kept": []}
    assert read(alice, f"/listings/{listing['id']}") == listing


def test_an_updated_listing_is_as_it_was(alice: Person) -> None:
    listing = alice.listing(notes="mine", custom_fields={"colour": "red"}, price_usd=310.5)
    address = listing["listing_url"]
    file = deal_file(title="Renamed", listing_url=address, price_usd=99)
    done = made(confirm(alice, preview(alice, file), "update_existing", target_listing_id=listing["id"]))
    assert read(alice, f"/listings/{listing['id']}")["price_usd"] == 99
    assert undone(alice, done)["undone"] == [listing["id"]]
    assert read(alice, f"/listings/{listing['id']}") == listing


def test_unknown_keys_of_an_updated_listing_are_as_they_were(alice: Person) -> None:
    first = created(alice, deal_file(listing_url="https://shop.example/1", warranty={"months": 3}))
    file = deal_file(listing_url="https://shop.example/1", price_usd=1)
    shown = preview(alice, file)
    done = made(confirm(alice, shown, "update_existing", target_listing_id=first["id"]))
    undone(alice, done)
    kept = read(alice, f"/listings/{first['id']}/export")["data"]["listing"]
    assert kept["warranty"] == {"months": 3}


def test_a_merge_takes_only_its_own_items_out_again(alice: Person) -> None:
    collection, listing = alice.collection("Their picks"), alice.listing(title="Mine from before")
    alice.item(collection, listing)
    shown = preview(alice, two())
    done = made(confirm(alice, shown, "merge_items", target_collection_id=collection["id"]))
    assert len(read(alice, f"/collections/{collection['id']}")["items"]) == 3
    undone(alice, done)
    left = read(alice, f"/collections/{collection['id']}")["items"]
    assert [item["listing_id"] for item in left] == [listing["id"]]


def test_after_undoing_the_same_file_can_be_imported_again(alice: Person) -> None:
    undone(alice, created(alice, two()))
    again = preview(alice, two())
    assert [row["outcome"] for row in again["rows"]] == ["new", "new"]


# ----------------------------------------------------------------------------------- what stays, and why


def edit_listing(alice: Person, done: Mapping[str, Any]) -> None:
    alice.patch(f"/listings/{done['listing_ids'][0]}", {"notes": "worth a look"})


def note_item(alice: Person, done: Mapping[str, Any]) -> None:
    item = read(alice, f"/collections/{done['id']}")["items"][0]
    alice.patch(f"/collections/{done['id']}/items/{item['id']}", {"status": "shortlisted"})


def collect_elsewhere(alice: Person, done: Mapping[str, Any]) -> None:
    alice.item(alice.collection("Another"), {"id": done["listing_ids"][0]})


EDITS: Mapping[str, tuple[Callable[[Person, Mapping[str, Any]], None], str]] = {
    "edited": (edit_listing, "It was edited since the import."),
    "noted": (note_item, "Its item in the collection was edited since the import."),
    "collected": (collect_elsewhere, "It is in another collection now."),
}


@pytest.mark.parametrize("how", EDITS)
def test_what_was_touched_since_stays_and_is_listed(alice: Person, how: str) -> None:
    done = created(alice, two())
    touch, reason = EDITS[how]
    touch(alice, done)
    first, second = done["listing_ids"]
    answer = undone(alice, done)
    assert answer == {"undone": [second], "kept": [{"listing_id": first, "reason": reason}]}
    assert alice.get(f"/listings/{first}").status_code == 200


@pytest.mark.parametrize("how", ["edited", "noted"])
def test_the_collection_stays_with_what_stays_in_it(alice: Person, how: str) -> None:
    done = created(alice, two())
    EDITS[how][0](alice, done)
    undone(alice, done)
    left = read(alice, f"/collections/{done['id']}")["items"]
    assert [item["listing_id"] for item in left] == done["listing_ids"][:1]


def test_a_collection_that_was_renamed_stays(alice: Person) -> None:
    done = created(alice, two())
    alice.patch(f"/collections/{done['id']}", {"name": "Mine now"})
    undone(alice, done)
    assert read(alice, f"/collections/{done['id']}")["items"] == []


def test_a_listing_somebody_else_collected_stays(alice: Person, bob: Person) -> None:
    done = created(alice, deal_file())
    bob.item(bob.collection(), {"id": done["id"]})
    assert undone(alice, done)["kept"] == [{"listing_id": done["id"], "reason": EDITS["collected"][1]}]


def test_an_update_that_was_edited_since_is_not_taken_back(alice: Person) -> None:
    listing = alice.listing()
    shown = preview(alice, deal_file(listing_url=listing["listing_url"], price_usd=99))
    done = made(confirm(alice, shown, "update_existing", target_listing_id=listing["id"]))
    alice.patch(f"/listings/{listing['id']}", {"price_usd": 120})
    assert undone(alice, done)["undone"] == []
    assert read(alice, f"/listings/{listing['id']}")["price_usd"] == 120


def test_what_is_gone_already_is_no_obstacle(alice: Person) -> None:
    done = created(alice, two())
    alice.delete(f"/listings/{done['listing_ids'][0]}")
    alice.delete(f"/collections/{done['id']}")
    assert undone(alice, done) == {"undone": done["listing_ids"][1:], "kept": []}


# ----------------------------------------------------------------------------------- once, and by whom


def test_undoing_twice_is_answered_as_the_first_time(alice: Person) -> None:
    done = created(alice, two())
    first = undone(alice, done)
    alice.listing(title=X1)
    assert undone(alice, done) == first


def test_an_undone_import_says_so_when_its_preview_is_opened(alice: Person) -> None:
    done = created(alice, deal_file())
    undone(alice, done)
    assert read(alice, f"/imports/{done['import_id']}")["state"] == "undone"


def test_an_import_of_somebody_else_is_unknown(api: Api, alice: Person, bob: Person) -> None:
    done = created(alice, deal_file())
    before = api.state()
    refused(undo(bob, done), 404, "not_found")
    assert api.state() == before


def test_an_import_that_never_was_is_unknown(alice: Person) -> None:
    refused(undo(alice, {"import_id": uuid4()}), 404, "not_found")


def test_a_preview_that_was_not_confirmed_cannot_be_undone(alice: Person) -> None:
    shown = preview(alice, deal_file())
    refused(undo(alice, {"import_id": shown["preview_id"]}), 404, "not_found")


def test_after_its_time_an_import_stays(api: Api, alice: Person) -> None:
    done = created(alice, deal_file())
    refused(undo(api.later("alice", LATER), done), 410, "expired")
    assert alice.get(f"/listings/{done['id']}").status_code == 200


def test_what_undoing_needs_is_forgotten_after_its_time(alice: Person) -> None:
    done = created(alice, deal_file())
    with db.transaction() as session:
        assert sweeping.forget_undos(session, datetime.now(UTC)) == 0
    with db.transaction() as session:
        assert sweeping.forget_undos(session, datetime.now(UTC) + LATER) == 1
    refused(undo(alice, done), 410, "expired")


# ---------------------------------------------------------------------------------------------- history


def test_the_history_names_every_import_the_last_first(alice: Person) -> None:
    first, second = created(alice, deal_file()), created(alice, two())
    items = read(alice, "/imports")["items"]
    assert [item["import_id"] for item in items] == [second["import_id"], first["import_id"]]
    assert [item["title"] for item in items] == ["Their picks", "Lenovo ThinkPad T480"]


def test_an_entry_of_the_history_says_what_was_done_and_until_when_it_can_be_undone(alice: Person) -> None:
    done = created(alice, two())
    (item,) = read(alice, "/imports")["items"]
    assert {name: item[name] for name in done} == done
    until = datetime.fromisoformat(item["undoable_until"]) - datetime.fromisoformat(item["created_at"])
    assert (until, item["undone_at"]) == (facts.UNDOABLE, None)


def test_an_undone_import_stays_in_the_history(alice: Person) -> None:
    undone(alice, created(alice, deal_file()))
    (item,) = read(alice, "/imports")["items"]
    assert item["undoable_until"] is None
    assert item["undone_at"] is not None


def test_the_history_is_ones_own(alice: Person, bob: Person) -> None:
    created(alice, deal_file())
    assert read(bob, "/imports")["items"] == []


def test_the_history_comes_in_pages(alice: Person) -> None:
    done = [created(alice, deal_file(title=title))["import_id"] for title in ("One", "Two", "Three")]
    first = read(alice, "/imports?limit=2")
    rest = read(alice, f"/imports?limit=2&cursor={first['next_cursor']}")
    assert [item["import_id"] for item in first["items"] + rest["items"]] == done[::-1]


# ------------------------------------------------------------------------------------------- told apart

SAID = "Lenovo ThinkPad T480 14 inch business laptop refurbished by us"
LIKE = "Lenovo ThinkPad T480 14 inch business laptop refurbished by them"


def told_apart(person: Person, theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Import a row and say of what it resembles that it is something else."""
    shown = preview(person, collection_file(theirs))
    (row,) = shown["rows"]
    beside = [one["entity_id"] for one in row["duplicates"]]
    assert beside, "nothing resembles the row"
    decision = {"index": 0, "decision": "create", "not_same": beside}
    return made(confirm(person, shown, "create_new", decisions=[decision]))


def test_what_was_told_apart_is_not_shown_beside_the_row_again(alice: Person) -> None:
    alice.listing(title=SAID, listing_url=None, seller=None)
    done = told_apart(alice, deal_data(title=LIKE))
    (row,) = preview(alice, collection_file(deal_data(title=LIKE)))["rows"]
    assert [one["entity_id"] for one in row["duplicates"]] == done["listing_ids"]


def test_a_pair_is_told_apart_whichever_of_the_two_comes_in_a_file(alice: Person) -> None:
    listing = alice.listing(title=SAID, listing_url=None, seller=None)
    told_apart(alice, deal_data(title=LIKE))
    (row,) = preview(alice, collection_file(deal_data(title=SAID)))["rows"]
    assert [one["entity_id"] for one in row["duplicates"]] == [listing["id"]]


def test_what_one_person_told_apart_another_one_still_sees(alice: Person, bob: Person) -> None:
    listing = alice.listing(title=SAID, listing_url=None, seller=None)
    told_apart(alice, deal_data(title=LIKE))
    (row,) = preview(bob, collection_file(deal_data(title=LIKE)))["rows"]
    assert listing["id"] in [one["entity_id"] for one in row["duplicates"]]


@pytest.mark.parametrize(
    ("decision", "place"),
    [
        ({"decision": "create", "not_same": [NO_SUCH_ID]}, "/decisions/0/not_same/0"),
        ({"decision": "use_existing", "not_same": ["beside"]}, "/decisions/0/not_same/0"),
    ],
)
def test_what_cannot_be_told_apart_is_refused_by_its_place(
    api: Api, alice: Person, decision: dict[str, Any], place: str
) -> None:
    listing = alice.listing(title=SAID, listing_url=None, seller=None)
    shown = preview(alice, collection_file(deal_data(title=LIKE)))
    named = [listing["id"] if one == "beside" else one for one in decision["not_same"]]
    sent = [{"index": 0, **decision, "not_same": named}]
    before = api.state()
    problem = refused(confirm(alice, shown, "create_new", decisions=sent), 422, "invalid")
    assert pointers(problem) == {place}
    assert api.state() == before


def test_the_same_shop_address_cannot_be_told_apart(api: Api, alice: Person) -> None:
    listing = alice.listing(title=SAID)
    shown = preview(alice, collection_file(deal_data(title=LIKE, listing_url=listing["listing_url"])))
    sent = [{"index": 0, "decision": "create", "not_same": [listing["id"]]}]
    before = api.state()
    problem = refused(confirm(alice, shown, "create_new", decisions=sent), 422, "invalid")
    assert pointers(problem) == {"/decisions/0/not_same/0"}
    assert api.state() == before


def test_telling_apart_again_changes_nothing(alice: Person) -> None:
    alice.listing(title=SAID, listing_url=None, seller=None)
    done = told_apart(alice, deal_data(title=LIKE))
    undone(alice, done)
    again = preview(alice, collection_file(deal_data(title=LIKE)))
    assert jsontext.dumps(again["duplicates"]) == "[]"

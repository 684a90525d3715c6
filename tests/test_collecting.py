"""Collections and their items: what their owner does with them."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, local
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import Session

from dealbrain import access, collecting, db, facts, jsontext, offering
from dealbrain.identity import Caller
from dealbrain.identity import Person as Verified
from dealbrain.shapes import BulkChange, NewCollection, NewItem, NewListing
from dealbrain.tables import Collection
from infra.local.issuer import subject
from infra.routes import Endpoint, routes
from tests.makers import LATITUDE, Api, Person, collection_file, deal_data, fill, made, pointers, refused

NO_SUCH_ID = 999_999


def read(person: Person, collection: dict[str, Any]) -> dict[str, Any]:
    answer = person.get(f"/collections/{collection['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def changed(person: Person, path: str, **fields: Any) -> dict[str, Any]:
    answer = person.patch(path, fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# ----------------------------------------------------------------------------------------- collections


def test_a_new_collection_is_private_and_empty(alice: Person) -> None:
    answer = alice.collection("Quiet ones", description="for the **living room**")
    times = {answer.pop("created_at"), answer.pop("updated_at")}
    assert answer == {
        "id": 1,
        "name": "Quiet ones",
        "description": "for the **living room**",
        "visibility": "private",
        "revision": 1,
        "item_count": 0,
        "counters": {"views": 0, "copies": 0, "exports": 0},
        "copied_from": None,
    }
    assert len(times) == 1


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_a_collection_may_be_born_with_any_visibility(alice: Person, visibility: str) -> None:
    assert alice.collection(visibility=visibility)["visibility"] == visibility


def test_a_name_is_trimmed(alice: Person) -> None:
    collection = alice.collection(" \t Quiet  ones \n")
    assert collection["name"] == "Quiet  ones"
    assert changed(alice, f"/collections/{collection['id']}", name="  Loud ones ")["name"] == "Loud ones"


def test_the_longest_name_is_counted_after_trimming(alice: Person) -> None:
    name = "n" * facts.COLLECTION_NAME
    assert alice.collection(f"  {name}  ")["name"] == name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "   "),
        ("name", "n" * (facts.COLLECTION_NAME + 1)),
        ("name", None),
        ("name", 5),
        ("description", "d" * (facts.DESCRIPTION + 1)),
        ("visibility", "secret"),
        ("owner", "bob"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(alice: Person, field: str, value: object) -> None:
    problem = refused(alice.post("/collections", {"name": "x", field: value}), 422, "invalid")
    assert pointers(problem) == {f"/{field}"}


def test_the_longest_description_is_taken(alice: Person) -> None:
    assert len(alice.collection(description="d" * facts.DESCRIPTION)["description"]) == facts.DESCRIPTION


def test_a_description_is_cleared_by_null_and_left_by_absence(alice: Person) -> None:
    collection = alice.collection(description="d")
    path = f"/collections/{collection['id']}"
    assert changed(alice, path, name="Renamed")["description"] == "d"
    assert changed(alice, path, description=None)["description"] is None
    assert read(alice, collection)["name"] == "Renamed"


@pytest.mark.parametrize("field", ["visibility", "revision", "counters"])
def test_an_edit_takes_name_and_description_only(alice: Person, field: str) -> None:
    collection = alice.collection()
    answer = alice.patch(f"/collections/{collection['id']}", {field: "public"})
    assert pointers(refused(answer, 422, "invalid")) == {f"/{field}"}


def test_a_name_is_never_null(alice: Person) -> None:
    collection = alice.collection()
    answer = alice.patch(f"/collections/{collection['id']}", {"name": None})
    assert pointers(refused(answer, 422, "invalid")) == {"/name"}


def test_two_collections_may_have_one_name(alice: Person) -> None:
    assert alice.collection("Same")["id"] != alice.collection("Same")["id"]


def test_a_list_holds_the_callers_collections_only_newest_first(alice: Person, bob: Person) -> None:
    alice.collection("First")
    bob.collection("Bob's", visibility="public")
    second = alice.collection("Second")
    alice.item(second, alice.listing())
    items = alice.get("/collections").json()["items"]
    assert [(one["name"], one["item_count"]) for one in items] == [("Second", 1), ("First", 0)]


def test_a_list_of_collections_is_paged(alice: Person) -> None:
    for number in range(3):
        alice.collection(f"{number}")
    first = alice.get("/collections", params={"limit": 2}).json()
    alice.collection("new in between")
    second = alice.get("/collections", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [one["name"] for one in first["items"] + second["items"]] == ["2", "1", "0"]
    assert second["next_cursor"] is None


def test_a_forged_cursor_is_refused(alice: Person) -> None:
    assert pointers(refused(alice.get("/collections?cursor=W10"), 422, "invalid")) == {"?cursor"}


# ------------------------------------------------------------------------------- deleted and restored

A_MINUTE = timedelta(minutes=1)


def deleted(person: Person, collection: dict[str, Any]) -> dict[str, Any]:
    assert person.delete(f"/collections/{collection['id']}").status_code == 204
    return collection


def restore(person: Person, collection: dict[str, Any]) -> httpx.Response:
    return person.post(f"/collections/{collection['id']}/restore")


def listed(person: Person, query: str = "") -> list[str]:
    answer = person.get(f"/collections{query}")
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


def test_a_deleted_collection_is_gone_and_its_listings_are_not(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing()
    alice.item(collection, listing)
    deleted(alice, collection)
    refused(alice.get(f"/collections/{collection['id']}"), 404, "not_found")
    assert alice.get(f"/listings/{listing['id']}").json() == listing
    assert listed(alice) == []


# What pages with a collection in their address are sent, where an empty form would be wrong.
FORMS: Mapping[str, Mapping[str, str]] = {
    "POST /collections/{collection_id}/bulk": {"item": "1", "do": "remove"},
    "POST /collections/{collection_id}/order": {"items": "1", "revision": "2"},
}


@pytest.mark.parametrize(
    "route", [one for one in routes() if "{collection_id}" in one.path], ids=lambda route: route.key
)
def test_no_route_knows_a_deleted_collection(api: Api, alice: Person, route: Endpoint) -> None:
    collection = alice.collection(visibility="public")
    item = alice.item(collection, alice.listing())
    other = alice.listing(title="Another one")
    card = alice.get(f"/collections/{collection['id']}/card-image").headers["location"].split("/")
    deleted(alice, collection)
    before = api.state()
    path = route.path.format(
        collection_id=collection["id"], item_id=item["id"], token_id=1, nonce=card[-2], picture=card[-1]
    )
    body: dict[str, Any] = {
        "PATCH /v1/collections/{collection_id}/visibility": {"visibility": "public"},
        "POST /v1/collections/{collection_id}/items": {"listing_id": other["id"]},
        "PUT /v1/collections/{collection_id}/items/order": {"item_ids": [item["id"]], "revision": 2},
        "POST /v1/collections/{collection_id}/items/bulk": {"item_ids": [item["id"]], "remove": True},
    }.get(route.key, {})
    sent: dict[str, Any] = {"data": FORMS.get(route.key)} if route.is_page else {"json": body}
    if route.method in {"GET", "HEAD", "DELETE"} or route.key.endswith("/restore"):
        sent = {}
    if route.key.endswith("/restore"):
        assert alice.send(route.method, path, **sent).status_code == (303 if route.is_page else 200)
    else:
        assert alice.send(route.method, path, **sent).status_code == 404
        assert api.state() == before


def test_a_deleted_collection_leaves_discover_at_once(alice: Person) -> None:
    collection = alice.collection("Quiet ones", visibility="public")
    assert alice.get("/collections/discover").json()["total"] == 1
    deleted(alice, collection)
    found = alice.get("/collections/discover").json()
    assert (found["items"], found["total"]) == ([], 0)


def test_a_restored_collection_is_as_it_was_but_private(alice: Person) -> None:
    collection = alice.collection("Quiet ones", description="d", visibility="public")
    alice.item(collection, alice.listing(), status="bought", notes="n", private_notes="p")
    before = read(alice, collection)
    answer = restore(alice, deleted(alice, collection))
    assert answer.status_code == 200
    after = answer.json()
    assert datetime.fromisoformat(after.pop("updated_at")) > datetime.fromisoformat(before.pop("updated_at"))
    assert after == {**before, "visibility": "private"}
    assert read(alice, collection)["items"] == before["items"]
    assert alice.get("/collections/discover").json()["total"] == 0


def test_a_restored_collection_can_be_published_again(api: Api, alice: Person) -> None:
    collection = alice.collection("Quiet ones", visibility="public")
    restore(alice, deleted(alice, collection))
    changed(alice, f"/collections/{collection['id']}/visibility", visibility="public")
    assert alice.get("/collections/discover").json()["total"] == 1
    assert api.stranger.get(f"/collections/public/{collection['id']}").status_code == 200


@pytest.mark.parametrize("visibility", ["unlisted", "public"])
def test_share_tokens_die_with_a_collection_and_stay_dead(api: Api, alice: Person, visibility: str) -> None:
    collection = alice.collection(visibility=visibility)
    token = made(alice.post(f"/collections/{collection['id']}/share-tokens", {}))["token"]
    assert api.stranger.get(f"/collections/shared/{token}").status_code == 200
    deleted(alice, collection)
    refused(api.stranger.get(f"/collections/shared/{token}"), 404, "not_found")
    restore(alice, collection)
    changed(alice, f"/collections/{collection['id']}/visibility", visibility=visibility)
    refused(api.stranger.get(f"/collections/shared/{token}"), 404, "not_found")
    assert alice.get(f"/collections/{collection['id']}/share-tokens").json()["items"] == []


def test_a_deletion_can_be_taken_back_for_thirty_days_and_no_longer(api: Api, alice: Person) -> None:
    early, late = deleted(alice, alice.collection("Early")), deleted(alice, alice.collection("Late"))
    assert restore(api.later("alice", facts.RESTORABLE - A_MINUTE), early).status_code == 200
    refused(restore(api.later("alice", facts.RESTORABLE + A_MINUTE), late), 404, "not_found")


def test_what_is_not_deleted_cannot_be_restored(alice: Person) -> None:
    collection = alice.collection()
    refused(restore(alice, collection), 404, "not_found")
    assert restore(alice, deleted(alice, collection)).status_code == 200
    refused(restore(alice, collection), 404, "not_found")


def test_a_collection_cannot_be_deleted_twice(alice: Person) -> None:
    collection = deleted(alice, alice.collection())
    refused(alice.delete(f"/collections/{collection['id']}"), 404, "not_found")


def test_only_its_owner_restores_a_collection(api: Api, alice: Person, bob: Person) -> None:
    collection = deleted(alice, alice.collection())
    refused(restore(bob, collection), 404, "not_found")
    refused(restore(api.stranger, collection), 401, "unauthenticated")
    assert restore(alice, collection).status_code == 200


def test_deleted_collections_are_listed_apart_the_last_deleted_first(alice: Person, bob: Person) -> None:
    rows = {name: alice.collection(name) for name in ("a", "b", "c", "kept")}
    deleted(bob, bob.collection("bob's"))
    for name in ("b", "c", "a"):
        deleted(alice, rows[name])
    assert listed(alice, "?deleted=true") == ["a", "c", "b"]
    assert listed(alice, "?deleted=false") == listed(alice) == ["kept"]
    first = alice.get("/collections?deleted=true&limit=2").json()
    second = alice.get(f"/collections?deleted=true&limit=2&cursor={first['next_cursor']}").json()
    assert [one["name"] for one in first["items"] + second["items"]] == ["a", "c", "b"]


def test_only_deleted_collections_say_when_they_were_deleted(alice: Person) -> None:
    collection = alice.collection()
    deleted(alice, alice.collection("Gone"))
    (gone,) = alice.get("/collections?deleted=true").json()["items"]
    assert datetime.fromisoformat(gone.pop("deleted_at")) >= datetime.fromisoformat(collection["created_at"])
    assert gone.keys() == collection.keys()


def test_what_cannot_be_restored_any_more_is_listed_nowhere(api: Api, alice: Person) -> None:
    deleted(alice, alice.collection())
    assert listed(api.later("alice", facts.RESTORABLE - A_MINUTE), "?deleted=true") == ["My picks"]
    assert listed(api.later("alice", facts.RESTORABLE + A_MINUTE), "?deleted=true") == []


@pytest.mark.parametrize("value", ["1", "yes", "True", ""])
def test_a_list_is_of_deleted_ones_or_not(alice: Person, value: str) -> None:
    assert pointers(refused(alice.get(f"/collections?deleted={value}"), 422, "invalid")) == {"?deleted"}


def test_no_import_goes_into_a_deleted_collection_or_takes_it_for_a_duplicate(alice: Person) -> None:
    collection = alice.collection("Their picks")
    file = jsontext.dumps(collection_file(deal_data())).encode()
    shown = alice.preview("collections", file)
    assert [one["entity_id"] for one in shown["collection"]["duplicates"]] == [collection["id"]]
    deleted(alice, collection)
    answer = alice.post(
        "/collections/import/confirm",
        {
            "preview_id": shown["preview_id"],
            "merge_strategy": "merge_items",
            "target_collection_id": collection["id"],
        },
    )
    refused(answer, 404, "not_found")
    again = alice.preview("collections", file)
    assert (again["collection"]["duplicates"], again["suggested_strategy"]) == ([], "create_new")


def test_a_listing_in_a_deleted_collection_is_collected_still(alice: Person, bob: Person) -> None:
    """Else the collection would come back with holes."""
    listing, collection = alice.listing(), bob.collection()
    bob.item(collection, listing)
    deleted(bob, collection)
    assert alice.delete(f"/listings/{listing['id']}").status_code == 204
    (item,) = restore(bob, collection).json()["items"]
    assert (item["listing_id"], item["listing"]["status"]) == (listing["id"], "archived")


# ----------------------------------------------------------------------------------------------- items


def test_an_item_says_what_was_sent_and_what_it_cost(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing(price_usd=250.5)
    item = alice.item(collection, listing, status="shortlisted", notes="public", private_notes="mine")
    assert datetime.fromisoformat(item.pop("added_at")) >= datetime.fromisoformat(collection["created_at"])
    assert item == {
        "id": 1,
        "listing_id": listing["id"],
        "listing": listing,
        "status": "shortlisted",
        "notes": "public",
        "private_notes": "mine",
        "position": 1,
        "price_when_added_usd": 250.5,
    }


def test_the_price_when_added_stays_when_the_price_moves(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing(price_usd=250.5)
    alice.item(collection, listing)
    changed(alice, f"/listings/{listing['id']}", price_usd=199)
    (item,) = read(alice, collection)["items"]
    assert (item["price_when_added_usd"], item["listing"]["price_usd"]) == (250.5, 199)


def test_anybodys_listing_may_be_collected_without_what_is_private(alice: Person, bob: Person) -> None:
    listing = alice.listing(notes="pay 200", custom_fields={"a": 1})
    shown = bob.item(bob.collection(), listing)["listing"]
    assert shown == {n: v for n, v in listing.items() if n not in {"notes", "custom_fields"}}


def test_a_listing_stands_in_a_collection_once(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing()
    alice.item(collection, listing)
    answer = alice.post(f"/collections/{collection['id']}/items", {"listing_id": listing["id"]})
    refused(answer, 409, "already_in_collection")
    assert (read(alice, collection)["item_count"], read(alice, collection)["revision"]) == (1, 2)


def test_a_listing_may_stand_in_two_collections(alice: Person) -> None:
    listing = alice.listing()
    for name in ("One", "Two"):
        assert alice.item(alice.collection(name), listing)["position"] == 1


def test_a_listing_may_come_back_after_it_was_removed(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing()
    item = alice.item(collection, listing)
    assert alice.delete(f"/collections/{collection['id']}/items/{item['id']}").status_code == 204
    assert read(alice, collection)["items"] == []
    alice.item(collection, listing)
    assert read(alice, collection)["item_count"] == 1


def test_an_item_takes_no_listing_that_is_not_there(alice: Person) -> None:
    collection = alice.collection()
    answer = alice.post(f"/collections/{collection['id']}/items", {"listing_id": NO_SUCH_ID})
    refused(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("listing_id", 0),
        ("listing_id", 2**63),
        ("listing_id", "1"),
        ("listing_id", True),
        ("status", "maybe"),
        ("status", None),
        ("notes", "n" * (facts.ITEM_NOTE + 1)),
        ("private_notes", "n" * (facts.ITEM_NOTE + 1)),
        ("position", 0),
        ("position", 1.5),
        ("added_at", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_wrong_field_of_an_item_is_refused_by_its_name(alice: Person, field: str, value: object) -> None:
    collection, listing = alice.collection(), alice.listing()
    body = {"listing_id": listing["id"], field: value}
    problem = refused(alice.post(f"/collections/{collection['id']}/items", body), 422, "invalid")
    assert pointers(problem) == {f"/{field}"}


@pytest.mark.parametrize("field", ["notes", "private_notes"])
def test_null_clears_a_note_and_absence_leaves_it(alice: Person, field: str) -> None:
    collection = alice.collection()
    item = alice.item(collection, alice.listing(), notes="a", private_notes="b")
    path = f"/collections/{collection['id']}/items/{item['id']}"
    assert changed(alice, path, status="bought") == {**item, "status": "bought"}
    assert changed(alice, path, **{field: None}) == {**item, "status": "bought", field: None}


@pytest.mark.parametrize("field", ["status", "position"])
def test_null_is_refused_for_what_every_item_has(alice: Person, field: str) -> None:
    collection = alice.collection()
    item = alice.item(collection, alice.listing())
    answer = alice.patch(f"/collections/{collection['id']}/items/{item['id']}", {field: None})
    assert pointers(refused(answer, 422, "invalid")) == {f"/{field}"}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_item_is_reached_through_its_own_collection_only(alice: Person, method: str) -> None:
    collection, other = alice.collection("One"), alice.collection("Other")
    item = alice.item(collection, alice.listing())
    body = {"json": {"status": "bought"}} if method == "PATCH" else {}
    refused(alice.call(method, f"/collections/{other['id']}/items/{item['id']}", **body), 404, "not_found")
    assert read(alice, collection)["items"] == [item]


def test_a_collection_takes_500_items_and_refuses_the_next(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing()
    fill(collection, listing, facts.COLLECTION_ITEMS - 1)
    assert alice.item(collection, listing)["position"] == facts.COLLECTION_ITEMS
    one_more = {"listing_id": alice.listing(title="One more")["id"]}
    refused(alice.post(f"/collections/{collection['id']}/items", one_more), 422, "too_many_items")
    items = read(alice, collection)["items"]
    assert len(items) == facts.COLLECTION_ITEMS
    # There is room again after one has gone.
    assert alice.delete(f"/collections/{collection['id']}/items/{items[0]['id']}").status_code == 204
    made(alice.post(f"/collections/{collection['id']}/items", one_more))


# ----------------------------------------------------------------------------------------------- order


@pytest.fixture
def shelf(alice: Person) -> dict[str, Any]:
    """A collection of four listings called a, b, c and d, made past HTTP for speed."""
    who, now = Verified(subject("alice"), "alice"), datetime.now(UTC)
    deals = [NewListing(**{**LATITUDE, "title": title, "performance": None}) for title in "abcd"]
    with db.transaction() as session:
        collection = collecting.create(session, who, NewCollection(name="My picks"), now)
        for deal in deals:
            listing = offering.create(session, who, deal, now)
            collecting.add_item(session, who, collection.id, NewItem(listing_id=listing.id), now)
    return read(alice, {"id": collection.id})


def order(person: Person, collection: dict[str, Any]) -> str:
    items = read(person, collection)["items"]
    assert [item["position"] for item in items] == sorted({item["position"] for item in items})
    return "".join(item["listing"]["title"] for item in items)


def ids(collection: dict[str, Any], wanted: str) -> list[int]:
    """The ids of a shelf's items, in an order spelled by their titles."""
    by_title = {item["listing"]["title"]: item["id"] for item in collection["items"]}
    return [by_title[title] for title in wanted]


def put_order(person: Person, collection: dict[str, Any], item_ids: list[int], revision: int) -> Any:
    path = f"/collections/{collection['id']}/items/order"
    return person.put(path, {"item_ids": item_ids, "revision": revision})


@pytest.mark.parametrize(("position", "found"), [(1, "xabcd"), (3, "abxcd"), (5, "abcdx"), (900, "abcdx")])
def test_an_item_may_be_put_at_a_place(
    alice: Person, shelf: dict[str, Any], position: int, found: str
) -> None:
    item = alice.item(shelf, alice.listing(title="x"), position=position)
    assert order(alice, shelf) == found
    assert item["position"] == found.index("x") + 1


@pytest.mark.parametrize(
    ("position", "found"), [(1, "cabd"), (2, "acbd"), (3, "abcd"), (4, "abdc"), (99, "abdc")]
)
def test_an_item_may_be_moved_to_a_place(
    alice: Person, shelf: dict[str, Any], position: int, found: str
) -> None:
    (item,) = ids(shelf, "c")
    after = changed(alice, f"/collections/{shelf['id']}/items/{item}", position=position)
    assert order(alice, shelf) == found
    assert after["position"] == found.index("c") + 1


def test_a_removed_item_leaves_the_order_of_the_others(alice: Person, shelf: dict[str, Any]) -> None:
    alice.delete(f"/collections/{shelf['id']}/items/{ids(shelf, 'b')[0]}")
    alice.item(shelf, alice.listing(title="x"))
    assert order(alice, shelf) == "acdx"


def test_one_call_sets_the_whole_order(alice: Person, shelf: dict[str, Any]) -> None:
    answer = put_order(alice, shelf, ids(shelf, "dbca"), shelf["revision"])
    assert answer.status_code == 200
    assert [item["position"] for item in answer.json()["items"]] == [1, 2, 3, 4]
    assert answer.json()["revision"] == shelf["revision"] + 1
    assert order(alice, shelf) == "dbca"


@pytest.mark.parametrize("away", [-1, 1])
def test_an_order_seen_at_another_revision_is_refused(
    alice: Person, shelf: dict[str, Any], away: int
) -> None:
    answer = put_order(alice, shelf, ids(shelf, "dbca"), shelf["revision"] + away)
    problem = refused(answer, 409, "revision_changed")
    assert problem["revision"] == shelf["revision"]
    assert order(alice, shelf) == "abcd"


CHANGES: dict[str, Callable[[Person, dict[str, Any]], object]] = {
    "an item added": lambda person, shelf: person.item(shelf, person.listing(title="x")),
    "an item moved": lambda person, shelf: changed(
        person, f"/collections/{shelf['id']}/items/{shelf['items'][3]['id']}", position=1
    ),
    "an item removed": lambda person, shelf: person.delete(
        f"/collections/{shelf['id']}/items/{shelf['items'][3]['id']}"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_made_before_a_change_of_the_items_is_refused(
    alice: Person, shelf: dict[str, Any], change: str
) -> None:
    CHANGES[change](alice, shelf)
    refused(put_order(alice, shelf, ids(shelf, "dcba"), shelf["revision"]), 409, "revision_changed")


@pytest.mark.parametrize("wanted", ["abc", "abcc", "abcdd", ""])
def test_an_order_names_every_item_once(alice: Person, shelf: dict[str, Any], wanted: str) -> None:
    problem = refused(put_order(alice, shelf, ids(shelf, wanted), shelf["revision"]), 422, "invalid")
    assert pointers(problem) == {"/item_ids"}
    assert order(alice, shelf) == "abcd"


def test_an_order_names_no_item_of_another_collection(alice: Person, shelf: dict[str, Any]) -> None:
    foreign = alice.item(alice.collection("Other"), alice.listing())["id"]
    answer = put_order(alice, shelf, [*ids(shelf, "abc"), foreign], shelf["revision"])
    refused(answer, 404, "not_found")
    assert order(alice, shelf) == "abcd"


# ---------------------------------------------------------------------------------- many items at once


def bulk(person: Person, collection: dict[str, Any], wanted: list[int], **way: Any) -> httpx.Response:
    return person.post(f"/collections/{collection['id']}/items/bulk", {"item_ids": wanted, **way})


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def other(alice: Person) -> dict[str, Any]:
    """Another collection, of one listing called x."""
    collection = alice.collection("Other")
    alice.item(collection, alice.listing(title="x", performance=None))
    return read(alice, collection)


def test_the_status_of_several_items_is_set_at_once(alice: Person, shelf: dict[str, Any]) -> None:
    answer = done(bulk(alice, shelf, ids(shelf, "ca"), set={"status": "rejected"}))
    statuses = {item["listing"]["title"]: item["status"] for item in answer["items"]}
    assert statuses == {"a": "rejected", "b": "undecided", "c": "rejected", "d": "undecided"}
    assert answer["revision"] == shelf["revision"] + 1
    assert answer == read(alice, shelf)


def test_several_items_are_removed_at_once(alice: Person, shelf: dict[str, Any]) -> None:
    assert done(bulk(alice, shelf, ids(shelf, "db"), remove=True))["item_count"] == 2
    assert order(alice, shelf) == "ac"


def test_moved_items_go_to_the_end_in_their_order(
    alice: Person, shelf: dict[str, Any], other: dict[str, Any]
) -> None:
    put_order(alice, shelf, ids(shelf, "dcba"), shelf["revision"])
    answer = done(bulk(alice, shelf, ids(shelf, "bd"), move_to=other["id"]))
    assert (answer["id"], answer["item_count"]) == (shelf["id"], 2)
    assert (order(alice, shelf), order(alice, other)) == ("ca", "xdb")
    assert read(alice, other)["revision"] == other["revision"] + 1


def test_a_moved_item_keeps_all_that_was_said_of_it(alice: Person, other: dict[str, Any]) -> None:
    collection = alice.collection()
    listing = alice.listing(price_usd=250.5)
    item = alice.item(collection, listing, status="bought", notes="n", private_notes="p")
    changed(alice, f"/listings/{listing['id']}", price_usd=199)
    done(bulk(alice, collection, [item["id"]], move_to=other["id"]))
    moved = read(alice, other)["items"][1]
    assert moved.pop("listing")["price_usd"] == 199
    del item["listing"]
    assert moved == {**item, "position": 2}


def test_positions_do_not_grow_with_every_move(alice: Person, shelf: dict[str, Any]) -> None:
    there, moved = alice.collection("There"), ids(shelf, "ab")
    for _ in range(3):
        done(bulk(alice, shelf, moved, move_to=there["id"]))
        done(bulk(alice, there, moved, move_to=shelf["id"]))
    assert order(alice, shelf) == "cdab"
    assert [item["position"] for item in read(alice, shelf)["items"]] == [3, 4, 5, 6]


def test_a_listing_that_is_there_already_is_not_moved_and_named(alice: Person, shelf: dict[str, Any]) -> None:
    other = alice.collection("Other")
    for item in (shelf["items"][1], shelf["items"][3]):
        alice.item(other, item["listing"])
    before = read(alice, shelf), read(alice, other)
    answer = bulk(alice, shelf, ids(shelf, "dab"), move_to=other["id"])
    problem = refused(answer, 409, "already_in_collection")
    assert pointers(problem) == {"/item_ids/0", "/item_ids/2"}
    assert (read(alice, shelf), read(alice, other)) == before


def test_items_that_do_not_fit_are_not_moved_and_named(alice: Person, shelf: dict[str, Any]) -> None:
    full = alice.collection("Full")
    fill(full, alice.listing(), facts.COLLECTION_ITEMS - 2)
    answer = bulk(alice, shelf, ids(shelf, "dcba"), move_to=full["id"])
    # By their order, d and c are what is too many.
    assert pointers(refused(answer, 422, "too_many_items")) == {"/item_ids/0", "/item_ids/1"}
    assert order(alice, shelf) == "abcd"
    done(bulk(alice, shelf, ids(shelf, "ba"), move_to=full["id"]))
    assert read(alice, full)["item_count"] == facts.COLLECTION_ITEMS


WAYS: dict[str, Any] = {"set": {"status": "bought"}, "remove": True, "move_to": None}


@pytest.mark.parametrize("way", WAYS)
def test_an_item_of_another_collection_changes_nothing(
    api: Api, alice: Person, shelf: dict[str, Any], way: str
) -> None:
    other = alice.collection("Other")
    strayed = alice.item(other, alice.listing(title="x"))["id"]
    before = api.state()
    wanted = {way: WAYS[way] or other["id"]}
    for foreign in (strayed, NO_SUCH_ID):
        refused(bulk(alice, shelf, [*ids(shelf, "ab"), foreign], **wanted), 404, "not_found")
    assert api.state() == before
    done(bulk(alice, shelf, ids(shelf, "ab"), **wanted))


def test_nothing_moves_into_what_is_not_mine(
    api: Api, alice: Person, bob: Person, shelf: dict[str, Any]
) -> None:
    gone = deleted(alice, alice.collection("Gone"))
    foreign = bob.collection("Bob's", visibility="public")
    before = api.state()
    for target in (gone["id"], foreign["id"], NO_SUCH_ID):
        refused(bulk(alice, shelf, ids(shelf, "ab"), move_to=target), 404, "not_found")
    assert api.state() == before


SENSELESS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({"item_ids": [1]}, {"/set", "/move_to", "/remove"}),
    "nothing, in nulls": ({"item_ids": [1], "set": None, "move_to": None}, {"/set", "/move_to", "/remove"}),
    "two things": ({"item_ids": [1], "set": {"status": "bought"}, "remove": True}, {"/set", "/remove"}),
    "all of them to items named twice": (
        {"item_ids": [1, 2, 1, 1], "set": {"status": "bought"}, "move_to": 1, "remove": True},
        {"/item_ids/2", "/item_ids/3", "/set", "/move_to", "/remove"},
    ),
    "into itself": ({"item_ids": [1], "move_to": 1}, {"/move_to"}),
    "no items": ({"item_ids": [], "remove": True}, {"/item_ids"}),
    "too many items": ({"item_ids": [*range(1, 502)], "remove": True}, {"/item_ids"}),
    "not removing": ({"item_ids": [1], "remove": False}, {"/set", "/move_to", "/remove"}),
    "removing null": ({"item_ids": [1], "remove": None}, {"/remove"}),
    "removing by a number": ({"item_ids": [1], "remove": 1}, {"/remove"}),
    "setting nothing": ({"item_ids": [1], "set": {}}, {"/set/status"}),
    "setting what is no status": (
        {"item_ids": ["1"], "set": {"status": "x"}},
        {"/item_ids/0", "/set/status"},
    ),
    "setting a note": (
        {"item_ids": [1], "set": {"status": "bought", "notes": "n"}, "to": 1},
        {"/set/notes", "/to"},
    ),
}


@pytest.mark.parametrize(("body", "places"), SENSELESS.values(), ids=SENSELESS)
def test_what_makes_no_sense_is_refused_at_every_place(
    alice: Person, body: dict[str, Any], places: set[str]
) -> None:
    collection = alice.collection()
    assert collection["id"] == 1
    answer = alice.post("/collections/1/items/bulk", body)
    assert pointers(refused(answer, 422, "invalid")) == places


def cheap_ones(person: Person) -> list[int]:
    return [one["id"] for one in person.get("/collections/discover?max_price=20").json()["items"]]


def test_discover_follows_items_that_are_moved_or_removed(alice: Person) -> None:
    here, there = alice.collection(visibility="public"), alice.collection(visibility="public")
    cheap = alice.item(here, alice.listing(price_usd=10))["id"]
    alice.item(here, alice.listing(price_usd=900, title="Dear"))
    assert cheap_ones(alice) == [here["id"]]
    done(bulk(alice, here, [cheap], move_to=there["id"]))
    assert cheap_ones(alice) == [there["id"]]
    done(bulk(alice, there, [cheap], remove=True))
    assert cheap_ones(alice) == []


@pytest.mark.parametrize("way", WAYS)
def test_five_hundred_items_take_as_few_statements_as_one(
    alice: Person, statements: list[str], way: str
) -> None:
    here, there = (alice.collection(visibility="public") for _ in range(2))
    fill(here, alice.listing(), facts.COLLECTION_ITEMS)
    wanted = [item["id"] for item in read(alice, here)["items"]]
    statements.clear()
    done(bulk(alice, here, wanted, **{way: WAYS[way] or there["id"]}))
    # Two of these ask what the cards show now.
    assert len(statements) <= 10, statements


@pytest.fixture
def swap(alice: Person) -> Callable[[], list[int]]:
    """Two public collections of one item each, which every call swaps by two moves at the same moment."""
    places = [alice.collection(visibility="public") for _ in range(2)]
    items = [alice.item(place, alice.listing(title=place["name"]))["id"] for place in places]

    def both() -> list[int]:
        ways = list(zip(places, items, reversed(places), strict=True))
        with ThreadPoolExecutor(2) as pool:
            sent = [pool.submit(bulk, alice, place, [item], move_to=to["id"]) for place, item, to in ways]
            statuses = [one.result().status_code for one in sent]
        places.reverse()
        return statuses

    return both


def test_opposite_moves_at_once_wait_for_each_other_in_one_order(
    swap: Callable[[], list[int]], count: Callable[[int, int], int]
) -> None:
    assert [swap() for _ in range(count(10, 200))] == [[200, 200]] * count(10, 200)


def test_locking_first_what_is_named_first_would_let_them_wait_in_a_circle(
    swap: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    named, both_hold_one, refuse_senseless = local(), Barrier(2), collecting._refuse_senseless

    def remember(collection_id: int, wanted: BulkChange) -> None:
        named.ids = collection_id, wanted.move_to
        refuse_senseless(collection_id, wanted)

    def as_named(session: Session, who: Caller, _: set[int]) -> dict[int, Collection]:
        first, second = named.ids
        found = {first: access.editable(session, who, first)}
        both_hold_one.wait(30)
        return found | {second: access.editable(session, who, second)}

    monkeypatch.setattr(collecting, "_refuse_senseless", remember)
    monkeypatch.setattr(access, "editable_all", as_named)
    assert sorted(swap()) == [200, 503]


# --------------------------------------------------------------------------------------- somebody else


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_nobody_else_touches_a_collection(api: Api, alice: Person, bob: Person, visibility: str) -> None:
    collection = alice.collection(visibility=visibility)
    item = alice.item(collection, alice.listing())
    before = api.state()
    path = f"/collections/{collection['id']}"
    calls: list[tuple[str, str, object]] = [
        ("GET", path, None),
        ("PATCH", path, {"name": "mine"}),
        ("DELETE", path, None),
        ("PATCH", f"{path}/visibility", {"visibility": "public"}),
        ("POST", f"{path}/items", {"listing_id": item["listing_id"]}),
        ("PATCH", f"{path}/items/{item['id']}", {"status": "bought"}),
        ("DELETE", f"{path}/items/{item['id']}", None),
        ("PUT", f"{path}/items/order", {"item_ids": [item["id"]], "revision": 2}),
        ("POST", f"{path}/items/bulk", {"item_ids": [item["id"]], "remove": True}),
    ]
    for method, address, body in calls:
        sent = {} if body is None else {"json": body}
        refused(bob.call(method, address, **sent), 404, "not_found")
        refused(api.stranger.call(method, address, **sent), 401, "unauthenticated")
    assert api.state() == before

"""Collections and their items: what their owner does with them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dealbrain import facts
from tests.makers import Api, Person, fill, made, pointers, refused

NO_SUCH_ID = 999_999


@pytest.fixture
def alice(api: Api) -> Person:
    return api.person("alice")


@pytest.fixture
def bob(api: Api) -> Person:
    return api.person("bob")


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


def test_a_deleted_collection_is_gone_and_its_listings_are_not(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing()
    alice.item(collection, listing)
    assert alice.delete(f"/collections/{collection['id']}").status_code == 204
    refused(alice.get(f"/collections/{collection['id']}"), 404, "not_found")
    assert alice.get(f"/listings/{listing['id']}").json() == listing
    assert alice.get("/collections").json()["items"] == []


# ----------------------------------------------------------------------------------------------- items


def test_an_item_says_what_was_sent_and_what_it_cost(alice: Person) -> None:
    collection, listing = alice.collection(), alice.listing(price_usd=250.5)
    item = alice.item(collection, listing, status="shortlisted", notes="public", private_notes="mine")
    assert item.pop("added_at") >= collection["created_at"]
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
    """A collection of four listings called a, b, c and d."""
    collection = alice.collection()
    for title in "abcd":
        alice.item(collection, alice.listing(title=title, performance=None))
    return read(alice, collection)


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


def test_two_orders_at_once_never_mix(alice: Person, shelf: dict[str, Any]) -> None:
    wanted = ["dcba", "badc"]
    for revision in range(shelf["revision"], shelf["revision"] + 6):
        with ThreadPoolExecutor(len(wanted)) as pool:
            sent = [pool.submit(put_order, alice, shelf, ids(shelf, one), revision) for one in wanted]
            answers = [one.result() for one in sent]
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [200, 409]
        assert order(alice, shelf) == wanted[statuses.index(200)]


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
    ]
    for method, address, body in calls:
        sent = {} if body is None else {"json": body}
        refused(bob.call(method, address, **sent), 404, "not_found")
        refused(api.stranger.call(method, address, **sent), 401, "unauthenticated")
    assert api.state() == before

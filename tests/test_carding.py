"""Cards beyond the way of one picture: of collections, to keep, closed in time, drawn ahead."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.message import Message
from http import HTTPStatus
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from PIL import Image

from dealbrain import carding, cardspec, db, facts, files
from dealbrain.carding import NoPicture
from dealbrain.cardspec import MEDIA_TYPE, PIXELS, Card, CardSpec, Format, Size, Style
from dealbrain.catalog import Entry
from dealbrain.facts import CARDS, SPECS, WARM, Bucket
from functions.carding import warm
from functions.carding.picture import PLACEHOLDERS
from infra.local import notifications
from infra.local.lambdas import Function, lambdas
from infra.local.processes import free_port, wait_until
from infra.local.run import RENDERER, RENDERER_HANDLER, System, warm_ups
from tests.makers import (
    TRIES,
    Api,
    Person,
    collection_file,
    deal_data,
    deal_file,
    drawn,
    load_catalog,
    made,
    refused,
    renderer_at,
)

VARIANTS = list(product(Style, Size, Format))


@pytest.fixture
def alice(alice: Person) -> Person:
    """Alice in a system without the cards of other tests, whose listings had the same numbers."""
    for prefix in (SPECS, CARDS, WARM):
        files.delete(Bucket.generated, files.keys(Bucket.generated, prefix))
    return alice


def fresh(person: Person, **fields: Any) -> dict[str, Any]:
    """A listing nobody has ever drawn."""
    return person.listing(**{"title": f"Machine {uuid4()}", "listing_url": None, **fields})


def filled(person: Person, visibility: str = "public", **fields: Any) -> dict[str, Any]:
    """A collection with one listing, which nobody has ever drawn."""
    collection = person.collection(f"Picks {uuid4()}", visibility=visibility, **fields)
    person.item(collection, fresh(person))
    return collection


def look(person: Person, collection: Mapping[str, Any], query: str = "") -> str:
    """Where the card of a collection is today."""
    answer = person.get(f"/collections/{collection['id']}/card-image?{query}")
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "no-store"), answer.text
    found: str = answer.headers["location"]
    return found.removeprefix("/v1")


def card_at(path: str) -> Card:
    place = path.removeprefix("/cards/").replace("/collection-cards/", "collections/")
    card = cardspec.parse_card(place)
    assert card
    return card


def spec_at(path: str) -> CardSpec:
    stored = files.get(Bucket.generated, card_at(path).spec_key)
    assert stored
    return cardspec.from_bytes(stored)


def stored(place: str) -> list[str]:
    """The keys of everything there is of a place's cards."""
    return [key for prefix in (SPECS, CARDS) for key in files.keys(Bucket.generated, f"{prefix}{place}/")]


def show(person: Person, collection: Mapping[str, Any], visibility: str) -> None:
    answer = person.patch(f"/collections/{collection['id']}/visibility", {"visibility": visibility})
    assert answer.status_code == 200, answer.text


@contextmanager
def meanwhile(event: str, work: Callable[..., Any]) -> Iterator[None]:
    """Do something when our client of S3 is about to do something; an answer takes its place."""
    hooks = files._client().meta.events
    hooks.register(event, work)
    try:
        yield
    finally:
        hooks.unregister(event, work)


def out_of_order(request: Any, **_: Any) -> AWSResponse:
    """What S3 answers when it has too much to do."""
    return AWSResponse(request.url, 503, {}, BytesIO(b""))  # type: ignore[arg-type]  # read() is all that is asked of it


# ------------------------------------------------------------------------------------ cards of collections


@pytest.mark.parametrize(("style", "size", "kind"), VARIANTS)
def test_a_collections_card_has_the_size_and_the_format_asked_and_is_not_kept(
    api: Api, style: Style, size: Size, kind: Format
) -> None:
    collection = api.person("alice").collection("Nothing yet", visibility="public")
    answer = drawn(
        api.stranger.get, look(api.stranger, collection, f"style={style}&size={size}&format={kind}")
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE[kind])
    assert answer.headers["cache-control"] == "no-store"
    assert Image.open(BytesIO(answer.content)).size == PIXELS[size]


def test_a_look_without_a_body_says_the_same_of_a_collections_card(alice: Person) -> None:
    path = look(alice, filled(alice))
    got, head = drawn(alice.get, path), alice.call("HEAD", path)
    told = ("cache-control", "content-type")
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers[name] for name in told] == [got.headers[name] for name in told]


def test_a_collections_card_shows_what_is_in_it(alice: Person) -> None:
    marks = {"i3-7": 1_000, "i5-7": 6_000, "i7-7": 20_000}
    load_catalog(*(Entry(f"Intel Core {name}000", many, many // 9) for name, many in marks.items()))
    collection = alice.collection("Small and quiet", visibility="public")
    for title, price, name in (
        ("Slow", 99, "i3-7"),
        ("Fast", 1299.5, "i7-7"),
        ("Unknown", 150, None),
        ("Middling", None, "i5-7"),
        ("As fast", 450, "i7-7"),
    ):
        performance = name and {"cpu": {"name": f"Intel Core {name}000"}}
        alice.item(collection, fresh(alice, title=title, price_usd=price, performance=performance))
    spec = spec_at(look(alice, collection))
    assert (spec.title, spec.maker, spec.price) == (
        "Small and quiet",
        "5 listings · by alice",
        "$99 \u2013 $1,299.50",
    )
    assert [line.value for line in spec.specs] == [
        "$1,299.50 · Fast",
        "$450 · As fast",
        "Middling",
        "$99 · Slow",
    ]


def test_among_equals_the_owners_order_decides(alice: Person) -> None:
    collection = alice.collection(visibility="public")
    for title in ("One", "Two", "Three", "Four", "Five"):
        alice.item(collection, fresh(alice, title=title, price_usd=None, performance=None), position=1)
    values = [line.value for line in spec_at(look(alice, collection)).specs]
    assert values == ["Five", "Four", "Three", "Two"]


def test_only_a_public_collections_card_shows_where_to_find_it(alice: Person) -> None:
    collection = filled(alice)
    assert spec_at(look(alice, collection)).link.endswith(f"/collections/{collection['id']}")
    show(alice, collection, "unlisted")
    assert spec_at(look(alice, collection)).link == ""


@pytest.mark.parametrize("visibility", ["private", "unlisted"])
def test_what_is_not_public_is_shown_to_its_owner_and_not_by_its_number(api: Api, visibility: str) -> None:
    alice = api.person("alice")
    collection = filled(alice, visibility)
    assert drawn(alice.get, look(alice, collection)).status_code == 200
    for stranger in (api.stranger, api.person("bob")):
        refused(stranger.get(f"/collections/{collection['id']}/card-image"), 404, "not_found")


def token_of(person: Person, collection: Mapping[str, Any]) -> dict[str, Any]:
    return made(person.post(f"/collections/{collection['id']}/share-tokens", {}))


def test_a_live_token_leads_to_the_card_and_another_one_does_not(api: Api) -> None:
    alice = api.person("alice")
    collection, other = filled(alice, "unlisted"), filled(alice, "unlisted")
    token = token_of(alice, collection)["token"]
    assert drawn(api.stranger.get, look(api.stranger, collection, f"token={token}")).status_code == 200
    refused(api.stranger.get(f"/collections/{other['id']}/card-image?token={token}"), 404, "not_found")


def test_an_address_nobody_gave_out_is_not_found(alice: Person) -> None:
    path = look(alice, filled(alice))
    nonce = card_at(path).place.rpartition("/")[2]
    refused(alice.get(path.replace(nonce, "0" * 32)), 404, "not_found")


def test_two_collections_have_two_nonces(alice: Person) -> None:
    nonces = {card_at(look(alice, alice.collection())).place.rpartition("/")[2] for _ in range(5)}
    assert len(nonces) == 5


# ------------------------------------------------------------------------------- and when they are closed


@pytest.mark.parametrize(
    ("before", "after"), [("public", "unlisted"), ("public", "private"), ("unlisted", "private")]
)
def test_when_fewer_may_see_it_the_old_address_is_dead_and_nothing_is_left_of_it(
    alice: Person, before: str, after: str
) -> None:
    collection = filled(alice, before)
    path = look(alice, collection)
    assert drawn(alice.get, path).status_code == 200
    show(alice, collection, after)
    refused(alice.get(path), 404, "not_found")
    assert stored(card_at(path).place) == []
    assert card_at(look(alice, collection)).place != card_at(path).place


@pytest.mark.parametrize(
    ("before", "after"), [("private", "unlisted"), ("private", "public"), ("unlisted", "public")]
)
def test_when_more_may_see_it_the_old_address_stays(alice: Person, before: str, after: str) -> None:
    collection = filled(alice, before)
    path = look(alice, collection)
    show(alice, collection, after)
    assert drawn(alice.get, path).status_code == 200


def test_closing_takes_all_pictures_in_one_call(alice: Person) -> None:
    collection = filled(alice)
    path = look(alice, collection)
    all_keys(path)
    assert len(stored(card_at(path).place)) == 13
    calls, note = deletes()
    with meanwhile("before-call.s3.DeleteObjects", note):
        show(alice, collection, "private")
    assert (stored(card_at(path).place), len(calls)) == ([], 1)


def test_a_deleted_collection_has_no_card_and_a_restored_one_another_address(alice: Person) -> None:
    collection = filled(alice)
    path = look(alice, collection)
    assert alice.delete(f"/collections/{collection['id']}").status_code == 204
    refused(alice.get(path), 404, "not_found")
    assert alice.post(f"/collections/{collection['id']}/restore").status_code == 200
    assert card_at(look(alice, collection)).place != card_at(path).place
    refused(alice.get(path), 404, "not_found")


@pytest.mark.parametrize(("visibility", "status"), [("unlisted", 404), ("public", 200)])
def test_a_revoked_token_closes_what_it_led_to_unless_everybody_may_see_it(
    alice: Person, visibility: str, status: int
) -> None:
    collection = filled(alice, visibility)
    token = token_of(alice, collection)
    path = look(alice, collection, f"token={token['token']}")
    alice.delete(f"/collections/{collection['id']}/share-tokens/{token['id']}")
    assert drawn(alice.get, path).status_code == status


def test_a_render_that_comes_late_does_not_open_a_closed_collection(alice: Person) -> None:
    collection = filled(alice)
    path = look(alice, collection)
    picture = drawn(alice.get, path).content
    show(alice, collection, "private")
    files.put(Bucket.generated, card_at(path).picture_key, picture, "image/png")
    refused(alice.get(path), 404, "not_found")


def test_a_look_that_is_overtaken_by_closing_leaves_nothing_open(api: Api) -> None:
    alice = api.person("alice")
    seen: list[str] = []
    collection = filled(alice)

    def close(params: Mapping[str, Any], **_: Any) -> None:
        if params["url_path"].startswith(f"/{SPECS}") and not seen:
            seen.append(params["url_path"])
            show(alice, collection, "private")

    with meanwhile("before-call.s3.PutObject", close):
        refused(api.stranger.get(f"/collections/{collection['id']}/card-image"), 404, "not_found")
    (key,) = seen
    assert files.get(Bucket.generated, unquote(key).lstrip("/")) is None


def test_a_look_that_is_overtaken_by_an_edit_leads_to_what_is_right_now(alice: Person) -> None:
    listing, edits = fresh(alice), iter([{"price_usd": 77}])

    def edit(params: Mapping[str, Any], **_: Any) -> None:
        if params["url_path"].startswith(f"/{SPECS}") and (change := next(edits, None)):
            alice.patch(f"/listings/{listing['id']}", change)

    with meanwhile("before-call.s3.PutObject", edit):
        path = card_of_listing(alice, listing)
    assert spec_at(path).price == "$77"
    assert len(stored(str(listing["id"]))) == 1


# ------------------------------------------------------------------------------------------ cards of pages

SHOWN = re.compile(r"/v1(/(?:collection-)?cards/[\w./-]+\.png)")


def in_a_collection(api: Api, alice: Person) -> dict[str, str]:
    """The addresses of all pages that show cards of one offer, or of the public collection it is in."""
    listing = fresh(alice, price_usd=60)
    collection = alice.collection(f"Picks {uuid4()}", visibility="public")
    alice.item(collection, listing)
    token = made(alice.post(f"/collections/{collection['id']}/share-tokens", {}))
    link = made(alice.post(f"/listings/{listing['id']}/share"))
    offer, whole = f"/listings/{listing['id']}", f"/collections/{collection['id']}"
    return {
        "first page": "/",
        "discover": "/discover",
        "collection": f"{whole}?view=cards",
        "shared collection": urlsplit(token["url"]).path,
        "offer": offer,
        "card of an offer": f"{offer}/card",
        "shared offer": urlsplit(link["url"]).path,
        "oembed": f"/oembed?url={quote(api.system.settings.public_origin + whole, safe='')}",
    }


PAGES = (
    "first page",
    "discover",
    "collection",
    "shared collection",
    "offer",
    "card of an offer",
    "shared offer",
    "oembed",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_overtaken_by_an_edit_shows_the_cards_that_are_right_now(
    api: Api, alice: Person, page: str
) -> None:
    address, edits = in_a_collection(api, alice)[page], iter([{"price_usd": 59}])
    files.delete(Bucket.generated, files.keys(Bucket.generated, SPECS))

    def edit(params: Mapping[str, Any], **_: Any) -> None:
        if params["url_path"].startswith(f"/{SPECS}") and (change := next(edits, None)):
            assert alice.patch("/listings/1", change).status_code == 200

    with meanwhile("before-call.s3.PutObject", edit):
        shown = set(SHOWN.findall(api.browser().open(address).text))
    assert shown
    assert {spec_at(path).price for path in shown} == {"$59"}
    assert {*files.keys(Bucket.generated, SPECS)} == {card_at(path).spec_key for path in shown}


def test_a_collection_that_is_closed_while_its_embedding_is_described_is_not_found(
    api: Api, alice: Person
) -> None:
    address, closings = in_a_collection(api, alice)["oembed"], iter([{"visibility": "private"}])
    files.delete(Bucket.generated, files.keys(Bucket.generated, SPECS))

    def close(params: Mapping[str, Any], **_: Any) -> None:
        if params["url_path"].startswith(f"/{SPECS}") and (change := next(closings, None)):
            assert alice.patch("/collections/1/visibility", change).status_code == 200

    with meanwhile("before-call.s3.PutObject", close):
        assert api.browser().open(address).status_code == 404


def test_the_first_page_leaves_out_what_is_deleted_while_it_is_made(api: Api, alice: Person) -> None:
    in_a_collection(api, alice)
    alice.collection("Of nobody's interest")
    files.delete(Bucket.generated, files.keys(Bucket.generated, SPECS))
    gone = iter(["/listings/1"])

    def delete(params: Mapping[str, Any], **_: Any) -> None:
        if params["url_path"].startswith(f"/{SPECS}") and (path := next(gone, None)):
            assert alice.delete("/collections/1").status_code == 204
            assert alice.delete(path).status_code == 204

    with meanwhile("before-call.s3.PutObject", delete):
        answer = api.browser().open("/")
    assert (answer.status_code, "/listings/1" in answer.text) == (200, False)


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/listings/2/collect", {"collection": 1}),
        ("/listings/new?collection=1", {"/title": "One more"}),
        ("/collections/1/items/1", {"status": "shortlisted"}),
        ("/collections/1/bulk", {"do": "rejected", "item": [1]}),
        ("/collections/1/order", {"items": "1", "revision": 2}),
        ("/collections/1/edit", {"name": "Another name"}),
        ("/collections/1/share", {"visibility": "private"}),
        ("/collections/1/delete", {}),
    ],
)
def test_a_form_that_changes_a_collection_takes_its_cards_that_are_not_right_any_more(
    api: Api, alice: Person, address: str, fields: dict[str, object]
) -> None:
    listing, _ = fresh(alice), fresh(alice)
    collection = alice.collection(visibility="public")
    alice.item(collection, listing)
    path = look(alice, collection)
    all_keys(path)
    # Outdated by this, they go with the next change of the collection.
    assert alice.patch(f"/listings/{listing['id']}", {"price_usd": 59}).status_code == 200
    assert api.browser("alice").submit(address, fields).status_code == 303
    assert stored(card_at(path).place) == []


def test_a_change_of_one_item_takes_the_collections_cards_that_are_not_right_any_more(alice: Person) -> None:
    listing = fresh(alice)
    collection = alice.collection(visibility="public")
    item = alice.item(collection, listing)
    path = look(alice, collection)
    all_keys(path)
    assert alice.patch(f"/listings/{listing['id']}", {"price_usd": 59}).status_code == 200
    answer = alice.patch(f"/collections/{collection['id']}/items/{item['id']}", {"status": "shortlisted"})
    assert (answer.status_code, stored(card_at(path).place)) == (200, [])


def test_revoking_a_link_in_its_form_takes_the_cards_whose_addresses_it_showed(
    api: Api, alice: Person
) -> None:
    collection = filled(alice, "unlisted")
    there = f"/collections/{collection['id']}"
    token = made(alice.post(f"{there}/share-tokens", {}))
    path = look(alice, collection)
    all_keys(path)
    assert api.browser("alice").submit(f"{there}/share/{token['id']}").status_code == 303
    assert stored(card_at(path).place) == []


def test_taking_back_a_change_of_many_takes_the_cards_that_are_not_right_any_more(
    api: Api, alice: Person
) -> None:
    listing, browser = fresh(alice), api.browser("alice")
    collection = alice.collection(visibility="public")
    alice.item(collection, listing)
    done = browser.submit("/collections/1/bulk", {"do": "rejected", "item": [1]}).headers["location"]
    path = look(alice, collection)
    all_keys(path)
    assert alice.patch(f"/listings/{listing['id']}", {"price_usd": 59}).status_code == 200
    (undo,) = parse_qs(urlsplit(done).query)["undo"]
    assert browser.submit("/collections/1/undo", {"undo": undo}).status_code == 303
    assert stored(card_at(path).place) == []


@pytest.mark.parametrize(
    ("address", "fields"), [("/listings/1/edit", {"/title": "Another"}), ("/listings/1/delete", {})]
)
def test_a_form_that_changes_an_offer_takes_its_old_cards(
    api: Api, alice: Person, address: str, fields: dict[str, str]
) -> None:
    path = card_of_listing(alice, fresh(alice))
    all_keys(path)
    assert api.browser("alice").submit(address, fields).status_code == 303
    assert stored(card_at(path).place) == []


# ----------------------------------------------------------------------------- what is left of listings


def card_of_listing(person: Person, listing: Mapping[str, Any], query: str = "") -> str:
    answer = person.get(f"/listings/{listing['id']}/card-image?{query}")
    assert answer.status_code == 302, answer.text
    found: str = answer.headers["location"]
    return found.removeprefix("/v1")


def all_keys(path: str) -> None:
    """Pretend that all pictures of a card were drawn."""
    card = card_at(path)
    for key in cardspec.keys(card.place, card.variant.digest)[1:]:
        files.put(Bucket.generated, key, b"picture", "image/png")


def deletes() -> tuple[list[str], Callable[..., None]]:
    """Notes every call that deletes."""
    calls: list[str] = []

    def note(**_: Any) -> None:
        calls.append("delete")

    return calls, note


def test_a_changed_price_takes_the_old_card_with_all_its_pictures_in_one_call(alice: Person) -> None:
    listing = fresh(alice)
    all_keys(card_of_listing(alice, listing))
    assert len(stored(str(listing["id"]))) == 13
    calls, note = deletes()
    with meanwhile("before-call.s3.DeleteObjects", note):
        assert alice.patch(f"/listings/{listing['id']}", {"price_usd": 1}).status_code == 200
    assert (stored(str(listing["id"])), len(calls)) == ([], 1)


def rename(alice: Person, collection: dict[str, Any]) -> None:
    alice.patch(f"/collections/{collection['id']}", {"name": "Another name"})


def add(alice: Person, collection: dict[str, Any]) -> None:
    alice.item(collection, alice.listing(title="One more", listing_url=None))


def take_out(alice: Person, collection: dict[str, Any]) -> None:
    item = alice.get(f"/collections/{collection['id']}").json()["items"][0]
    alice.delete(f"/collections/{collection['id']}/items/{item['id']}")


def take_out_at_once(alice: Person, collection: dict[str, Any]) -> None:
    items = alice.get(f"/collections/{collection['id']}").json()["items"]
    wanted = {"item_ids": [item["id"] for item in items], "remove": True}
    assert alice.post(f"/collections/{collection['id']}/items/bulk", wanted).status_code == 200


@pytest.mark.parametrize("change", [rename, add, take_out, take_out_at_once])
def test_a_changed_collection_takes_its_old_cards_in_one_call(
    alice: Person, change: Callable[[Person, dict[str, Any]], None]
) -> None:
    collection = filled(alice)
    path = look(alice, collection)
    all_keys(path)
    calls, note = deletes()
    with meanwhile("before-call.s3.DeleteObjects", note):
        change(alice, collection)
    assert (stored(card_at(path).place), len(calls)) == ([], 1)


def test_another_order_of_equals_takes_the_old_cards(alice: Person) -> None:
    collection = alice.collection(visibility="public")
    for title in ("One of two", "The other of two"):
        alice.item(collection, alice.listing(title=title, listing_url=None, performance=None))
    path = look(alice, collection)
    all_keys(path)
    now = alice.get(f"/collections/{collection['id']}").json()
    wanted = {"item_ids": [item["id"] for item in now["items"]][::-1], "revision": now["revision"]}
    assert alice.put(f"/collections/{collection['id']}/items/order", wanted).status_code == 200
    assert stored(card_at(path).place) == []


def test_what_no_card_of_a_collection_shows_takes_nothing(alice: Person) -> None:
    collection = filled(alice)
    path = look(alice, collection)
    all_keys(path)
    item = alice.get(f"/collections/{collection['id']}").json()["items"][0]
    alice.patch(f"/collections/{collection['id']}/items/{item['id']}", {"private_notes": "ask again"})
    assert len(stored(card_at(path).place)) == 13


def test_what_no_card_shows_takes_nothing(alice: Person) -> None:
    listing = fresh(alice)
    all_keys(card_of_listing(alice, listing))
    alice.patch(f"/listings/{listing['id']}", {"notes": "from a friend", "custom_fields": {"shelf": 3}})
    assert len(stored(str(listing["id"]))) == 13


def test_a_deleted_listing_takes_its_cards(alice: Person) -> None:
    listing = fresh(alice)
    path = card_of_listing(alice, listing)
    all_keys(path)
    assert alice.delete(f"/listings/{listing['id']}").status_code == 204
    assert stored(str(listing["id"])) == []
    answer = alice.get(path)
    assert (answer.status_code, alice.get(answer.headers["location"][3:]).status_code) == (302, 404)


def test_a_listing_left_to_others_keeps_its_card(api: Api) -> None:
    alice, bob = api.person("alice"), api.person("bob")
    listing = fresh(alice)
    bob.item(bob.collection(), listing)
    path = card_of_listing(alice, listing)
    alice.delete(f"/listings/{listing['id']}")
    assert drawn(bob.get, path).status_code == 200


def test_a_listing_updated_from_a_file_takes_its_old_card(alice: Person) -> None:
    listing = fresh(alice)
    all_keys(card_of_listing(alice, listing))
    file = alice.get(f"/listings/{listing['id']}/export").json()
    file["data"]["listing"]["price_usd"] = 5
    preview = alice.preview("listings", json.dumps(file).encode())
    wanted = {"merge_strategy": "update_existing", "target_listing_id": listing["id"]}
    made(alice.post("/listings/import/confirm", {"preview_id": preview["preview_id"], **wanted}))
    assert stored(str(listing["id"])) == []


def test_a_listing_taken_back_with_its_import_takes_its_cards(alice: Person) -> None:
    preview = alice.preview("listings", json.dumps(deal_file()).encode())
    wanted = {"preview_id": preview["preview_id"], "merge_strategy": "create_new"}
    done = made(alice.post("/listings/import/confirm", wanted))
    all_keys(card_of_listing(alice, done))
    assert len(stored(str(done["id"]))) == 13
    assert alice.post(f"/imports/{done['import_id']}/undo").status_code == 200
    assert stored(str(done["id"])) == []


def test_listings_updated_from_a_collections_file_take_their_old_cards_in_one_call(alice: Person) -> None:
    listings = [fresh(alice) for _ in range(3)]
    for one in listings:
        all_keys(card_of_listing(alice, one))
    file = collection_file(*(deal_data(title=one["title"], price_usd=5) for one in listings))
    preview = alice.preview("collections", json.dumps(file).encode())
    update = [
        {"index": index, "decision": "update", "listing_id": one["id"]} for index, one in enumerate(listings)
    ]
    wanted = {
        "preview_id": preview["preview_id"],
        "merge_strategy": "create_new",
        "decisions": update,
    }
    calls, note = deletes()
    with meanwhile("before-call.s3.DeleteObjects", note):
        made(alice.post("/collections/import/confirm", wanted))
    assert ([stored(str(one["id"])) for one in listings], len(calls)) == ([[], [], []], 1)


REMOVALS: Mapping[str, Callable[[Person, Mapping[str, Any], Mapping[str, Any]], httpx.Response]] = {
    "a change": lambda who, listing, _: who.patch(f"/listings/{listing['id']}", {"price_usd": 1}),
    "a deletion": lambda who, listing, _: who.delete(f"/listings/{listing['id']}"),
    "closing": lambda who, _, one: who.patch(
        f"/collections/{one['id']}/visibility", {"visibility": "private"}
    ),
    "deleting a collection": lambda who, _, one: who.delete(f"/collections/{one['id']}"),
}


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS)
@pytest.mark.parametrize("broken", ["DeleteObjects", "ListObjectsV2"])
def test_an_edit_succeeds_whether_or_not_the_old_card_can_be_removed(
    alice: Person, removal: Callable[..., httpx.Response], broken: str
) -> None:
    listing, collection = fresh(alice), alice.collection(visibility="public")
    card_of_listing(alice, listing)
    look(alice, collection)
    before = stored(str(listing["id"]))
    with meanwhile(f"before-send.s3.{broken}", out_of_order):
        assert removal(alice, listing, collection).is_success
    assert before


def test_what_is_rolled_back_removes_nothing(alice: Person) -> None:
    listing = fresh(alice)
    card_of_listing(alice, listing)
    refused(alice.patch(f"/listings/{listing['id']}", {"price_usd": "much"}), 422, "invalid")
    assert len(stored(str(listing["id"]))) == 1


@pytest.mark.usefixtures("api")
def test_what_comes_afterwards_comes_only_after_a_commit() -> None:
    done: list[str] = []
    with suppress(ZeroDivisionError), db.transaction() as session:
        db.afterwards(session, lambda: done.append("rolled back"))
        raise ZeroDivisionError
    with db.transaction() as session:
        db.afterwards(session, lambda: done.append("committed"))
        assert done == []
    assert done == ["committed"]


@pytest.mark.usefixtures("api")
def test_what_fails_afterwards_is_told_in_the_log_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    with db.transaction() as session:
        db.afterwards(session, fail)
        db.afterwards(session, lambda: done.append("the next"))
    assert done == ["the next"]
    assert "ZeroDivisionError" in caplog.text


# -------------------------------------------------------------------------------------------- to keep


@pytest.fixture
def warming(running: System) -> Iterator[None]:
    """What S3 would tell of is told."""
    with warm_ups(running):
        yield


def signed(location: str) -> dict[str, str]:
    """The parameters of a pre-signed address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def fetched(location: str) -> httpx.Response:
    return httpx.get(location, verify=False)  # noqa: S501 - plain HTTP


def download(person: Person, path: str, query: str = "download=1") -> httpx.Response:
    answer = drawn(person.get, f"{path}/card-image?{query}")
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "no-store"), answer.text
    return answer


@pytest.mark.parametrize("of", ["listings", "collections"])
@pytest.mark.usefixtures("warming")
def test_a_card_nobody_has_looked_at_is_drawn_and_kept_under_its_name(alice: Person, of: str) -> None:
    thing = fresh(alice, title="Größe 迷你") if of == "listings" else alice.collection("Größe 迷你")
    answer = download(alice, f"/{of}/{thing['id']}", "download=1&style=dark&size=story&format=jpeg")
    location = answer.headers["location"]
    said = signed(location)
    assert said["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert int(said["X-Amz-Expires"]) <= 15 * 60
    got = fetched(location)
    assert Image.open(BytesIO(got.content)).size == PIXELS[Size.story]
    assert got.headers["content-type"] == "image/jpeg"
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"Gr__e __.jpg\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E8%BF%B7%E4%BD%A0.jpg"
    )


def test_a_card_that_is_drawn_is_kept_without_anybody_drawing_it(alice: Person) -> None:
    listing = fresh(alice)
    picture = drawn(alice.get, card_of_listing(alice, listing)).content
    assert fetched(download(alice, f"/listings/{listing['id']}").headers["location"]).content == picture


def test_a_download_that_cannot_be_drawn_is_a_placeholder(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carding, "GATE_PATIENCE", timedelta(seconds=0.3))
    answer = alice.get(f"/listings/{fresh(alice)['id']}/card-image?download=1&size=instagram&style=dark")
    name = cardspec.placeholder_name(Style.dark, Size.instagram, Format.png)
    assert (answer.status_code, answer.content) == (503, (PLACEHOLDERS / name).read_bytes())
    assert (answer.headers["cache-control"], int(answer.headers["retry-after"]) > 0) == ("no-store", True)


TITLES = (
    'a"b\\c/d; filename="evil.exe"',
    "line\tbreak",
    "\u202egnp.exe",
    "../../etc/passwd",
    "CON",
    " . ",
    "%0d%0aX: 1",
    "\U0001f525" * 80,
    "x" * 255,
)


@pytest.mark.parametrize("title", TITLES)
def test_a_title_makes_no_dangerous_file_name(alice: Person, title: str) -> None:
    listing = fresh(alice, title=title)
    drawn(alice.get, card_of_listing(alice, listing))
    location = download(alice, f"/listings/{listing['id']}").headers["location"]
    message = Message()
    message["Content-Disposition"] = signed(location)["response-content-disposition"]
    name = message.get_filename()
    assert name
    assert message.get_content_disposition() == "attachment"
    assert not re.search(r"[\x00-\x1f/\\\u202e]", name)
    assert (name.endswith(".png"), name.count(".png"), len(name) <= files.NAME_MOST + 4) == (True, 1, True)


def test_whom_a_collection_is_closed_to_gets_no_download_either(api: Api) -> None:
    collection = filled(api.person("alice"), "private")
    path = f"/collections/{collection['id']}/card-image?download=1"
    refused(api.stranger.get(path), 404, "not_found")


# ------------------------------------------------------------------------------------------ drawn ahead


def shared_by_visibility(person: Person) -> str:
    collection = filled(person, "private")
    show(person, collection, "unlisted")
    return look(person, collection)


def shared_by_token(person: Person) -> str:
    collection = filled(person, "unlisted")
    token_of(person, collection)
    return look(person, collection)


def shared_by_link(person: Person) -> str:
    listing = fresh(person)
    made(person.post(f"/listings/{listing['id']}/share", {}))
    return card_of_listing(person, listing)


SHARES = (shared_by_visibility, shared_by_token, shared_by_link)
by_share = pytest.mark.parametrize("share", SHARES)


@by_share
@pytest.mark.usefixtures("warming")
def test_what_is_shared_is_drawn_before_anybody_looks(
    alice: Person, share: Callable[[Person], str], tmp_path: Path
) -> None:
    # A renderer that starts first may take more time than who tells of the order waits.
    drawn(alice.get, card_of_listing(alice, fresh(alice)))
    card = card_at(share(alice))
    wait_until(
        lambda: files.get(Bucket.generated, card.picture_key) is not None,
        "The picture drawn ahead",
        seconds=30,
        log=tmp_path,
    )
    assert [key for key in stored(card.place) if key.startswith(CARDS)] == [card.picture_key]


def ordered() -> set[str]:
    return {key.removeprefix(WARM) for key in files.keys(Bucket.generated, WARM)}


@by_share
def test_of_what_is_shared_one_picture_is_ordered(alice: Person, share: Callable[[Person], str]) -> None:
    assert {card_at(share(alice)).name} == ordered()


@by_share
def test_sharing_succeeds_whether_or_not_the_picture_can_be_ordered(
    alice: Person, share: Callable[[Person], str]
) -> None:
    def only_orders(request: Any, **_: Any) -> AWSResponse | None:
        return out_of_order(request) if f"/{WARM}" in request.url else None

    with meanwhile("before-send.s3.PutObject", only_orders):
        assert share(alice)


def test_a_token_of_a_private_collection_orders_nothing(alice: Person) -> None:
    token_of(alice, filled(alice, "private"))
    assert ordered() == set()


def warm_up(*cards: Card) -> int:
    """Tell the function what S3 would tell it."""
    records = [
        record
        for card in cards
        for record in notifications.event("dealbrain-generated", f"{WARM}{card.name}")["Records"]
    ]
    return warm.handler({"Records": records}, None)["drawn"]


def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_what_is_drawn_already_is_not_drawn_ahead(alice: Person) -> None:
    path = card_of_listing(alice, fresh(alice))
    drawn(alice.get, path)
    with renderer_at(nowhere()):
        assert warm_up(card_at(path)) == 0


def test_what_was_closed_meanwhile_is_not_drawn_ahead(alice: Person) -> None:
    path = card_of_listing(alice, fresh(alice))
    files.delete(Bucket.generated, [card_at(path).spec_key])
    assert warm_up(card_at(path)) == 0


def test_a_busy_renderer_is_left_to_people_and_lambda_tries_again_later(
    alice: Person, tmp_path: Path
) -> None:
    card = card_at(card_of_listing(alice, fresh(alice)))
    full = Function(RENDERER, RENDERER_HANDLER, concurrency=0)
    with (
        lambdas(tmp_path, full) as url,
        renderer_at(url),
        pytest.raises(NoPicture, match="people come first"),
    ):
        warm_up(card)
    assert files.get(Bucket.generated, card.picture_key) is None


def test_a_renderer_that_does_not_answer_is_tried_again_later(alice: Person) -> None:
    card = card_at(card_of_listing(alice, fresh(alice)))
    with renderer_at(nowhere()), pytest.raises(NoPicture):
        warm_up(card)


def test_an_object_called_after_no_card_is_refused() -> None:
    with pytest.raises(ValueError, match="No card is called"):
        warm.handler(notifications.event("dealbrain-generated", f"{WARM}7/../8"), None)


def test_the_ping_wakes_the_warm_up_and_nothing_more() -> None:
    assert warm.handler({"warm": True}, None) == {"drawn": 0}


# ------------------------------------------------------------------------------------------- many at once

ASKERS = 8


def drawn_for_many(person: Person) -> int:
    """How often the renderer draws when many ask for one card at once."""
    path, orders = card_of_listing(person, fresh(person)), list[int]()
    hooks = carding._client().meta.events

    def sent(**_: Any) -> None:
        orders.append(1)

    def answered(http_response: AWSResponse, **_: Any) -> None:
        # What was throttled was no order; what came too late for whoever waited was one.
        if http_response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            orders.append(-1)

    hooks.register("before-call.lambda.Invoke", sent)
    hooks.register("after-call.lambda.Invoke", answered)
    try:
        with ThreadPoolExecutor(ASKERS) as pool:
            list(pool.map(lambda _: drawn(person.get, path), range(ASKERS)))
    finally:
        hooks.unregister("before-call.lambda.Invoke", sent)
        hooks.unregister("after-call.lambda.Invoke", answered)
    return sum(orders)


def test_what_many_ask_for_at_once_is_not_drawn_for_each_of_them(alice: Person) -> None:
    # As many as there are renderers may begin at once, and on a busy machine one or two who look in between.
    assert 1 <= drawn_for_many(alice) < ASKERS


def test_whoever_did_not_look_for_what_others_had_drawn_would_be_seen(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = files.get

    def forgetful(bucket: Bucket, key: str) -> bytes | None:
        return None if key.startswith(CARDS) else read(bucket, key)

    monkeypatch.setattr(files, "get", forgetful)
    assert drawn_for_many(alice) >= ASKERS


# ---------------------------------------------------------------------------------------------- metrics


@pytest.fixture
def counted(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[], dict[str, Any]]:
    """What was counted since it was last asked: values by name."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")

    def read() -> dict[str, Any]:
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
        found = [one for one in lines if "_aws" in one]
        return {
            metric["Name"]: one[metric["Name"]]
            for one in found
            for metric in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        }

    return read


type Counted = Callable[[], dict[str, Any]]


def test_a_card_that_is_drawn_is_a_miss_with_its_time_and_its_bytes(alice: Person, counted: Counted) -> None:
    for _ in range(TRIES):
        # What the gate gave up on is there the next time, so that is another card.
        path = card_of_listing(alice, fresh(alice))
        counted()
        answer = alice.get(path)
        if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            break
    told = counted()
    assert {"CardMiss", "CardGenerated", "CardMilliseconds", "CardBytes"} <= told.keys()
    assert (told["CardBytes"][0], told["CardMilliseconds"][0] > 0) == (len(answer.content), True)


def test_a_card_that_is_there_is_a_hit_and_nothing_else(alice: Person, counted: Counted) -> None:
    path = look(alice, filled(alice))
    drawn(alice.get, path)
    counted()
    drawn(alice.get, path)
    assert [name for name in counted() if name.startswith("Card")] == ["CardHit"]


def test_a_renderer_that_does_not_answer_is_an_error_and_a_placeholder(
    alice: Person, counted: Counted
) -> None:
    path = card_of_listing(alice, fresh(alice))
    counted()
    with renderer_at(nowhere()):
        assert alice.get(path).status_code == 503
    assert {name for name in counted() if name.startswith("Card")} == {"CardPlaceholder", "CardError"}


def test_a_busy_renderer_is_a_placeholder_and_no_error(
    alice: Person, counted: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carding, "GATE_PATIENCE", timedelta(seconds=0.3))
    path = card_of_listing(alice, fresh(alice))
    counted()
    full = Function(RENDERER, RENDERER_HANDLER, concurrency=0)
    with lambdas(tmp_path, full) as url, renderer_at(url):
        assert alice.get(path).status_code == 503
    assert {name for name in counted() if name.startswith("Card")} == {"CardPlaceholder"}


# ------------------------------------------------------------------------------------------- in due time


@pytest.mark.parametrize("prefix", [CARDS, SPECS])
@pytest.mark.usefixtures("api")
def test_pictures_and_specs_go_by_themselves_after_thirty_days(prefix: str) -> None:
    bucket = files._name(Bucket.generated)
    rules = files._client().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [one["Expiration"]["Days"] for one in rules if one["Filter"]["Prefix"] == prefix] == [30]


def test_a_spec_about_to_go_is_written_anew(api: Api) -> None:
    alice = api.person("alice")
    listing = fresh(alice)
    key = card_at(card_of_listing(alice, listing)).spec_key
    first = files.get_with_age(Bucket.generated, key)
    later = api.later("alice", facts.SPEC_REFRESH + timedelta(hours=1))
    later.get(f"/listings/{listing['id']}/card-image")
    again = files.get_with_age(Bucket.generated, key)
    assert first
    assert again
    assert first[1] <= again[1] <= datetime.now(UTC) + timedelta(seconds=1)

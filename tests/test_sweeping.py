"""Tidying up what expired: what has outlived its grace goes, everything else stays."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from dealbrain import cardspec, collecting, db, facts, files, identity, sweeping
from dealbrain.cardspec import Card
from dealbrain.facts import CARDS, PENDING_KEY, PREVIEWS, SPECS, Bucket
from dealbrain.shapes import NewItem
from dealbrain.tables import Account, Collection, Hit, IdempotencyKey, Item, ShareToken, Table, ViewerKey
from functions.sweeping import expired, forgotten, leftovers
from infra.local.stores import dynamodb
from tests.makers import Api, Person, deal_file, made, refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

# How long after its making a preview is kept at all: its life, then told as expired, then nothing.
KEPT = facts.PREVIEW_LIFE + facts.PENDING_GRACE
AN_HOUR = timedelta(hours=1)
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def alice(api: Api, alice: Person) -> Person:
    """Alice in a system without the previews other tests left."""
    empty(dynamodb(api.system.stores_url), api.system.settings.pending_table)
    files.delete(Bucket.private, files.keys(Bucket.private, PREVIEWS))
    return alice


def empty(client: "DynamoDBClient", table: str) -> None:
    """Remove every item, 25 to a call, which is the most DynamoDB takes."""
    pages = client.get_paginator("scan").paginate(TableName=table)
    keys = [{PENDING_KEY: one[PENDING_KEY]} for page in pages for one in page["Items"]]
    for some in batched(keys, 25, strict=False):
        deletes: list[WriteRequestTypeDef] = [{"DeleteRequest": {"Key": key}} for key in some]
        client.batch_write_item(RequestItems={table: deletes})


def sweep(by: timedelta) -> int:
    """Run the sweep as if it were so much later; answers how many previews it removed."""
    return expired.handler({"now": (datetime.now(UTC) + by).isoformat()}, None)["removed"]


def preview(person: Person) -> dict[str, Any]:
    return made(person.post("/listings/import", deal_file()))


def stored() -> int:
    """How many files of previews there are."""
    return len(list(files.keys(Bucket.private, PREVIEWS)))


def test_an_outlived_preview_goes_with_its_files(alice: Person) -> None:
    shown = preview(alice)
    assert stored() == 2
    assert sweep(KEPT + A_MINUTE) == 1
    assert stored() == 0
    refused(alice.get(f"/imports/{shown['preview_id']}"), 404, "not_found")


@pytest.mark.parametrize("clock", [-AN_HOUR, timedelta(0), AN_HOUR])
def test_a_live_preview_stays_even_with_the_clock_off_by_an_hour(alice: Person, clock: timedelta) -> None:
    shown = preview(alice)
    assert sweep(clock) == 0
    made(
        alice.post(
            "/listings/import/confirm",
            {"preview_id": shown["preview_id"], "merge_strategy": "create_new"},
        )
    )


def test_an_expired_preview_stays_while_it_is_told_from_an_unknown_one(api: Api, alice: Person) -> None:
    shown = preview(alice)
    assert sweep(KEPT - A_MINUTE) == 0
    later = api.later("alice", KEPT - A_MINUTE)
    refused(later.get(f"/imports/{shown['preview_id']}"), 410, "expired")


def test_only_what_is_outlived_goes(api: Api, alice: Person) -> None:
    old = preview(alice)
    young = made(api.later("alice", AN_HOUR).post("/listings/import", deal_file()))
    assert sweep(KEPT + A_MINUTE) == 1
    refused(alice.get(f"/imports/{old['preview_id']}"), 404, "not_found")
    assert alice.get(f"/imports/{young['preview_id']}").status_code == 200


def test_sweeping_twice_is_harmless(alice: Person) -> None:
    preview(alice)
    assert (sweep(KEPT + A_MINUTE), sweep(KEPT + A_MINUTE)) == (1, 0)


def test_a_preview_whose_files_went_first_is_swept_all_the_same(alice: Person) -> None:
    preview(alice)
    files.delete(Bucket.private, files.keys(Bucket.private, PREVIEWS))
    assert sweep(KEPT + A_MINUTE) == 1


def test_what_was_imported_stays_and_its_confirm_is_remembered(alice: Person) -> None:
    shown = preview(alice)
    body = {"preview_id": shown["preview_id"], "merge_strategy": "create_new"}
    done = alice.post("/listings/import/confirm", body)
    sweep(KEPT + A_MINUTE)
    again = alice.post("/listings/import/confirm", body)
    assert (done.status_code, again.status_code, again.content) == (201, 200, done.content)
    assert alice.get(f"/listings/{made(done)['id']}").status_code == 200


# ------------------------------------------------------------------------------ what was deleted long ago


NOTHING = {
    "collections": 0,
    "listings": 0,
    "share_tokens": 0,
    "idempotency_keys": 0,
    "bulk_undos": 0,
    "undos": 0,
    "hits": 0,
}


def forget(by: timedelta) -> dict[str, int]:
    """Run the sweep as if it were so much later; answers how many rows of each kind it removed."""
    return forgotten.handler({"now": (datetime.now(UTC) + by).isoformat()}, None)


def counted(kind: type[Table]) -> int:
    with db.transaction() as session:
        return session.scalars(sa.select(sa.func.count()).select_from(kind)).one()


def deleted(person: Person, *names: str) -> list[dict[str, Any]]:
    rows = [person.collection(name) for name in names]
    for row in rows:
        assert person.delete(f"/collections/{row['id']}").status_code == 204
    return rows


def test_a_collection_deleted_long_ago_really_goes_with_its_items(bob: Person) -> None:
    collection, listing = bob.collection(), bob.listing()
    bob.item(collection, listing)
    bob.delete(f"/collections/{collection['id']}")
    assert forget(facts.RESTORABLE + A_MINUTE) == {**NOTHING, "collections": 1}
    assert (counted(Collection), counted(Item)) == (0, 0)
    assert bob.get(f"/listings/{listing['id']}").status_code == 200


def test_a_collection_stays_as_long_as_it_can_be_restored(api: Api, bob: Person) -> None:
    (collection,) = deleted(bob, "Gone")
    almost = facts.RESTORABLE - A_MINUTE
    assert forget(almost) == NOTHING
    assert api.later("bob", almost).post(f"/collections/{collection['id']}/restore").status_code == 200


def test_what_nobody_deleted_stays_for_ever(bob: Person) -> None:
    bob.item(bob.collection(), bob.listing())
    assert forget(timedelta(days=3650)) == NOTHING


@pytest.fixture
def left(alice: Person, bob: Person) -> tuple[dict[str, Any], dict[str, Any]]:
    """A listing its owner has deleted, and the collection of somebody else in which it is."""
    listing, collection = alice.listing(), bob.collection()
    bob.item(collection, listing)
    assert alice.delete(f"/listings/{listing['id']}").status_code == 204
    return listing, collection


def test_a_listing_left_to_others_goes_with_the_last_collection_it_is_in(
    bob: Person, left: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    listing, collection = left
    bob.delete(f"/collections/{collection['id']}")
    assert forget(facts.RESTORABLE + A_MINUTE) == {**NOTHING, "collections": 1, "listings": 1}
    refused(bob.get(f"/listings/{listing['id']}"), 404, "not_found")


def test_a_listing_left_to_others_stays_while_somebody_may_restore_it(
    bob: Person, left: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    listing, collection = left
    bob.delete(f"/collections/{collection['id']}")
    assert forget(facts.RESTORABLE - A_MINUTE) == NOTHING
    assert bob.get(f"/listings/{listing['id']}").status_code == 200


def test_a_listing_left_to_others_goes_once_it_is_taken_out(
    bob: Person, left: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    _, collection = left
    (item,) = bob.get(f"/collections/{collection['id']}").json()["items"]
    assert forget(A_MINUTE) == NOTHING
    bob.delete(f"/collections/{collection['id']}/items/{item['id']}")
    assert forget(A_MINUTE) == {**NOTHING, "listings": 1}


def test_an_archived_listing_of_somebodys_stays(bob: Person) -> None:
    listing = bob.listing(status="archived")
    assert forget(timedelta(days=3650)) == NOTHING
    assert bob.get(f"/listings/{listing['id']}").status_code == 200


def test_a_listing_somebody_collects_during_the_sweep_stays(
    bob: Person, left: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    listing, collection = left
    (item,) = bob.get(f"/collections/{collection['id']}").json()["items"]
    bob.delete(f"/collections/{collection['id']}/items/{item['id']}")
    who = identity.caller(bob.headers["Authorization"], datetime.now(UTC))
    assert isinstance(who, identity.Person)
    with db.transaction() as session:
        new = NewItem(listing_id=listing["id"])
        collecting.add_item(session, who, collection["id"], new, datetime.now(UTC))
        assert forget(A_MINUTE) == NOTHING
    assert [one["listing_id"] for one in bob.get(f"/collections/{collection['id']}").json()["items"]] == [
        listing["id"]
    ]


# ------------------------------------------------------------------------------ what ran out long ago


def token(person: Person, expires_at: datetime | None) -> None:
    collection = person.collection(visibility="unlisted")
    sent = {"expires_at": expires_at and expires_at.isoformat()}
    made(person.post(f"/collections/{collection['id']}/share-tokens", sent))


@pytest.mark.parametrize(("by", "removed"), [(-A_MINUTE, 0), (A_MINUTE, 1)])
def test_a_share_token_is_kept_for_some_time_after_it_expired(
    bob: Person, by: timedelta, removed: int
) -> None:
    token(bob, datetime.now(UTC) + AN_HOUR)
    token(bob, None)
    assert forget(AN_HOUR + facts.SHARE_TOKEN_KEPT + by) == {**NOTHING, "share_tokens": removed}
    assert counted(ShareToken) == 2 - removed


def keep(*rows: Table) -> None:
    with db.transaction() as session:
        session.add_all(rows)


@pytest.mark.parametrize(("by", "removed"), [(-A_MINUTE, 0), (A_MINUTE, 1)])
def test_the_key_of_a_copy_is_kept_for_a_day(bob: Person, by: timedelta, removed: int) -> None:
    collection = bob.collection()
    with db.transaction() as session:
        owner = session.scalars(sa.select(Account.id)).one()
    keep(
        IdempotencyKey(
            account_id=owner,
            collection_id=collection["id"],
            key="k",
            request="",
            reply={},
            created_at=datetime.now(UTC),
        )
    )
    assert forget(facts.IDEMPOTENCY_LIFE + by) == {**NOTHING, "idempotency_keys": removed}
    assert counted(IdempotencyKey) == 1 - removed


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "removed"),
    [(datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC), 0), (datetime(2026, 11, 22, tzinfo=UTC), 1)],
)
def test_hits_and_what_viewers_are_hashed_with_go_after_yesterday(
    bob: Person, now: datetime, removed: int
) -> None:
    of_id = bob.collection()["id"]
    keep(
        Hit(what="view", of_id=of_id, day=NOON.date(), by="x", at=NOON, folded=True),
        ViewerKey(day=NOON.date(), key="k"),
    )
    assert forgotten.handler({"now": now.isoformat()}, None) == {**NOTHING, "hits": removed}
    assert (counted(Hit), counted(ViewerKey)) == (1 - removed, 1 - removed)


def test_a_hit_is_counted_before_it_goes(bob: Person) -> None:
    of_id = bob.collection()["id"]
    keep(Hit(what="view", of_id=of_id, day=NOON.date(), by="x", at=NOON, folded=False))
    assert forgotten.handler({"now": (NOON + timedelta(days=9)).isoformat()}, None)["hits"] == 1
    assert bob.get(f"/collections/{of_id}").json()["counters"]["views"] == 1


# ---------------------------------------------------------------------------------------------- cards


@pytest.fixture
def carol(api: Api) -> Person:
    """Somebody in a system without the cards other tests left."""
    for prefix in (SPECS, CARDS):
        files.delete(Bucket.generated, files.keys(Bucket.generated, prefix))
    return api.person("carol")


def sweep_cards(by: timedelta = A_MINUTE) -> int:
    """Run the sweep as if it were so much later; answers how many specs and stray pictures it removed."""
    return leftovers.handler({"now": (datetime.now(UTC) + by).isoformat()}, None)["removed"]


def licensed(person: Person, kind: str, thing: dict[str, Any]) -> Card:
    """Look at the card of something; its spec is there then, and all its pictures as if they were drawn."""
    location = person.get(f"/{kind}/{thing['id']}/card-image").headers["location"]
    place = location.replace("/v1/cards/", "").replace("/v1/collection-cards/", "collections/")
    card = cardspec.parse_card(place)
    assert card
    for key in cardspec.keys(card.place, card.variant.digest)[1:]:
        files.put(Bucket.generated, key, b"picture", "image/png")
    return card


def card_keys() -> set[str]:
    return {key for prefix in (SPECS, CARDS) for key in files.keys(Bucket.generated, prefix)}


def restored(card: Card, keys: dict[str, bytes]) -> None:
    """Put back what was removed, as if removing it had failed."""
    for key, content in keys.items():
        files.put(Bucket.generated, key, content, "image/png")
    assert card.spec_key in keys


def kept(card: Card) -> dict[str, bytes]:
    found = {key: files.get(Bucket.generated, key) for key in cardspec.keys(card.place, card.variant.digest)}
    return {key: content for key, content in found.items() if content}


TEN_YEARS = timedelta(days=3650)


@pytest.mark.parametrize("kind", ["listings", "collections"])
def test_a_card_that_is_right_stays_however_old_it_is(carol: Person, kind: str) -> None:
    thing = carol.listing() if kind == "listings" else carol.collection()
    licensed(carol, kind, thing)
    assert sweep_cards(TEN_YEARS) == 0
    assert len(card_keys()) == 13


GONE: dict[str, tuple[str, Callable[[Person, dict[str, Any]], Any]]] = {
    "of a deleted listing": ("listings", lambda who, one: who.delete(f"/listings/{one['id']}")),
    "of a deleted collection": ("collections", lambda who, one: who.delete(f"/collections/{one['id']}")),
    "of a closed collection": (
        "collections",
        lambda who, one: who.patch(f"/collections/{one['id']}/visibility", {"visibility": "private"}),
    ),
}


@pytest.mark.parametrize(("kind", "remove"), GONE.values(), ids=GONE)
def test_cards_of_nobodys_that_could_not_be_removed_go_at_once(
    carol: Person, kind: str, remove: Callable[[Person, dict[str, Any]], Any]
) -> None:
    thing = carol.listing() if kind == "listings" else carol.collection(visibility="public")
    card = licensed(carol, kind, thing)
    before = kept(card)
    assert remove(carol, thing).is_success
    restored(card, before)
    assert (sweep_cards(), card_keys()) == (1, set())


def test_an_outdated_card_that_could_not_be_removed_goes_after_a_day(carol: Person) -> None:
    listing = carol.listing()
    card = licensed(carol, "listings", listing)
    before = kept(card)
    carol.patch(f"/listings/{listing['id']}", {"price_usd": 1})
    restored(card, before)
    assert (sweep_cards(facts.SPEC_SUPERSEDED - A_MINUTE), len(card_keys())) == (0, 13)
    assert (sweep_cards(facts.SPEC_SUPERSEDED + A_MINUTE), card_keys()) == (1, set())


def test_an_outdated_card_of_a_collection_goes_after_a_day_and_the_right_one_stays(carol: Person) -> None:
    collection, listing = carol.collection(visibility="public"), carol.listing()
    carol.item(collection, listing)
    old = licensed(carol, "collections", collection)
    carol.patch(f"/listings/{listing['id']}", {"price_usd": 1})
    right = licensed(carol, "collections", collection)
    assert sweep_cards(facts.SPEC_SUPERSEDED + A_MINUTE) == 1
    assert (kept(old), len(kept(right))) == ({}, 13)


def test_a_picture_without_a_spec_goes_after_a_day(carol: Person) -> None:
    card = licensed(carol, "listings", carol.listing())
    files.delete(Bucket.generated, [card.spec_key])
    assert sweep_cards(facts.SPEC_SUPERSEDED - A_MINUTE) == 0
    assert (sweep_cards(facts.SPEC_SUPERSEDED + A_MINUTE), card_keys()) == (12, set())


def test_sweeping_cards_twice_is_harmless(carol: Person) -> None:
    listing = carol.listing()
    card = licensed(carol, "listings", listing)
    before = kept(card)
    carol.delete(f"/listings/{listing['id']}")
    restored(card, before)
    assert (sweep_cards(), sweep_cards()) == (1, 0)


@pytest.mark.usefixtures("small_batches")
def test_more_cards_than_a_batch_are_swept(carol: Person) -> None:
    cards = [licensed(carol, "collections", carol.collection(str(n), visibility="public")) for n in range(3)]
    before = [kept(card) for card in cards]
    for number in (1, 2, 3):
        carol.delete(f"/collections/{number}")
    for card, keys in zip(cards, before, strict=True):
        restored(card, keys)
    assert (sweep_cards(), card_keys()) == (3, set())


def test_the_ping_wakes_the_sweep_of_cards_and_nothing_more() -> None:
    assert leftovers.handler({"warm": True}, None) == {"removed": 0}


# -------------------------------------------------------------------------------------------- the run


def test_a_second_run_finds_nothing(bob: Person, left: tuple[dict[str, Any], dict[str, Any]]) -> None:
    token(bob, datetime.now(UTC) + AN_HOUR)
    deleted(bob, "One", "Two")
    bob.delete(f"/collections/{left[1]['id']}")
    late = facts.SHARE_TOKEN_KEPT + timedelta(days=1)
    found = {**NOTHING, "collections": 3, "listings": 1, "share_tokens": 1}
    assert (forget(late), forget(late)) == (found, NOTHING)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)


@pytest.mark.usefixtures("small_batches")
def test_more_than_a_batch_is_removed_and_its_progress_logged(
    bob: Person, caplog: pytest.LogCaptureFixture
) -> None:
    deleted(bob, *"abcde")
    with caplog.at_level(logging.INFO, logger="dealbrain"):
        assert forget(facts.RESTORABLE + A_MINUTE)["collections"] == 5
    told = [vars(one) for one in caplog.records if one.message == "forgotten"]
    assert [(one["what"], one["so_far"]) for one in told] == [
        (Collection.__tablename__, n) for n in (2, 4, 5)
    ]


@pytest.mark.usefixtures("small_batches")
def test_a_run_that_broke_off_is_finished_by_the_next(bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted(bob, *"abc")
    with monkeypatch.context() as patched:
        patched.setattr(sweeping, "forget", broken_after(1, sweeping.forget))
        with pytest.raises(ConnectionError):
            forget(facts.RESTORABLE + A_MINUTE)
    assert counted(Collection) == 1
    assert forget(facts.RESTORABLE + A_MINUTE) == {**NOTHING, "collections": 1}


def broken_after[**P, T](calls: int, real: Callable[P, T]) -> Callable[P, T]:
    """The same, but the connection is lost after so many calls."""
    left = iter(range(calls))

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if next(left, None) is None:
            raise ConnectionError
        return real(*args, **kwargs)

    return call


def test_the_ping_wakes_it_and_nothing_more() -> None:
    assert forgotten.handler({"warm": True}, None) == {}

"""A copy: what it takes along and what it leaves, whose collections can be copied, and once for each key."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import copying, db, facts
from dealbrain.tables import Collection, IdempotencyKey, Item
from tests.makers import Api, Person, collection_file, deal_data, fill, made, pointers, refused, rows

HOUR = timedelta(hours=1)
A_SECOND = timedelta(seconds=1)


def asked(
    person: Person, collection: dict[str, Any], key: str | None = None, **fields: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return person.post(f"/collections/{collection['id']}/copy", fields, headers=headers)


def copied(person: Person, collection: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A copy, read whole: what is answered at once is without its items."""
    found: dict[str, Any] = person.get(
        f"/collections/{made(asked(person, collection, **fields))['id']}"
    ).json()
    return found


def token_of(person: Person, collection: dict[str, Any]) -> str:
    token: str = made(person.post(f"/collections/{collection['id']}/share-tokens", {}))["token"]
    return token


def how_many() -> int:
    """All collections there are."""
    with db.transaction() as session:
        return session.scalars(sa.select(sa.func.count()).select_from(Collection)).one()


# -------------------------------------------------------------------------------------- what is in a copy


def test_a_copy_is_private_ones_own_and_knows_where_it_is_from(alice: Person, bob: Person) -> None:
    source = alice.collection("Quiet ones", description="for the **living room**", visibility="public")
    copy = copied(bob, source)
    times = {copy.pop("created_at"), copy.pop("updated_at")}
    assert len(times) == 1
    assert copy == {
        "id": source["id"] + 1,
        "name": "Copy of Quiet ones",
        "description": "for the **living room**",
        "visibility": "private",
        "revision": 1,
        "item_count": 0,
        "items": [],
        "counters": {"views": 0, "copies": 0, "exports": 0},
        "copied_from": source["id"],
    }


def test_the_answer_is_the_copy_as_its_owner_lists_it(alice: Person, bob: Person) -> None:
    source = alice.collection(visibility="public")
    alice.item(source, alice.listing(notes="mine"), notes="loud", private_notes="mine", status="bought")
    alice.item(source, bob.listing(title="Bob's own", listing_url=None, notes="bob's"))
    copy = made(asked(bob, source))
    assert (copy["item_count"], copy["copied_from"]) == (2, source["id"])
    assert bob.get("/collections").json()["items"] == [copy]


def test_an_item_takes_its_public_note_along_and_nothing_its_owner_thinks_of_it(
    alice: Person, bob: Person
) -> None:
    source, listing = alice.collection(visibility="public"), alice.listing(price_usd=300)
    item = alice.item(source, listing, notes="loud", private_notes="MARK", status="bought")
    alice.patch(f"/listings/{listing['id']}", {"price_usd": 250.5})
    answer = asked(bob, source)
    (shown,) = bob.get(f"/collections/{made(answer)['id']}").json()["items"]
    assert "MARK" not in answer.text
    assert shown["id"] != item["id"]
    assert datetime.fromisoformat(shown["added_at"]) > datetime.fromisoformat(item["added_at"])
    wanted = {
        "listing_id": listing["id"],
        "notes": "loud",
        "private_notes": None,
        "status": "undecided",
        "position": 1,
        "price_when_added_usd": 250.5,
    }
    assert {name: shown[name] for name in wanted} == wanted


def test_an_unknown_price_stays_unknown(alice: Person) -> None:
    source = alice.collection()
    alice.item(source, alice.listing(price_usd=None))
    assert copied(alice, source)["items"][0]["price_when_added_usd"] is None


def test_a_copy_of_ones_own_leaves_decisions_and_private_notes_behind_too(alice: Person) -> None:
    source = alice.collection()
    alice.item(source, alice.listing(), private_notes="mine", status="bought")
    (item,) = copied(alice, source)["items"]
    assert (item["private_notes"], item["status"]) == (None, "undecided")


def test_items_keep_their_places(alice: Person, bob: Person) -> None:
    source = alice.collection(visibility="public")
    for title in "abcd":
        alice.item(source, alice.listing(title=title, listing_url=None), position=1)
    second = alice.get(f"/collections/{source['id']}").json()["items"][1]
    alice.delete(f"/collections/{source['id']}/items/{second['id']}")
    places = [(item["position"], item["listing"]["title"]) for item in copied(bob, source)["items"]]
    assert places == [(1, "d"), (3, "b"), (4, "a")]


def test_items_at_the_same_place_stay_in_their_order(alice: Person) -> None:
    source = alice.collection()
    fill(source, alice.listing(), 20)
    with db.transaction() as session:
        session.execute(sa.update(Item).where(Item.collection_id == source["id"]).values(position=7))
    order = [item["listing_id"] for item in alice.get(f"/collections/{source['id']}").json()["items"]]
    assert [item["listing_id"] for item in copied(alice, source)["items"]] == order


def test_the_source_is_left_as_it_was_but_for_its_count_of_copies(alice: Person, bob: Person) -> None:
    source = alice.collection(visibility="public")
    alice.item(source, alice.listing(), private_notes="mine", status="bought")
    path = f"/collections/{source['id']}"
    before = alice.get(path).json()
    copied(bob, source)
    copied(bob, source)
    assert alice.get(path).json() == before | {"counters": {"views": 0, "copies": 2, "exports": 0}}


def test_what_happens_to_the_source_later_does_not_reach_the_copy(alice: Person, bob: Person) -> None:
    source = alice.collection("Mine", visibility="public")
    item = alice.item(source, alice.listing(), notes="loud")
    copy = copied(bob, source)
    alice.patch(f"/collections/{source['id']}/items/{item['id']}", {"notes": "quiet"})
    alice.patch(f"/collections/{source['id']}", {"name": "Renamed"})
    alice.delete(f"/collections/{source['id']}")
    assert bob.get(f"/collections/{copy['id']}").json() == copy


def test_a_copy_is_not_found_by_others(api: Api, alice: Person, bob: Person) -> None:
    source = alice.collection(visibility="public")
    copy = copied(bob, source)
    assert api.stranger.get("/collections/discover").json()["total"] == 1
    refused(alice.get(f"/collections/{copy['id']}"), 404, "not_found")


def imported(person: Person) -> dict[str, Any]:
    """A collection from a file with keys nobody knows."""
    item = {"listing": deal_data(), "status": "undecided", "x_item": "MARK-item"}
    file = collection_file(item, x_head="MARK-head")
    preview = made(person.post("/collections/import", file))
    body = {"preview_id": preview["preview_id"], "merge_strategy": "create_new"}
    return made(person.post("/collections/import/confirm", body))


@pytest.mark.parametrize(("who", "taken"), [("alice", True), ("bob", False)])
def test_keys_nobody_knows_are_taken_along_only_by_their_owner(
    api: Api, alice: Person, who: str, *, taken: bool
) -> None:
    source = imported(alice)
    alice.patch(f"/collections/{source['id']}/visibility", {"visibility": "public"})
    person = api.person(who)
    copy = copied(person, source)
    text = person.get(f"/collections/{copy['id']}/export").text
    assert {mark in text for mark in ("MARK-item", "MARK-head")} == {taken}


def test_real_titles_are_copied_as_they_are(alice: Person, bob: Person) -> None:
    source = alice.collection(visibility="public")
    for pair in islice(rows("product-title-pairs.csv"), 5):
        title = pair["title_a"][: facts.TITLE]
        alice.item(source, alice.listing(title=title, listing_url=None), notes=title)
    found = [(item["listing"], item["notes"]) for item in copied(bob, source)["items"]]
    public = alice.get(f"/collections/public/{source['id']}").json()["items"]
    assert found == [(item["listing"], item["notes"]) for item in public]


# ------------------------------------------------------------------------------------------------- names


def test_a_name_can_be_chosen(alice: Person) -> None:
    assert copied(alice, alice.collection(), name="  Mine now ")["name"] == "Mine now"


@pytest.mark.parametrize("sent", [{}, {"json": {}}, {"json": {"name": None, "token": None}}])
def test_without_a_name_it_is_a_copy_of(alice: Person, sent: dict[str, Any]) -> None:
    source = alice.collection("Quiet ones")
    copy = made(alice.call("POST", f"/collections/{source['id']}/copy", **sent))
    assert copy["name"] == "Copy of Quiet ones"


def test_a_long_name_is_shortened_to_fit(alice: Person) -> None:
    name = copied(alice, alice.collection("x" * facts.COLLECTION_NAME))["name"]
    assert name == "Copy of " + "x" * (facts.COLLECTION_NAME - 8)


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
LETTERS = {
    "a mark of its own": "e\u0301",
    "a skin tone": "\U0001f44d\U0001f3fd",
    "a family": FAMILY,
    "a heart in red": "\u2764\ufe0f",
    "a flag": "\U0001f1e9\U0001f1ea",
    "a flag made of tags": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "a keycap": "1\ufe0f\u20e3",
    "Hindi": "\u0915\u093f",
    "a Korean syllable in parts": "\u1112\u1161\u11ab",
}


@pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)
@pytest.mark.parametrize("shift", range(8))
def test_no_letter_is_cut_in_half(letter: str, shift: int) -> None:
    name = ("x" * shift + letter * facts.COLLECTION_NAME)[: facts.COLLECTION_NAME]
    shown = copying.name_of_copy(name).removeprefix("Copy of ")
    whole, rest = divmod(len(shown) - shift, len(letter))
    assert (rest, whole) == (0, (facts.COLLECTION_NAME - 8 - shift) // len(letter))


def test_flags_are_cut_between_and_not_across(alice: Person) -> None:
    germany, france = "\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"
    name = copied(alice, alice.collection("x" + germany * 24 + france * 25))["name"]
    assert name == "Copy of x" + germany * 24 + france * 21


def test_no_blank_is_left_at_the_end(alice: Person) -> None:
    name = copied(alice, alice.collection("x" * 90 + "     yyyy"))["name"]
    assert name == "Copy of " + "x" * 90


def test_a_letter_longer_than_a_name_is_left_out(alice: Person) -> None:
    assert copied(alice, alice.collection("e" + "\u0301" * 99))["name"] == "Copy of"


@given(st.text(min_size=1, max_size=facts.COLLECTION_NAME))
def test_any_name_makes_one_that_fits(name: str) -> None:
    shown = copying.name_of_copy(name)
    assert f"Copy of {name}".startswith(shown)
    assert 7 <= len(shown) <= facts.COLLECTION_NAME
    assert shown == shown.rstrip()


@given(st.text(st.characters(categories=["Lu", "Mn"]), min_size=93, max_size=facts.COLLECTION_NAME))
def test_a_mark_is_never_parted_from_its_letter(name: str) -> None:
    whole = f"Copy of {name}"
    kept = copying.name_of_copy(name)
    # A mark that begins the name stands on the space before it, which goes when the mark does.
    parted = unicodedata.category(whole[len(kept)]).startswith("M")
    assert not parted or kept == "Copy of"


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"name": ""}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": "x" * (facts.COLLECTION_NAME + 1)}, "/name"),
        ({"name": 7}, "/name"),
        ({"token": 7}, "/token"),
        ({"token": "x" * (facts.SECRET + 1)}, "/token"),
        ({"visibility": "public"}, "/visibility"),
    ],
)
def test_what_is_wrong_is_refused_by_its_place(alice: Person, sent: dict[str, Any], place: str) -> None:
    answer = asked(alice, alice.collection(), **sent)
    assert pointers(refused(answer, 422, "invalid")) == {place}
    assert how_many() == 1


# --------------------------------------------------------------------------------------- whose collections


def test_a_token_of_a_private_collection_copies_nothing(alice: Person, bob: Person) -> None:
    source = alice.collection()
    refused(asked(bob, source, token=token_of(alice, source)), 404, "not_found")


def test_an_unlisted_collection_is_copied_by_token_only(alice: Person, bob: Person) -> None:
    source = alice.collection("Quiet", visibility="unlisted")
    alice.item(source, alice.listing())
    refused(asked(bob, source), 404, "not_found")
    refused(asked(bob, source, token="A" * 43), 404, "not_found")
    copy = copied(bob, source, token=token_of(alice, source))
    assert (copy["name"], copy["item_count"]) == ("Copy of Quiet", 1)


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_ones_own_is_copied_whatever_its_visibility_and_the_token(alice: Person, visibility: str) -> None:
    source = alice.collection(visibility=visibility)
    assert asked(alice, source).status_code == 201
    assert asked(alice, source, token="nonsense").status_code == 201


def closed(alice: Person, source: dict[str, Any], way: str) -> None:
    """End what lets others copy a collection."""
    path = f"/collections/{source['id']}"
    match way:
        case "private":
            alice.patch(f"{path}/visibility", {"visibility": "private"})
        case "revoked":
            (token,) = alice.get(f"{path}/share-tokens").json()["items"]
            alice.delete(f"{path}/share-tokens/{token['id']}")
        case "deleted":
            alice.delete(path)


@pytest.mark.parametrize("way", ["private", "revoked", "deleted"])
def test_what_was_closed_is_not_copied_from_the_next_request_on(alice: Person, bob: Person, way: str) -> None:
    source = alice.collection(visibility="unlisted")
    token = token_of(alice, source)
    copied(bob, source, token=token)
    closed(alice, source, way)
    before = how_many()
    refused(asked(bob, source, token=token), 404, "not_found")
    assert how_many() == before


def test_what_its_owner_deleted_they_do_not_copy_either(alice: Person) -> None:
    source = alice.collection()
    closed(alice, source, "deleted")
    refused(asked(alice, source), 404, "not_found")


def test_a_token_that_expired_copies_nothing(api: Api, alice: Person) -> None:
    source = alice.collection(visibility="unlisted")
    path, end = f"/collections/{source['id']}/share-tokens", datetime.now(UTC) + 2 * HOUR
    token = made(alice.post(path, {"expires_at": end.isoformat()}))["token"]
    assert asked(api.later("bob", HOUR), source, token=token).status_code == 201
    refused(asked(api.later("bob", 3 * HOUR), source, token=token), 404, "not_found")


def test_somebody_new_who_is_refused_leaves_no_trace(api: Api, alice: Person) -> None:
    source = alice.collection()
    before = api.state()
    refused(asked(api.person("newcomer"), source, key="once"), 404, "not_found")
    assert api.state() == before


# ------------------------------------------------------------------------------------ once for each key


def test_the_same_key_and_body_is_one_copy_and_the_same_answer(alice: Person, bob: Person) -> None:
    source = alice.collection(visibility="public")
    alice.item(source, alice.listing(price_usd=299.9), notes="loud")
    alice.item(source, bob.listing(title="Bob's", listing_url=None, notes="n", custom_fields={"a": 1}))
    first = asked(bob, source, key="once", name="Mine")
    again = asked(bob, source, key="once", name="Mine")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert how_many() == 2
    assert alice.get(f"/collections/{source['id']}").json()["counters"]["copies"] == 1


def test_without_a_key_each_call_is_a_copy(alice: Person) -> None:
    source = alice.collection()
    assert copied(alice, source)["id"] != copied(alice, source)["id"]


@pytest.mark.parametrize("other", [{}, {"name": "Another"}, {"name": "Mine", "token": "x"}])
def test_the_same_key_with_another_body_is_a_conflict(alice: Person, other: dict[str, Any]) -> None:
    source = alice.collection()
    copied(alice, source, key="once", name="Mine")
    refused(asked(alice, source, key="once", **other), 409, "conflict")
    assert how_many() == 2


def test_a_key_belongs_to_a_person_and_a_source(alice: Person, bob: Person) -> None:
    sources = [alice.collection(name, visibility="public") for name in "ab"]
    copies = [copied(person, source, key="once") for person in (alice, bob) for source in sources]
    assert len({copy["id"] for copy in copies}) == 4
    assert [copy["name"] for copy in copies] == ["Copy of a", "Copy of b"] * 2


def test_the_first_answer_is_given_whatever_became_of_the_copy_and_the_source(
    alice: Person, bob: Person
) -> None:
    source = alice.collection(visibility="public")
    first = asked(bob, source, key="once")
    bob.delete(f"/collections/{made(first)['id']}")
    closed(alice, source, "private")
    again = asked(bob, source, key="once")
    assert (again.status_code, again.content) == (200, first.content)


def test_a_refused_copy_does_not_use_up_its_key(alice: Person, bob: Person) -> None:
    source = alice.collection()
    refused(asked(bob, source, key="once"), 404, "not_found")
    alice.patch(f"/collections/{source['id']}/visibility", {"visibility": "public"})
    assert asked(bob, source, key="once").status_code == 201


def test_a_key_of_yesterday_is_free_again(api: Api, alice: Person) -> None:
    source = alice.collection()
    first = copied(alice, source, key="once")
    early = api.later("alice", facts.IDEMPOTENCY_LIFE - HOUR)
    late = api.later("alice", facts.IDEMPOTENCY_LIFE + A_SECOND)
    assert asked(early, source, key="once").json()["id"] == first["id"]
    second = made(asked(late, source, key="once", name="Another"))
    assert second["id"] != first["id"]
    assert asked(late, source, key="once", name="Another").json() == second


@pytest.mark.parametrize("key", ["a", "a,b", "a, b", '"quoted"', "x" * facts.IDEMPOTENCY_KEY, "' OR 1=1 --"])
def test_a_key_is_any_text_and_the_whole_of_it(alice: Person, key: str) -> None:
    source = alice.collection()
    first = copied(alice, source, key=key)
    assert asked(alice, source, key=key).json()["id"] == first["id"]
    assert copied(alice, source, key=key[:-1] + "~")["id"] != first["id"]


@pytest.mark.parametrize("key", ["", "x" * (facts.IDEMPOTENCY_KEY + 1), "a\x85b", "a\tb"])
def test_a_key_too_long_or_unreadable_is_refused_by_its_name(alice: Person, key: str) -> None:
    path = f"/collections/{alice.collection()['id']}/copy"
    answer = alice.post(path, {}, headers={"Idempotency-Key": key.encode("latin-1")})
    problem = refused(answer, 422, "invalid")
    assert pointers(problem) == {"Idempotency-Key:"}
    assert "Idempotency-Key" in problem["detail"]
    assert how_many() == 1


def test_only_copies_that_were_made_are_told_to_the_metrics(
    alice: Person, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")
    source = alice.collection()
    for key in ("once", "once", "another", None):
        asked(alice, source, key=key)
    asked(alice, {"id": 999_999})
    assert capfd.readouterr().out.count('"Copied":[1') == 3


def test_of_many_calls_with_one_key_exactly_one_copies_and_all_hear_the_same(
    alice: Person, bob: Person
) -> None:
    source = alice.collection(visibility="public")
    alice.item(source, alice.listing())
    bob.collection()
    before = how_many()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: asked(bob, source, key="once"), range(12)))
    assert sorted(one.status_code for one in answers) == [200] * 11 + [201]
    assert len({one.content for one in answers}) == 1
    assert how_many() == before + 1


def test_of_many_calls_with_a_key_of_yesterday_exactly_one_copies(api: Api, alice: Person) -> None:
    source = alice.collection()
    first = copied(alice, source, key="once")
    with db.transaction() as session:
        old = datetime.now(UTC) - facts.IDEMPOTENCY_LIFE - HOUR
        session.execute(sa.update(IdempotencyKey).values(created_at=old))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: asked(api.person("alice"), source, key="once"), range(8)))
    assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
    assert {one.json()["id"] for one in answers} == {first["id"] + 1}


# ------------------------------------------------------------------------------------------- how much work


@pytest.mark.parametrize("visibility", ["public", "unlisted"])
def test_five_hundred_items_are_copied_in_six_statements(
    alice: Person, bob: Person, statements: list[str], visibility: str
) -> None:
    source = alice.collection(visibility=visibility)
    fill(source, alice.listing(), facts.COLLECTION_ITEMS)
    bob.collection()
    token = token_of(alice, source)
    statements.clear()
    answer = asked(bob, source, token=token)
    assert len(statements) <= 6, statements
    assert sum("INSERT INTO items" in one for one in statements) == 1
    copy = made(answer)
    assert copy["item_count"] == facts.COLLECTION_ITEMS
    assert len(bob.get(f"/collections/{copy['id']}").json()["items"]) == facts.COLLECTION_ITEMS


def test_a_key_costs_two_statements_more(alice: Person, statements: list[str]) -> None:
    source = alice.collection()
    fill(source, alice.listing(), facts.COLLECTION_ITEMS)
    statements.clear()
    made(asked(alice, source, key="once"))
    assert len(statements) <= 8, statements

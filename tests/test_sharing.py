"""Who sees a collection or an offer, and that nothing private is in what anybody reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from dealbrain import access, db, facts, sharing
from dealbrain.errors import Invalid, NotFound, TooManyTokens, Unavailable
from dealbrain.identity import Anonymous
from dealbrain.identity import Person as Verified
from dealbrain.shapes import NewDealLink, NewShareToken
from dealbrain.tables import ShareToken, Table
from infra.local.issuer import subject
from tests.makers import Api, Person, fill, made, pointers, refused
from tests.makers import deal_file as file_of

NO_SUCH_ID = 999_999
HIDDEN = ["private", "unlisted"]
SHARED = ["unlisted", "public"]
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
ALICE = Verified(subject("alice"), "alice")


def set_visibility(person: Person, collection: dict[str, Any], visibility: str) -> dict[str, Any]:
    answer = person.patch(f"/collections/{collection['id']}/visibility", {"visibility": visibility})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# ------------------------------------------------------------------------------------------- who sees it


def test_a_public_collection_is_everybodys_to_read(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    for person in (alice, api.person("bob"), api.stranger):
        assert person.get(f"/collections/public/{collection['id']}").status_code == 200


@pytest.mark.parametrize("path", ["/collections/public/{}", "/collections/{}/export"])
@pytest.mark.parametrize("visibility", HIDDEN)
@pytest.mark.parametrize("who", ["bob", None])
def test_a_hidden_collection_answers_strangers_as_an_absent_one_does(
    api: Api, alice: Person, path: str, visibility: str, who: str | None
) -> None:
    collection = alice.collection(visibility=visibility)
    person = api.person(who) if who else api.stranger
    hidden = person.get(path.format(collection["id"]))
    absent = person.get(path.format(NO_SUCH_ID))
    refused(hidden, 404, "not_found")
    assert hidden.content == absent.content
    varying = {"date", "apigw-requestid"}
    assert [one for one in hidden.headers.items() if one[0] not in varying] == [
        one for one in absent.headers.items() if one[0] not in varying
    ]


@pytest.mark.parametrize("visibility", HIDDEN)
def test_a_hidden_collection_is_not_read_as_public_by_its_owner_either(
    alice: Person, visibility: str
) -> None:
    collection = alice.collection(visibility=visibility)
    refused(alice.get(f"/collections/public/{collection['id']}"), 404, "not_found")


@pytest.mark.parametrize("visibility", [*HIDDEN, "public"])
def test_the_owner_reads_and_exports_whatever_the_visibility(alice: Person, visibility: str) -> None:
    collection = alice.collection(visibility=visibility)
    assert alice.get(f"/collections/{collection['id']}").json()["visibility"] == visibility
    assert alice.get(f"/collections/{collection['id']}/export").status_code == 200


@pytest.mark.parametrize("visibility", HIDDEN)
def test_hiding_a_collection_closes_it_from_the_next_request(
    api: Api, alice: Person, visibility: str
) -> None:
    collection = alice.collection(visibility="public")
    addresses = [f"/collections/public/{collection['id']}", f"/collections/{collection['id']}/export"]
    assert {api.stranger.get(address).status_code for address in addresses} == {200}
    set_visibility(alice, collection, visibility)
    assert {api.stranger.get(address).status_code for address in addresses} == {404}
    assert api.stranger.get("/collections/discover").json()["total"] == 0


def test_publishing_opens_it_from_the_next_request(api: Api, alice: Person) -> None:
    collection = alice.collection()
    refused(api.stranger.get(f"/collections/public/{collection['id']}"), 404, "not_found")
    assert set_visibility(alice, collection, "public")["visibility"] == "public"
    assert api.stranger.get(f"/collections/public/{collection['id']}").json()["visibility"] == "public"


def test_setting_what_is_set_changes_nothing(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    before = api.state()
    set_visibility(alice, collection, "public")
    assert api.state() == before


def test_setting_what_is_set_is_not_counted_as_a_change(
    alice: Person, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")
    collection = alice.collection()
    for visibility in ("public", "public", "unlisted"):
        set_visibility(alice, collection, visibility)
    assert capfd.readouterr().out.count('"VisibilityChanged":[1') == 2


@pytest.mark.parametrize("sent", [{}, {"visibility": None}, {"visibility": "Public"}, {"visibility": True}])
def test_a_visibility_is_one_of_three(alice: Person, sent: dict[str, Any]) -> None:
    collection = alice.collection()
    answer = alice.patch(f"/collections/{collection['id']}/visibility", sent)
    assert pointers(refused(answer, 422, "invalid")) == {"/visibility"}


# ---------------------------------------------------------------------------------------- what they see


def test_what_anybody_reads_of_a_collection(api: Api, alice: Person) -> None:
    collection = alice.collection("Quiet", description="d", visibility="public")
    listing = alice.listing()
    item = alice.item(collection, listing, notes="loud under load")
    shown = api.stranger.get(f"/collections/public/{collection['id']}").json()
    public_listing = {n: v for n, v in listing.items() if n not in {"notes", "custom_fields"}}
    assert datetime.fromisoformat(shown.pop("updated_at")) >= datetime.fromisoformat(collection["updated_at"])
    assert shown == {
        "id": collection["id"],
        "name": "Quiet",
        "description": "d",
        "visibility": "public",
        "owner": {"username": "alice", "display_name": None},
        "item_count": 1,
        "items": [
            {
                "id": item["id"],
                "listing_id": listing["id"],
                "listing": public_listing,
                "notes": "loud under load",
                "position": 1,
                "added_at": item["added_at"],
            }
        ],
    }


def test_everybody_sees_the_owners_order(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    for title in "bac":
        alice.item(collection, alice.listing(title=title), position=1)
    shown = api.stranger.get(f"/collections/public/{collection['id']}").json()["items"]
    assert "".join(item["listing"]["title"] for item in shown) == "cab"


def test_a_large_public_collection_is_read_whole(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    fill(collection, alice.listing(), 500)
    shown = api.stranger.get(f"/collections/public/{collection['id']}").json()
    assert (shown["item_count"], len(shown["items"])) == (500, 500)


# A word for every field that is its owner's only, wherever a person or a file can put one.
PRIVATE = {
    "listing notes": "MARK-notes",
    "a custom field": "MARK-custom",
    "a custom field's key": "MARK-key",
    "a reserved custom field": "MARK-reserved",
    "an unknown key of a deal": "MARK-unknown",
    "an unknown key of the hardware": "MARK-hardware",
    "an unknown key of a file": "MARK-file",
    "private notes": "MARK-private",
    "an unknown key of an item": "MARK-item",
    "an unknown key of a collection": "MARK-collection",
    "a status": "shortlisted",
}
PUBLIC = {"title": "SHOWN-title", "item notes": "SHOWN-note", "collection": "SHOWN-collection"}


@pytest.fixture
def planted(alice: Person) -> dict[str, Any]:
    """A public collection, imported, with a marker in every private field there is."""
    listing = {
        "title": PUBLIC["title"],
        "notes": PRIVATE["listing notes"],
        "custom_fields": {
            "shelf": PRIVATE["a custom field"],
            PRIVATE["a custom field's key"]: 1,
            "_theirs": PRIVATE["a reserved custom field"],
        },
        "x_vendor": PRIVATE["an unknown key of a deal"],
    }
    deal = file_of(**listing)["data"]
    deal["performance"] = {
        "cpu": {"name": "i5-8250U", "manufacturer": "Intel", "x": PRIVATE["an unknown key of the hardware"]}
    }
    item = {
        "listing": deal,
        "status": PRIVATE["a status"],
        "notes": PUBLIC["item notes"],
        "private_notes": PRIVATE["private notes"],
        "x_item": PRIVATE["an unknown key of an item"],
    }
    head = {"id": 1, "name": PUBLIC["collection"], "visibility": "public"}
    head["x_collection"] = PRIVATE["an unknown key of a collection"]
    file = file_of()
    file["deal_brain_export"] |= {"type": "collection", "x_file": PRIVATE["an unknown key of a file"]}
    file["data"] = {"collection": head, "items": [item]}
    preview = made(alice.post("/collections/import", file))
    body = {"preview_id": preview["preview_id"], "merge_strategy": "create_new"}
    done = made(alice.post("/collections/import/confirm", body))
    return set_visibility(alice, done, "public")


def addresses(collection: dict[str, Any]) -> list[str]:
    """Everything a stranger can read of a collection and its one listing."""
    number, listing = collection["id"], collection["items"][0]["listing_id"]
    return [
        f"/collections/public/{number}",
        f"/collections/{number}/export",
        "/collections/discover",
        f"/listings/{listing}",
        f"/listings/{listing}/export",
        "/listings",
    ]


@pytest.mark.parametrize("who", ["bob", None])
def test_no_private_byte_is_in_anything_a_stranger_reads(
    api: Api, planted: dict[str, Any], who: str | None
) -> None:
    person = api.person(who) if who else api.stranger
    for address in addresses(planted):
        answer = person.get(address)
        assert answer.status_code == 200, address
        found = {field for field, mark in PRIVATE.items() if mark in answer.text + str(answer.headers)}
        assert found == set(), address


def test_somebody_who_collects_the_listing_sees_no_private_byte_either(
    api: Api, planted: dict[str, Any]
) -> None:
    bob = api.person("bob")
    mine = bob.collection("Bob's")
    bob.post(f"/collections/{mine['id']}/items", {"listing_id": planted["items"][0]["listing_id"]})
    for address in (f"/collections/{mine['id']}", f"/collections/{mine['id']}/export"):
        text = bob.get(address).text
        assert PUBLIC["title"] in text
        assert [mark for mark in PRIVATE.values() if mark in text] == []


def test_the_owner_reads_every_mark_so_they_are_there(alice: Person, planted: dict[str, Any]) -> None:
    number = planted["id"]
    text = alice.get(f"/collections/{number}/export").text + alice.get(f"/collections/{number}").text
    missing = {field for field, mark in PRIVATE.items() if mark not in text}
    assert missing == set()


def test_the_public_fields_are_in_what_a_stranger_reads(api: Api, planted: dict[str, Any]) -> None:
    text = "".join(api.stranger.get(address).text for address in addresses(planted))
    assert [mark for mark in PUBLIC.values() if mark not in text] == []


def test_a_strangers_file_says_undecided(api: Api, planted: dict[str, Any]) -> None:
    (item,) = api.stranger.get(f"/collections/{planted['id']}/export").json()["data"]["items"]
    assert item["status"] == "undecided"


def test_the_owners_private_notes_do_not_reach_a_strangers_preview(
    api: Api, alice: Person, planted: dict[str, Any]
) -> None:
    file = api.stranger.get(f"/listings/{planted['items'][0]['listing_id']}/export").json()
    file["data"]["listing"] |= {"notes": "mine", "listing_url": None}
    shown = api.person("bob").post("/listings/import", file)
    (match,) = made(shown)["duplicates"]
    assert match["match_score"] == 1
    assert "notes" in {one["field"] for one in match["differences"]}
    assert [mark for mark in PRIVATE.values() if mark in shown.text] == []
    # The owner is shown their own.
    assert PRIVATE["listing notes"] in alice.post("/listings/import", file).text


# ------------------------------------------------------------------------------- tokens of a collection


def tokened(person: Person, collection: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make a share token."""
    return made(person.post(f"/collections/{collection['id']}/share-tokens", fields))


def opened(person: Person, token: str) -> httpx.Response:
    return person.get(f"/collections/shared/{token}")


def listed(person: Person, collection: dict[str, Any], query: str = "") -> dict[str, Any]:
    answer = person.get(f"/collections/{collection['id']}/share-tokens{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def after(wait: timedelta) -> str:
    return (datetime.now(UTC) + wait).isoformat()


def test_a_share_token_is_answered_once_with_the_address_it_makes(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    token = tokened(alice, collection, label="For the club", expires_at="2999-01-31T12:00:00+01:00")
    assert token == {
        "id": 1,
        "label": "For the club",
        "token": token["token"],
        "url": f"{api.system.settings.public_origin}/c/{token['token']}",
        "expires_at": "2999-01-31T11:00:00Z",
    }


@pytest.mark.parametrize("sent", [{}, {"json": {}}, {"json": {"label": None, "expires_at": None}}])
def test_a_share_token_needs_neither_label_nor_end(alice: Person, sent: dict[str, Any]) -> None:
    collection = alice.collection()
    token = made(alice.call("POST", f"/collections/{collection['id']}/share-tokens", **sent))
    assert (token["label"], token["expires_at"]) == (None, None)


@pytest.mark.parametrize("visibility", SHARED)
def test_a_token_opens_what_is_unlisted_or_public_to_everybody(
    api: Api, alice: Person, bob: Person, visibility: str
) -> None:
    collection = alice.collection("Quiet", visibility=visibility)
    alice.item(collection, alice.listing(), private_notes="mine alone")
    token = tokened(alice, collection)["token"]
    for person in (alice, bob, api.stranger):
        shown = opened(person, token).json()
        assert (shown["name"], shown["visibility"], shown["item_count"]) == ("Quiet", visibility, 1)


def test_what_a_token_opens_is_read_as_the_public_does(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    alice.item(collection, alice.listing(notes="mine"), private_notes="mine", status="bought", notes="ours")
    token = tokened(alice, collection)["token"]
    assert (
        opened(api.stranger, token).json()
        == api.stranger.get(f"/collections/public/{collection['id']}").json()
    )


def test_a_token_made_while_private_opens_nothing_until_its_owner_opens_the_collection(
    api: Api, alice: Person
) -> None:
    collection = alice.collection()
    token = tokened(alice, collection)["token"]
    export = f"/collections/{collection['id']}/export?token={token}"
    for person in (alice, api.stranger):
        refused(opened(person, token), 404, "not_found")
    refused(api.stranger.get(export), 404, "not_found")
    set_visibility(alice, collection, "unlisted")
    assert {opened(api.stranger, token).status_code, api.stranger.get(export).status_code} == {200}


@pytest.mark.parametrize("again", SHARED)
def test_going_private_ends_every_token_for_good(api: Api, alice: Person, again: str) -> None:
    collection, other = (alice.collection(visibility="unlisted") for _ in range(2))
    tokens = [tokened(alice, collection)["token"] for _ in range(2)]
    kept = tokened(alice, other)["token"]
    set_visibility(alice, collection, "private")
    assert {opened(api.stranger, token).status_code for token in tokens} == {404}
    set_visibility(alice, collection, again)
    assert {opened(api.stranger, token).status_code for token in tokens} == {404}
    assert listed(alice, collection)["items"] == []
    assert opened(api.stranger, kept).status_code == 200


def test_between_unlisted_and_public_tokens_go_on_living(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    token = tokened(alice, collection)["token"]
    for visibility in ("unlisted", "public"):
        set_visibility(alice, collection, visibility)
        assert opened(api.stranger, token).status_code == 200


def test_setting_private_what_is_private_leaves_its_tokens(api: Api, alice: Person) -> None:
    collection = alice.collection()
    token = tokened(alice, collection)["token"]
    set_visibility(alice, collection, "private")
    set_visibility(alice, collection, "unlisted")
    assert opened(api.stranger, token).status_code == 200


def test_a_revoked_token_is_dead_at_the_next_request_and_no_other_is(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    revoked, kept = tokened(alice, collection), tokened(alice, collection)
    assert opened(api.stranger, revoked["token"]).status_code == 200
    path = f"/collections/{collection['id']}/share-tokens/{revoked['id']}"
    assert alice.delete(path).status_code == 204
    refused(opened(api.stranger, revoked["token"]), 404, "not_found")
    refused(alice.delete(path), 404, "not_found")
    assert opened(api.stranger, kept["token"]).status_code == 200
    assert [one["id"] for one in listed(alice, collection)["items"]] == [kept["id"]]


def test_a_token_is_not_revoked_through_another_collection(api: Api, alice: Person) -> None:
    collection, other = (alice.collection(visibility="unlisted") for _ in range(2))
    token = tokened(alice, collection)
    refused(alice.delete(f"/collections/{other['id']}/share-tokens/{token['id']}"), 404, "not_found")
    assert opened(api.stranger, token["token"]).status_code == 200


def test_a_token_is_dead_when_its_time_is_over(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    token = tokened(alice, collection, expires_at=after(2 * HOUR))["token"]
    assert opened(api.later("bob", HOUR), token).status_code == 200
    refused(opened(api.later("bob", 3 * HOUR), token), 404, "not_found")


def test_a_token_lives_to_its_very_second_on_every_way_in(alice: Person) -> None:
    collection, end = alice.collection(visibility="unlisted"), datetime(2999, 1, 1, tzinfo=UTC)
    token = tokened(alice, collection, expires_at=end.isoformat())["token"]
    with db.transaction() as session:
        for ways_in in (
            lambda now: access.by_token(session, token, now),
            lambda now: access.readable(session, Anonymous(), collection["id"], now, token),
            lambda now: access.copyable(session, Anonymous(), collection["id"], now, token),
        ):
            assert ways_in(end - SECOND)
            for over in (end, end + SECOND):
                with pytest.raises(NotFound):
                    ways_in(over)


def dead(api: Api, alice: Person) -> Iterator[tuple[str, str]]:
    """A token of each kind that opens nothing."""
    kinds = ("expired", "revoked", "private", "deleted")
    collections = {kind: alice.collection(kind, visibility="unlisted") for kind in kinds}
    tokens = {kind: tokened(alice, one, expires_at=after(HOUR)) for kind, one in collections.items()}
    alice.delete(f"/collections/{collections['revoked']['id']}/share-tokens/{tokens['revoked']['id']}")
    set_visibility(alice, collections["private"], "private")
    alice.delete(f"/collections/{collections['deleted']['id']}")
    assert opened(api.stranger, tokens["expired"]["token"]).status_code == 200
    yield from ((kind, token["token"]) for kind, token in tokens.items())
    yield "never made", "A" * 43


def test_all_dead_tokens_are_told_with_the_same_bytes(api: Api, alice: Person) -> None:
    late = api.later("bob", 2 * HOUR)
    answers = {kind: opened(late, token) for kind, token in dead(api, alice)}
    assert {one.status_code for one in answers.values()} == {404}
    assert len({(one.content, str(one.headers)) for one in answers.values()}) == 1


@pytest.mark.parametrize("visibility", ["public", "unlisted"])
def test_a_token_of_one_collection_opens_no_other(
    api: Api, alice: Person, bob: Person, visibility: str
) -> None:
    mine, other = alice.collection(visibility=visibility), alice.collection(visibility="unlisted")
    token = tokened(alice, mine)["token"]
    refused(api.stranger.get(f"/collections/{other['id']}/export?token={token}"), 404, "not_found")
    refused(bob.post(f"/collections/{other['id']}/copy", {"token": token}), 404, "not_found")
    right = tokened(alice, other)["token"]
    assert api.stranger.get(f"/collections/{other['id']}/export?token={right}").status_code == 200


def test_by_its_number_alone_an_unlisted_collection_stays_closed(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    tokened(alice, collection)
    for path in (f"/collections/public/{collection['id']}", f"/collections/{collection['id']}/export"):
        refused(api.stranger.get(path), 404, "not_found")


@pytest.mark.parametrize("who", ["bob", None])
def test_whoever_has_the_token_exports_what_a_stranger_may(api: Api, alice: Person, who: str | None) -> None:
    collection = alice.collection(visibility="unlisted")
    alice.item(collection, alice.listing(), notes="ours", private_notes="mine", status="bought")
    person = api.person(who) if who else api.stranger
    token = tokened(alice, collection)["token"]
    (item,) = person.get(f"/collections/{collection['id']}/export?token={token}").json()["data"]["items"]
    assert (item["status"], item["notes"], item.get("private_notes")) == ("undecided", "ours", None)


def test_a_wrong_token_closes_nothing_that_is_open_anyway(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    path = f"/collections/{collection['id']}/export?token=nonsense"
    assert {api.stranger.get(path).status_code, alice.get(path).status_code} == {200}


def test_head_says_whether_a_token_opens_anything_and_sends_nothing(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    token = tokened(alice, collection)["token"]
    there = api.stranger.call("HEAD", f"/collections/shared/{token}")
    set_visibility(alice, collection, "private")
    gone = api.stranger.call("HEAD", f"/collections/shared/{token}")
    assert (there.status_code, there.content, gone.status_code, gone.content) == (200, b"", 404, b"")


# ------------------------------------------------------------------------------ what is kept of a token


def dump() -> str:
    """Every row of every table as text."""
    with db.engine().connect() as connection:
        return "\n".join(
            row
            for table in Table.metadata.sorted_tables
            for row in connection.scalars(sa.text(f"SELECT CAST({table.name} AS text) FROM {table.name}"))  # noqa: S608 - our own tables' names
        )


def test_no_table_holds_a_token_but_only_its_hash(alice: Person, bob: Person) -> None:
    collection, listing = alice.collection(visibility="unlisted"), alice.listing()
    token = tokened(alice, collection, label="MARK-label")["token"]
    link = made(bob.post(f"/listings/{listing['id']}/share"))["token"]
    copy = bob.post(
        f"/collections/{collection['id']}/copy", {"token": token}, headers={"Idempotency-Key": "once"}
    )
    opened(bob, token)
    made(copy)
    stored = dump()
    assert token not in stored
    assert link not in stored
    assert "MARK-label" in stored
    assert {access.fingerprint(token) in stored, access.fingerprint(link) in stored} == {True}


def test_a_token_is_looked_up_by_its_hash_so_that_time_tells_nothing(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    token = tokened(alice, collection)["token"]
    sent: list[str] = []

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        sent.append(f"{statement} {parameters}")

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        assert opened(api.stranger, token).status_code == 200
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert [one for one in sent if token in one] == []
    assert [one for one in sent if access.fingerprint(token) in one]


def test_tokens_are_long_and_have_nothing_in_common(alice: Person) -> None:
    collection = alice.collection()
    tokens = [tokened(alice, collection)["token"] for _ in range(20)]
    # 64 letters to choose from are six bits each.
    assert all(len(token) * 6 >= 128 for token in tokens)
    assert len({token[:8] for token in tokens}) == 20


def test_a_list_of_tokens_shows_everything_but_the_secret(alice: Person) -> None:
    collection = alice.collection()
    token = tokened(alice, collection, label="Club", expires_at="2999-01-01T00:00:00Z")
    (shown,) = listed(alice, collection)["items"]
    assert datetime.fromisoformat(shown.pop("created_at")) <= datetime.now(UTC)
    assert shown == {"id": token["id"], "label": "Club", "views": 0, "expires_at": "2999-01-01T00:00:00Z"}


def test_a_list_of_tokens_is_paged_newest_first_with_the_expired_ones(api: Api, alice: Person) -> None:
    collection = alice.collection()
    for label in "abc":
        tokened(alice, collection, label=label, expires_at=after(HOUR))
    tokened(alice, alice.collection("Another one"))
    late = api.later("alice", 2 * HOUR)
    first = listed(late, collection, "?limit=2")
    second = listed(late, collection, f"?limit=2&cursor={first['next_cursor']}")
    assert [one["label"] for one in first["items"] + second["items"]] == ["c", "b", "a"]
    assert second["next_cursor"] is None


# --------------------------------------------------------------------------------- what a token may say


HOSTILE = (
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "'; DROP TABLE share_tokens; --",
    "%s %(x)s {0} {{7*7}}",
    "\u202egnp.exe",
    "\U0001f525" * facts.SHARE_LABEL,
    "  as it was typed ",
    "",
)


@pytest.mark.parametrize("label", HOSTILE)
def test_a_label_stays_the_text_it_is(alice: Person, label: str) -> None:
    collection = alice.collection()
    assert tokened(alice, collection, label=label)["label"] == label
    assert listed(alice, collection)["items"][0]["label"] == label


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"label": "x" * (facts.SHARE_LABEL + 1)}, "/label"),
        ({"label": 7}, "/label"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": 32503680000}, "/expires_at"),
        ({"token": "chosen"}, "/token"),
        ({"views": 7}, "/views"),
    ],
)
def test_a_wrong_token_is_refused_by_its_place(alice: Person, sent: dict[str, Any], place: str) -> None:
    collection = alice.collection()
    answer = alice.post(f"/collections/{collection['id']}/share-tokens", sent)
    assert pointers(refused(answer, 422, "invalid")) == {place}
    assert listed(alice, collection)["items"] == []


def test_a_token_ends_after_the_moment_it_is_made_and_not_in_it(alice: Person) -> None:
    collection = alice.collection()
    now = datetime.now(UTC)
    with db.transaction() as session:
        for late in (now, now - SECOND):
            with pytest.raises(Invalid):
                sharing.add_token(session, ALICE, collection["id"], NewShareToken(expires_at=late), now)
        assert sharing.add_token(
            session, ALICE, collection["id"], NewShareToken(expires_at=now + SECOND), now
        )


def fill_up(collection: dict[str, Any], count: int, expires_at: datetime | None = None) -> None:
    """Give a collection so many tokens, past HTTP for speed."""
    rows = [
        {
            "secret_hash": f"{collection['id']} {number} {expires_at}",
            "collection_id": collection["id"],
            "owner_id": 1,
            "created_at": datetime.now(UTC),
            "expires_at": expires_at,
        }
        for number in range(count)
    ]
    with db.transaction() as session:
        session.execute(sa.insert(ShareToken), rows)


def test_a_collection_has_only_so_many_live_tokens(alice: Person) -> None:
    collection = alice.collection()
    fill_up(collection, facts.SHARE_TOKENS, expires_at=datetime(2001, 1, 1, tzinfo=UTC))
    fill_up(collection, facts.SHARE_TOKENS - 1)
    last = tokened(alice, collection)
    path = f"/collections/{collection['id']}/share-tokens"
    refused(alice.post(path, {}), 422, "too_many_tokens")
    assert tokened(alice, alice.collection("Another one"))
    assert alice.delete(f"{path}/{last['id']}").status_code == 204
    assert tokened(alice, collection)


def add_impatiently(collection: dict[str, Any]) -> None:
    with db.transaction() as session:
        session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        sharing.add_token(session, ALICE, collection["id"], NewShareToken(), datetime.now(UTC))


def test_whoever_makes_a_token_waits_for_the_one_being_made_so_that_both_are_counted(alice: Person) -> None:
    collection = alice.collection()
    fill_up(collection, facts.SHARE_TOKENS - 1)
    with db.transaction() as session:
        sharing.add_token(session, ALICE, collection["id"], NewShareToken(), datetime.now(UTC))
        with pytest.raises(Unavailable):
            add_impatiently(collection)
    with pytest.raises(TooManyTokens):
        add_impatiently(collection)


# ------------------------------------------------------------------------------------------ looks counted


def views(person: Person, collection: dict[str, Any]) -> list[int]:
    """How often each token was looked through, the first one first."""
    return [one["views"] for one in reversed(listed(person, collection)["items"])]


def test_a_look_counts_for_the_collection_once_and_for_the_token_it_came_by(
    api: Api, alice: Person, bob: Person
) -> None:
    collection = alice.collection(visibility="unlisted")
    one, other = (tokened(alice, collection)["token"] for _ in range(2))
    for token in (one, one, other):
        opened(bob, token)
    opened(api.stranger, other)
    assert views(alice, collection) == [1, 2]
    assert alice.get(f"/collections/{collection['id']}").json()["counters"]["views"] == 2


def test_a_look_at_the_public_address_counts_for_no_token(alice: Person, bob: Person) -> None:
    collection = alice.collection(visibility="public")
    tokened(alice, collection)
    bob.get(f"/collections/public/{collection['id']}")
    assert views(alice, collection) == [0]
    assert alice.get(f"/collections/{collection['id']}").json()["counters"]["views"] == 1


def test_neither_crawlers_nor_whoever_only_asks_is_counted(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    token, crawler = tokened(alice, collection)["token"], {"User-Agent": "Googlebot/2.1"}
    for path in (f"/collections/shared/{token}", f"/collections/public/{collection['id']}"):
        assert api.stranger.get(path, headers=crawler).status_code == 200
    assert api.stranger.call("HEAD", f"/collections/shared/{token}").status_code == 200
    assert views(alice, collection) == [0]
    assert alice.get(f"/collections/{collection['id']}").json()["counters"]["views"] == 0


def test_only_looks_that_were_answered_are_told_to_the_metrics(
    api: Api, alice: Person, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")
    collection = alice.collection(visibility="public")
    token, listing = tokened(alice, collection)["token"], alice.listing()
    link = made(alice.post(f"/listings/{listing['id']}/share"))["token"]
    for path in (
        f"/collections/shared/{token}",
        f"/collections/public/{collection['id']}",
        f"/deals/{listing['id']}/{link}",
        "/collections/shared/none",
    ):
        api.stranger.get(path)
        api.stranger.get(path, headers={"User-Agent": "Googlebot/2.1"})
    assert capfd.readouterr().out.count('"Viewed":[1') == 3


# ------------------------------------------------------------------------------------- links to an offer


def link_to(person: Person, listing: dict[str, Any], **fields: Any) -> str:
    token: str = made(person.post(f"/listings/{listing['id']}/share", fields))["token"]
    return token


def test_anybody_signed_in_shares_anybodys_offer(api: Api, alice: Person, bob: Person) -> None:
    listing = alice.listing(notes="mine", custom_fields={"shelf": 1})
    link = made(bob.post(f"/listings/{listing['id']}/share"))
    assert link == {
        "token": link["token"],
        "url": f"{api.system.settings.public_origin}/deals/{listing['id']}/{link['token']}",
    }
    shown = api.stranger.get(f"/deals/{listing['id']}/{link['token']}").json()
    expires_at = datetime.fromisoformat(shown.pop("expires_at"))
    assert timedelta() < facts.LISTING_SHARE_LIFE - (expires_at - datetime.now(UTC)) < HOUR
    assert shown == {
        "listing": api.stranger.get(f"/listings/{listing['id']}").json(),
        "shared_by": "bob",
        "view_count": 1,
    }


def test_by_a_link_even_the_owner_reads_what_anybody_does(alice: Person) -> None:
    listing = alice.listing(notes="mine")
    shown = alice.get(f"/deals/{listing['id']}/{link_to(alice, listing)}").json()["listing"]
    assert "notes" not in shown
    assert "notes" in alice.get(f"/listings/{listing['id']}").json()


def test_a_link_counts_its_viewers_once_a_day(api: Api, alice: Person, bob: Person) -> None:
    listing = alice.listing()
    path = f"/deals/{listing['id']}/{link_to(alice, listing)}"
    seen = [person.get(path).json()["view_count"] for person in (bob, bob, api.stranger, bob)]
    assert seen == [1, 1, 2, 2]
    api.stranger.get(path, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"})
    api.stranger.call("HEAD", path, headers={"User-Agent": "another one"})
    assert bob.get(path).json()["view_count"] == 2


def test_a_link_ends_when_its_maker_says(api: Api, alice: Person) -> None:
    listing = alice.listing()
    path = f"/deals/{listing['id']}/{link_to(alice, listing, expires_at=after(2 * HOUR))}"
    assert api.later("bob", HOUR).get(path).status_code == 200
    refused(api.later("bob", 3 * HOUR).get(path), 404, "not_found")


def test_a_link_lives_half_a_year_to_the_second(alice: Person) -> None:
    listing, now = alice.listing(), datetime.now(UTC)
    with db.transaction() as session:
        token = sharing.share_listing(session, ALICE, listing["id"], NewDealLink(), now).token
        end = now + facts.LISTING_SHARE_LIFE
        assert sharing.read_deal(session, listing["id"], token, None, end - SECOND)
        with pytest.raises(NotFound):
            sharing.read_deal(session, listing["id"], token, None, end)


@pytest.mark.parametrize("sent", ["2001-01-01T00:00:00Z", "never", 7])
def test_a_link_to_an_offer_ends_in_the_future(alice: Person, sent: object) -> None:
    answer = alice.post(f"/listings/{alice.listing()['id']}/share", {"expires_at": sent})
    assert pointers(refused(answer, 422, "invalid")) == {"/expires_at"}


def test_a_token_opens_only_what_it_was_made_for(api: Api, alice: Person) -> None:
    listing, other = alice.listing(), alice.listing(title="Another", listing_url=None)
    collection = alice.collection(visibility="unlisted")
    link, token = link_to(alice, listing), tokened(alice, collection)["token"]
    for path in (
        f"/deals/{other['id']}/{link}",
        f"/deals/{listing['id']}/{token}",
        f"/deals/{collection['id']}/{token}",
        f"/collections/shared/{link}",
        f"/collections/{collection['id']}/export?token={link}",
    ):
        refused(api.stranger.get(path), 404, "not_found")
    assert api.stranger.get(f"/deals/{listing['id']}/{link}").status_code == 200


def test_a_link_goes_with_its_offer(api: Api, alice: Person) -> None:
    listing = alice.listing()
    path = f"/deals/{listing['id']}/{link_to(alice, listing)}"
    assert api.stranger.call("HEAD", path).status_code == 200
    alice.delete(f"/listings/{listing['id']}")
    refused(api.stranger.get(path), 404, "not_found")
    assert api.stranger.call("HEAD", path).status_code == 404


def test_a_link_stays_with_an_offer_others_collected(api: Api, alice: Person, bob: Person) -> None:
    listing = alice.listing()
    path = f"/deals/{listing['id']}/{link_to(alice, listing)}"
    bob.item(bob.collection(), listing)
    alice.delete(f"/listings/{listing['id']}")
    shown = api.stranger.get(path).json()
    assert (shown["listing"]["owner"], shown["listing"]["status"]) == (None, "archived")

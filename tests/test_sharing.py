"""Who sees a collection, and that nothing private is in what anybody reads."""

from typing import Any

import pytest

from tests.makers import Api, Person, fill, made, pointers, refused
from tests.makers import deal_file as file_of

NO_SUCH_ID = 999_999
HIDDEN = ["private", "unlisted"]


@pytest.fixture
def alice(api: Api) -> Person:
    return api.person("alice")


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
    assert capfd.readouterr().out.count('"visibility_changed":[1') == 2


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
    assert shown.pop("updated_at") >= collection["updated_at"]
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

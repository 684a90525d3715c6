"""Listings and collections as files: who finds what in them, and under which name."""

import email.message
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from jsonschema import Draft202012Validator

from dealbrain import facts, jsontext
from tests.makers import LATITUDE, Api, Person, fill, made, pointers, refused

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_SCHEMA: Any = jsontext.loads((GOLDEN / "export-1.0.0.schema.json").read_bytes())
SCHEMA = Draft202012Validator(GOLDEN_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
NO_SUCH_ID = 999_999


@pytest.fixture
def alice(api: Api) -> Person:
    return api.person("alice")


def exported(person: Person, kind: str, thing: dict[str, Any]) -> Any:
    """A file of a listing or collection, which has to satisfy the golden schema."""
    answer = person.get(f"/{kind}/{thing['id']}/export")
    assert answer.status_code == 200, answer.text
    whole = jsontext.loads(answer.content)
    assert list(SCHEMA.iter_errors(whole)) == []
    return whole


def named(answer: httpx.Response) -> tuple[str, str]:
    """The two file names of an attachment: the plain one, and the one in any alphabet."""
    header = answer.headers["content-disposition"]
    plain, _, extended = header.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert header == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}"
    return plain, unquote(extended, errors="strict")


# ------------------------------------------------------------------------------------- the file itself


def test_a_file_is_utf_8_json_with_two_spaces(alice: Person) -> None:
    answer = alice.get(f"/listings/{alice.listing(title='Ä')['id']}/export?format=json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b'{\n  "deal_brain_export": {\n    "version": "1.0.0",')
    assert "Ä".encode() in answer.content


FULL: dict[str, Any] = {
    "condition": "refurb",
    "status": "pending",
    "price_date": "2026-02-03T04:05:06Z",
    "other_urls": [
        {"url": "https://shop.example/1", "label": "also here"},
        {"url": "https://shop.example/2", "label": "and there"},
    ],
    "device_model": "7490",
    "notes": "ask for the charger",
    "custom_fields": {"zeta": 1, "alpha": [True, None, {"x": -0.5}]},
    "performance": {
        **LATITUDE["performance"],
        "gpu": {"name": "GeForce MX150", "gpu_mark": 2200},
        "storage_secondary": {"capacity_gb": 1000, "medium": "hdd"},
        "ports": {"profile_name": "office", "ports": [{"type": "usb_c", "count": 2, "spec_notes": "PD"}]},
        "components": [{"component_type": "os_license", "name": "Windows 11", "metadata": {"key": "none"}}],
    },
}


def test_a_listing_with_everything_is_a_valid_file_that_says_everything(alice: Person) -> None:
    listing = alice.listing(**FULL)
    data = exported(alice, "listings", listing)["data"]
    same = listing.keys() & data["listing"].keys()
    assert {name: data["listing"][name] for name in same} == {name: listing[name] for name in same}
    assert data["listing"]["notes"] == "ask for the charger"
    assert data["performance"] == listing["performance"]
    assert data["metadata"] == listing["metadata"]
    assert data["valuation"] == listing["valuation"]


def test_a_listing_with_nothing_is_a_valid_file_without_nulls(alice: Person) -> None:
    answer = alice.get(f"/listings/{made(alice.post('/listings', {'title': 'A box'}))['id']}/export")
    assert list(SCHEMA.iter_errors(answer.json())) == []
    assert b"null" not in answer.content


def test_the_breakdown_in_a_file_adds_up(alice: Person) -> None:
    valuation = exported(alice, "listings", alice.listing(price_usd=300))["data"]["valuation"]
    breakdown = valuation["valuation_breakdown"]
    steps = sum(step["adjustment"] for step in breakdown["adjustments"])
    assert breakdown["base_price"] + steps == pytest.approx(breakdown["final_price"], abs=1e-9)
    assert breakdown["final_price"] == valuation["adjusted_price_usd"]


def test_a_negative_adjusted_price_is_left_out(alice: Person) -> None:
    # The parts are worth $78.08.
    valuation = exported(alice, "listings", alice.listing(price_usd=50))["data"]["valuation"]
    assert "adjusted_price_usd" not in valuation
    assert valuation["valuation_breakdown"]["final_price"] < 0


def test_an_unknown_price_is_spelled_for_strict_readers(alice: Person) -> None:
    data = exported(alice, "listings", alice.listing(price_usd=None))["data"]
    assert data["listing"]["price_usd"] == 0
    assert data["listing"]["custom_fields"] == {"_price_unknown": True}
    assert data["valuation"]["base_price_usd"] == 0
    assert not any(name.startswith("dollar_per") for name in data["performance"].get("metrics", {}))


def test_a_price_of_nothing_is_not_an_unknown_price(alice: Person) -> None:
    listing = exported(alice, "listings", alice.listing(price_usd=0))["data"]["listing"]
    assert (listing["price_usd"], listing["custom_fields"]) == (0, {})


def test_estimates_and_fair_values_stay_in_the_api(alice: Person) -> None:
    text = alice.get(f"/listings/{alice.listing()['id']}/export").text
    assert not any(word in text for word in ("fair_value", "estimated", "verdict", "tier"))


def test_a_collection_is_a_valid_file_in_the_owners_order(alice: Person) -> None:
    collection = alice.collection("Quiet", description="d", visibility="unlisted")
    for title in "bac":
        alice.item(collection, alice.listing(**FULL | {"title": title}), position=1)
    data = exported(alice, "collections", collection)["data"]
    head = {name: collection[name] for name in ("id", "name", "description", "visibility", "created_at")}
    assert {name: data["collection"][name] for name in head} == head
    assert [item["listing"]["listing"]["title"] for item in data["items"]] == ["c", "a", "b"]
    assert [item["position"] for item in data["items"]] == [1, 2, 3]


def test_an_empty_collection_is_a_valid_file(alice: Person) -> None:
    assert exported(alice, "collections", alice.collection())["data"]["items"] == []


# ------------------------------------------------------------------------------------------ whose file


def test_the_owners_file_of_a_listing_names_a_person_without_telling_who(api: Api, alice: Person) -> None:
    one, other = alice.listing(), alice.listing(title="Other")
    authors = {exported(alice, "listings", each)["deal_brain_export"]["exported_by"] for each in (one, other)}
    assert len(authors) == 1
    bob = api.person("bob")
    bob.listing()
    assert exported(bob, "listings", one)["deal_brain_export"]["exported_by"] not in authors


def test_a_strangers_file_names_nobody(api: Api, alice: Person) -> None:
    listing = alice.listing()
    # Somebody who has never written anything has no account to name.
    for person in (api.stranger, api.person("bob")):
        assert "exported_by" not in exported(person, "listings", listing)["deal_brain_export"]


@pytest.mark.parametrize("price", [100, None])
def test_a_strangers_file_of_a_listing_lacks_what_is_private_and_nothing_else(
    api: Api, alice: Person, price: int | None
) -> None:
    listing = alice.listing(**FULL | {"price_usd": price})
    own, foreign = exported(alice, "listings", listing), exported(api.stranger, "listings", listing)
    del own["data"]["listing"]["notes"]
    own["data"]["listing"]["custom_fields"] = {"_price_unknown": True} if price is None else {}
    assert foreign["data"] == own["data"]


def test_a_strangers_file_of_a_collection_lacks_what_is_private_and_nothing_else(
    api: Api, alice: Person
) -> None:
    collection = alice.collection(visibility="public")
    alice.item(collection, alice.listing(**FULL), status="bought", notes="public", private_notes="mine")
    own, foreign = (
        exported(alice, "collections", collection),
        exported(api.stranger, "collections", collection),
    )
    (item,) = own["data"]["items"]
    assert item.pop("private_notes") == "mine"
    assert (item["status"], item["notes"]) == ("bought", "public")
    item["status"] = "undecided"
    del item["listing"]["listing"]["notes"]
    item["listing"]["listing"]["custom_fields"] = {}
    assert foreign["data"] == own["data"]


def test_in_a_collectors_file_only_their_own_listings_carry_notes(api: Api, alice: Person) -> None:
    bob = api.person("bob")
    mine = bob.collection()
    bob.item(mine, bob.listing(title="bob's", notes="bob's note"))
    bob.item(mine, alice.listing(title="alice's", notes="alice's note"))
    items = exported(bob, "collections", mine)["data"]["items"]
    assert [item["listing"]["listing"].get("notes") for item in items] == ["bob's note", None]


def test_exporting_what_is_ones_own_writes_nothing(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    alice.item(collection, alice.listing())
    listing = alice.listing()
    before = api.state()
    exported(alice, "collections", collection)
    for person in (alice, api.person("bob"), api.stranger):
        exported(person, "listings", listing)
    assert api.state() == before


def test_what_others_carry_away_is_counted(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    for person in (alice, api.person("bob"), api.stranger):
        exported(person, "collections", collection)
    counted = alice.get(f"/collections/{collection['id']}").json()["counters"]
    assert counted == {"views": 0, "copies": 0, "exports": 2}


def test_what_is_not_there_has_no_file(api: Api) -> None:
    for kind in ("listings", "collections"):
        refused(api.stranger.get(f"/{kind}/{NO_SUCH_ID}/export"), 404, "not_found")


@pytest.mark.parametrize("kind", ["listings", "collections"])
def test_an_unknown_format_is_refused(api: Api, kind: str) -> None:
    problem = refused(api.stranger.get(f"/{kind}/1/export?format=xml"), 422, "invalid")
    assert pointers(problem) == {"?format"}


# ----------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("title", "plain", "extended"),
    [
        ("Dell Latitude 7490", "Dell Latitude 7490.json", "Dell Latitude 7490.json"),
        ('The "best" one', "The _best_ one.json", 'The "best" one.json'),
        ("line\r\nSet-Cookie: a=b", "line Set-Cookie_ a_b.json", "line Set-Cookie: a=b.json"),
        ("日本語 14インチ", "___ 14___.json", "日本語 14インチ.json"),
        ("Ñandú 💻", "_and_ _.json", "Ñandú 💻.json"),
        ("../../etc/passwd", "etc passwd.json", "etc passwd.json"),
        ("C:\\con", "C_ con.json", "C: con.json"),
        ("..", "deal-brain.json", "deal-brain.json"),
        ("100%; x='y'*", "100__ x__y__.json", "100%; x='y'*.json"),
        ("\u202egnp.exe", "_gnp.exe.json", "\u202egnp.exe.json"),
        ("x" * 255, "x" * 80 + ".json", "x" * 80 + ".json"),
    ],
)
def test_a_file_is_named_after_what_it_holds(alice: Person, title: str, plain: str, extended: str) -> None:
    answer = alice.get(f"/listings/{alice.listing(title=title)['id']}/export")
    assert named(answer) == (plain, extended)


def test_another_reader_of_the_header_finds_the_same_name(alice: Person) -> None:
    answer = alice.get(f"/collections/{alice.collection('Zoë\'s "quiet" 日本')['id']}/export")
    message = email.message.EmailMessage()
    message["Content-Disposition"] = answer.headers["content-disposition"].replace("filename=", "x=", 1)
    assert message.get_filename() == 'Zoë\'s "quiet" 日本.json'


# -------------------------------------------------------------------------------------------- large ones


@pytest.fixture
def heavy(alice: Person) -> dict[str, Any]:
    """A collection of 500 listings with notes as long as they may be: more than an answer carries."""
    collection = alice.collection("Zoë's heavy ones", visibility="public")
    listing = alice.listing(notes="n" * facts.TEXT, performance=None)
    fill(collection, listing, facts.COLLECTION_ITEMS)
    return collection


def test_a_file_too_large_to_answer_is_fetched_from_an_address(alice: Person, heavy: dict[str, Any]) -> None:
    answer = alice.get(f"/collections/{heavy['id']}/export")
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer.headers["cache-control"] == "no-store"
    fetched = httpx.get(answer.headers["location"])
    assert fetched.status_code == 200
    assert len(fetched.content) > facts.ANSWER_BYTES
    assert fetched.headers["content-type"] == "application/json"
    assert unquote(fetched.headers["content-disposition"]).endswith("UTF-8''Zoë's heavy ones.json")
    whole = jsontext.loads(fetched.content)
    assert isinstance(whole, dict)
    assert SCHEMA.is_valid(whole)
    assert fetched.content.count(b'"added_at"') == facts.COLLECTION_ITEMS


def test_the_address_is_signed_and_ends(alice: Person, heavy: dict[str, Any]) -> None:
    location = httpx.URL(alice.get(f"/collections/{heavy['id']}/export").headers["location"])
    assert location.params["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert int(location.params["X-Amz-Expires"]) <= 900
    again = httpx.URL(alice.get(f"/collections/{heavy['id']}/export").headers["location"])
    assert again.path != location.path, "an address tells nothing about the next one"


def test_the_same_collection_without_what_is_private_fits_into_an_answer(
    api: Api, heavy: dict[str, Any]
) -> None:
    answer = api.stranger.get(f"/collections/{heavy['id']}/export")
    assert (answer.status_code, answer.text.count('"added_at"')) == (200, facts.COLLECTION_ITEMS)

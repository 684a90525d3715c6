"""Listings and collections as files: who finds what in them, and under which name."""

import csv
import email.message
import io
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from jsonschema import Draft202012Validator

from dealbrain import facts, jsontext
from dealbrain.catalog import Entry
from tests.makers import LATITUDE, Api, Person, fill, load_catalog, made, pointers, refused

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_SCHEMA: Any = jsontext.loads((GOLDEN / "export-1.0.0.schema.json").read_bytes())
SCHEMA = Draft202012Validator(GOLDEN_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
# What a strict reader elsewhere demands beyond the schema, which is written for readers as tolerant as ours.
BOLD = {
    "Envelope": {"version", "exported_at", "type"},
    "Deal": {"listing"},
    "Listing": {"id", "title", "other_urls", "price_usd", "condition", "status", "custom_fields"}
    | {"created_at", "updated_at"},
    "Valuation": {"base_price_usd"},
    "Performance": {"components"},
    "Cpu": {"name", "manufacturer"},
    "Gpu": {"name", "manufacturer"},
    "Ram": {"total_gb"},
    "Storage": {"capacity_gb"},
    "Ports": {"ports"},
    "Port": {"type", "count"},
    "Component": {"component_type", "quantity"},
    "CollectionHead": {"id", "name", "visibility", "created_at", "updated_at"},
    "Item": {"listing", "status", "added_at"},
}


def strict(schema: Any) -> Any:
    """The schema as a strict v1.0.0 reader has it: nothing may be null, and all that is always there is."""
    whole = without_null(schema)
    for name, always in BOLD.items():
        definition = whole["$defs"][name]
        assert always <= definition["properties"].keys()
        definition["required"] = sorted(always | set(definition["required"]))
    whole["$defs"]["Envelope"]["properties"]["version"] = {"const": "1.0.0"}
    return whole


def without_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_null(one) for one in schema if one != {"type": "null"}]
    if isinstance(schema, dict):
        return {name: without_null(value) for name, value in schema.items()}
    return schema


STRICT = Draft202012Validator(strict(GOLDEN_SCHEMA), format_checker=Draft202012Validator.FORMAT_CHECKER)
NO_SUCH_ID = 999_999
FORMATS = ("json", "csv", "html")


def exported(person: Person, kind: str, thing: dict[str, Any]) -> Any:
    """A file of a listing or collection, which a strict reader has to accept."""
    answer = person.get(f"/{kind}/{thing['id']}/export")
    assert answer.status_code == 200, answer.text
    whole = jsontext.loads(answer.content)
    assert list(STRICT.iter_errors(whole)) == []
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


def strict_about(whole: Any) -> bool:
    return not STRICT.is_valid(whole)


def test_a_strict_reader_takes_the_full_samples_and_no_null_and_nothing_missing() -> None:
    for name in ("full-deal", "full-collection"):
        assert STRICT.is_valid(jsontext.loads((GOLDEN / "samples" / f"{name}.json").read_bytes()))
    full: Any = jsontext.loads((GOLDEN / "samples" / "full-deal.json").read_bytes())
    listing, cpu = full["data"]["listing"], full["data"]["performance"]["cpu"]
    for broken in ({"seller": None}, {"price_usd": "1"}, {"condition": "Used"}, {"created_at": "today"}):
        assert strict_about({**full, "data": {**full["data"], "listing": listing | broken}}), broken
    for name in BOLD["Listing"]:
        lacking = {key: value for key, value in listing.items() if key != name}
        assert strict_about({**full, "data": {**full["data"], "listing": lacking}}), name
    unknown = {**full["data"], "performance": {"cpu": cpu | {"x": 1}, "components": []}, "y": None}
    assert STRICT.is_valid({**full, "data": unknown})


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


# --------------------------------------------------------------------------------- tables and bookmarks


def carried(person: Person, collection: dict[str, Any], query: str) -> httpx.Response:
    answer = person.get(f"/collections/{collection['id']}/export?{query}")
    assert answer.status_code == 200, answer.text
    return answer


def table(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


@pytest.fixture
def full(alice: Person) -> dict[str, Any]:
    """A public collection with everything said of one item, and an item nothing is said of."""
    collection = alice.collection("Zoë's", visibility="public")
    alice.item(collection, alice.listing(**FULL), status="bought", notes="public", private_notes="mine")
    alice.item(collection, made(alice.post("/listings", {"title": "A box", "notes": "ask"})))
    return collection


def test_a_table_says_what_people_want_to_sort_by(alice: Person, full: dict[str, Any]) -> None:
    answer = carried(alice, full, "format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert named(answer)[1] == "Zoë's.csv"
    line, empty = table(answer)
    item, _ = alice.get(f"/collections/{full['id']}").json()["items"]
    listing = item["listing"]
    said = {
        "title": listing["title"],
        "listing_url": listing["listing_url"],
        "seller": "AAA PCs",
        "price_usd": "299.99",
        "price_date": "2026-02-03T04:05:06Z",
        "condition": "refurb",
        "listing_status": "pending",
        "status": "bought",
        "notes": "public",
        "private_notes": "mine",
        "listing_notes": "ask for the charger",
        "cpu": "Intel Core i7-8650U",
        "gpu": "GeForce MX150",
        "ram_gb": "16",
        "ram_generation": "ddr4",
        "storage_gb": "512",
        "storage_medium": "nvme",
        "storage_2_gb": "1000",
        "tier": listing["tier"],
        "added_at": item["added_at"],
        "created_at": listing["created_at"],
    }
    assert {name: line[name] for name in said} == said
    assert float(line["adjusted_price_usd"]) == listing["valuation"]["adjusted_price_usd"]
    assert (empty["title"], empty["price_usd"], empty["cpu"], empty["tier"]) == ("A box", "", "", "")


def test_a_score_stands_in_the_table(alice: Person) -> None:
    load_catalog(Entry("Intel Core i7-8650U", 6_000, 2_100), Entry("Weaker", 1, 1))
    collection = alice.collection()
    listing = alice.listing()
    alice.item(collection, listing)
    (line,) = table(carried(alice, collection, "format=csv"))
    assert float(line["score"]) == listing["performance"]["metrics"]["score_composite"]


def test_bookmarks_are_the_links_with_their_public_notes(alice: Person, full: dict[str, Any]) -> None:
    answer = carried(alice, full, "format=html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert named(answer)[1] == "Zoë's.html"
    text = answer.text
    assert text.startswith("<!DOCTYPE NETSCAPE-Bookmark-file-1>")
    assert text.count("<DT>") == text.count("<DD>") == 1
    assert 'HREF="https://www.ebay.com/itm/256123456789"' in text
    assert "<DD>public" in text
    assert "mine" not in text


@pytest.mark.parametrize("format_", ["csv", "html"])
def test_a_strangers_file_of_any_format_lacks_what_is_private(
    api: Api, alice: Person, full: dict[str, Any], format_: str
) -> None:
    own, foreign = (carried(one, full, f"format={format_}") for one in (alice, api.stranger))
    private = ("mine", "bought", "ask for the charger")
    assert [word for word in private if word in foreign.text] == []
    assert "public" in foreign.text
    if format_ == "csv":
        assert [word for word in private if word not in own.text] == []
        changed = {"status": "undecided", "private_notes": "", "listing_notes": ""}
        assert table(foreign) == [line | changed for line in table(own)]


def test_in_a_collectors_table_only_their_own_listings_carry_notes(api: Api, alice: Person) -> None:
    bob = api.person("bob")
    mine = bob.collection()
    bob.item(mine, bob.listing(title="bob's", notes="bob's note"))
    bob.item(mine, alice.listing(title="alice's", notes="alice's note"))
    lines = table(carried(bob, mine, "format=csv"))
    assert [line["listing_notes"] for line in lines] == ["bob's note", ""]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_token_opens_every_format_and_a_private_collection_none(
    api: Api, alice: Person, format_: str
) -> None:
    collection = alice.collection(visibility="unlisted")
    token = alice.post(f"/collections/{collection['id']}/share-tokens", {}).json()["token"]
    path = f"/collections/{collection['id']}/export?format={format_}"
    assert api.stranger.get(f"{path}&token={token}").status_code == 200
    refused(api.stranger.get(path), 404, "not_found")
    alice.patch(f"/collections/{collection['id']}/visibility", {"visibility": "private"})
    refused(api.stranger.get(f"{path}&token={token}"), 404, "not_found")


def test_others_are_counted_in_every_format(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    for format_ in FORMATS:
        carried(api.person("bob"), collection, f"format={format_}")
    assert alice.get(f"/collections/{collection['id']}").json()["counters"]["exports"] == 3


def test_a_byte_order_mark_is_there_when_wanted(alice: Person, full: dict[str, Any]) -> None:
    plain, marked = (carried(alice, full, f"format=csv&bom={bom}") for bom in ("false", "true"))
    assert marked.content == b"\xef\xbb\xbf" + plain.content
    assert carried(alice, full, "format=csv").content == plain.content


@pytest.mark.parametrize("format_", ["json", "html"])
def test_a_byte_order_mark_goes_with_a_table_only(alice: Person, full: dict[str, Any], format_: str) -> None:
    answer = alice.get(f"/collections/{full['id']}/export?format={format_}&bom=true")
    assert pointers(refused(answer, 422, "invalid")) == {"?bom"}


def test_no_cell_of_a_table_is_a_formula(alice: Person) -> None:
    collection = alice.collection()
    for number, begin in enumerate("=+-@\t\r"):
        text = f"{begin}cmd|' /C calc'!A{number}"
        listing = alice.listing(title=text, seller=text, notes=text, device_model=text, listing_url=None)
        alice.item(collection, listing, notes=text, private_notes=text)
    lines = table(carried(alice, collection, "format=csv"))
    assert [cell for line in lines for cell in line.values() if cell[:1] in tuple("=+-@\t\r")] == []
    assert sum(cell.startswith("'") for line in lines for cell in line.values()) == 6 * 6


@pytest.mark.parametrize("format_", FORMATS)
def test_five_hundred_items_are_carried_away_in_four_queries(
    alice: Person, statements: list[str], format_: str
) -> None:
    collection = alice.collection()
    fill(collection, alice.listing(performance=None), facts.COLLECTION_ITEMS)
    statements.clear()
    answer = carried(alice, collection, f"format={format_}")
    assert len(statements) <= 4, statements
    assert answer.text.count("ebay") == facts.COLLECTION_ITEMS


def test_a_table_too_large_to_answer_is_fetched_from_an_address(alice: Person, heavy: dict[str, Any]) -> None:
    answer = alice.get(f"/collections/{heavy['id']}/export?format=csv")
    assert answer.status_code == 302
    fetched = httpx.get(answer.headers["location"])
    assert fetched.headers["content-type"] == "text/csv; charset=utf-8"
    assert unquote(fetched.headers["content-disposition"]).endswith("UTF-8''Zoë's heavy ones.csv")
    assert len(table(fetched)) == facts.COLLECTION_ITEMS

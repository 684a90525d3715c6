"""Listings: what a person says of an offer, what follows from it, and who finds it."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest

from dealbrain import units
from dealbrain.catalog import Entry
from tests.makers import LATITUDE, Api, Person, load_catalog, made, pointers, refused
from tests.makers import deal_file as file_of

A_DAY = timedelta(days=1)
NO_SUCH_ID = 999_999
# Four processors: half of them slower than the one in the middle.
CATALOG = (
    Entry("Intel Core i5-8250U @ 1.60GHz", 5000, 1800, 15, 4, 8, 2017),
    Entry("Intel Core i5-8350U @ 1.70GHz", 6000, 2000, 15, 4, 8, 2017),
    Entry("Intel Core i5-8365U @ 1.60GHz", 6200, 2100, 25, 4, 8, 2019),
    Entry("AMD Ryzen 7 5700G", 24000, 3200, 65, 8, 16, 2021),
)

# What LATITUDE is worth: 16 GB of DDR4, 512 GB NVMe, 6000 multi-thread marks, used.
CENT = Decimal("0.01")
RAM_WORTH = round(16 * units.DDR4_PER_GB, 2)
DISK_WORTH = round(512 * units.SSD_PER_GB, 2)
BARE_WORTH = round(units.MACHINE + 6000 * units.CPU_PER_MULTI_MARK, 2)
FAIR = BARE_WORTH + RAM_WORTH + DISK_WORTH
# The highest prices at which it is a great deal, and a fair one.
GREAT_MOST = (FAIR / Decimal("1.15")).quantize(CENT, ROUND_FLOOR)
FAIR_MOST = (FAIR / Decimal("0.95")).quantize(CENT, ROUND_FLOOR)


def changed(person: Person, listing: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = person.patch(f"/listings/{listing['id']}", fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def titles(person: Person, **filters: Any) -> list[str]:
    """The titles of the first page of listings, in the order answered."""
    answer = person.get("/listings", params=filters)
    assert answer.status_code == 200, answer.text
    return [one["title"] for one in answer.json()["items"]]


# --------------------------------------------------------------------------------------- what was said


def test_a_new_listing_says_what_was_sent(alice: Person) -> None:
    sent = {
        **LATITUDE,
        "condition": "refurb",
        "status": "pending",
        "price_date": "2026-02-03T04:05:06Z",
        "other_urls": [{"url": "https://shop.example/1", "label": "also here"}],
        "device_model": "Latitude 7490",
        "notes": "ask for the charger",
        "custom_fields": {"zeta": 1, "alpha": [True, None]},
    }
    answer = made(alice.post("/listings", sent))
    performance = answer["performance"]
    assert {name: answer[name] for name in sent.keys() - {"performance"}} == {
        name: value for name, value in sent.items() if name != "performance"
    }
    assert performance["cpu"] == {**LATITUDE["performance"]["cpu"], "manufacturer": "Intel"}
    assert performance["ram"] == LATITUDE["performance"]["ram"]


def test_a_listing_needs_no_more_than_a_title(alice: Person) -> None:
    answer = made(alice.post("/listings", {"title": "A box"}))
    assert (answer["condition"], answer["status"]) == ("used", "active")
    assert answer["custom_fields"] == {}
    assert answer["other_urls"] == []
    unsaid = ("price_usd", "price_date", "listing_url", "seller", "device_model", "notes", "performance")
    assert {answer[name] for name in unsaid} == {None}


def test_what_is_read_is_what_creating_answered(alice: Person) -> None:
    listing = alice.listing()
    assert alice.get(f"/listings/{listing['id']}").json() == listing


def test_a_listing_names_its_owner_by_username(alice: Person) -> None:
    assert alice.listing()["owner"] == "alice"


def test_free_objects_keep_the_order_and_spelling_of_what_was_sent(alice: Person) -> None:
    listing = alice.listing(custom_fields={"b": 1, "a": 2, "10": -0.0})
    assert alice.get(f"/listings/{listing['id']}").text.count('"custom_fields":{"b":1,"a":2,"10":-0.0}') == 1


@pytest.mark.parametrize(
    ("sent", "spelled"), [(399, "399"), (399.00, "399"), (399.5, "399.5"), (0.07, "0.07")]
)
def test_money_is_a_plain_number(alice: Person, sent: float, spelled: str) -> None:
    listing = alice.listing(price_usd=sent, performance=None)
    text = alice.get(f"/listings/{listing['id']}").text
    assert f'"price_usd":{spelled},' in text
    assert f'"base_price_usd":{spelled},' in text


def test_every_problem_of_a_request_is_told_at_once(alice: Person) -> None:
    problem = refused(
        alice.post(
            "/listings",
            {
                "title": " ",
                "price_usd": 1.999,
                "listing_url": "javascript:alert(1)",
                "condition": "good",
                "surprise": 1,
                "performance": {"ram": {"total_gb": "16"}, "metrics": {"score_gpu": 1}},
                "custom_fields": {"_price_unknown": True},
            },
        ),
        422,
        "invalid",
    )
    assert pointers(problem) == {
        "/title",
        "/price_usd",
        "/listing_url",
        "/condition",
        "/surprise",
        "/performance/ram/total_gb",
        "/performance/metrics",
        "/custom_fields",
    }


@pytest.mark.parametrize(
    "change", [{"custom_fields": {"_mine": 1}}, {"performance": {"metrics": {}}}, {"id": 5}]
)
def test_an_edit_refuses_what_creating_refuses(alice: Person, change: dict[str, Any]) -> None:
    listing = alice.listing()
    refused(alice.patch(f"/listings/{listing['id']}", change), 422, "invalid")
    assert alice.get(f"/listings/{listing['id']}").json() == listing


# ------------------------------------------------------------------------------------------------ edit

CLEARED = [
    "price_usd",
    "price_date",
    "listing_url",
    "seller",
    "device_model",
    "notes",
    "performance",
    "metadata",
]


@pytest.mark.parametrize("name", CLEARED)
def test_null_clears_a_field(alice: Person, name: str) -> None:
    full = {"price_date": "2026-02-03T04:05:06Z", "device_model": "7490", "notes": "n"}
    listing = alice.listing(**full)
    assert listing[name] is not None
    assert changed(alice, listing, **{name: None})[name] is None


@pytest.mark.parametrize(("name", "empty"), [("other_urls", []), ("custom_fields", {})])
def test_null_empties_a_list_or_object(alice: Person, name: str, empty: object) -> None:
    listing = alice.listing(other_urls=[{"url": "https://a.example"}], custom_fields={"a": 1})
    assert listing[name] != empty
    assert changed(alice, listing, **{name: None})[name] == empty


@pytest.mark.parametrize("name", ["title", "condition", "status"])
def test_null_is_refused_for_what_every_listing_has(alice: Person, name: str) -> None:
    listing = alice.listing()
    problem = refused(alice.patch(f"/listings/{listing['id']}", {name: None}), 422, "invalid")
    assert pointers(problem) == {f"/{name}"}


def test_absent_fields_stay(alice: Person) -> None:
    listing = alice.listing(notes="n", custom_fields={"a": 1}, seller="s")
    after = changed(alice, listing, device_model="7490")
    moved = {"device_model", "updated_at"}
    assert {name for name in after if after[name] != listing[name]} == moved


def test_a_nested_object_is_replaced_whole(alice: Person) -> None:
    listing = alice.listing()
    after = changed(alice, listing, performance={"ram": {"total_gb": 8}})
    assert after["performance"] == {"ram": {"total_gb": 8}, "components": []}


def test_only_the_owner_edits(api: Api, alice: Person) -> None:
    listing = alice.listing()
    for other, status, code in (
        (api.person("bob"), 404, "not_found"),
        (api.stranger, 401, "unauthenticated"),
    ):
        refused(other.patch(f"/listings/{listing['id']}", {"title": "mine now"}), status, code)
        refused(other.delete(f"/listings/{listing['id']}"), status, code)
    assert alice.get(f"/listings/{listing['id']}").json() == listing


# -------------------------------------------------------------------------------- what follows from it


def test_the_valuation_leads_from_the_price_to_the_bare_machine(alice: Person) -> None:
    valuation = alice.listing(price_usd=299.99)["valuation"]
    breakdown = valuation["valuation_breakdown"]
    steps = [(step["rule_name"], step["adjustment"]) for step in breakdown["adjustments"]]
    adjusted = float(Decimal("299.99") - RAM_WORTH - DISK_WORTH)
    assert steps == [("RAM", float(-RAM_WORTH)), ("Primary storage", float(-DISK_WORTH))]
    assert (valuation["base_price_usd"], valuation["adjusted_price_usd"]) == (299.99, adjusted)
    assert (breakdown["base_price"], breakdown["final_price"]) == (299.99, adjusted)


def test_the_fair_value_adds_up_from_the_processor(alice: Person) -> None:
    listing = alice.listing()
    breakdown = listing["fair_value_breakdown"]
    assert breakdown["base_price"] == float(BARE_WORTH)
    assert listing["fair_value_usd"] == breakdown["final_price"] == float(FAIR)


@pytest.mark.parametrize(
    ("price", "tier", "verdict"),
    [
        (GREAT_MOST, "great", "Our estimate is about 15 % above the price."),
        (GREAT_MOST + CENT, "good", "Our estimate is about 14 % above the price."),
        (FAIR, "fair", "Our estimate is about the price."),
        (FAIR_MOST, "fair", "Our estimate is about 5 % below the price."),
        (FAIR_MOST + CENT, "premium", "Our estimate is about 6 % below the price."),
    ],
)
def test_the_tier_follows_from_fair_value_and_price(
    alice: Person, price: Decimal, tier: str, verdict: str
) -> None:
    listing = alice.listing(price_usd=float(price))
    assert (listing["tier"], listing["verdict"].partition(". ")[0] + ".") == (tier, verdict)


def test_without_a_price_there_is_an_estimate_but_no_tier(alice: Person) -> None:
    listing = alice.listing(price_usd=None)
    assert (listing["fair_value_usd"], listing["tier"]) == (float(FAIR), None)
    assert "; price unknown. " in listing["verdict"]
    assert listing["valuation"]["adjusted_price_usd"] is None


def test_without_a_processor_the_verdict_says_why_there_is_no_tier(alice: Person) -> None:
    listing = alice.listing(performance={"ram": {"total_gb": 16}})
    assert (listing["fair_value_usd"], listing["tier"]) == (None, None)
    assert listing["verdict"] == "No estimate, because the CPU is not known."


def test_without_ram_and_storage_the_estimate_is_a_guess_that_says_what_it_supposes(alice: Person) -> None:
    listing = alice.listing(performance={"cpu": LATITUDE["performance"]["cpu"]})
    assert listing["verdict"].startswith("Our rough guess is about ")
    assert listing["verdict"].endswith(" the price. Supposed: 8 GB RAM, 128 GB storage.")
    assert float(BARE_WORTH) < listing["fair_value_usd"] < float(FAIR)
    assert listing["tier"] is not None
    assert listing["valuation"]["adjusted_price_usd"] == listing["price_usd"]


def test_scores_are_percent_ranks_in_the_catalog(alice: Person) -> None:
    load_catalog(*CATALOG)
    metrics = alice.listing()["performance"]["metrics"]
    # 6000 multi: one of four below, one equal; 2100 single: two below, one equal. Weights 5 and 3.
    assert (metrics["score_cpu_multi"], metrics["score_cpu_single"]) == (37.5, 62.5)
    assert metrics["score_composite"] == 46.9


def test_dollars_per_mark_are_of_the_price_and_of_the_bare_machine(alice: Person) -> None:
    metrics = alice.listing(price_usd=300)["performance"]["metrics"]
    assert (metrics["dollar_per_cpu_mark_multi"], metrics["dollar_per_cpu_mark_multi_adjusted"]) == (
        0.05,
        float(round((300 - RAM_WORTH - DISK_WORTH) / 6000, 4)),
    )
    assert metrics["perf_per_watt"] == 400


def test_a_processor_takes_what_was_not_said_from_the_catalog(alice: Person) -> None:
    load_catalog(*CATALOG)
    cpu = alice.listing(performance={"cpu": {"name": "i5 8350U", "tdp_w": 12}})["performance"]["cpu"]
    assert cpu == {
        "name": "i5 8350U",
        "manufacturer": "Intel",
        "cpu_mark_multi": 6000,
        "cpu_mark_single": 2000,
        "tdp_w": 12,
        "cores": 4,
        "threads": 8,
        "release_year": 2017,
    }


def test_a_family_name_takes_the_medians_of_its_family_marked_as_estimated(alice: Person) -> None:
    load_catalog(*CATALOG)
    said = {**LATITUDE["performance"], "cpu": {"name": "Intel Core i5 8th Gen"}}
    listing = alice.listing(performance=said)
    cpu = listing["performance"]["cpu"]
    assert (cpu["cpu_mark_multi"], cpu["cpu_mark_single"], cpu["tdp_w"]) == (6000, 2000, 15)
    assert cpu["estimated"] is True
    assert " the price, by CPU family. " in listing["verdict"]


def test_marks_that_were_said_are_not_marked_as_estimated(alice: Person) -> None:
    load_catalog(*CATALOG)
    cpu = {"name": "Intel Core i5 8th Gen", "cpu_mark_multi": 5500}
    assert "estimated" not in alice.listing(performance={"cpu": cpu})["performance"]["cpu"]


def test_estimated_cannot_be_said(alice: Person) -> None:
    body = {"title": "x", "performance": {"cpu": {"name": "i5", "estimated": True}}}
    assert pointers(refused(alice.post("/listings", body), 422, "invalid")) == {"/performance/cpu/estimated"}


def test_an_estimate_follows_the_name_when_it_is_made_exact(alice: Person) -> None:
    load_catalog(*CATALOG)
    listing = alice.listing(performance={"cpu": {"name": "Intel Core i5 8th Gen"}})
    cpu = changed(alice, listing, performance={"cpu": {"name": "i5-8365U"}})["performance"]["cpu"]
    assert (cpu["cpu_mark_multi"], cpu.get("estimated")) == (6200, None)


@pytest.mark.parametrize(
    ("name", "manufacturer"), [("Ryzen 5 5600G", "AMD"), ("Zhaoxin KX-6780A", "Unknown")]
)
def test_a_manufacturer_that_was_not_said_is_known_by_the_name_or_unknown(
    alice: Person, name: str, manufacturer: str
) -> None:
    cpu = alice.listing(performance={"cpu": {"name": name}})["performance"]["cpu"]
    assert cpu["manufacturer"] == manufacturer


def test_the_manufacturer_of_a_graphics_card_may_be_left_out_too(alice: Person) -> None:
    gpu = alice.listing(performance={"gpu": {"name": "Mystery 9000", "gpu_mark": 1000}})["performance"]["gpu"]
    assert gpu["manufacturer"] == "Unknown"


# ----------------------------------------------------------------------------------------------- as of


def as_of(api: Api, listing: dict[str, Any], **fields: Any) -> tuple[str, str]:
    """The dates before and after an edit made a day later."""
    later = changed(api.later("alice", A_DAY), listing, **fields)
    return listing["as_of"], later["as_of"]


@pytest.mark.parametrize(
    "change",
    [{"title": "Another title"}, {"notes": "seen"}, {"seller": "Somebody"}, {"price_usd": 299.99}, {}],
    ids=repr,
)
def test_the_date_stays_when_price_and_valuation_do(api: Api, alice: Person, change: dict[str, Any]) -> None:
    before, after = as_of(api, alice.listing(), **change)
    assert after == before


@pytest.mark.parametrize(
    "change",
    [{"price_usd": 300}, {"price_usd": None}, {"condition": "new"}, {"performance": None}],
    ids=repr,
)
def test_the_date_moves_with_price_and_valuation(api: Api, alice: Person, change: dict[str, Any]) -> None:
    before, after = as_of(api, alice.listing(), **change)
    assert datetime.fromisoformat(after) - datetime.fromisoformat(before) == A_DAY


def test_a_new_listing_is_judged_as_of_its_day(alice: Person) -> None:
    before = datetime.now(UTC).date().isoformat()
    shown = alice.listing()["as_of"]
    assert before <= shown <= datetime.now(UTC).date().isoformat()


def test_an_edit_moves_the_time_of_the_update_and_not_of_the_creation(api: Api, alice: Person) -> None:
    listing = alice.listing()
    after = changed(api.later("alice", A_DAY), listing, notes="seen")
    assert after["created_at"] == listing["created_at"]
    moved = datetime.fromisoformat(after["updated_at"]) - datetime.fromisoformat(listing["updated_at"])
    assert A_DAY <= moved < A_DAY + timedelta(minutes=1)


# ------------------------------------------------------------------------------ what is the owner's only


def imported(person: Person, **listing: Any) -> dict[str, Any]:
    """A listing that came from a file."""
    preview = made(person.post("/listings/import", file_of(**listing)))
    body = {"preview_id": preview["preview_id"], "merge_strategy": "create_new"}
    done = made(person.post("/listings/import/confirm", body))
    found: dict[str, Any] = person.get(f"/listings/{done['id']}").json()
    return found


KEPT = {"_theirs": {"x": 1}, "shelf": "B"}


def test_reserved_keys_from_a_file_are_hidden(alice: Person) -> None:
    assert imported(alice, custom_fields=KEPT)["custom_fields"] == {"shelf": "B"}


@pytest.mark.parametrize("sent", [{"shelf": "C"}, {}, None])
def test_reserved_keys_from_a_file_survive_an_edit(alice: Person, sent: dict[str, Any] | None) -> None:
    listing = imported(alice, custom_fields=KEPT)
    assert changed(alice, listing, custom_fields=sent)["custom_fields"] == (sent or {})
    file = alice.get(f"/listings/{listing['id']}/export").json()
    assert file["data"]["listing"]["custom_fields"] == {"_theirs": {"x": 1}, **(sent or {})}


@pytest.mark.parametrize("who", ["bob", None])
def test_notes_and_custom_fields_are_not_in_what_others_read(
    api: Api, alice: Person, who: str | None
) -> None:
    listing = alice.listing(notes="pay 200", custom_fields={"shelf": "B"})
    other = api.person(who) if who else api.stranger
    alone = other.get(f"/listings/{listing['id']}").json()
    (in_list,) = other.get("/listings").json()["items"]
    assert alone == in_list == {n: v for n, v in listing.items() if n not in {"notes", "custom_fields"}}


def test_the_owner_finds_their_notes_in_the_list(alice: Person) -> None:
    listing = alice.listing(notes="pay 200", custom_fields={"shelf": "B"})
    assert alice.get("/listings").json()["items"] == [listing]


# ---------------------------------------------------------------------------------------------- delete


def test_a_deleted_listing_is_gone(alice: Person) -> None:
    listing = alice.listing()
    assert alice.delete(f"/listings/{listing['id']}").status_code == 204
    refused(alice.get(f"/listings/{listing['id']}"), 404, "not_found")
    refused(alice.delete(f"/listings/{listing['id']}"), 404, "not_found")


def test_a_deleted_listing_leaves_its_owners_collections(alice: Person) -> None:
    listing, collection = alice.listing(), alice.collection()
    alice.item(collection, listing)
    alice.delete(f"/listings/{listing['id']}")
    after = alice.get(f"/collections/{collection['id']}").json()
    assert (after["items"], after["revision"]) == ([], 3)
    refused(alice.get(f"/listings/{listing['id']}"), 404, "not_found")


@pytest.fixture
def orphan(api: Api, alice: Person) -> dict[str, Any]:
    """A listing its owner deleted after somebody else had collected it."""
    listing = imported(alice, notes="pay 200", custom_fields=KEPT, x_vendor="kept")
    bob = api.person("bob")
    bob.item(bob.collection("Bob's"), listing)
    assert alice.delete(f"/listings/{listing['id']}").status_code == 204
    return listing


def test_what_others_collected_stays_archived_and_nobodys(api: Api, orphan: dict[str, Any]) -> None:
    after = api.stranger.get(f"/listings/{orphan['id']}").json()
    assert (after["owner"], after["status"], after["title"]) == (None, "archived", orphan["title"])


def test_what_others_collected_stays_in_their_collection(api: Api, orphan: dict[str, Any]) -> None:
    (item,) = api.person("bob").get("/collections/1").json()["items"]
    assert item["listing"]["id"] == orphan["id"]


def test_what_others_collected_loses_what_was_private(
    api: Api, alice: Person, orphan: dict[str, Any]
) -> None:
    for person in (alice, api.person("bob"), api.stranger):
        file = person.get(f"/listings/{orphan['id']}/export").text
        shown = person.get(f"/listings/{orphan['id']}").text
        assert not any(mark in file + shown for mark in ("pay 200", "_theirs", "shelf", "x_vendor"))


def test_what_is_nobodys_leaves_all_lists(api: Api, alice: Person, orphan: dict[str, Any]) -> None:
    alice.listing(title="still there")
    assert titles(api.stranger) == ["still there"]
    assert titles(api.stranger, q=orphan["title"]) == []


def test_what_is_nobodys_is_edited_by_nobody(api: Api, alice: Person, orphan: dict[str, Any]) -> None:
    for person in (alice, api.person("bob")):
        refused(person.patch(f"/listings/{orphan['id']}", {"title": "mine"}), 404, "not_found")


# ------------------------------------------------------------------------------------------------ lists

CHEAP = {"title": "Cheap HP box", "price_usd": 100, "condition": "used"}
DEAR = {"title": "Dear HP box", "price_usd": 2000, "condition": "new"}


@pytest.fixture
def market(api: Api) -> Person:
    """Two people's offers, every one of which differs from the next in one filter."""
    load_catalog(*CATALOG)
    alice, bob = api.person("alice"), api.person("bob")
    fast, slow = (
        {**LATITUDE["performance"], "cpu": {"name": name}} for name in ("Ryzen 7 5700G", "i5-8250U")
    )
    alice.listing(**CHEAP, performance=fast)
    alice.listing(**DEAR, performance=fast)
    alice.listing(**(CHEAP | {"title": "Cheap Dell box"}), performance=fast)
    alice.listing(**(CHEAP | {"title": "Slow HP box", "price_usd": 40}), performance=slow)
    bob.listing(**(CHEAP | {"title": "Bob's HP box"}), performance=fast)
    bob.listing(title="Nothing known of this HP", price_usd=None, performance=None)
    return api.stranger


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"q": "dell"}, ["Cheap Dell box"]),
        ({"q": "box CHEAP"}, ["Cheap HP box", "Cheap Dell box"]),
        ({"owner": "bob"}, ["Bob's HP box", "Nothing known of this HP"]),
        ({"condition": "new"}, ["Dear HP box"]),
        ({"tier": "premium"}, ["Dear HP box"]),
        ({"cpu": "8250u"}, ["Slow HP box"]),
        ({"min_price": "2000"}, ["Dear HP box"]),
        ({"max_price": "40.00"}, ["Slow HP box"]),
        ({"min_price": "40.01", "max_price": "100"}, ["Cheap HP box", "Cheap Dell box", "Bob's HP box"]),
        ({"owner": "nobody-here"}, []),
    ],
    ids=repr,
)
def test_every_filter_narrows(market: Person, filters: dict[str, str], found: list[str]) -> None:
    assert sorted(titles(market, **filters)) == sorted(found)


ALL_FILTERS = {
    "q": "hp box",
    "owner": "alice",
    "condition": "used",
    "tier": "great",
    "cpu": "ryzen",
    "min_price": "50",
    "max_price": "500",
}


@pytest.mark.parametrize("sort", ["recent", "price", "score"])
def test_all_filters_combine_with_every_sort(market: Person, sort: str) -> None:
    assert titles(market, **ALL_FILTERS, sort=sort) == ["Cheap HP box"]


@pytest.mark.parametrize(
    "left_out", sorted(ALL_FILTERS.keys() - {"tier", "condition", "min_price", "max_price"})
)
def test_each_of_the_combined_filters_counts(market: Person, left_out: str) -> None:
    others = {name: value for name, value in ALL_FILTERS.items() if name != left_out}
    if left_out == "cpu":
        others["min_price"] = "1"
    assert set(titles(market, **others)) > {"Cheap HP box"}


def test_recent_is_newest_first(market: Person) -> None:
    assert titles(market, sort="recent")[::5] == ["Nothing known of this HP", "Cheap HP box"]


def test_price_is_lowest_first_and_unknown_prices_are_last(market: Person) -> None:
    found = titles(market, sort="price")
    assert (found[0], found[-2], found[-1]) == ("Slow HP box", "Dear HP box", "Nothing known of this HP")


def test_score_is_highest_first_and_unknown_scores_are_last(market: Person) -> None:
    assert titles(market, sort="score")[-2:] == ["Slow HP box", "Nothing known of this HP"]


@pytest.mark.parametrize(
    ("typed", "found"), [("100%", ["100% wool"]), ("a_b", ["a_b"]), ("k\\s", ["back\\slash"])]
)
def test_wildcards_people_type_are_letters(alice: Person, typed: str, found: list[str]) -> None:
    for title in ("100% wool", "100 wool", "a_b", "axb", "back\\slash"):
        alice.listing(title=title)
    assert titles(alice, q=typed) == found
    assert titles(alice, cpu=typed) == []


def test_words_are_looked_for_in_title_seller_and_model(alice: Person) -> None:
    alice.listing(title="One", seller="Kiosk Nord", device_model="Z-100")
    alice.listing(title="Two")
    assert titles(alice, q="one nord z-1") == ["One"]


@pytest.mark.parametrize(
    "query",
    [
        "sort=cheapest",
        "sort=",
        "limit=0",
        "limit=101",
        "limit=1.5",
        "min_price=-1",
        "min_price=1.999",
        "max_price=NaN",
        "tier=superb",
        "condition=good",
        "page=2",
        "q=" + "x" * 201,
    ],
)
def test_a_wrong_or_unknown_parameter_is_refused_by_its_name(api: Api, query: str) -> None:
    problem = refused(api.stranger.get(f"/listings?{query}"), 422, "invalid")
    assert pointers(problem) == {"?" + query.partition("=")[0]}


def walk(person: Person, between: Any = lambda: None, **filters: Any) -> list[str]:
    """All titles, page by page, with something happening between the pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = person.get("/listings", params={**filters, **more}).json()
        found += [one["title"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        between()


@pytest.mark.parametrize("sort", ["recent", "price", "score"])
def test_pages_hold_together_while_others_insert(alice: Person, sort: str) -> None:
    for number in range(5):
        alice.listing(title=f"old {number}", price_usd=100)
    # Equal prices, equal scores: only the id tells them apart.
    found = walk(alice, lambda: alice.listing(title="new", price_usd=100), sort=sort, limit=2)
    assert sorted(title for title in found if title != "new") == [f"old {number}" for number in range(5)]


def test_a_deleted_listing_does_not_shift_the_pages(alice: Person) -> None:
    listings = [alice.listing(title=f"{number}") for number in range(4)]
    page = alice.get("/listings", params={"limit": 2}).json()
    alice.delete(f"/listings/{listings[3]['id']}")
    assert titles(alice, limit=2, cursor=page["next_cursor"]) == ["1", "0"]


def test_the_last_page_says_that_it_is_the_last(alice: Person) -> None:
    for number in range(2):
        alice.listing(title=f"{number}")
    assert alice.get("/listings", params={"limit": 2}).json()["next_cursor"] is None


def test_a_page_is_of_twenty_unless_asked_otherwise(alice: Person) -> None:
    for number in range(21):
        alice.listing(title=f"{number}", performance=None)
    assert len(titles(alice)) == 20
    assert len(titles(alice, limit=100)) == 21


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "bnVsbA", "%C3%A9", "W251bGwsbnVsbCxudWxsXQ", "!!!!", "a" * 501]
)
def test_a_forged_cursor_is_refused(api: Api, cursor: str) -> None:
    problem = refused(api.stranger.get(f"/listings?cursor={cursor}"), 422, "invalid")
    assert pointers(problem) == {"?cursor"}


def test_a_cursor_of_another_order_is_refused(alice: Person) -> None:
    for number in range(2):
        alice.listing(title=f"{number}")
    cursor = alice.get("/listings", params={"limit": 1, "sort": "price"}).json()["next_cursor"]
    assert alice.get("/listings", params={"sort": "price", "cursor": cursor}).status_code == 200
    refused(alice.get("/listings", params={"sort": "score", "cursor": cursor}), 422, "invalid")


@pytest.mark.parametrize("listing_id", [NO_SUCH_ID, 0, -1, "x", 2**63, 2**63 - 1, "1.0", "%00", "01"])
def test_an_id_that_names_no_listing_is_not_found(api: Api, alice: Person, listing_id: object) -> None:
    alice.listing()
    refused(api.stranger.get(f"/listings/{listing_id}"), 404, "not_found")

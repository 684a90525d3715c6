"""Files coming in: what a preview shows, what a confirm does, and that it happens wholly or not at all."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import batched, combinations_with_replacement
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dealbrain import db, document, facts, importing, jsontext, matching, offering, reading, resembling
from dealbrain.document import CollectionFile, DealFile, Envelope
from dealbrain.errors import Malformed
from dealbrain.identity import Person as Caller
from dealbrain.matching import Offer
from dealbrain.shapes import NewListing
from tests.makers import (
    LATITUDE,
    Api,
    Person,
    collection_file,
    deal_data,
    deal_file,
    fill,
    made,
    pointers,
    refused,
    rows,
)
from tests.test_document import COLLECTION_FILES, DEAL_FILES
from tests.test_exporting import STRICT

SAMPLES = Path(__file__).parent / "golden" / "samples"
A_MINUTE = timedelta(minutes=1)
NO_SUCH_ID = 999_999
T480 = "Lenovo ThinkPad T480"


def preview(person: Person, whole: Any) -> dict[str, Any]:
    """Send a file to the address for its type."""
    kind = "listings" if whole["deal_brain_export"]["type"] == "deal" else "collections"
    return person.preview(kind, jsontext.dumps(whole).encode())


def confirm(person: Person, shown: Mapping[str, Any], strategy: str, **more: Any) -> httpx.Response:
    kind = "listings" if shown["type"] == "deal" else "collections"
    body = {"preview_id": shown["preview_id"], "merge_strategy": strategy, **more}
    return person.post(f"/{kind}/import/confirm", body)


def suggested(person: Person, shown: Mapping[str, Any]) -> httpx.Response:
    """Confirm exactly what a preview suggests."""
    top = shown["collection"]["duplicates"] if shown["collection"] else shown["duplicates"]
    target = {"update_existing": "target_listing_id", "merge_items": "target_collection_id"}
    strategy = shown["suggested_strategy"]
    more = {target[strategy]: top[0]["entity_id"]} if strategy in target else {}
    return confirm(person, shown, strategy, **more)


def created(person: Person, whole: Any) -> dict[str, Any]:
    """Import a file anew, every row of it, and answer what was made."""
    shown = preview(person, whole)
    everything = [{"index": row["index"], "decision": "create"} for row in shown["rows"]]
    more = {"decisions": everything} if shown["type"] == "collection" else {}
    return made(confirm(person, shown, "create_new", **more))


def read(person: Person, path: str) -> Any:
    answer = person.get(path)
    assert answer.status_code == 200, answer.text
    return jsontext.loads(answer.content)


def row_of(person: Person, **listing: Any) -> dict[str, Any]:
    """The one row of the preview of a file of one deal."""
    (row,) = preview(person, deal_file(**listing))["rows"]
    found: dict[str, Any] = row
    return found


# --------------------------------------------------------------------------------------------- preview


def test_a_preview_shows_a_file_that_is_new_to_us(alice: Person) -> None:
    shown = preview(alice, deal_file(created_at="2026-01-01T00:00:00Z"))
    UUID(shown.pop("preview_id"))
    expires = datetime.fromisoformat(shown.pop("expires_at")) - datetime.now(UTC)
    assert facts.PREVIEW_LIFE - A_MINUTE < expires <= facts.PREVIEW_LIFE
    row = {"index": 0, "title": T480, "outcome": "new", "suggested": "create"}
    assert shown == {
        "type": "deal",
        "suggested_strategy": "create_new",
        "collection": None,
        "rows": [{**row, "duplicates": [], "variants": [], "warnings": []}],
        "duplicates": [],
        "warnings": [],
        "refused": [],
    }


def test_a_cancelled_preview_has_left_nothing_behind(api: Api, alice: Person) -> None:
    alice.listing(title=T480)
    before = api.state()
    shown = preview(alice, collection_file(deal_data(), deal_data(title="Another")))
    assert api.state() != before
    assert alice.delete(f"/imports/{shown['preview_id']}").status_code == 204
    assert api.state() == before


def test_a_preview_can_be_opened_again(alice: Person) -> None:
    alice.listing(title=T480)
    shown = preview(alice, collection_file(deal_data(), deal_data(title="Another")))
    again = read(alice, f"/imports/{shown['preview_id']}")
    assert again == {**shown, "state": "open", "progress": {"done": 2, "total": 2}}


def test_a_used_preview_says_so(alice: Person) -> None:
    shown = preview(alice, deal_file())
    made(confirm(alice, shown, "create_new"))
    assert read(alice, f"/imports/{shown['preview_id']}")["state"] == "used"


def every_use(person: Person, shown: Mapping[str, Any]) -> list[httpx.Response]:
    path = f"/imports/{shown['preview_id']}"
    return [person.get(path), person.delete(path), confirm(person, shown, "create_new")]


def test_a_cancelled_preview_is_unknown(alice: Person) -> None:
    shown = preview(alice, deal_file())
    alice.delete(f"/imports/{shown['preview_id']}")
    for answer in every_use(alice, shown):
        refused(answer, 404, "not_found")


def test_a_preview_that_never_was_is_unknown(alice: Person) -> None:
    for answer in every_use(alice, {"preview_id": str(uuid4()), "type": "deal"}):
        refused(answer, 404, "not_found")


def test_somebody_elses_preview_is_unknown(api: Api, alice: Person, bob: Person) -> None:
    bob.listing()
    shown = preview(alice, deal_file())
    before = api.state()
    for answer in every_use(bob, shown):
        refused(answer, 404, "not_found")
    assert api.state() == before


def test_somebody_elses_used_preview_is_unknown_too(alice: Person, bob: Person) -> None:
    shown = preview(alice, deal_file())
    made(confirm(alice, shown, "create_new"))
    for answer in every_use(bob, shown):
        refused(answer, 404, "not_found")


def test_a_preview_opens_until_it_expires(api: Api, alice: Person) -> None:
    shown = preview(alice, deal_file())
    later = api.later("alice", facts.PREVIEW_LIFE - A_MINUTE)
    assert read(later, f"/imports/{shown['preview_id']}")["state"] == "open"
    made(confirm(later, shown, "create_new"))


@pytest.mark.parametrize("late", [A_MINUTE, timedelta(hours=30)])
def test_an_expired_preview_is_gone_and_not_unknown(api: Api, alice: Person, late: timedelta) -> None:
    alice.listing()
    shown = preview(alice, deal_file())
    before = api.state()
    for answer in every_use(api.later("alice", facts.PREVIEW_LIFE + late), shown):
        refused(answer, 410, "expired")
    assert api.state() == before


def test_somebody_elses_expired_preview_stays_unknown(api: Api, alice: Person) -> None:
    shown = preview(alice, deal_file())
    for answer in every_use(api.later("bob", facts.PREVIEW_LIFE + A_MINUTE), shown):
        refused(answer, 404, "not_found")


# ------------------------------------------------------------------------------------------ wrong files


def test_every_problem_of_a_file_is_told_at_once_with_its_place(api: Api, alice: Person) -> None:
    whole = collection_file(
        deal_data(title="", price_usd="399"),
        {"listing": deal_data(listing_url="javascript:alert(1)"), "status": "perhaps", "notes": "n" * 501},
        name="n" * 101,
    )
    del whole["data"]["items"][0]["listing"]["listing"]["condition"]
    before = api.state()
    problem = refused(alice.post("/collections/import", whole), 422, "invalid")
    assert pointers(problem) == {
        "/data/collection/name",
        "/data/items/0/listing/listing/title",
        "/data/items/0/listing/listing/price_usd",
        "/data/items/0/listing/listing/condition",
        "/data/items/1/listing/listing/listing_url",
        "/data/items/1/status",
        "/data/items/1/notes",
    }
    assert api.state() == before


@pytest.mark.parametrize(
    ("address", "whole"), [("collections", deal_file()), ("listings", collection_file(deal_data()))]
)
def test_a_file_of_the_other_type_is_one_precise_error(alice: Person, address: str, whole: Any) -> None:
    problem = refused(alice.post(f"/{address}/import", whole), 422, "invalid")
    assert pointers(problem) == {"/deal_brain_export/type"}


def test_a_preview_is_confirmed_where_it_was_made(alice: Person) -> None:
    shown = preview(alice, deal_file())
    refused(confirm(alice, {**shown, "type": "collection"}, "create_new"), 404, "not_found")
    made(confirm(alice, shown, "create_new"))
    refused(confirm(alice, {**shown, "type": "collection"}, "create_new"), 404, "not_found")


def test_a_file_of_more_than_500_items_is_refused(alice: Person) -> None:
    whole = collection_file(*[deal_data(title=f"{number}") for number in range(facts.COLLECTION_ITEMS + 1)])
    assert pointers(refused(alice.post("/collections/import", whole), 422, "invalid")) == {"/data/items"}


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"a":1,"a":2}', b'{"x":NaN}', b'"\\ud800"', b'"\\u0000"', b"\xff", b"[" * 5000]
)
def test_what_is_no_json_is_no_file(api: Api, alice: Person, raw: bytes) -> None:
    before = api.state()
    answer = alice.post("/listings/import", content=raw, headers={"Content-Type": "application/json"})
    refused(answer, 400, "malformed_json")
    assert api.state() == before


def test_what_is_read_differently_is_shown_as_a_warning_where_it_stands(alice: Person) -> None:
    whole = collection_file(deal_data(), deal_data(title="Other", condition="like_new", x_vendor=1))
    whole["x_file"] = True
    shown = preview(alice, whole)
    first, second = ({(one["pointer"], one["code"]) for one in row["warnings"]} for row in shown["rows"])
    at = "/data/items/1/listing/listing"
    assert first == set()
    assert second == {(f"{at}/condition", "alias"), (f"{at}/x_vendor", "unknown_key")}
    assert {one["pointer"] for one in shown["warnings"]} == {"/x_file", f"{at}/condition", f"{at}/x_vendor"}


def test_the_older_dialect_is_read_with_a_warning(alice: Person) -> None:
    whole = jsontext.loads((SAMPLES / "nested-data-old-dialect.json").read_bytes())
    shown = preview(alice, whole)
    assert "legacy_nested_data" in {one["code"] for one in shown["warnings"]}
    made(suggested(alice, shown))


# ------------------------------------------------------------------------------- what is already there

TEN_WORDS = "one two three four five six seven eight nine ten"


def words(count: int, of: str = TEN_WORDS) -> str:
    return " ".join(of.split()[:count])


def matched(person: Person, **listing: Any) -> list[tuple[int, float]]:
    return [(one["entity_id"], one["match_score"]) for one in row_of(person, **listing)["duplicates"]]


def test_the_same_shop_address_is_the_same_offer_whatever_the_title(alice: Person) -> None:
    ours = alice.listing(title="One", listing_url="https://www.ebay.com/itm/Some-Title/256123456789?hash=x")
    row = row_of(alice, title="Quite another", listing_url="http://ebay.com/itm/256123456789/?utm_source=a#b")
    (match,) = row["duplicates"]
    assert (row["outcome"], row["suggested"]) == ("duplicate", "use_existing")
    assert (match["entity_type"], match["entity_id"], match["match_score"]) == ("listing", ours["id"], 1)
    assert match["match_reason"] == "the same shop address"


def test_another_shop_address_is_another_offer(alice: Person) -> None:
    alice.listing(title="One", listing_url="https://www.ebay.com/itm/256123456789")
    row = row_of(alice, title="Quite another", listing_url="https://www.ebay.com/itm/256123456780")
    assert (row["outcome"], row["duplicates"]) == ("new", [])


def test_the_same_title_and_seller_are_the_same_offer(alice: Person) -> None:
    ours = alice.listing(title="Dell Latitude 7490, 16 GB", seller="PC-Shop", listing_url=None)
    assert matched(alice, title="DELL  latitude 7490 16GB", seller="pc shop") == [(ours["id"], 1)]


@pytest.mark.parametrize("seller", [None, "unknown"])
def test_an_unknown_seller_is_nobody_in_particular(alice: Person, seller: str | None) -> None:
    alice.listing(title=T480, seller=seller, listing_url=None)
    row = row_of(alice, title=T480, seller=seller)
    # Similar to the last word all the same, and the reason says so.
    assert [one["match_reason"].partition(",")[0] for one in row["duplicates"]] == ["3 of 3 words"]


def test_titles_are_similar_from_seven_tenths_on(alice: Person) -> None:
    ours = alice.listing(title=TEN_WORDS, seller=None, listing_url=None)
    assert matched(alice, title=words(7)) == [(ours["id"], 0.7)]
    assert matched(alice, title=words(6)) == []
    # 9 of 13 words are 0.692.
    assert matched(alice, title=words(9) + " alpha beta gamma") == []


def test_below_certainty_a_row_is_a_duplicate_that_would_be_created(alice: Person) -> None:
    alice.listing(title=TEN_WORDS, seller=None, listing_url=None)
    row = row_of(alice, title=words(9))
    assert (row["outcome"], row["suggested"]) == ("duplicate", "create")


def test_another_capacity_is_a_variant_and_no_duplicate(alice: Person) -> None:
    title = "Dell Latitude 7490 laptop office touch 16GB RAM {}GB SSD"
    ours = alice.listing(title=title.format(256), seller=None, listing_url=None)
    shown = preview(alice, deal_file(title=title.format(512)))
    (row,) = shown["rows"]
    (variant,) = row["variants"]
    assert (row["outcome"], row["duplicates"], row["suggested"]) == ("variant", [], "create")
    assert (variant["entity_id"], variant["match_score"]) == (ours["id"], 0.9677)
    assert variant["match_reason"].startswith("a variant, not a duplicate: 256 GB and 512 GB")
    assert shown["duplicates"] == []


def test_everybodys_listings_are_compared(alice: Person, bob: Person) -> None:
    theirs = bob.listing(title=T480)
    assert matched(alice, title=T480, seller="AAA PCs") == [(theirs["id"], 1)]


@pytest.mark.parametrize("title", ["null", 'HP "Null" 340743', "{,}", 'a "quoted" back\\slash', "true 1 nan"])
def test_words_that_mean_something_to_a_database_are_words(alice: Person, title: str) -> None:
    ours = alice.listing(title=title, seller=None, listing_url=None)
    assert matched(alice, title=title) == [(ours["id"], 1)]


def test_what_is_nobodys_any_more_is_not_compared(alice: Person, bob: Person) -> None:
    listing = bob.listing(title=T480)
    alice.item(alice.collection(), listing)
    bob.delete(f"/listings/{listing['id']}")
    assert matched(alice, title=T480, seller="AAA PCs") == []


def test_a_number_in_a_file_never_finds_anything(alice: Person) -> None:
    ours = alice.listing()
    row = row_of(alice, id=ours["id"], title="Something else")
    assert row["outcome"] == "new"


def test_the_best_match_stands_first_and_among_equals_the_nearest_price(alice: Person) -> None:
    plain: dict[str, Any] = {"seller": None, "listing_url": None}
    far, near, unknown = (
        alice.listing(**plain, title=words(9), price_usd=price)["id"] for price in (90, 240, None)
    )
    best = alice.listing(**plain, title=TEN_WORDS, price_usd=999)["id"]
    found = matched(alice, title=TEN_WORDS, price_usd=250)
    assert found == [(best, 1), (near, 0.9), (far, 0.9), (unknown, 0.9)]


def test_the_differing_fields_are_shown(alice: Person) -> None:
    alice.listing(title=T480, seller="s", price_usd=299, listing_url=None, metadata=None)
    whole = deal_file(seller="s", price_usd=249.5, listing_url="https://shop.example/1")
    whole["data"]["performance"] = {
        **LATITUDE["performance"],
        "ram": {"total_gb": 8, "ddr_generation": "ddr4"},
    }
    whole["data"]["performance"]["cpu"] = {**LATITUDE["performance"]["cpu"], "manufacturer": "Intel"}
    (match,) = preview(alice, whole)["duplicates"]
    assert {one["field"]: (one["file"], one["ours"]) for one in match["differences"]} == {
        "price_usd": (249.5, 299),
        "listing_url": ("https://shop.example/1", None),
        "performance.ram": (
            {"total_gb": 8, "ddr_generation": "ddr4"},
            {"total_gb": 16, "ddr_generation": "ddr4"},
        ),
    }


def test_a_row_that_repeats_an_earlier_one_is_found_in_the_file_itself(alice: Person) -> None:
    whole = collection_file(
        deal_data(title=T480, seller="s"),
        deal_data(title="Something else"),
        deal_data(title="lenovo thinkpad T480", seller="S"),
    )
    first, second, third = preview(alice, whole)["rows"]
    assert (first["outcome"], second["outcome"]) == ("new", "new")
    assert (third["outcome"], third["suggested"]) == ("repeat", "skip")
    assert third["warnings"][0]["message"].startswith(
        "Repeats “Lenovo ThinkPad T480”, which stands before it: the same title and seller"
    )


def test_a_row_that_only_resembles_an_earlier_one_is_created_all_the_same(alice: Person) -> None:
    rows_shown = preview(alice, collection_file(deal_data(title=TEN_WORDS), deal_data(title=words(9))))[
        "rows"
    ]
    assert [(row["outcome"], row["suggested"]) for row in rows_shown] == [
        ("new", "create"),
        ("repeat", "create"),
    ]


def test_the_matches_of_all_rows_stand_together_best_first(alice: Person) -> None:
    plain: dict[str, Any] = {"seller": None, "listing_url": None}
    one, two = (alice.listing(**plain, title=title)["id"] for title in (TEN_WORDS, T480))
    shown = preview(alice, collection_file(deal_data(title=words(8)), deal_data(title=T480)))
    assert [(match["entity_id"], match["match_score"]) for match in shown["duplicates"]] == [
        (two, 1),
        (one, 0.8),
    ]


@pytest.mark.usefixtures("api")
def test_the_database_finds_the_pairs_a_comparison_of_all_with_all_finds(
    count: Callable[[int, int], int],
) -> None:
    offers = _real_offers(count(300, 1500))
    now = datetime.now(UTC)
    with db.transaction() as session:
        for username, some in zip(
            ("alice", "bob"), batched(offers, -(-len(offers) // 2), strict=False), strict=True
        ):
            who = Caller(username, username)
            for offer in some:
                offering.create(session, who, NewListing.model_validate(vars(offer)), now)
    with db.transaction() as session:
        found = resembling.listings(session, offers)
    # The listings were made in the order of the offers, so their ids count from 1.
    by_database = {
        (index, one.listing.id - 1, one.match) for index, alike in enumerate(found) for one in alike
    }
    by_brute_force = {
        (*pair, match)
        for one, other in combinations_with_replacement(range(len(offers)), 2)
        if (match := matching.similarity(offers[one], offers[other]))
        for pair in ((one, other), (other, one))
    }
    assert by_database == by_brute_force
    beyond_itself = [match for index, other, match in by_brute_force if index != other]
    kinds = {match.kind for match in beyond_itself}
    assert kinds == {"duplicate", "variant"}
    assert len(beyond_itself) > len(offers) / 10


def _real_offers(most: int) -> list[Offer]:
    """Real titles, many of them of one product; some with a seller, some with an address.

    A quarter are others without their longest words, just alike enough: a search has hardly a word left to
    find those by.
    """
    pairs = (row for row in rows("product-title-pairs.csv") if row["same_product"] == "1")
    titles = dict.fromkeys(title for row in pairs for title in (row["title_a"], row["title_b"]))
    real = [title for title in titles if len(title) <= facts.TITLE][: most * 3 // 4]
    fitting = real + [_shortest_words(title) for title in real[: most - len(real)]]
    return [
        Offer(
            title,
            f"https://shop.example/{number // 2}" if number % 7 < 2 else None,
            "PC Shop" if number % 5 == 0 else None,
            Decimal(number % 90) or None,
        )
        for number, title in enumerate(fitting)
    ]


def _shortest_words(title: str) -> str:
    every = matching.tokens(title)
    found = sorted(every, key=lambda word: (matching.weight(word), word))
    while matching.jaccard_reaches(every, frozenset(found[:-1])):
        found.pop()
    return " ".join(found)


def test_a_long_value_that_differs_is_shown_by_its_beginning(alice: Person) -> None:
    ours = alice.listing(title=T480, seller="s", notes="n" * 200, custom_fields={"a": "x" * 300})
    whole = deal_file(seller="s", notes="é" * 201, custom_fields={"a": 1})
    assert alice.get(f"/listings/{ours['id']}").json()["notes"] == "n" * 200
    found = {one["field"]: one for one in preview(alice, whole)["duplicates"][0]["differences"]}
    assert (found["notes"]["file"], found["notes"]["ours"]) == ("é" * importing.SHOWN + "…", "n" * 200)
    assert found["custom_fields"]["file"] == {"a": 1}
    beginning = '{"a":"' + "x" * 300
    assert found["custom_fields"]["ours"] == beginning[: importing.SHOWN] + "…"


def test_of_many_rows_fewer_matches_are_shown_and_of_each_its_best(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for price in (100, 250, 300):
        alice.listing(title=TEN_WORDS, seller=None, listing_url=None, price_usd=price)
    whole = collection_file(*[deal_data(title=f"{TEN_WORDS} q{number}z") for number in range(3)])

    def shown() -> list[list[int]]:
        return [[one["entity_id"] for one in row["duplicates"]] for row in preview(alice, whole)["rows"]]

    assert shown() == [[2, 3, 1]] * 3
    for most, seen in ((6, [2, 3]), (5, [2]), (1, [2])):
        monkeypatch.setattr(importing, "MATCHES", most)
        assert shown() == [seen] * 3


def test_where_no_answer_carries_all_matches_the_best_of_each_row_are_shown(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for price in (100, 250, 300):
        alice.listing(title=TEN_WORDS, seller=None, listing_url=None, price_usd=price, notes="n" * 200)
    whole = collection_file(*[deal_data(title=f"{TEN_WORDS} q{number}z") for number in range(3)])
    every = preview(alice, whole)
    assert [len(row["duplicates"]) for row in every["rows"]] == [3] * 3
    monkeypatch.setattr(importing, "ANSWER_BYTES", len(jsontext.dumps(every)) * 4 // 5)
    assert [[one["entity_id"] for one in row["duplicates"]] for row in preview(alice, whole)["rows"]] == [
        [2]
    ] * 3


def test_a_preview_that_no_answer_carries_is_refused_and_leaves_nothing(
    api: Api, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.collection()
    before = api.state()
    whole = collection_file(*[deal_data(title='"' * 200) for _ in range(20)])
    monkeypatch.setattr(importing, "ANSWER_BYTES", 20 * 4 * 200)
    assert pointers(refused(alice.post("/collections/import", whole), 422, "invalid")) == {""}
    assert api.state() == before
    monkeypatch.undo()
    preview(alice, whole)


def test_a_preview_of_more_values_than_a_file_may_have_is_confirmed(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a row resembles is said of every row, so the preview of a file has many more values than the file.
    for number in range(8):
        alice.listing(title=f"{TEN_WORDS} q{number}z", seller=None, listing_url=None)
    shown = preview(alice, collection_file(*[deal_data(title=TEN_WORDS) for _ in range(3)]))
    monkeypatch.setattr(jsontext, "JSON_VALUES", 100)
    with pytest.raises(Malformed, match="values"):
        jsontext.loads(jsontext.dumps(shown))
    assert alice.get(f"/imports/{shown['preview_id']}").json()["state"] == "open"
    made(confirm(alice, shown, "create_new"))


# Titles between which little differs, so that some pairs are the same, some variants, some neither.
_SOME_WORDS = st.sampled_from(
    [
        "dell",
        "latitude",
        "7490",
        "7480",
        "16gb",
        "8gb",
        "256",
        "gb",
        "ssd",
        "i5-8350u",
        "i7-8650u",
        "touch",
        "★",
    ]
)
_SOME_OFFERS = st.lists(
    st.builds(
        Offer,
        title=st.lists(_SOME_WORDS, min_size=1, max_size=9).map(" ".join),
        listing_url=st.sampled_from([None, "https://shop.example/1", "http://www.shop.example/1/", "/2", ""]),
        seller=st.sampled_from([None, "unknown", "PC Shop", "pc-shop", "Other"]),
        price_usd=st.sampled_from([None, Decimal(5)]),
    ),
    max_size=25,
)


def all_with_all(offers: Sequence[Offer]) -> dict[int, tuple[int, matching.Match]]:
    """What repeats an earlier offer, by comparing each with all before it."""
    found: dict[int, tuple[int, matching.Match]] = {}
    for index, offer in enumerate(offers):
        for other, earlier in enumerate(offers[:index]):
            match = matching.similarity(offer, earlier)
            if match and match.kind == "duplicate":
                found[index] = (other, match)
                break
    return found


@given(_SOME_OFFERS)
def test_the_repeats_in_a_file_are_those_a_comparison_of_all_with_all_finds(offers: list[Offer]) -> None:
    assert resembling.repeats(offers) == all_with_all(offers)


def test_the_repeats_among_real_titles_are_those_a_comparison_of_all_with_all_finds(
    count: Callable[[int, int], int],
) -> None:
    offers = _real_offers(count(300, 1500))
    found = resembling.repeats(offers)
    assert found == all_with_all(offers)
    assert len(offers) / 10 < len(found) < len(offers)


# ------------------------------------------------------------------------------------------- suggestions


def test_a_deal_of_mine_unchanged_is_to_be_skipped(alice: Person) -> None:
    listing = alice.listing(notes="mine", custom_fields={"a": 1})
    file = read(alice, f"/listings/{listing['id']}/export")
    assert preview(alice, file)["suggested_strategy"] == "skip"


def test_a_deal_of_mine_that_changed_is_to_be_updated(alice: Person) -> None:
    listing = alice.listing()
    file = read(alice, f"/listings/{listing['id']}/export")
    file["data"]["listing"]["price_usd"] = 199
    shown = preview(alice, file)
    assert shown["suggested_strategy"] == "update_existing"
    done = made(suggested(alice, shown))
    assert (done["id"], read(alice, f"/listings/{listing['id']}")["price_usd"]) == (listing["id"], 199)


@pytest.mark.parametrize("change", [{}, {"price_usd": 199}])
def test_a_deal_of_somebody_else_is_to_be_created(alice: Person, bob: Person, change: dict[str, Any]) -> None:
    file = read(alice, f"/listings/{alice.listing()['id']}/export")
    file["data"]["listing"] |= change
    shown = preview(bob, file)
    assert (shown["rows"][0]["outcome"], shown["suggested_strategy"]) == ("duplicate", "create_new")


def test_a_collection_of_a_name_of_mine_is_to_be_merged(alice: Person, bob: Person) -> None:
    for name in ("Other", "Quiet machines"):
        alice.collection(name)
    bob.collection("Quiet machines", visibility="public")
    shown = preview(alice, collection_file(deal_data(), name=" quiet MACHINES"))
    (match,) = shown["collection"]["duplicates"]
    assert shown["suggested_strategy"] == "merge_items"
    assert (match["entity_type"], match["entity_id"], match["match_score"]) == ("collection", 2, 1)


def test_a_collection_of_a_similar_name_is_shown_but_to_be_created(alice: Person) -> None:
    alice.collection(TEN_WORDS)
    shown = preview(alice, collection_file(deal_data(), name=words(8)))
    assert [match["match_score"] for match in shown["collection"]["duplicates"]] == [0.8]
    assert shown["suggested_strategy"] == "create_new"


def test_how_many_of_the_items_a_collection_has_is_told(alice: Person) -> None:
    collection = alice.collection("Quiet")
    alice.item(collection, alice.listing(title=T480, seller="s", listing_url=None))
    whole = collection_file(deal_data(title=T480, seller="s"), deal_data(title="Another"), name="Quiet")
    (match,) = preview(alice, whole)["collection"]["duplicates"]
    assert match["match_reason"] == "the same name; has 1 of the 2 listings in the file"


def test_importing_ones_own_listing_again_changes_nothing(api: Api, alice: Person) -> None:
    listing = alice.listing(notes="mine", custom_fields={"a": 1})
    shown = preview(alice, read(alice, f"/listings/{listing['id']}/export"))
    before = api.state()
    assert suggested(alice, shown).status_code == 200
    assert api.state() == before


def test_importing_ones_own_collection_again_changes_nothing(alice: Person, bob: Person) -> None:
    collection = alice.collection("Quiet", visibility="public")
    alice.item(collection, alice.listing(), status="bought", notes="a", private_notes="b")
    alice.item(collection, bob.listing(title=T480, listing_url=None))
    addresses = [f"/collections/{collection['id']}", "/collections", "/listings"]
    before = [read(alice, address) for address in addresses]
    done = made(suggested(alice, preview(alice, read(alice, f"/collections/{collection['id']}/export"))))
    assert done["id"] == collection["id"]
    assert done["counts"] == {"created": 0, "updated": 0, "used": 2, "skipped": 0}
    assert [read(alice, address) for address in addresses] == before


def test_importing_a_foreign_collection_twice_changes_nothing_the_second_time(alice: Person) -> None:
    whole = collection_file(
        deal_data(title=T480, seller="s"),
        deal_data(title="Another", seller="s"),
        deal_data(title=T480, seller="s"),
    )
    made(suggested(alice, preview(alice, whole)))
    addresses = ["/collections/1", "/collections", "/listings"]
    before = [read(alice, address) for address in addresses]
    assert before[0]["item_count"] == 2
    made(suggested(alice, preview(alice, whole)))
    assert [read(alice, address) for address in addresses] == before


# --------------------------------------------------------------------------------------------- confirm


def test_a_created_deal_is_the_callers(alice: Person) -> None:
    shown = preview(alice, deal_file(notes="n", price_usd=250.5))
    done = made(confirm(alice, shown, "create_new"))
    assert done == {
        "import_id": shown["preview_id"],
        "id": done["id"],
        "type": "deal",
        "listing_ids": [done["id"]],
        "counts": {"created": 1, "updated": 0, "used": 0, "skipped": 0},
    }
    listing = read(alice, f"/listings/{done['id']}")
    assert (listing["owner"], listing["title"], listing["notes"]) == ("alice", T480, "n")
    assert listing["price_usd"] == 250.5


def test_a_foreign_files_numbers_are_replaced_by_ours(alice: Person) -> None:
    whole = deal_file(price_usd=100)
    whole["data"]["valuation"] = {"base_price_usd": 1, "adjusted_price_usd": 1, "ruleset_name": "theirs"}
    cpu = {"name": "i7-8650U", "manufacturer": "Intel", "cpu_mark_multi": 6000, "tdp_w": 15}
    whole["data"]["performance"] = {"cpu": cpu, "metrics": {"perf_per_watt": 1, "score_gpu": 99}}
    listing = read(alice, f"/listings/{created(alice, whole)['id']}")
    assert listing["valuation"]["base_price_usd"] == 100
    assert listing["valuation"]["ruleset_name"] != "theirs"
    assert listing["performance"]["metrics"] == {
        "perf_per_watt": 400,
        "dollar_per_cpu_mark_multi": 0.0167,
    } | {"dollar_per_cpu_mark_multi_adjusted": 0.0167}


def test_an_update_puts_the_files_version_in_the_place_of_ours(alice: Person) -> None:
    ours = alice.listing(notes="old", custom_fields={"old": 1})
    collection = alice.collection()
    alice.item(collection, ours)
    shown = preview(alice, deal_file(title="New title", custom_fields={"new": 1}))
    done = made(confirm(alice, shown, "update_existing", target_listing_id=ours["id"]))
    assert done["counts"] == {"created": 0, "updated": 1, "used": 0, "skipped": 0}
    listing = read(alice, f"/listings/{ours['id']}")
    assert (listing["title"], listing["notes"], listing["custom_fields"]) == ("New title", None, {"new": 1})
    assert listing["performance"] is None
    (item,) = read(alice, f"/collections/{collection['id']}")["items"]
    assert item["listing"] == listing


@pytest.mark.parametrize("kind", ["deal", "collection"])
def test_skip_does_nothing_and_leaves_the_preview_open(api: Api, alice: Person, kind: str) -> None:
    alice.listing()
    whole = deal_file() if kind == "deal" else collection_file(deal_data(), deal_data(title="Another"))
    shown = preview(alice, whole)
    before = api.state()
    answer = confirm(alice, shown, "skip")
    assert (answer.status_code, answer.json()["id"], answer.json()["listing_ids"]) == (200, None, [])
    assert sum(answer.json()["counts"].values()) == answer.json()["counts"]["skipped"] == len(shown["rows"])
    assert api.state() == before
    assert read(alice, f"/imports/{shown['preview_id']}")["state"] == "open"
    made(confirm(alice, shown, "create_new"))


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_an_import_never_publishes(api: Api, alice: Person, visibility: str) -> None:
    done = created(alice, collection_file(deal_data(), visibility=visibility))
    assert read(alice, f"/collections/{done['id']}")["visibility"] == "private"
    assert read(api.stranger, "/collections/discover")["total"] == 0


def test_merging_into_a_private_collection_leaves_it_private(alice: Person) -> None:
    ours = alice.collection()
    shown = preview(alice, collection_file(deal_data(), visibility="public"))
    made(confirm(alice, shown, "merge_items", target_collection_id=ours["id"]))
    assert read(alice, f"/collections/{ours['id']}")["visibility"] == "private"


def test_a_created_collection_is_as_the_file_says(alice: Person) -> None:
    item = {"listing": deal_data(), "status": "bought", "notes": "a", "private_notes": "b", "position": 5}
    item["added_at"] = "2026-01-03T00:00:00Z"
    times = {"created_at": "2026-01-02T00:00:00Z", "updated_at": "2026-02-02T00:00:00Z"}
    whole = collection_file(item, name="Quiet", description="d", **times)
    collection = read(alice, f"/collections/{created(alice, whole)['id']}")
    head = ("name", "description", "created_at", "updated_at", "item_count")
    assert [collection[name] for name in head] == ["Quiet", "d", *times.values(), 1]
    (shown,) = collection["items"]
    same = item.keys() - {"listing"}
    assert {name: shown[name] for name in same} == {name: item[name] for name in same}
    assert shown["price_when_added_usd"] == 250


def test_merged_items_stand_behind_those_already_there(alice: Person) -> None:
    ours = alice.collection()
    for title in ("a", T480):
        alice.item(ours, alice.listing(title=title, seller="s", listing_url=None), notes="ours")
    whole = collection_file(
        {"listing": deal_data(title="x"), "status": "bought", "position": 2},
        {"listing": deal_data(title="y"), "status": "bought", "position": 1},
        {"listing": deal_data(title=T480, seller="s"), "status": "bought", "notes": "theirs"},
    )
    shown = preview(alice, whole)
    done = made(confirm(alice, shown, "merge_items", target_collection_id=ours["id"]))
    assert (done["id"], done["counts"]) == (ours["id"], {"created": 2, "updated": 0, "used": 1, "skipped": 0})
    items = read(alice, f"/collections/{ours['id']}")["items"]
    assert [item["listing"]["title"] for item in items] == ["a", T480, "y", "x"]
    assert (items[1]["notes"], items[1]["status"]) == ("ours", "undecided")


def test_every_row_follows_its_own_decision_and_the_counts_add_up(alice: Person, bob: Person) -> None:
    mine, theirs = alice.listing(title="Mine"), bob.listing(title="Theirs")
    whole = collection_file(*[deal_data(title=f"row {number} {'x' * number}") for number in range(5)])
    shown = preview(alice, whole)
    decisions = [
        {"index": 0, "decision": "create"},
        {"index": 1, "decision": "update", "listing_id": mine["id"]},
        {"index": 2, "decision": "use_existing", "listing_id": theirs["id"]},
        {"index": 3, "decision": "skip"},
    ]
    done = made(confirm(alice, shown, "create_new", decisions=decisions))
    # The fifth row follows what was suggested.
    assert done["counts"] == {"created": 2, "updated": 1, "used": 1, "skipped": 1}
    assert sum(done["counts"].values()) == len(shown["rows"])
    items = read(alice, f"/collections/{done['id']}")["items"]
    assert [item["listing_id"] for item in items] == done["listing_ids"]
    assert [item["listing"]["title"] for item in items] == ["row 0 ", "row 1 x", "Theirs", "row 4 xxxx"]
    assert done["listing_ids"][1:3] == [mine["id"], theirs["id"]]


def test_what_one_confirm_names_twice_stands_in_the_collection_once(alice: Person) -> None:
    ours = alice.listing(title="Ours")
    shown = preview(alice, collection_file(deal_data(title="one"), deal_data(title="two")))
    both = [{"index": index, "decision": "use_existing", "listing_id": ours["id"]} for index in (0, 1)]
    done = made(confirm(alice, shown, "create_new", decisions=both))
    assert (done["listing_ids"], done["counts"]["used"]) == ([ours["id"]], 2)
    assert read(alice, f"/collections/{done['id']}")["item_count"] == 1


def asked(statements: list[str], person: Person, shown: Mapping[str, Any], decision: str) -> int:
    """How many statements it takes to confirm a preview with the same decision on every row."""
    every = [{"index": row["index"], "decision": decision} for row in shown["rows"]]
    statements.clear()
    made(confirm(person, shown, "create_new", decisions=every))
    return len(statements)


def machines(number: int) -> dict[str, Any]:
    """A file of so many machines, all with a processor to look up and a number of their own in the title."""
    cpu = {"name": "Intel Core i7-8650U", "manufacturer": "Intel", "cpu_mark_multi": 6_000}
    deals = [
        {**deal_data(title=f"machine q{row}z", seller="s"), "performance": {"cpu": cpu}}
        for row in range(number)
    ]
    return collection_file(*deals)


@pytest.mark.parametrize(("decision", "many"), [("create", facts.COLLECTION_ITEMS), ("use_existing", 40)])
def test_confirming_many_rows_takes_as_many_statements_as_confirming_one(
    alice: Person, statements: list[str], decision: str, many: int
) -> None:
    alice.collection()
    if decision == "use_existing":
        created(alice, machines(many))
    for_one, for_many = (
        asked(statements, alice, preview(alice, machines(number)), decision) for number in (1, many)
    )
    assert for_one == for_many <= 20


def test_imported_rows_keep_the_order_of_the_file_and_are_found_by_their_titles(alice: Person) -> None:
    done = created(alice, machines(30))
    assert done["listing_ids"] == sorted(done["listing_ids"])
    rows_shown = preview(alice, machines(30))["rows"]
    assert [row["duplicates"][0]["entity_id"] for row in rows_shown] == done["listing_ids"]


# ------------------------------------------------------------------------------------------ exactly once


@pytest.mark.parametrize("kind", ["deal", "collection"])
def test_the_same_confirm_again_gets_the_same_answer(api: Api, alice: Person, kind: str) -> None:
    shown = preview(alice, deal_file() if kind == "deal" else collection_file(deal_data()))
    first = confirm(alice, shown, "create_new")
    before = api.state()
    again = confirm(alice, shown, "create_new")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert api.state() == before


def test_the_same_decisions_in_another_order_are_the_same_confirm(alice: Person) -> None:
    shown = preview(alice, collection_file(deal_data(title="one"), deal_data(title="two")))
    decisions = [{"index": 0, "decision": "skip"}, {"index": 1, "decision": "create"}]
    first = confirm(alice, shown, "create_new", decisions=decisions)
    again = confirm(alice, shown, "create_new", decisions=decisions[::-1])
    assert (again.status_code, again.content) == (200, first.content)


def test_another_confirm_of_a_used_preview_is_told_the_import(api: Api, alice: Person) -> None:
    shown = preview(alice, collection_file(deal_data()))
    made(confirm(alice, shown, "create_new"))
    before = api.state()
    other = confirm(alice, shown, "create_new", decisions=[{"index": 0, "decision": "skip"}])
    problem = refused(other, 409, "already_used")
    assert problem["import_id"] == shown["preview_id"]
    cancelled = refused(alice.delete(f"/imports/{shown['preview_id']}"), 409, "already_used")
    assert cancelled["import_id"] == shown["preview_id"]
    assert api.state() == before


def test_a_used_preview_stays_used_after_its_expiry(api: Api, alice: Person) -> None:
    shown = preview(alice, deal_file())
    first = confirm(alice, shown, "create_new")
    later = api.later("alice", facts.PREVIEW_LIFE + A_MINUTE)
    again = confirm(later, shown, "create_new")
    assert (again.status_code, again.content) == (200, first.content)
    problem = refused(confirm(later, shown, "skip"), 409, "already_used")
    assert problem["import_id"] == shown["preview_id"]


# ------------------------------------------------------------------------------------- what has changed


@pytest.fixture
def shown_to_bob(alice: Person, bob: Person) -> dict[str, Any]:
    """A preview of bob's, one row of which is a listing of alice's."""
    alice.listing(title=T480, seller="s", listing_url=None)
    whole = collection_file(deal_data(title=T480, seller="s"), deal_data(title="Another"))
    return preview(bob, whole)


def listings_and_collections(*people: Person) -> list[Any]:
    return [read(person, address) for person in people for address in ("/listings", "/collections")]


@pytest.mark.parametrize("change", ["edited", "deleted"])
def test_a_target_that_changed_is_told_with_a_fresh_preview(
    alice: Person, bob: Person, shown_to_bob: dict[str, Any], change: str
) -> None:
    if change == "edited":
        alice.patch("/listings/1", {"price_usd": 1})
    else:
        alice.delete("/listings/1")
    before = listings_and_collections(alice, bob)
    problem = refused(suggested(bob, shown_to_bob), 409, "target_changed")
    assert listings_and_collections(alice, bob) == before
    fresh = problem["preview"]
    assert fresh["preview_id"] != shown_to_bob["preview_id"]
    opened = read(bob, f"/imports/{fresh['preview_id']}")
    assert opened == {**fresh, "state": "open", "progress": {"done": 2, "total": 2}}
    expected = "use_existing" if change == "edited" else "create"
    assert [row["suggested"] for row in fresh["rows"]] == [expected, "create"]


def test_the_fresh_preview_shows_what_changed(
    alice: Person, bob: Person, shown_to_bob: dict[str, Any]
) -> None:
    alice.patch("/listings/1", {"price_usd": 1})
    fresh = refused(suggested(bob, shown_to_bob), 409, "target_changed")["preview"]
    prices = [
        next(one["ours"] for one in shown["duplicates"][0]["differences"] if one["field"] == "price_usd")
        for shown in (shown_to_bob, fresh)
    ]
    assert prices == [299.99, 1]


@pytest.mark.parametrize("change", ["edited", "deleted"])
def test_the_fresh_preview_can_be_confirmed_and_the_stale_one_cannot(
    alice: Person, bob: Person, shown_to_bob: dict[str, Any], change: str
) -> None:
    if change == "edited":
        alice.patch("/listings/1", {"price_usd": 1})
    else:
        alice.delete("/listings/1")
    fresh = refused(suggested(bob, shown_to_bob), 409, "target_changed")["preview"]
    refused(suggested(bob, shown_to_bob), 409, "target_changed")
    done = made(suggested(bob, fresh))
    assert done["counts"]["used"] == (1 if change == "edited" else 0)


def test_a_listing_that_is_not_a_target_may_change_meanwhile(
    alice: Person, bob: Person, shown_to_bob: dict[str, Any]
) -> None:
    alice.patch("/listings/1", {"price_usd": 1})
    decisions = [{"index": 0, "decision": "create"}]
    done = made(confirm(bob, shown_to_bob, "create_new", decisions=decisions))
    assert done["counts"]["created"] == 2


def test_an_update_of_a_deal_that_changed_is_refused_too(alice: Person) -> None:
    ours = alice.listing(title=T480, seller="s", listing_url=None)
    shown = preview(alice, deal_file(seller="s"))
    alice.patch(f"/listings/{ours['id']}", {"notes": "just written"})
    answer = confirm(alice, shown, "update_existing", target_listing_id=ours["id"])
    fresh = refused(answer, 409, "target_changed")["preview"]
    assert read(alice, f"/listings/{ours['id']}")["notes"] == "just written"
    made(confirm(alice, fresh, "update_existing", target_listing_id=ours["id"]))


# --------------------------------------------------------------------------------------- refused decisions


@pytest.mark.parametrize(
    ("strategy", "more", "places"),
    [
        ("merge_items", {}, {"/merge_strategy", "/target_collection_id"}),
        ("update_existing", {}, {"/target_listing_id"}),
        ("create_new", {"target_listing_id": 1}, {"/target_listing_id"}),
        ("create_new", {"target_collection_id": 1}, {"/target_collection_id"}),
        ("skip", {"target_listing_id": 1}, {"/target_listing_id"}),
        ("create_new", {"decisions": []}, {"/decisions"}),
        ("create_new", {"decisions": [{"index": 0, "decision": "skip"}]}, {"/decisions"}),
        ("overwrite", {}, {"/merge_strategy"}),
        ("create_new", {"target_listing_id": "1"}, {"/target_listing_id"}),
        ("create_new", {"surprise": 1}, {"/surprise"}),
    ],
)
def test_decisions_that_do_not_fit_a_deal_are_refused_by_their_place(
    api: Api, alice: Person, strategy: str, more: dict[str, Any], places: set[str]
) -> None:
    alice.listing()
    shown = preview(alice, deal_file())
    before = api.state()
    assert pointers(refused(confirm(alice, shown, strategy, **more), 422, "invalid")) == places
    assert api.state() == before
    made(confirm(alice, shown, "create_new"))


@pytest.mark.parametrize(
    ("strategy", "more", "places"),
    [
        ("update_existing", {"target_listing_id": 1}, {"/merge_strategy"}),
        ("merge_items", {}, {"/target_collection_id"}),
        ("create_new", {"target_collection_id": 1}, {"/target_collection_id"}),
        ("create_new", {"decisions": [{"index": 2, "decision": "skip"}]}, {"/decisions/0/index"}),
        ("create_new", {"decisions": [{"index": 500, "decision": "skip"}]}, {"/decisions/0/index"}),
        ("create_new", {"decisions": [{"index": -1, "decision": "skip"}]}, {"/decisions/0/index"}),
        ("create_new", {"decisions": [{"index": 0, "decision": "ignore"}]}, {"/decisions/0/decision"}),
        ("create_new", {"decisions": [{"index": 0}]}, {"/decisions/0/decision"}),
        (
            "create_new",
            {"decisions": [{"index": 1, "decision": "skip"}, {"index": 1, "decision": "create"}]},
            {"/decisions/0/index", "/decisions/1/index"},
        ),
        (
            "create_new",
            {"decisions": [{"index": 0, "decision": "update"}, {"index": 1, "decision": "use_existing"}]},
            {"/decisions/0/listing_id", "/decisions/1/listing_id"},
        ),
        (
            "create_new",
            {"decisions": [{"index": 0, "decision": "create", "listing_id": 1}]},
            {"/decisions/0/listing_id"},
        ),
    ],
)
def test_decisions_that_do_not_fit_a_collection_are_refused_by_their_place(
    api: Api, alice: Person, strategy: str, more: dict[str, Any], places: set[str]
) -> None:
    alice.collection()
    shown = preview(alice, collection_file(deal_data(), deal_data(title="Another")))
    before = api.state()
    assert pointers(refused(confirm(alice, shown, strategy, **more), 422, "invalid")) == places
    assert api.state() == before
    made(confirm(alice, shown, "create_new"))


def test_somebody_elses_targets_are_not_found_and_nothing_is_written(
    api: Api, alice: Person, bob: Person
) -> None:
    theirs, shelf = bob.listing(title="Theirs"), bob.collection(visibility="public")
    deal = preview(alice, deal_file())
    collection = preview(alice, collection_file(deal_data(title="one"), deal_data(title="two")))
    before = api.state()
    for listing_id in (theirs["id"], NO_SUCH_ID):
        answer = confirm(alice, deal, "update_existing", target_listing_id=listing_id)
        refused(answer, 404, "not_found")
        # The first row alone would have been fine.
        decisions = [{"index": 1, "decision": "update", "listing_id": listing_id}]
        refused(confirm(alice, collection, "create_new", decisions=decisions), 404, "not_found")
    for collection_id in (shelf["id"], NO_SUCH_ID):
        answer = confirm(alice, collection, "merge_items", target_collection_id=collection_id)
        refused(answer, 404, "not_found")
    assert api.state() == before
    made(confirm(alice, collection, "create_new"))


def test_a_shown_match_of_somebody_else_cannot_be_updated(api: Api, alice: Person, bob: Person) -> None:
    theirs = bob.listing(title=T480, seller="s", listing_url=None)
    shown = preview(alice, deal_file(seller="s"))
    assert shown["duplicates"][0]["entity_id"] == theirs["id"]
    before = api.state()
    answer = confirm(alice, shown, "update_existing", target_listing_id=theirs["id"])
    refused(answer, 404, "not_found")
    assert api.state() == before


def test_a_merge_that_overflows_the_collection_writes_nothing(api: Api, alice: Person) -> None:
    ours, listing = alice.collection(), alice.listing()
    fill(ours, listing, facts.COLLECTION_ITEMS - 1)
    shown = preview(alice, collection_file(deal_data(title="one"), deal_data(title="two")))
    before = api.state()
    answer = confirm(alice, shown, "merge_items", target_collection_id=ours["id"])
    refused(answer, 422, "too_many_items")
    assert api.state() == before
    one_only = [{"index": 0, "decision": "skip"}]
    made(confirm(alice, shown, "merge_items", target_collection_id=ours["id"], decisions=one_only))


# --------------------------------------------------------------------------------------- the fixed point


def export(person: Person, done: Mapping[str, Any]) -> Any:
    kind = "listings" if done["type"] == "deal" else "collections"
    return read(person, f"/{kind}/{done['id']}/export")


def comparable(whole: Any) -> str:
    """A file without what is said anew by every export; as text, so that the order of keys counts."""
    whole = jsontext.loads(jsontext.dumps(whole))
    for name in ("exported_at", "exported_by"):
        whole["deal_brain_export"].pop(name, None)
    if whole["deal_brain_export"]["type"] == "collection":
        for name in ("id", "visibility"):
            del whole["data"]["collection"][name]
    for deal in deals(whole):
        del deal["listing"]["id"]
    return jsontext.dumps(whole, indent=1)


def deals(whole: Any) -> list[Any]:
    if whole["deal_brain_export"]["type"] == "deal":
        return [whole["data"]]
    return [item["listing"] for item in whole["data"]["items"]]


def survived(file: Any) -> Any:
    """A file without what is said anew and without the numbers we reckon ourselves."""
    whole: Any = jsontext.loads(comparable(file))
    if "items" in whole["data"]:
        # We write items in their order.
        whole["data"]["items"].sort(key=lambda item: item["position"])
    for deal in deals(whole):
        valuation, performance = deal.pop("valuation", {}), deal.get("performance", {})
        breakdown, metrics = valuation.pop("valuation_breakdown", {}), performance.pop("metrics", {})
        theirs = [
            {name: value for name, value in found.items() if name not in known}
            for found, known in (
                (valuation, document.Valuation.model_fields),
                (breakdown, document.BREAKDOWN_KEYS),
                (metrics, document.Metrics.model_fields),
            )
        ]
        deal["unknown keys among our numbers"] = theirs
    return whole


def as_the_format_writes(whole: Any) -> Any:
    """A file once more from the values in it, by the one who defines how files are written."""
    envelope = Envelope.model_validate(
        {name: value for name, value in whole["deal_brain_export"].items() if name in Envelope.model_fields}
    )
    file = reading.read(jsontext.dumps(whole).encode(), now=datetime.now(UTC))
    raw = document.write(file, exported_at=envelope.exported_at, exported_by=envelope.exported_by)
    return jsontext.loads(raw)


def spelled(value: Any) -> str:
    """A value to the last digit; the order of keys apart."""
    if isinstance(value, dict):
        return repr(sorted((name, spelled(inside)) for name, inside in value.items()))
    return repr([spelled(one) for one in value]) if isinstance(value, list) else repr(value)


def fixed(person: Person, whole: Any) -> Any:
    """The first export of an imported file, which has to be the same as that of its own import."""
    first = export(person, created(person, whole))
    assert list(STRICT.iter_errors(first)) == []
    assert spelled(first) == spelled(as_the_format_writes(first))
    second = export(person, created(person, first))
    assert comparable(second) == comparable(first)
    return first


def sample(name: str) -> Any:
    whole: Any = jsontext.loads((SAMPLES / f"{name}.json").read_bytes())
    whole["deal_brain_export"]["version"] = document.VERSION
    return whole


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_a_sample_is_exported_again_as_it_was_exported_before(alice: Person, name: str) -> None:
    fixed(alice, sample(name))


@pytest.mark.parametrize("name", ["full-deal", "full-collection", "unknown-keys"])
def test_nothing_of_a_sample_is_lost(alice: Person, name: str) -> None:
    assert survived(export(alice, created(alice, sample(name)))) == survived(sample(name))


def test_unknown_keys_come_back_where_they_stood(alice: Person) -> None:
    whole: Any = jsontext.loads((SAMPLES / "unknown-keys.json").read_bytes())
    file = export(alice, created(alice, whole))
    item = file["data"]["items"][0]
    assert file["deal_brain_export"]["generator"] == "another program 9.1"
    assert file["data"]["collection"]["colour"] == "teal"
    assert item["listing"]["listing"]["warranty"] == {"months": 12}
    assert item["listing"]["valuation"]["valuation_breakdown"]["engine"] == "v7"
    assert item["listing"]["performance"]["cpu"]["socket/stepping"] == "LGA1200"


def written(file: DealFile | CollectionFile) -> Any:
    raw = document.write(file, exported_at=datetime.now(UTC), exported_by=None)
    return jsontext.loads(raw)


@pytest.mark.parametrize("files", [DEAL_FILES, COLLECTION_FILES], ids=["deals", "collections"])
def test_export_import_export_is_a_fixed_point(
    alice: Person, count: Callable[[int, int], int], files: Any
) -> None:
    # Shrinking would import for minutes.
    phases = [Phase.explicit, Phase.reuse, Phase.generate]

    @settings(max_examples=count(12, 200), phases=phases, suppress_health_check=list(HealthCheck))
    @given(files)
    def holds(file: DealFile | CollectionFile) -> None:
        whole = written(file)
        assert survived(fixed(alice, whole)) == survived(whole)

    holds()

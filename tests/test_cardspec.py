"""What a card says: decided by pure functions, named by a hash."""

import csv
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dealbrain import cardspec
from dealbrain.cardspec import (
    Card,
    CardSpec,
    CollectionSource,
    Format,
    Size,
    SpecLine,
    Style,
    TopItem,
    Variant,
)
from dealbrain.errors import Malformed
from tests import cards

REAL_TITLES = Path(__file__).parents[2] / "shared/data/product-title-pairs.csv"

SOURCE = replace(cards.SOURCE, title="Lenovo ThinkCentre M920q", manufacturer="Lenovo", series="ThinkCentre")


def values(spec: CardSpec) -> list[str]:
    return [line.value for line in spec.specs]


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        ("399", "$399"),
        ("399.00", "$399"),
        ("1299.5", "$1,299.50"),
        ("123456.78", "$123,456.78"),
        ("0", "$0"),
        ("0.005", "$0.01"),
    ],
)
def test_a_price_has_thousands_separators_and_cents_only_when_there_are_some(price: str, shown: str) -> None:
    assert cardspec.of(replace(SOURCE, price_usd=Decimal(price))).price == shown


def test_an_unknown_price_is_said_in_words_and_never_as_zero() -> None:
    spec = cardspec.of(replace(SOURCE, price_usd=None))
    assert (spec.price, spec.price_class) == ("Price unknown", "unknown")


def test_the_adjusted_price_is_shown_when_it_differs() -> None:
    assert cardspec.of(SOURCE).adjusted == "$1,105 adjusted"


def test_the_adjusted_price_is_not_shown_when_it_is_the_price() -> None:
    assert cardspec.of(replace(SOURCE, adjusted_price_usd=Decimal("1299.500"))).adjusted == ""


def test_there_is_no_adjusted_price_without_a_price() -> None:
    assert cardspec.of(replace(SOURCE, price_usd=None)).adjusted == ""


@pytest.mark.parametrize(
    ("score", "shown", "colour"),
    [
        (100.0, "100", "good"),
        (75.0, "75", "good"),
        (74.99, "74", "fair"),
        (50.0, "50", "fair"),
        (49.9, "49", "low"),
        (0.0, "0", "low"),
        (None, "", ""),
    ],
)
def test_the_number_seen_and_its_colour_agree(score: float | None, shown: str, colour: str) -> None:
    spec = cardspec.of(replace(SOURCE, score=score))
    assert (spec.score, spec.score_class) == (shown, colour)


def test_a_tier_has_a_label_and_a_class() -> None:
    spec = cardspec.of(replace(SOURCE, tier="fair"))
    assert (spec.tier, spec.tier_class) == ("Fair price", "fair")


def test_a_tier_we_do_not_know_is_refused() -> None:
    with pytest.raises(ValidationError, match="tier_class"):
        cardspec.of(replace(SOURCE, tier="superb"))


def test_hardware_is_spelled_as_people_read_it() -> None:
    assert values(cardspec.of(SOURCE)) == ["Intel Core i5-8500T", "16 GB DDR4", "512 GB NVMe SSD"]


@pytest.mark.parametrize(("gigabytes", "shown"), [(1000, "1 TB"), (2048, "2 TB"), (1500, "1500 GB")])
def test_whole_terabytes_are_shown_as_terabytes(gigabytes: int, shown: str) -> None:
    spec = cardspec.of(replace(SOURCE, storage_gb=gigabytes, storage_medium="sata_ssd"))
    assert values(spec)[2] == f"{shown} SATA SSD"


def test_unknown_hardware_leaves_no_line() -> None:
    bare = replace(
        SOURCE, cpu=None, ram_gb=None, ram_generation="unknown", storage_gb=None, storage_medium="unknown"
    )
    assert cardspec.of(bare).specs == ()


def test_controls_and_letters_that_turn_text_around_are_gone() -> None:
    assert cardspec.clean("a\x00b\u202egnp.exe\u2069\r\nc\ud800") == "a bgnp.exe c"


def test_a_letter_keeps_eight_marks_of_fifty_thousand() -> None:
    assert len(cardspec.clean("x" + "\u0323" * 50_000 + "y")) <= 10


def test_joiners_do_not_let_more_marks_onto_a_letter() -> None:
    assert len(cardspec.clean("x" + "\u0323\u200d" * 100)) == 9


def test_emoji_joined_into_one_keep_their_joiners() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
    assert cardspec.clean(family) == family


def test_a_long_text_ends_in_an_ellipsis_at_three_hundred() -> None:
    cut = cardspec.clean("word " * 100)
    assert (len(cut) <= 300, cut[-1]) == (True, "…")


@given(st.text(max_size=700))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = cardspec.clean(text)
    assert cardspec.clean(once) == once


@given(st.text(max_size=700))
def test_clean_text_is_composed_and_encodable(text: str) -> None:
    cleaned = cardspec.clean(text)
    assert unicodedata.is_normalized("NFC", cleaned.encode().decode())


@given(st.text(st.characters(categories=["Mn", "Me", "Lo", "Cf"]), max_size=400))
def test_no_letter_carries_more_than_eight_marks(text: str) -> None:
    run = longest = 0
    for letter in cardspec.clean(text):
        run = run + 1 if unicodedata.category(letter) in {"Mn", "Me"} else 0
        longest = max(longest, run)
    assert longest <= 8


def real_titles() -> Iterator[str]:
    if not REAL_TITLES.exists():
        pytest.skip("no ../shared/data beside this checkout: real titles are not in the repository")
    with REAL_TITLES.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield row["title_a"]


def test_real_titles_keep_their_words() -> None:
    changed = [
        title
        for title in real_titles()
        if cardspec.clean(title) != " ".join(unicodedata.normalize("NFC", title).split())
        and len(title) <= cardspec.TEXT_MOST
    ]
    assert changed == []


def test_a_spec_survives_being_stored() -> None:
    spec = cardspec.of(replace(SOURCE, title="迷你主机 🔥 <b>'\"&"))
    assert cardspec.from_bytes(cardspec.to_bytes(spec)) == spec


def test_a_stored_spec_of_another_template_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = cardspec.to_bytes(cardspec.of(SOURCE))
    monkeypatch.setattr(cardspec, "TEMPLATE_VERSION", cardspec.TEMPLATE_VERSION + 1)
    with pytest.raises(cardspec.OutdatedSpecError, match="another template"):
        cardspec.from_bytes(stored)


def test_a_stored_spec_with_other_fields_is_refused() -> None:
    stored = cardspec.to_bytes(cardspec.of(SOURCE)).replace(b'"verdict"', b'"opinion"')
    with pytest.raises(cardspec.OutdatedSpecError, match="2 places"):
        cardspec.from_bytes(stored)


def test_a_stored_spec_that_is_no_json_is_refused() -> None:
    with pytest.raises(Malformed):
        cardspec.from_bytes(b"\xff")


def test_what_looks_the_same_has_one_digest() -> None:
    same = replace(SOURCE, price_usd=Decimal("1299.5"), score=82.9, title="Lenovo  ThinkCentre M920q ")
    assert cardspec.digest(cardspec.of(same)) == cardspec.digest(cardspec.of(SOURCE))


@pytest.mark.parametrize("field", sorted(CardSpec.model_fields))
def test_every_field_drawn_is_in_the_digest(field: str) -> None:
    other = {
        "price_class": "unknown",
        "tier_class": "fair",
        "score_class": "low",
        "specs": (SpecLine(label="CPU", value="another"),),
    }.get(field, "another")
    spec = cardspec.of(SOURCE)
    assert cardspec.digest(spec.model_copy(update={field: other})) != cardspec.digest(spec)


def test_the_template_is_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cardspec.digest(cardspec.of(SOURCE))
    monkeypatch.setattr(cardspec, "TEMPLATE_VERSION", cardspec.TEMPLATE_VERSION + 1)
    assert cardspec.digest(cardspec.of(SOURCE)) != before


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("kind", Format)
def test_a_name_is_read_back_as_the_variant_it_names(style: Style, size: Size, kind: Format) -> None:
    variant = Variant(style, size, kind, "0123456789abcdef" * 2)
    assert cardspec.parse_name(variant.name) == variant


@pytest.mark.parametrize(
    "name",
    [
        "",
        "light-social-0123.png",
        "light-social-0123456789abcdef0123456789abcdef.jpeg",
        "light-social-0123456789ABCDEF0123456789ABCDEF.png",
        "light-social-0123456789abcdef0123456789abcdef.png\n",
        "light-social-0123456789abcdef0123456789abcdef.png/../x",
        "grey-social-0123456789abcdef0123456789abcdef.png",
        "light-banner-0123456789abcdef0123456789abcdef.png",
        "light-social-\u0660123456789abcdef0123456789abcdef.png",
    ],
)
def test_a_name_that_is_none_of_ours_is_none(name: str) -> None:
    assert cardspec.parse_name(name) is None


NONCE = "0123456789abcdef" * 2
PLACES = (cardspec.listing_place(7), cardspec.collection_place(7, NONCE))
VARIANT = Variant(Style.light, Size.social, Format.jpeg, "0" * 32)


@pytest.mark.parametrize("place", PLACES)
def test_a_card_is_read_back_from_its_name(place: str) -> None:
    assert cardspec.parse_card(Card(place, VARIANT).name) == Card(place, VARIANT)


@pytest.mark.parametrize("place", PLACES)
def test_a_spec_is_told_from_its_key(place: str) -> None:
    assert cardspec.parse_spec_key(cardspec.spec_key(place, VARIANT.digest)) == (place, VARIANT.digest)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "7/7",
        "-7",
        "\u0667",
        "7\n",
        "9" * 20,
        "collections/7",
        f"collections/7/{NONCE}0",
        f"collections/7/{NONCE.upper()}",
        f"collections/../{NONCE}",
        f"specs/7/{NONCE}",
    ],
)
def test_a_place_that_is_none_of_ours_has_no_cards(place: str) -> None:
    assert cardspec.parse_card(f"{place}/{VARIANT.name}") is None


@pytest.mark.parametrize("place", PLACES)
def test_of_a_spec_there_are_itself_and_twelve_pictures(place: str) -> None:
    spec, *pictures = cardspec.keys(place, VARIANT.digest)
    assert spec == cardspec.spec_key(place, VARIANT.digest)
    assert len(set(pictures)) == 12
    assert Card(place, VARIANT).picture_key in pictures


# ---------------------------------------------------------------------------------------- collections


COLLECTION = CollectionSource(
    name="Small and quiet",
    owner="alice",
    count=12,
    cheapest_usd=Decimal("99.00"),
    dearest_usd=Decimal("1299.50"),
    top=(
        TopItem("Dell OptiPlex 7060", Decimal("299.00"), 82.9),
        TopItem("HP EliteDesk 800", None, 75.0),
        TopItem("A thing", Decimal("12.00"), None),
    ),
    as_of=date(2025, 11, 2),
    link="deals.example/collections/7",
)


def shown(**changed: Any) -> CardSpec:
    return cardspec.of_collection(replace(COLLECTION, **changed))


def test_a_collections_card_says_whose_it_is_and_how_much_is_in_it() -> None:
    assert (shown().title, shown().maker) == ("Small and quiet", "12 listings · by alice")


def test_one_listing_is_said_in_the_singular() -> None:
    assert shown(count=1).maker == "1 listing · by alice"


@pytest.mark.parametrize(
    ("cheapest", "dearest", "said"),
    [("99", "1299.50", "$99 \u2013 $1,299.50"), ("99", "99.00", "$99"), (None, None, "Prices unknown")],
)
def test_the_prices_of_a_collection_are_a_range(cheapest: str | None, dearest: str | None, said: str) -> None:
    ends = {"cheapest_usd": cheapest, "dearest_usd": dearest}
    spec = shown(**{name: price and Decimal(price) for name, price in ends.items()})
    assert (spec.price, spec.price_class) == (said, "range")


def test_the_best_of_a_collection_are_named_with_price_and_score() -> None:
    assert [(line.label, line.value) for line in shown().specs] == [
        ("82", "$299 · Dell OptiPlex 7060"),
        ("75", "HP EliteDesk 800"),
        ("\u2013", "$12 · A thing"),
    ]


def test_an_empty_collection_says_so_and_has_no_price() -> None:
    spec = shown(count=0, cheapest_usd=None, dearest_usd=None, top=())
    assert (spec.price, spec.specs, spec.verdict) == ("", (), "Nothing is in here yet.")


@pytest.mark.parametrize(
    ("count", "said"),
    [(12, "The best 3 of 12, by their score of 100."), (3, "By their score of 100."), (1, "")],
)
def test_what_the_numbers_mean_is_said(count: int, said: str) -> None:
    assert shown(count=count).verdict == said


def test_a_collections_spec_survives_being_stored() -> None:
    assert cardspec.from_bytes(cardspec.to_bytes(shown())) == shown()


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Other"},
        {"owner": "bob"},
        {"count": 13},
        {"dearest_usd": Decimal(1)},
        {"top": COLLECTION.top[:2]},
        {"as_of": date(2025, 11, 3)},
        {"link": ""},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_everything_known_of_a_collection_is_in_the_digest(changed: dict[str, Any]) -> None:
    assert cardspec.digest(shown(**changed)) != cardspec.digest(shown())

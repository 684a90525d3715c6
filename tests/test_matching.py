"""What is the same offer, what a variant, what neither."""

import csv
import string
from collections import Counter
from collections.abc import Set as AbstractSet
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import postings
from dealbrain.matching import (
    Match,
    Offer,
    canonical_url,
    collection_similarity,
    jaccard_reaches,
    price_gap,
    seller_key,
    similarity,
    title_key,
    tokens,
    variant_reason,
    weight,
    weight_of,
)
from dealbrain.titles import kind
from infra.local.marketplace import UnreadableError, read

DATA = Path(__file__).parents[2] / "shared" / "data"

VOCABULARY = [
    *"abcdefgh",
    "dell",
    "latitude",
    "7490",
    "7480",
    "i5",
    "8350u",
    "8250u",
    "16gb",
    "256gb",
    "512gb",
    "ssd",
]
TITLES = st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join)
PRICES = st.none() | st.decimals(0, 5000, places=2)
OFFERS = st.builds(
    Offer,
    title=TITLES | st.text(max_size=40),
    listing_url=st.none()
    | st.sampled_from(["https://a.example/1", "http://www.a.example/1/", "https://a.example/2"]),
    seller=st.none() | st.sampled_from(["", "Unknown", "PC Shop", "pc-shop", "Other"]),
    price_usd=PRICES,
)
WORDS = st.sampled_from([*VOCABULARY, "x1", "nvme", "637414", "b21", "wholesale"]) | st.text(
    string.ascii_lowercase + string.digits + ".", min_size=1, max_size=12
)
WORD_SETS = st.frozensets(st.sampled_from([*VOCABULARY, "x1", "nvme", "touch", "14", "windows"]), max_size=14)

# Two sets with most words in common, which sets drawn apart seldom have.
ALIKE = st.tuples(st.frozensets(WORDS, max_size=12), *[st.frozensets(WORDS, max_size=3)] * 2).map(
    lambda drawn: (drawn[0] | drawn[1], drawn[0] | drawn[2])
)


def real_pairs() -> list[tuple[str, str, bool]]:
    path = DATA / "product-title-pairs.csv"
    if not path.exists():
        pytest.skip("the real data is not here: product-title-pairs.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [(row["title_a"], row["title_b"], row["same_product"] == "1") for row in csv.DictReader(file)]


# ------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "other",
    [
        "http://shop.example/pc/7490?color=black&size=14",
        "https://SHOP.example/pc/7490?color=black&size=14",
        "https://www.shop.example/pc/7490?color=black&size=14",
        "https://shop.example:443/pc/7490?color=black&size=14",
        "http://shop.example:80/pc/7490?color=black&size=14",
        "https://shop.example/pc/7490/?color=black&size=14",
        "https://shop.example/pc/7490?color=black&size=14#reviews",
        "https://shop.example/pc/7490?size=14&color=black",
        "https://shop.example/pc/7490?utm_source=x&color=black&gclid=1&size=14&fbclid=2&ref=home&UTM_Term=y",
        "https://shop.example/%70c/7490?color=black&size=14",
        " https://shop.example/pc/7490?color=black&size=14 ",
    ],
)
def test_spellings_of_one_address_are_one_address(other: str) -> None:
    assert canonical_url(other) == canonical_url("https://shop.example/pc/7490?color=black&size=14")


@pytest.mark.parametrize(
    "other",
    [
        "https://shop.example/pc/7480?color=black",
        "https://shop.example/pc/7490?color=white",
        "https://shop.example/PC/7490?color=black",
        "https://shop.example:8443/pc/7490?color=black",
        "https://other.example/pc/7490?color=black",
        "https://shop.example/pc%2F7490?color=black",
        "https://shop.example/pc/7490",
    ],
)
def test_other_addresses_stay_apart(other: str) -> None:
    assert canonical_url(other) != canonical_url("https://shop.example/pc/7490?color=black")


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (
            "https://www.ebay.com/itm/Dell-Latitude-7490/325612345678?hash=item4bd&_trkparms=x",
            "ebay:325612345678",
        ),
        ("https://ebay.de/itm/325612345678", "ebay:325612345678"),
        ("http://m.ebay.co.uk/itm/325612345678?var=0", "ebay:325612345678"),
        ("https://www.ebay.com/itm/325612345678?var=5123", "ebay:325612345678:5123"),
        ("https://www.amazon.com/Dell-Latitude/dp/B07ABCDE12/ref=sr_1_3?keywords=dell", "amazon:B07ABCDE12"),
        ("https://amazon.co.uk/gp/product/b07abcde12?th=1", "amazon:B07ABCDE12"),
        ("https://ebay.com.evil.example/itm/325612345678", "https://ebay.com.evil.example/itm/325612345678"),
        ("https://www.ebay.com/usr/somebody", "https://ebay.com/usr/somebody"),
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/", "https://shop.example"),
        ("", ""),
        ("no address", "no address"),
        ("https://[broken", "https://[broken"),
    ],
)
def test_an_address_is_spelled(url: str, key: str) -> None:
    assert canonical_url(url) == key


@given(
    st.text(max_size=60)
    | st.from_regex(r"https?://[a-z]{1,5}\.example(:\d{1,4})?/[a-z%0-9/]{0,9}(\?[a-z=&+%2]*)?")
)
def test_a_canonical_address_is_its_own(url: str) -> None:
    assert canonical_url(canonical_url(url)) == canonical_url(url)


# --------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Dell Latitude-7490, 16 GB!", {"dell", "latitude", "7490", "16gb"}),
        ("DELL latitude 7490 16GB", {"dell", "latitude", "7490", "16gb"}),
        ("Latitude 7490 (i5-8350U)", {"latitude", "7490", "i5", "8350u"}),
        ("3.60 GHz 3,60GHz", {"3.6ghz"}),
        ("1TB 1000 GB 1024GB 1 To", {"1tb", "1", "to"}),
        ("512 MB 8192MB 0.5TB", {"512mb", "8gb", "500gb"}),
        ("Hewlett-Packard Enterprise Solid State Drive", {"hp", "ssd"}),
        ("i7-7700K i77700k BX80677I77700K", {"i7", "7700k"}),
        ("GTX1070Ti GTX 1070 Ti", {"gtx", "1070", "ti"}),
        ("\u202eDell\u202c L\u0301a\u0301\u0301titude", {"dell", "latitude"}),
        ("\uff24\uff45\uff4c\uff4c", {"dell"}),
        ("Ноутбук ノート", {"ноутбук", "ノート"}),
        ("★★★", {"★★★"}),
        (" \t", set()),
    ],
)
def test_a_title_is_cut_into_normalised_words(title: str, words: AbstractSet[str]) -> None:
    assert tokens(title) == words


def test_the_key_of_a_title_keeps_the_order_of_words() -> None:
    assert title_key("Dell  LATITUDE, 7490") == "dell latitude 7490"


@pytest.mark.parametrize("seller", [None, "", "  ", "Unknown", "N/A", "does not apply", "-"])
def test_an_unknown_seller_has_no_key(seller: str | None) -> None:
    assert seller_key(seller) is None


def test_a_sellers_spelling_makes_no_difference() -> None:
    assert seller_key(" PC-Shop ") == seller_key("pc shop") is not None


# ------------------------------------------------------------------------------------- the threshold


def words(count: int, start: int = 0) -> frozenset[str]:
    """Words not in the table, which all weigh the same."""
    return frozenset(f"w{index}" for index in range(start, start + count))


def test_seven_of_ten_words_of_one_weight_reach_the_threshold() -> None:
    assert jaccard_reaches(words(7), words(10))


def test_sixty_nine_of_a_hundred_words_of_one_weight_do_not_reach_the_threshold() -> None:
    assert not jaccard_reaches(words(69), words(100))


def test_nothing_is_similar_to_no_words() -> None:
    assert not jaccard_reaches(frozenset(), frozenset())


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *(
            (word, "measure")
            for word in ("16gb", "2.4ghz", "65w", "10k", "7.2k", "14inch", "288pin", "2x8gb", "6th")
        ),
        *((word, "code") for word in ("8350u", "7700k", "e7490", "637414", "cmk16gx4m2a2400c14")),
        *((word, "mixed") for word in ("g3", "i5", "m1")),
        *((word, "number") for word in ("7490", "840")),
        *((word, "small") for word in ("14", "15.6", "a")),
        *((word, "word") for word in ("dell", "ノート")),
    ],
)
def test_a_word_is_of_a_kind(word: str, expected: str) -> None:
    assert kind(word) == expected


@given(WORDS)
def test_every_word_weighs_something_and_none_more_than_a_hundred(word: str) -> None:
    assert 1 <= weight(word) <= 100


@pytest.mark.parametrize("lighter", ["wholesale", "price", "laptop", "ssd", "16gb", "2.4ghz"])
@pytest.mark.parametrize("heavier", ["7490", "637414", "cmk16gx4m2a2400c14"])
def test_what_names_a_product_weighs_more_than_what_describes_many(lighter: str, heavier: str) -> None:
    assert weight(heavier) > weight(lighter)


@given(WORD_SETS, WORD_SETS)
def test_titles_are_similar_from_seven_tenths_of_the_common_weight(
    a: frozenset[str], b: frozenset[str]
) -> None:
    union = Fraction(weight_of(a | b))
    assert jaccard_reaches(a, b) == (union > 0 and weight_of(a & b) / union >= Fraction(7, 10))


# ------------------------------------------------------------------------------------------- variants


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ("Dell Latitude 7490 16GB 256GB SSD", "Dell Latitude 7490 16GB 512GB SSD", "256 GB and 512 GB"),
        ("Dell Latitude 7490 8 GB RAM 256GB", "Dell Latitude 7490 16 GB RAM 256GB", "8 GB and 16 GB"),
        ("Dell Latitude 7490 256GB 16GB", "Dell Latitude 7490 256GB 8GB", "8 GB and 16 GB"),
        ("Apple iPhone 7 32 GB black", "Apple iPhone 7 128 GB black", "32 GB and 128 GB"),
        ("Seagate Barracuda 500GB", "Seagate Barracuda 1 TB", "500 GB and 1 TB"),
        ("Dell Latitude 7490 i5", "Dell Latitude 7480 i5", "7480 and 7490"),
        ("Dell Latitude 7490 i5", "Dell Latitude E7470 i5", "7490 and e7470"),
        ("HP EliteBook 840 G3", "HP EliteBook 840 G5", "g3 and g5"),
        ("Apple iPhone 7 black", "Apple iPhone 8 black", "iphone 7 and iphone 8"),
        ("Apple MacBook Pro 2015", "Apple MacBook Pro 2017", "2015 and 2017"),
        ("Latitude 7490 i5-8350U", "Latitude 7490 i5-8250U", "core i5 8250u and core i5 8350u"),
        ("Latitude 7490 i5 8GB", "Latitude 7490 i7 8GB", "core i5 and core i7"),
        ("Latitude i5 6th gen", "Latitude i5 8th Gen", "core i5 generation 6 and core i5 generation 8"),
        ("Latitude i5 6th gen", "Latitude i5-8350U", "core i5 8350u and core i5 generation 6"),
        ("MacBook Air Apple M1 8GB", "MacBook Air Apple M2 8GB", "apple m1 and apple m2"),
    ],
)
def test_a_different_capacity_cpu_or_model_number_makes_a_variant(a: str, b: str, reason: str) -> None:
    assert variant_reason(a, b) == reason


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Dell Latitude 7490 16GB 256GB", "Dell Latitude 7490"),
        ("Dell Latitude 7490 16 GB RAM 256GB SSD", "Dell Latitude 7490 256 GB SSD 16GB RAM"),
        ("Dell Latitude 7490 16GB RAM", "Dell Latitude 7490 256GB SSD"),
        ("Dell Latitude RAM 16GB", "Dell Latitude 256 GB"),
        ("Asus RTX laptop 4GB VRAM", "Asus RTX laptop 16GB"),
        ("Kingston kit 16GB (2x8GB)", "Kingston kit 16GB"),
        ("Kingston kit 2x8GB", "Kingston kit 16GB"),
        ("Dell Latitude 1TB SSD", "Dell Latitude 1024GB SSD"),
        ("Latitude 7490 i5-8350U", "Latitude 7490 Core i5 8th Gen"),
        ("Latitude 7490 i5-8350", "Latitude 7490 i5-8350U"),
        ("Ryzen 5 PRO 4650U ThinkPad", "Ryzen 5 4650U ThinkPad"),
        ("Latitude 7490 Windows 10 Pro", "Latitude 7490 Windows 11 Pro"),
        ("Latitude 7490 DDR4 WiFi5", "Latitude 7490 WiFi6"),
        ("Latitude i5-8350U 1.70GHz", "Latitude 7490 i5"),
    ],
)
def test_what_only_one_names_or_both_name_alike_is_no_veto(a: str, b: str) -> None:
    assert variant_reason(a, b) is None


# ------------------------------------------------------------------------------------------- judgement

TITLE = "Dell Latitude 7490 14 inch i5-8350U 16GB 256GB SSD Windows 10 Pro"


def offer(
    title: str = TITLE, url: str | None = None, seller: str | None = None, price: str | None = None
) -> Offer:
    return Offer(title, url, seller, Decimal(price) if price else None)


def test_the_same_shop_address_is_the_same_offer_whatever_the_title_says() -> None:
    a = offer("Dell 256GB", "https://shop.example/1?utm_source=a")
    b = offer("Dell 512GB", "http://www.shop.example/1/")
    assert similarity(a, b) == Match(1.0, "duplicate", "the same shop address")


def test_two_offers_without_an_address_are_not_at_the_same_address() -> None:
    assert similarity(offer("Dell one"), offer("Lenovo two")) is None


def test_the_same_title_and_seller_is_the_same_offer_at_another_price() -> None:
    match = similarity(
        offer(seller="PC-Shop", price="200"), offer(TITLE.upper(), seller="pc shop", price="150")
    )
    assert match == Match(1.0, "duplicate", "the same title and seller, prices 25 % apart")


def test_identical_titles_without_price_and_seller_match() -> None:
    match = similarity(offer(), offer())
    assert match == Match(1.0, "duplicate", "13 of 13 words, price unknown, same CPU")


def test_a_dropped_price_is_still_a_duplicate() -> None:
    match = similarity(offer(price="300"), offer(f"{TITLE} laptop", price="30"))
    assert match == Match(0.9851, "duplicate", "13 of 14 words, prices 90 % apart, same CPU")


def test_the_same_price_is_part_of_the_explanation() -> None:
    match = similarity(offer(price="300"), offer(f"{TITLE} laptop", price="300.00"))
    assert match == Match(0.9851, "duplicate", "13 of 14 words, same price, same CPU")


def test_versions_with_256_and_512_gigabytes_are_variants() -> None:
    match = similarity(offer(), offer(TITLE.replace("256GB", "512GB")))
    assert match is not None
    assert (match.kind, match.score) == ("variant", 0.9701)
    assert "256 GB and 512 GB" in match.reason


def test_few_words_that_weigh_most_are_named_as_the_reason() -> None:
    boxed = offer("Intel Core i7-7700 Boxed - Prijzen Tweakers")
    described = offer("Intel Core i7 7700 Kaby Lake Desktop Processor/CPU BX80677I77700")
    match = similarity(boxed, described)
    assert match is not None
    assert match.reason == "4 of 12 words, but the telling ones (7700, core, i7), price unknown, same CPU"


def test_exactly_seven_tenths_is_a_match() -> None:
    seven, ten = "a b c d e f g", "a b c d e f g h i j"
    match = similarity(offer(seven), offer(ten))
    assert match is not None
    assert match.score == 0.7


def test_below_seven_tenths_is_no_match() -> None:
    assert similarity(offer("a b c d e f"), offer("a b c d e f g h i")) is None


def test_titles_of_different_signs_do_not_match() -> None:
    assert similarity(offer("★★★", seller="shop"), offer("???", seller="shop")) is None


@given(st.integers(1, 10**60), st.sampled_from(["GB", "TB", "MB"]), st.sampled_from(["", ".5", ",25"]))
def test_any_size_in_a_title_is_judged_without_an_error(size: int, unit: str, rest: str) -> None:
    match = similarity(
        offer(f"Dell Latitude {size}{rest} {unit}"), offer(f"dell latitude {size}{rest}{unit}")
    )
    assert match is not None
    assert match.kind == "duplicate"


@given(OFFERS, OFFERS)
def test_the_order_of_two_offers_makes_no_difference(a: Offer, b: Offer) -> None:
    assert similarity(a, b) == similarity(b, a)


@given(OFFERS, OFFERS, PRICES)
def test_the_price_never_decides(a: Offer, b: Offer, price: Decimal | None) -> None:
    repriced = Offer(a.title, a.listing_url, a.seller, price)
    judged = [(m.score, m.kind) if (m := similarity(one, b)) else None for one in (a, repriced)]
    assert judged[0] == judged[1]


@given(OFFERS)
def test_an_offer_with_words_equals_itself(one: Offer) -> None:
    match = similarity(one, one)
    named = bool(one.listing_url or tokens(one.title))
    assert (match == Match(1.0, "duplicate", match.reason) if match else None) == (True if named else None)


@given(OFFERS, OFFERS)
def test_what_matches_is_found_by_address_or_keys(a: Offer, b: Offer) -> None:
    same_address = bool(a.listing_url) and canonical_url(a.listing_url or "") == canonical_url(
        b.listing_url or ""
    )
    found = same_address or set(postings.of(a.title).keys) & set(postings.of(b.title).keys)
    assert found or similarity(a, b) is None


def test_the_gap_of_prices_is_a_share_of_the_higher_one() -> None:
    assert price_gap(Decimal(150), Decimal(200)) == Decimal("0.25")


@pytest.mark.parametrize("price", [None, Decimal(0)])
def test_an_unknown_price_has_no_gap(price: Decimal | None) -> None:
    assert price_gap(price, Decimal(200)) is None


# ------------------------------------------------------------------------------------------ collections


def test_collections_of_one_name_are_the_same() -> None:
    assert collection_similarity("Best  deals!", "best deals") == Match(1.0, "duplicate", "the same name")


def test_collections_of_similar_names_match() -> None:
    match = collection_similarity("my best used mini pcs", "my best used mini pcs 2026")
    assert match == Match(0.8333, "duplicate", "5 of 6 words of the name")


def test_collections_of_different_names_do_not_match() -> None:
    assert collection_similarity("laptops", "mini pcs") is None


# -------------------------------------------------------------------------------------------- real data


@pytest.fixture(scope="module")
def judged() -> Counter[tuple[str | None, bool]]:
    """How the labelled pairs are judged: kind of match, and whether they are one product."""
    return Counter(
        (match.kind if match else None, same)
        for a, b, same in real_pairs()
        for match in [similarity(Offer(a), Offer(b))]
    )


# The weights were learned from these pairs, so these figures are flattering; with weights learned from other
# products (docs/benchmarks.md) precision is about as high and recall lower.


def test_a_duplicate_among_real_pairs_is_nine_times_in_ten_one_product(judged: Counter[Any]) -> None:
    right, wrong = judged["duplicate", True], judged["duplicate", False]
    assert right / (right + wrong) >= 0.90, judged


def test_three_of_four_real_pairs_of_one_product_are_found(judged: Counter[Any]) -> None:
    found = judged["duplicate", True]
    everything = sum(count for (_, same), count in judged.items() if same)
    assert found / everything >= 0.74, judged


def test_the_veto_takes_most_wrong_matches_and_few_right_ones_from_real_pairs(judged: Counter[Any]) -> None:
    wrong = judged["variant", False] / (judged["variant", False] + judged["duplicate", False])
    right = judged["variant", True] / (judged["variant", True] + judged["duplicate", True])
    assert (wrong > 0.6, right < 0.05) == (True, True), judged


def test_real_offers_do_not_collapse() -> None:
    path = DATA / "ebay-laptop-listings.csv"
    if not path.exists():
        pytest.skip("the real data is not here: ebay-laptop-listings.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        titles = sorted({title for row in csv.DictReader(file) if (title := composed(row))})[::6]
    pairs = list(combinations(titles, 2))
    duplicates = [pair for pair in pairs if (match := similarity(*map(Offer, pair))) and is_duplicate(match)]
    # Of 1,435 titles composed of real offers 276 pairs in a million are held to be one offer.
    assert 0 < len(duplicates) < len(pairs) / 1000


def composed(row: dict[str, str]) -> str | None:
    try:
        return str(read(row).body["title"])
    except UnreadableError:
        return None


def is_duplicate(match: Match) -> bool:
    return match.kind == "duplicate"


@given(
    st.lists(st.sampled_from(TITLE.split()), min_size=1, unique=True),
    st.sampled_from([" ", ", ", " - ", "/ "]),
)
def test_order_and_punctuation_make_no_difference(some: list[str], sign: str) -> None:
    match = similarity(offer(" ".join(some)), offer(sign.join(sorted(some))))
    assert match is not None
    assert (match.score, match.kind) == (1, "duplicate")

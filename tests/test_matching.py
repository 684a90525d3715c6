"""What is the same offer, what a variant, what neither."""

import csv
from collections import Counter
from collections.abc import Set as AbstractSet
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dealbrain.matching import (
    Match,
    Offer,
    canonical_url,
    collection_similarity,
    jaccard_reaches,
    prefix,
    price_gap,
    seller_key,
    similarity,
    size_bounds,
    title_key,
    tokens,
    variant_reason,
)

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
WORD_SETS = st.frozensets(st.sampled_from([*VOCABULARY, "x1", "nvme", "touch", "14", "windows"]), max_size=14)


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
        ("3.60 GHz 3,60GHz", {"3.60ghz"}),
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
    return frozenset(f"w{index}" for index in range(start, start + count))


def test_seven_of_ten_words_reach_the_threshold() -> None:
    assert jaccard_reaches(words(7), words(10))


def test_sixty_nine_of_a_hundred_words_do_not_reach_the_threshold() -> None:
    assert not jaccard_reaches(words(69), words(100))


def test_nothing_is_similar_to_no_words() -> None:
    assert not jaccard_reaches(frozenset(), frozenset())


@given(WORD_SETS, WORD_SETS)
@example(words(7), words(10))
@example(words(10), words(7))
def test_a_search_over_the_prefix_finds_what_brute_force_finds(a: frozenset[str], b: frozenset[str]) -> None:
    low, high = size_bounds(len(a))
    found = bool(set(prefix(a)) & b) and low <= len(b) <= high and jaccard_reaches(a, b)
    assert found == jaccard_reaches(a, b)


@given(st.lists(TITLES, max_size=25))
def test_a_search_over_prefixes_finds_the_same_pairs_as_a_scan_of_all(titles: list[str]) -> None:
    sets = [tokens(title) for title in titles]
    scan = {(a, b) for a, b in combinations(range(len(sets)), 2) if jaccard_reaches(sets[a], sets[b])}
    searched = {
        (a, b)
        for a, b in combinations(range(len(sets)), 2)
        if not sets[b].isdisjoint(prefix(sets[a])) and jaccard_reaches(sets[a], sets[b])
    }
    assert searched == scan


@given(WORD_SETS)
def test_the_prefix_has_the_least_length_that_suffices(some: frozenset[str]) -> None:
    expected = len(some) - -(-7 * len(some) // 10) + 1 if some else 0
    assert len(prefix(some)) == expected


def test_the_prefix_prefers_model_numbers_to_sizes() -> None:
    chosen = prefix(tokens("Dell Latitude E7490 laptop 8350u 16GB 256GB SSD"))
    assert {"8350u", "e7490", "latitude"} == set(chosen)


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
    assert match == Match(1.0, "duplicate", "13 of 13 words, price unknown")


def test_a_dropped_price_is_still_a_duplicate() -> None:
    match = similarity(offer(price="300"), offer(f"{TITLE} laptop", price="30"))
    assert match == Match(0.9286, "duplicate", "13 of 14 words, prices 90 % apart")


def test_the_same_price_is_part_of_the_explanation() -> None:
    match = similarity(offer(price="300"), offer(f"{TITLE} laptop", price="300.00"))
    assert match == Match(0.9286, "duplicate", "13 of 14 words, same price")


def test_versions_with_256_and_512_gigabytes_are_variants() -> None:
    match = similarity(offer(), offer(TITLE.replace("256GB", "512GB")))
    assert match is not None
    assert (match.kind, match.score) == ("variant", 0.8571)
    assert "256 GB and 512 GB" in match.reason


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
def test_what_matches_is_found_by_address_or_prefix(a: Offer, b: Offer) -> None:
    same_address = bool(a.listing_url) and canonical_url(a.listing_url or "") == canonical_url(
        b.listing_url or ""
    )
    found = same_address or not tokens(b.title).isdisjoint(prefix(tokens(a.title)))
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


def test_labelled_real_pairs_are_judged_with_few_false_alarms() -> None:
    judged = Counter(
        (match.kind if match else None, same)
        for a, b, same in real_pairs()
        for match in [similarity(Offer(a), Offer(b))]
    )
    right, wrong = judged["duplicate", True], judged["duplicate", False]
    # Measured at 0.70: precision 0.989 (0.918 without the veto), recall 0.151: these pairs are one
    # product described by two shops, which share few words; ours are one offer seen twice.
    assert right / (right + wrong) >= 0.97, judged
    assert right >= 200, judged


def test_the_veto_takes_most_wrong_matches_and_few_right_ones_from_real_pairs() -> None:
    vetoed = Counter(
        same
        for a, b, same in real_pairs()
        if jaccard_reaches(tokens(a), tokens(b)) and title_key(a) != title_key(b) and variant_reason(a, b)
    )
    matched = Counter(same for a, b, same in real_pairs() if jaccard_reaches(tokens(a), tokens(b)))
    assert vetoed[False] / matched[False] > 0.8
    assert vetoed[True] / matched[True] < 0.15

"""Which of a collection's offers somebody sees, in which order, and what is best side by side."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from dealbrain import narrowing
from dealbrain.document import Condition, ItemStatus, ListingStatus
from dealbrain.narrowing import AnyItem, ItemSort, Line, Wanted
from dealbrain.shapes import OwnItem, PublicItem, PublicListing, Valuation
from infra.local.marketplace import Offer, UnreadableError, read
from tests.makers import rows

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
I7, I5, RYZEN = "Intel Core i7-8650U", "Intel Core i5-8500T", "AMD Ryzen 5 PRO 4650GE"


def listing(**fields: Any) -> PublicListing:
    """An offer of which nothing is known but what is said."""
    price = fields.get("price_usd")
    said: dict[str, Any] = {
        **dict.fromkeys(PublicListing.model_fields),
        "id": 1,
        "title": "A box",
        "condition": Condition.used,
        "status": ListingStatus.active,
        "other_urls": [],
        "verdict": "",
        "as_of": date(2026, 11, 20),
        "created_at": NOON,
        "updated_at": NOON,
        "valuation": Valuation(
            base_price_usd=price or Decimal(0),
            adjusted_price_usd=fields.pop("adjusted", None),
            valuation_breakdown={},
            ruleset_name="",
        ),
    }
    return PublicListing(**said | fields)


def item(number: int = 1, added: timedelta = timedelta(0), **fields: Any) -> PublicItem:
    """An item of a public collection."""
    return PublicItem(
        id=number, listing_id=number, listing=listing(**fields), notes=None, position=1, added_at=NOON + added
    )


def own(number: int = 1, status: ItemStatus = ItemStatus.undecided, **fields: Any) -> OwnItem:
    """An item as the owner of its collection reads it."""
    said = vars(item(number, **fields))
    return OwnItem(**said, status=status, private_notes=None, price_when_added_usd=None)


def scored(score: float) -> dict[str, Any]:
    return {"performance": {"metrics": {"score_composite": score}}}


def with_cpu(name: str) -> dict[str, Any]:
    return {"performance": {"cpu": {"name": name}}}


def sized(form_factor: str | None) -> dict[str, Any]:
    return {"metadata": {"form_factor": form_factor}}


def found(items: list[Any], **wanted: Any) -> list[int]:
    """The numbers of the items somebody sees who wants this, as an address says it."""
    return [one.id for one in narrowing.narrowed(items, Wanted(**wanted))]


# ----------------------------------------------------------------------------------------------- filters


PRICED = [item(1, price_usd=Decimal("99.99")), item(2, price_usd=Decimal(100)), item(3)]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"min_price": "100"}, [2]),
        ({"min_price": "99.99"}, [1, 2]),
        ({"max_price": "99.99"}, [1]),
        ({"max_price": "99.98"}, []),
        ({"min_price": "0"}, [1, 2]),
        ({"min_price": "99.99", "max_price": "99.99"}, [1]),
        ({"min_price": "200", "max_price": "100"}, []),
    ],
)
def test_prices_include_their_bounds_and_leave_out_what_has_none(
    wanted: dict[str, str], numbers: list[int]
) -> None:
    assert found(PRICED, **wanted) == numbers


@pytest.mark.parametrize(
    ("least", "numbers"), [("0", [1, 2]), ("70", [1, 2]), ("70.01", [2]), ("71.5", [2]), ("72", [])]
)
def test_a_least_score_includes_itself_and_leaves_out_what_has_none(least: str, numbers: list[int]) -> None:
    assert found([item(1, **scored(70)), item(2, **scored(71.5)), item(3)], min_score=least) == numbers


def test_a_family_finds_every_processor_of_it() -> None:
    items = [item(1, **with_cpu(I7)), item(2, **with_cpu("Core i7-8550U")), item(3, **with_cpu(I5)), item(4)]
    assert found(items, cpu=narrowing.family(items[0].listing)) == [1, 2]


def test_a_processor_of_no_family_is_found_by_its_name() -> None:
    assert found([item(1, **with_cpu("Z80")), item(2, **with_cpu(I7))], cpu="Z80") == [1]


def test_an_unknown_family_finds_nothing() -> None:
    assert found([item(1, **with_cpu(I7)), item(2)], cpu="none of ours") == []


def test_a_form_factor_finds_what_is_called_so() -> None:
    items = [item(1, **sized("sff")), item(2, **sized("tower")), item(3, **sized(None)), item(4)]
    assert found(items, form_factor="sff") == [1]


def test_a_status_finds_what_its_owner_thinks_so_of() -> None:
    items = [own(1, ItemStatus.bought), own(2), own(3, ItemStatus.rejected)]
    assert found(items, status="rejected") == [3]


def test_a_status_in_a_link_somebody_was_sent_narrows_nothing() -> None:
    assert found([item(1), item(2)], status="bought") == [1, 2]


def test_all_filters_together_find_what_fits_every_one() -> None:
    right: dict[str, Any] = {
        "price_usd": Decimal(300),
        "metadata": {"form_factor": "sff"},
        "performance": {"cpu": {"name": I7}, "metrics": {"score_composite": 60}},
    }
    wrong: list[dict[str, Any]] = [
        {"price_usd": Decimal(99)},
        {"price_usd": Decimal(501)},
        {"metadata": {"form_factor": "tower"}},
        {"performance": {"cpu": {"name": I5}, "metrics": {"score_composite": 60}}},
        {"performance": {"cpu": {"name": I7}, "metrics": {"score_composite": 49}}},
    ]
    items = [own(n, ItemStatus.bought, **right | one) for n, one in enumerate([{}, *wrong])]
    all_of_them = {"min_price": "100", "max_price": "500", "form_factor": "sff", "min_score": "50"}
    family = narrowing.family(items[0].listing)
    assert found([*items, own(9, **right)], cpu=family, status="bought", **all_of_them) == [0]


@pytest.mark.parametrize(
    "wrong",
    [{"min_price": "cheap"}, {"max_price": "-1"}, {"min_score": "1e3"}, {"sort": "best"}, {"status": "lost"}],
)
def test_a_filter_that_means_nothing_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Wanted(**wrong)


@pytest.mark.parametrize(
    ("wanted", "narrows"),
    [
        ({}, False),
        ({"sort": "price", "view": "cards"}, False),
        ({"min_price": "0"}, True),
        ({"cpu": "x"}, True),
    ],
)
def test_an_order_and_a_view_leave_nothing_out(wanted: dict[str, Any], narrows: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert Wanted(**wanted).narrows is narrows


# ------------------------------------------------------------------------------------------------ orders


def per_mark(dollars: float) -> dict[str, Any]:
    return {"performance": {"metrics": {"dollar_per_cpu_mark_multi": dollars}}}


def valued(price: int, fair: int) -> dict[str, Any]:
    return {"price_usd": Decimal(price), "fair_value_usd": Decimal(fair)}


# Of each order: what comes last and what comes first. A third of which nothing is known stands behind both.
ORDERS: dict[ItemSort, tuple[dict[str, Any], dict[str, Any]]] = {
    ItemSort.price: ({"price_usd": Decimal(200)}, {"price_usd": Decimal("199.99")}),
    ItemSort.worth: (valued(100, 110), valued(1000, 1200)),
    ItemSort.score: (scored(70), scored(70.5)),
    ItemSort.per_mark: (per_mark(0.05), per_mark(0.04)),
}
by_order = pytest.mark.parametrize(("sort", "last", "first"), [(one, *two) for one, two in ORDERS.items()])


@by_order
def test_the_best_stands_first_and_the_unknown_last(
    sort: ItemSort, last: dict[str, Any], first: dict[str, Any]
) -> None:
    assert found([item(3), item(2, **last), item(1, **first)], sort=sort) == [1, 2, 3]


@by_order
def test_what_is_equal_stays_as_its_owner_arranged_it(
    sort: ItemSort, last: dict[str, Any], first: dict[str, Any]
) -> None:
    items = [item(5), item(4, **first), item(7), item(2, **last), item(3, **first), item(1)]
    assert found(items, sort=sort) == [4, 3, 2, 5, 7, 1]


def test_the_last_one_added_stands_first() -> None:
    items = [item(1), item(2, timedelta(microseconds=1)), item(3)]
    assert found(items, sort="added") == [2, 1, 3]


def test_without_an_order_items_stay_as_their_owner_arranged_them() -> None:
    assert found([item(3, price_usd=Decimal(9)), item(1, price_usd=Decimal(1)), item(2)]) == [3, 1, 2]


def test_what_costs_more_than_it_is_worth_stands_before_what_nobody_knows() -> None:
    assert found([item(1, price_usd=Decimal(5)), item(2, **valued(200, 100))], sort="worth") == [2, 1]


def test_what_is_given_away_has_no_share_of_its_price() -> None:
    assert found([item(1, **valued(0, 100)), item(2, **valued(100, 50))], sort="worth") == [2, 1]


def test_real_offers_are_ordered_by_price_and_none_is_lost() -> None:
    read_in = (_read(row) for row in rows("ebay-laptop-listings.csv"))
    # All real ones have a price; before them stands one that has none.
    prices = [None, *(one.body["price_usd"] for one in islice(filter(None, read_in), 400))]
    items = [
        item(n, price_usd=None if price is None else Decimal(str(price))) for n, price in enumerate(prices)
    ]
    ordered = narrowing.narrowed(items, Wanted(sort=ItemSort.price))
    known = [one.listing.price_usd for one in ordered if one.listing.price_usd is not None]
    assert all(one <= other for one, other in pairwise(known))
    assert [one.listing.price_usd for one in ordered] == [*known, None]
    assert sorted(one.id for one in ordered) == [*range(len(items))]


def _read(row: dict[str, str]) -> Offer | None:
    try:
        return read(row)
    except UnreadableError:
        return None


# ------------------------------------------------------------------------- families and form factors


def test_families_are_counted_the_most_frequent_first() -> None:
    items = [item(n, **with_cpu(name)) for n, name in enumerate([I5, I7, "i7-8550U", "Z80", I7])]
    assert narrowing.families([*items, item(9)]) == [("core i7 gen 8", 3), ("core i5 gen 8", 1), ("Z80", 1)]


def test_every_family_named_finds_as_many_as_it_says() -> None:
    names = [row["name"] for row in islice(rows("passmark-cpus.csv"), 500, 1500)]
    items = [item(n, **with_cpu(name)) for n, name in enumerate(names)]
    families = narrowing.families(items)
    assert {name: len(found(items, cpu=name)) for name, _ in families} == dict(families)
    assert sum(count for _, count in families) == len(names)


def test_form_factors_are_counted_and_unknown_ones_are_none() -> None:
    items = [item(n, **sized(one)) for n, one in enumerate(["tower", "sff", None, "", "sff"])]
    assert narrowing.form_factors([*items, item(9)]) == [("sff", 2), ("tower", 1)]


# ------------------------------------------------------------------------------------------ side by side


def line(name: str, *offers: dict[str, Any]) -> Line | None:
    """One line of the comparison of these offers; None where it is left out."""
    items: list[AnyItem] = [item(n, **one) for n, one in enumerate(offers)]
    return next((one for one in narrowing.lines(items) if one.name == name), None)


def marks(multi: int) -> dict[str, Any]:
    return {"performance": {"cpu": {"name": "Z80", "cpu_mark_multi": multi}}}


def memory(size: int) -> dict[str, Any]:
    return {"performance": {"ram": {"total_gb": size}}}


@pytest.mark.parametrize(
    ("name", "offers", "values"),
    [
        ("Price", [{"price_usd": Decimal(200)}, {"price_usd": Decimal("199.99")}], ["$200", "$199.99"]),
        ("Estimate above the price", [valued(100, 90), valued(100, 125)], ["\N{MINUS SIGN}10 %", "25 %"]),
        ("Adjusted price", [{"adjusted": Decimal(90)}, {"adjusted": Decimal(80)}], ["$90", "$80"]),
        ("Score of 100", [scored(69.9), scored(71)], ["69", "71"]),
        ("$ per mark", [per_mark(0.05), per_mark(0.0499)], ["0.0500", "0.0499"]),
        ("Marks, all cores", [marks(999), marks(12_000)], ["999", "12,000"]),
        ("Memory", [memory(16), memory(1024)], ["16 GB", "1 TB"]),
    ],
)
def test_the_better_of_two_is_marked(name: str, offers: list[dict[str, Any]], values: list[str]) -> None:
    assert line(name, *offers) == Line(name, values, [False, True])


def test_all_that_share_the_best_are_marked() -> None:
    shown = line("Memory", memory(32), memory(8), memory(32))
    assert shown
    assert shown.best == [True, False, True]


def test_what_all_have_the_same_of_is_nobodys_advantage() -> None:
    assert line("Memory", memory(8), memory(8)) == Line("Memory", ["8 GB", "8 GB"], [False, False])


def test_what_reads_the_same_is_the_same() -> None:
    shown = line("Score of 100", scored(71.2), scored(71.9), scored(60))
    assert shown == Line("Score of 100", ["71", "71", "60"], [True, True, False])


def test_the_unknown_is_neither_shown_nor_best() -> None:
    shown = line("Memory", {}, memory(8), memory(16))
    assert shown == Line("Memory", ["", "8 GB", "16 GB"], [False, False, True])


def test_the_only_known_one_is_not_best() -> None:
    assert line("Memory", {}, memory(8)) == Line("Memory", ["", "8 GB"], [False, False])


def test_nothing_of_a_single_offer_is_best() -> None:
    assert not any(one for made in narrowing.lines([item(1, **valued(100, 125))]) for one in made.best)


@pytest.mark.parametrize("name", ["Our estimate", "Processor", "Condition"])
def test_what_is_a_matter_of_taste_has_no_best(name: str) -> None:
    offers = [
        {"fair_value_usd": Decimal(100), "condition": Condition.new, **with_cpu(I7)},
        {"fair_value_usd": Decimal(200), **with_cpu(RYZEN)},
    ]
    shown = line(name, *offers)
    assert shown
    assert all(shown.values)
    assert shown.best == [False, False]


def test_what_none_of_them_has_is_left_out() -> None:
    assert [one.name for one in narrowing.lines([item(1), item(2)])] == ["Condition"]


@pytest.mark.parametrize("compare", [narrowing.lines, narrowing.families, narrowing.form_factors])
def test_of_nothing_there_is_nothing(compare: Callable[[list[AnyItem]], list[Any]]) -> None:
    assert compare([]) == []

"""A collection's items as somebody wants to see them: some of them, in another order, side by side. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dealbrain import cardspec, hardware, scoring
from dealbrain.document import ItemStatus
from dealbrain.shapes import Amount, OwnItem, PublicItem, PublicListing, Request, Typed

type AnyItem = OwnItem | PublicItem


class ItemSort(StrEnum):
    """Orders of a collection's items."""

    own = "own"
    """As their owner ordered them."""
    price = "price"
    worth = "worth"
    """The furthest below our estimate first."""
    score = "score"
    per_mark = "per_mark"
    """Dollars per mark of the processor, the least first."""
    added = "added"
    """The last one added first."""


class View(StrEnum):
    """What items are shown as."""

    table = "table"
    cards = "cards"


class Wanted(Request):
    """Which of a collection's items, and how; None narrows nothing. Prices in US dollars, bounds included."""

    min_price: Amount | None = None
    max_price: Amount | None = None
    cpu: Typed | None = None
    """A family, as ``families`` names it."""
    form_factor: Typed | None = None
    min_score: Amount | None = None
    status: ItemStatus | None = None
    """Narrows only where the items are their owner's: what the owner thinks of them is nobody else's."""
    sort: ItemSort = ItemSort.own
    view: View | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        kept = self.model_dump(exclude={"sort", "view"})
        return any(value is not None for value in kept.values())


def narrowed[I: AnyItem](items: Sequence[I], wanted: Wanted) -> list[I]:
    """Those of the items that are wanted, in the order wanted; what is not known stands last."""
    found = [item for item in items if _is_wanted(item, wanted)]
    return found if wanted.sort is ItemSort.own else sorted(found, key=lambda item: _place(item, wanted.sort))


def families(items: Sequence[AnyItem]) -> list[tuple[str, int]]:
    """The processor families there are, and how many items have each, the most frequent first."""
    return _counted(family(item.listing) for item in items)


def form_factors(items: Sequence[AnyItem]) -> list[tuple[str, int]]:
    """The form factors there are, and how many items have each, the most frequent first."""
    return _counted(form_factor(item.listing) for item in items)


def family(listing: PublicListing) -> str | None:
    """The family of an offer's processor; a processor of none is one of its own."""
    name = listing.performance and listing.performance.cpu and listing.performance.cpu.name
    return hardware.cpu_family(name) or name if name else None


def form_factor(listing: PublicListing) -> str | None:
    """How large a machine is, as its owner said."""
    return listing.metadata.form_factor if listing.metadata else None


def _counted(values: Any) -> list[tuple[str, int]]:  # noqa: ANN401 - any texts, some of them None
    return Counter(value for value in values if value).most_common()


def _is_wanted(item: AnyItem, wanted: Wanted) -> bool:
    listing = item.listing
    price, score = listing.price_usd, score_of(listing)
    return (
        (wanted.min_price is None or (price is not None and price >= wanted.min_price))
        and (wanted.max_price is None or (price is not None and price <= wanted.max_price))
        and (wanted.min_score is None or (score is not None and score >= wanted.min_score))
        and (wanted.cpu is None or family(listing) == wanted.cpu)
        and (wanted.form_factor is None or form_factor(listing) == wanted.form_factor)
        and (wanted.status is None or getattr(item, "status", wanted.status) == wanted.status)
    )


def score_of(listing: PublicListing) -> float | None:
    """The composite score of 100."""
    metrics = listing.performance and listing.performance.metrics
    return metrics.score_composite if metrics else None


def _per_mark(listing: PublicListing) -> float | None:
    metrics = listing.performance and listing.performance.metrics
    return metrics.dollar_per_cpu_mark_multi if metrics else None


def _worth(listing: PublicListing) -> float | None:
    """How far the price lies below our estimate, as a share of the price."""
    if not listing.price_usd or listing.fair_value_usd is None:
        return None
    return float((listing.fair_value_usd - listing.price_usd) / listing.price_usd)


def _above(listing: PublicListing) -> int | None:
    """How far our estimate lies above the price, in per cent of the price, as the verdict says it."""
    if not listing.price_usd or listing.fair_value_usd is None:
        return None
    return scoring.percent_above(listing.fair_value_usd, listing.price_usd)


def _negative(number: float | None) -> float | None:
    return None if number is None else -number


_BY: Mapping[ItemSort, Callable[[AnyItem], Any]] = {
    ItemSort.price: lambda item: item.listing.price_usd,
    ItemSort.worth: lambda item: _negative(_worth(item.listing)),
    ItemSort.score: lambda item: _negative(score_of(item.listing)),
    ItemSort.per_mark: lambda item: _per_mark(item.listing),
    ItemSort.added: lambda item: -item.added_at.timestamp(),
}


def _place(item: AnyItem, sort: ItemSort) -> tuple[bool, Any]:
    value = _BY[sort](item)
    return value is None, 0 if value is None else value


# ------------------------------------------------------------------------------------------ side by side


@dataclass(frozen=True)
class Line:
    """One property of several offers: what each has, and which has the best of it."""

    name: str
    values: Sequence[str]
    best: Sequence[bool]


def lines(items: Sequence[AnyItem]) -> list[Line]:
    """What offers are compared by; a property none of them has is left out."""
    made = [_line(items, *one) for one in _COMPARED]
    return [line for line in made if any(line.values)]


def _line(
    items: Sequence[AnyItem],
    name: str,
    value: Callable[[PublicListing], Any],
    spell: Callable[[Any], str],
    better: Callable[[Any], Any] | None,
) -> Line:
    found = [value(item.listing) for item in items]
    spelled = ["" if one is None else spell(one) for one in found]
    known = [one for one in found if one is not None]
    # What reads the same is the same, and what all have the same of is nobody's advantage.
    is_close = better is None or len({spell(one) for one in known}) < 2
    best = None if is_close else spell(max(known, key=better))
    return Line(name, spelled, [one == best for one in spelled])


def _part(*steps: str) -> Callable[[PublicListing], Any]:
    """What stands at a place of an offer, or None where nothing leads there."""

    def look(listing: PublicListing) -> Any:  # noqa: ANN401 - whatever stands there
        found: Any = listing
        for step in steps:
            found = getattr(found, step) if found is not None else None
        return found

    return look


def _less(number: Any) -> Any:  # noqa: ANN401 - any number
    return -number


def _more(number: Any) -> Any:  # noqa: ANN401 - the same
    return number


_METRICS = ("performance", "metrics")
# A property's name, where it is, how it is spelled, and what makes one better than another.
_COMPARED: Sequence[tuple[str, Any, Callable[[Any], str], Callable[[Any], Any] | None]] = (
    ("Price", _part("price_usd"), cardspec.dollars, _less),
    ("Our estimate", _part("fair_value_usd"), cardspec.dollars, None),
    (
        "Estimate above the price",
        _above,
        lambda percent: f"{percent:,} %".replace("-", "\N{MINUS SIGN}"),
        _more,
    ),
    ("Adjusted price", _part("valuation", "adjusted_price_usd"), cardspec.dollars, _less),
    ("Score of 100", score_of, lambda score: str(int(score)), _more),
    ("$ per mark", _per_mark, lambda dollars: f"{dollars:.4f}", _less),
    ("Marks per watt", _part(*_METRICS, "perf_per_watt"), str, _more),
    ("Processor", _part("performance", "cpu", "name"), str, None),
    ("Marks, all cores", _part("performance", "cpu", "cpu_mark_multi"), "{:,}".format, _more),
    ("Marks, one core", _part("performance", "cpu", "cpu_mark_single"), "{:,}".format, _more),
    ("Graphics", _part("performance", "gpu", "name"), str, None),
    ("Memory", _part("performance", "ram", "total_gb"), cardspec.capacity, _more),
    ("Drive", _part("performance", "storage_primary", "capacity_gb"), cardspec.capacity, _more),
    (
        "Drive's kind",
        _part("performance", "storage_primary", "medium"),
        lambda kind: cardspec.MEDIA.get(kind, ""),
        None,
    ),
    ("Form factor", form_factor, str, None),
    ("Condition", _part("condition"), str, None),
    ("Seller", _part("seller"), str, None),
)

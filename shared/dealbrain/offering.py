"""Listings: what a person says of an offer, and all that follows from it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from dealbrain import access, cardspec, catalog, document, indexing, licensing, matching, resembling, scoring
from dealbrain.catalog import Known, Scores
from dealbrain.document import Condition, DealEntry, ListingStatus
from dealbrain.identity import Person
from dealbrain.paging import Order, page
from dealbrain.shapes import ListingChange, ListingSort, NewListing, Tier
from dealbrain.tables import Account, Collection, Item, Listing

# Unknown prices stand last, whichever way the list runs.
_PRICE_LAST = Decimal(99_999_999)
_ORDERS = {
    ListingSort.recent: Order.by_time("recent", Listing.created_at, Listing.id),
    ListingSort.price: Order.by_number(
        "price", sa.func.coalesce(Listing.price_usd, _PRICE_LAST), Listing.id, descending=False
    ),
    ListingSort.score: Order.by_number(
        "score", sa.func.coalesce(Listing.score, -1), Listing.id, descending=True
    ),
}


def create(session: Session, who: Person, new: NewListing, now: datetime) -> Listing:
    """Add an offer of the caller's."""
    row = Listing(
        owner_id=access.enrol(session, who, now),
        extra={},
        created_at=now,
        updated_at=now,
        **_columns(vars(new)),
    )
    settle(session, row, now)
    session.add(row)
    session.flush()
    resembling.note(session, row)
    return access.readable_listing(session, row.id)


def add_deal(session: Session, owner_id: int, entry: DealEntry, now: datetime) -> Listing:
    """Add an offer as a file carries it, its times and unknown keys included."""
    row = Listing(owner_id=owner_id, **_deal_columns(entry))
    settle(session, row, now)
    session.add(row)
    session.flush()
    resembling.note(session, row)
    return row


def replace_with_deal(session: Session, row: Listing, entry: DealEntry, now: datetime) -> None:
    """Let a file's version of an offer take the place of ours."""
    for name, value in _deal_columns(entry).items():
        setattr(row, name, value)
    row.revision += 1
    settle(session, row, now)
    session.flush()
    resembling.note(session, row)
    indexing.restock_holders(session, row.id)
    licensing.tidy(session, licensing.of_listing(row))


def change(session: Session, who: Person, listing_id: int, wanted: ListingChange, now: datetime) -> Listing:
    """Change what was said of an offer; null clears.

    Raises:
        NotFound: absent or not the caller's.
    """
    row = access.editable_listing(session, who, listing_id)
    for name, value in _columns(wanted.said()).items():
        setattr(row, name, _kept_keys(row.custom_fields) | value if name == "custom_fields" else value)
    row.revision += 1
    row.updated_at = now
    settle(session, row, now)
    session.flush()
    resembling.note(session, row)
    indexing.restock_holders(session, row.id)
    licensing.tidy(session, licensing.of_listing(row))
    return row


def delete(session: Session, who: Person, listing_id: int, now: datetime) -> None:
    """Remove an offer. One that others collected stays for them, nobody's and without what was private.

    Raises:
        NotFound: absent or not the caller's.
    """
    row = access.editable_listing(session, who, listing_id)
    holding = sa.select(Item.collection_id).where(Item.listing_id == row.id)
    mine = sa.select(Collection.id).where(Collection.owner_id == row.owner_id)
    left = session.scalars(
        sa.update(Collection)
        .where(Collection.id.in_(holding), Collection.owner_id == row.owner_id)
        .values(revision=Collection.revision + 1, updated_at=now)
        .returning(Collection.id)
    ).all()
    session.execute(sa.delete(Item).where(Item.listing_id == row.id, Item.collection_id.in_(mine)))
    indexing.restock(session, left)
    if session.scalar(sa.select(holding.exists())):
        _leave_to_others(row)
        resembling.forget(session, row)
    else:
        licensing.close(session, cardspec.listing_place(row.id))
        session.delete(row)
    session.flush()


def _leave_to_others(row: Listing) -> None:
    row.owner_id = None
    row.status = ListingStatus.archived
    row.notes = None
    row.custom_fields = {}
    row.extra = {}
    row.revision += 1


@dataclass(frozen=True)
class Filter:
    """What a list of offers is narrowed to; None narrows nothing."""

    q: str | None = None
    owner: str | None = None
    condition: Condition | None = None
    tier: Tier | None = None
    cpu: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None


def find(
    session: Session, wanted: Filter, sort: ListingSort, limit: int, cursor: str | None
) -> tuple[list[Listing], str | None]:
    """One page of all offers that satisfy every filter given."""
    statement = (
        sa.select(Listing)
        .join(Account, Listing.owner_id == Account.id)
        .where(*_conditions(wanted))
        .options(joinedload(Listing.owner))
    )
    return page(session, statement, _ORDERS[sort], limit, cursor)


def _conditions(wanted: Filter) -> Iterator[sa.ColumnElement[bool]]:
    for word in (wanted.q or "").split():
        places = (Listing.title, Listing.seller, Listing.device_model)
        yield sa.or_(*(place.icontains(word, autoescape=True) for place in places))
    for column, value in (
        (Account.username, wanted.owner),
        (Listing.condition, wanted.condition),
        (Listing.tier, wanted.tier),
    ):
        if value is not None:
            yield column == value
    if wanted.cpu is not None:
        yield Listing.cpu_name.icontains(wanted.cpu, autoescape=True)
    if wanted.min_price is not None:
        yield Listing.price_usd >= wanted.min_price
    if wanted.max_price is not None:
        yield Listing.price_usd <= wanted.max_price


# -------------------------------------------------------------------------------- what follows from it


def would_be(session: Session, entries: Sequence[DealEntry], now: datetime) -> list[Listing]:
    """What listings the deals of a file would become; none of them is stored."""
    rows = [Listing(id=entry.deal.listing.id, **_deal_columns(entry)) for entry in entries]
    settle_all(session, rows, now)
    return rows


def settle(session: Session, row: Listing, now: datetime) -> None:
    """Work out everything that follows from what was said: marks, scores, worth, and keys to match by."""
    settle_all(session, [row], now)


def settle_all(session: Session, rows: Sequence[Listing], now: datetime) -> None:
    """The same of many offers, asking the catalog as often as for one."""
    said = [_performance(row) for row in rows]
    named = [one.cpu for one in said if one and one.cpu]
    found = iter(catalog.resolve_all(session, named))
    known = [next(found) if one and one.cpu else None for one in said]
    scores = catalog.scores_all(session, [one.best if one else None for one in known])
    for row, performance, cpu, ranks in zip(rows, said, known, scores, strict=True):
        _complete(row, performance, cpu)
        _appraise(row, _reckoned(performance, cpu), ranks, now)
        _index(row)


def _complete(row: Listing, performance: document.Performance | None, cpu: Known | None) -> None:
    if performance:
        said = {"cpu": cpu.exact if cpu else None, "gpu": _with_maker(performance.gpu)}
        row.performance = _dumped(performance.model_copy(update=said))
    row.cpu_name = cpu.exact.name if cpu else None
    row.cpu_estimate = _dumped(cpu.estimate) if cpu and cpu.estimate else None


def _reckoned(performance: document.Performance | None, cpu: Known | None) -> document.Performance | None:
    """The hardware to reckon with: where a mark is only estimated, with the estimate."""
    if performance is None:
        return None
    return performance.model_copy(
        update={"cpu": cpu.best if cpu else None, "gpu": _with_maker(performance.gpu)}
    )


def _index(row: Listing) -> None:
    row.url_key = matching.canonical_url(row.listing_url) if row.listing_url else None
    row.title_key = matching.title_key(row.title)
    row.seller_key = matching.seller_key(row.seller)
    row.wares = indexing.wares(row.cpu_name, row.price_usd)


def _with_maker(gpu: document.Gpu | None) -> document.Gpu | None:
    """There is no catalog of graphics cards: a maker nobody named stays unknown."""
    if gpu is None or gpu.manufacturer is not None:
        return gpu
    return gpu.model_copy(update={"manufacturer": document.UNKNOWN_MANUFACTURER})


def _appraise(row: Listing, performance: document.Performance | None, ranks: Scores, now: datetime) -> None:
    before = (row.price_usd, row.adjusted_price_usd, row.fair_value_usd, row.ruleset_name)
    worth = scoring.appraise(
        performance, Condition(row.condition), row.price_usd, estimated=row.cpu_estimate is not None
    )
    cpu = performance.cpu if performance else None
    scores = {"score_cpu_multi": ranks[0], "score_cpu_single": ranks[1]}
    metrics = scoring.metrics(row.price_usd, worth.adjusted_price_usd, cpu, scores)
    row.metrics = _dumped(metrics)
    row.score = metrics.score_composite
    row.adjusted_price_usd = worth.adjusted_price_usd
    row.valuation_breakdown = worth.valuation_breakdown.as_json()
    row.ruleset_name = worth.ruleset_name
    row.fair_value_usd = worth.fair_value_usd
    row.fair_value_breakdown = worth.fair_value_breakdown.as_json() if worth.fair_value_breakdown else None
    row.tier = worth.tier
    row.verdict = worth.verdict
    if row.as_of is None or before != (
        row.price_usd,
        row.adjusted_price_usd,
        row.fair_value_usd,
        row.ruleset_name,
    ):
        row.as_of = now.astimezone(UTC).date()


# ------------------------------------------------------------------------------------------- columns


def _performance(row: Listing) -> document.Performance | None:
    return document.Performance.model_validate(row.performance) if row.performance is not None else None


def _columns(said: Mapping[str, Any]) -> dict[str, Any]:
    """Spell validated fields as columns."""
    columns = dict(said)
    if "metadata" in columns:
        columns["details"] = _dumped(columns.pop("metadata"))
    if "performance" in columns:
        columns["performance"] = _dumped(columns["performance"])
    if "other_urls" in columns:
        columns["other_urls"] = [_dumped(link) for link in columns["other_urls"] or ()]
    if "custom_fields" in columns:
        columns["custom_fields"] = columns["custom_fields"] or {}
    return columns


def _deal_columns(entry: DealEntry) -> dict[str, Any]:
    whole = entry.deal
    said = {name: getattr(whole.listing, name) for name in document.Listing.model_fields if name != "id"}
    performance = whole.performance and whole.performance.model_copy(update={"metrics": None})
    return _columns(said | {"performance": performance, "metadata": whole.metadata}) | {"extra": entry.extra}


def _dumped(part: Any) -> Any:  # noqa: ANN401 - None stays None
    return None if part is None else part.model_dump(mode="json", exclude_none=True)


def _kept_keys(custom_fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in custom_fields.items() if key.startswith("_")}

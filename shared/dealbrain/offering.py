"""Listings: what a person says of an offer, and all that follows from it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import (
    access,
    browsing,
    cardspec,
    catalog,
    document,
    indexing,
    licensing,
    matching,
    pricing,
    resembling,
    scoring,
)
from dealbrain.catalog import Known
from dealbrain.document import Condition, DealEntry, ListingStatus
from dealbrain.identity import Person
from dealbrain.shapes import ListingChange, NewListing
from dealbrain.tables import Collection, Item, Listing

# The columns that follow from what was said together with the catalog and the table of worths.
APPRAISED = (
    *("performance", "completed", "cpu_name", "cpu_estimate", "metrics", "score", "adjusted_price_usd"),
    *("valuation_breakdown", "ruleset_name", "fair_value_usd", "fair_value_breakdown", "tier", "verdict"),
    "as_of",
)


def create(session: Session, who: Person, new: NewListing, now: datetime) -> Listing:
    """Add an offer of the caller's."""
    (row,) = create_all(session, who, [new], now)
    return access.readable_listing(session, row.id)


def create_all(session: Session, who: Person, new: Sequence[NewListing], now: datetime) -> list[Listing]:
    """Add offers of the caller's, one at least, in as many statements as one of them takes."""
    owner_id = access.enrol(session, who, now)
    common = {"owner_id": owner_id, "extra": {}, "created_at": now, "updated_at": now}
    rows = [Listing(**common, **_columns(vars(one))) for one in new]
    settle_all(session, rows, now)
    session.add_all(rows)
    _stored(session, rows, now)
    return rows


def add_deals(session: Session, owner_id: int, entries: Sequence[DealEntry], now: datetime) -> list[Listing]:
    """Add offers as a file carries them, their times and unknown keys included; their numbers are ours.

    In as many statements as one of them takes.
    """
    rows = [Listing(owner_id=owner_id, **_deal_columns(entry)) for entry in entries]
    settle_all(session, rows, now)
    session.add_all(rows)
    _stored(session, rows, now)
    return rows


def replace_with_deal(session: Session, row: Listing, entry: DealEntry, now: datetime) -> None:
    """Let a file's version of an offer take the place of ours."""
    for name, value in _deal_columns(entry).items():
        setattr(row, name, value)
    row.revision += 1
    settle(session, row, now)
    _stored(session, [row], now)
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
    _stored(session, [row], now)
    indexing.restock_holders(session, row.id)
    licensing.tidy(session, licensing.of_listing(row))
    return row


def _stored(session: Session, rows: Sequence[Listing], now: datetime) -> None:
    """Let offers be found by lists and by what they resemble, and keep the prices that were seen."""
    session.flush()
    if not rows:
        return
    browsing.note(session, rows)
    resembling.note(session, rows)
    pricing.note(session, rows, now)


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
        browsing.forget(session, row)
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
    appraise_all(session, rows, now)
    for row in rows:
        _index(row)


def appraise_all(session: Session, rows: Sequence[Listing], now: datetime) -> None:
    """Work out what follows from the catalog and the table of worths, which is ``APPRAISED``."""
    said = _with_known_gpus(session, [_performance(row) for row in rows])
    named = [one.cpu for one in said if one and one.cpu]
    found = iter(catalog.resolve_all(session, named))
    known = [next(found) if one and one.cpu else None for one in said]
    scores = catalog.scores_all(session, [one.best if one else None for one in known])
    gpu_scores = catalog.gpu_scores(session, [one.gpu if one else None for one in said])
    for row, performance, cpu, (multi, single), gpu in zip(
        rows, said, known, scores, gpu_scores, strict=True
    ):
        _complete(row, performance, cpu)
        ranks = {"score_cpu_multi": multi, "score_cpu_single": single, "score_gpu": gpu}
        _appraise(row, _reckoned(performance, cpu), ranks, now)


def _with_known_gpus(
    session: Session, said: Sequence[document.Performance | None]
) -> list[document.Performance | None]:
    found = iter(catalog.complete_gpus(session, [one.gpu for one in said if one and one.gpu]))
    return [one.model_copy(update={"gpu": next(found)}) if one and one.gpu else one for one in said]


def _complete(row: Listing, performance: document.Performance | None, cpu: Known | None) -> None:
    if performance:
        said = _said(row)
        row.performance = _dumped(performance.model_copy(update={"cpu": cpu.exact if cpu else None}))
        row.completed = {
            part: sorted(row.performance[part].keys() - said[part].keys())
            for part in _COMPLETED
            if said.get(part)
        }
    row.cpu_name = cpu.exact.name if cpu else None
    row.cpu_estimate = _dumped(cpu.estimate) if cpu and cpu.estimate else None


def _reckoned(performance: document.Performance | None, cpu: Known | None) -> document.Performance | None:
    """The hardware to reckon with: where a mark is only estimated, with the estimate."""
    if performance is None:
        return None
    return performance.model_copy(update={"cpu": cpu.best if cpu else None})


def _index(row: Listing) -> None:
    row.url_key = matching.canonical_url(row.listing_url) if row.listing_url else None
    row.title_key = matching.title_key(row.title)
    row.seller_key = matching.seller_key(row.seller)
    row.wares = indexing.wares(row.cpu_name, row.price_usd)


def _appraise(
    row: Listing,
    performance: document.Performance | None,
    scores: Mapping[str, float | None],
    now: datetime,
) -> None:
    before = (row.price_usd, row.adjusted_price_usd, row.fair_value_usd, row.ruleset_name)
    worth = scoring.appraise(
        performance, Condition(row.condition), row.price_usd, estimated=row.cpu_estimate is not None
    )
    cpu = performance.cpu if performance else None
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


def as_said(row: Listing) -> dict[str, Any]:
    """What was said of an offer, as ``NewListing`` takes it: without what the catalog added."""
    elsewhere = {
        "performance": _said(row) if row.performance is not None else None,
        "metadata": row.details,
    }
    plain = NewListing.model_fields.keys() - elsewhere.keys()
    return {name: getattr(row, name) for name in plain} | elsewhere


_COMPLETED = ("cpu", "gpu")


def _performance(row: Listing) -> document.Performance | None:
    """The hardware as it was said, without what the catalog added."""
    return document.Performance.model_validate(_said(row)) if row.performance is not None else None


def _said(row: Listing) -> dict[str, Any]:
    performance = dict(row.performance or {})
    for part, added in row.completed.items():
        performance[part] = {name: value for name, value in performance[part].items() if name not in added}
    return performance


def _columns(said: Mapping[str, Any]) -> dict[str, Any]:
    """Spell validated fields as columns."""
    columns = dict(said)
    # Whoever says the hardware says all of it.
    if "performance" in columns:
        columns["completed"] = {}
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

"""What of ours the offers of a file resemble: candidates by SQL over all listings, judged one by one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased, joinedload

from dealbrain import document, matching
from dealbrain.document import Deal, DealEntry
from dealbrain.jsontext import Json
from dealbrain.matching import Match, Offer
from dealbrain.shapes import Difference, Duplicate
from dealbrain.tables import Collection, Listing

# A row may resemble hundreds; nobody reads more than the best of them.
MOST_A_ROW = 20


@dataclass(frozen=True)
class Likeness:
    """A listing of ours, and how alike a row of the file it is."""

    listing: Listing
    match: Match


def offer_of(deal: Deal) -> Offer:
    """What judging takes of a deal in a file."""
    listing = deal.listing
    return Offer(listing.title, listing.listing_url, listing.seller, listing.price_usd)


def offer_in(row: Listing) -> Offer:
    """What judging takes of a listing of ours."""
    return Offer(row.title, row.listing_url, row.seller, row.price_usd)


def listings(session: Session, offers: Sequence[Offer]) -> list[list[Likeness]]:
    """For every offer all listings it resembles, best first, nearest price first among equals."""
    matches = list(_matches(session, offers))
    ours = _by_id(session, {listing_id for _, listing_id, _ in matches})
    found: list[list[Likeness]] = [[] for _ in offers]
    for index, listing_id, match in matches:
        found[index].append(Likeness(ours[listing_id], match))
    for offer, alike in zip(offers, found, strict=True):
        alike.sort(key=lambda one, offer=offer: _rank(offer, one))  # type: ignore[misc]
    return found


def _matches(session: Session, offers: Sequence[Offer]) -> Iterator[tuple[int, int, Match]]:
    for index, listing_id, *said in session.execute(_candidates(offers)):
        match = matching.similarity(offers[index], Offer(*said))
        if match is not None:
            yield index, listing_id, match


def _by_id(session: Session, ids: AbstractSet[int]) -> dict[int, Listing]:
    statement = sa.select(Listing).where(Listing.id == sa.any_(sa.literal([*ids], ARRAY(sa.BigInteger))))
    return {row.id: row for row in session.scalars(statement.options(joinedload(Listing.owner)))}


def _rank(offer: Offer, one: Likeness) -> tuple[float, bool, Any, int]:
    gap = matching.price_gap(offer.price_usd, one.listing.price_usd)
    return (-one.match.score, gap is None, gap or 0, one.listing.id)


def _candidates(offers: Sequence[Offer]) -> sa.Select[Any]:
    """Every listing that can possibly match: the three rules as three indexes, one statement for all rows."""
    rows = sa.func.json_to_recordset(sa.literal([*map(_keys, range(len(offers)), offers)], sa.JSON))
    sought = rows.table_valued(
        sa.column("row", sa.Integer),
        sa.column("url_key", sa.Text),
        sa.column("title_key", sa.Text),
        sa.column("seller_key", sa.Text),
        sa.column("prefix", ARRAY(sa.Text)),
        sa.column("least", sa.Integer),
        sa.column("most", sa.Integer),
    ).render_derived(name="sought", with_types=True)
    ours = aliased(Listing)
    words = sa.func.cardinality(ours.tokens)
    same_address = ours.url_key == sought.c.url_key
    same_title = (ours.title_key == sought.c.title_key) & (ours.seller_key == sought.c.seller_key)
    similar = ours.tokens.overlap(sought.c.prefix) & words.between(sought.c.least, sought.c.most)
    rules = (sa.select(ours.id).where(rule).correlate(sought) for rule in (same_address, same_title, similar))
    possible = sa.union(*rules).lateral("possible")
    return (
        sa.select(
            sought.c.row, Listing.id, Listing.title, Listing.listing_url, Listing.seller, Listing.price_usd
        )
        .select_from(sought)
        .join(possible, sa.true())
        .join(Listing, Listing.id == possible.c.id)
        .where(Listing.owner_id.is_not(None))
    )


def _keys(row: int, offer: Offer) -> dict[str, Json]:
    words = matching.tokens(offer.title)
    least, most = matching.size_bounds(len(words))
    return {
        "row": row,
        "url_key": matching.canonical_url(offer.listing_url) if offer.listing_url else None,
        "title_key": matching.title_key(offer.title),
        "seller_key": matching.seller_key(offer.seller),
        "prefix": list(matching.prefix(words)),
        "least": least,
        "most": most,
    }


def repeats(offers: Sequence[Offer]) -> dict[int, tuple[int, Match]]:
    """For each offer that repeats an earlier one of the same file: which one, and how alike."""
    earlier: dict[object, list[int]] = defaultdict(list)
    found: dict[int, tuple[int, Match]] = {}
    for index, offer in enumerate(offers):
        words = matching.tokens(offer.title)
        keys = _exact_keys(offer)
        # Whatever resembles this title shares at least one word of its prefix.
        for other in sorted({one for key in (*keys, *matching.prefix(words)) for one in earlier[key]}):
            match = matching.similarity(offer, offers[other])
            if match and match.kind == "duplicate":
                found[index] = (other, match)
                break
        for key in (*keys, *words):
            earlier[key].append(index)
    return found


def _exact_keys(offer: Offer) -> list[object]:
    keys: list[object] = [("title", matching.title_key(offer.title))]
    if offer.listing_url:
        keys.append(("address", matching.canonical_url(offer.listing_url)))
    return keys


def collections(session: Session, owner_id: int | None, name: str) -> list[tuple[Collection, Match]]:
    """The owner's collections of the same or a similar name, best first."""
    mine = session.scalars(
        sa.select(Collection)
        .where(Collection.owner_id == owner_id, Collection.deleted_at.is_(None))
        .order_by(Collection.id)
    )
    judged = [(row, matching.collection_similarity(name, row.name)) for row in mine]
    alike = [(row, match) for row, match in judged if match is not None]
    return sorted(alike, key=lambda pair: -pair[1].score)[:MOST_A_ROW]


# -------------------------------------------------------------------------------------- what differs

_OURS_TO_SAY = frozenset({"id", "created_at", "updated_at"})


def differences(theirs: DealEntry, ours: DealEntry) -> list[Difference]:
    """The fields in which a file's deal and one of ours differ; ids, times and computed numbers apart."""
    file, own = _flat(theirs), _flat(ours)
    return [
        Difference(field=name, file=file.get(name), ours=own.get(name))
        for name in sorted(file.keys() | own.keys())
        if file.get(name) != own.get(name)
    ]


def _flat(entry: DealEntry) -> dict[str, Json]:
    deal = entry.deal
    listing = _said(deal.listing, _OURS_TO_SAY)
    performance = _said(deal.performance, frozenset({"metrics"}))
    details = _said(deal.metadata, frozenset())
    return {
        **listing,
        **{f"performance.{name}": value for name, value in performance.items()},
        **{f"metadata.{name}": value for name, value in details.items()},
    }


def _said(part: document.Part | None, apart: frozenset[str]) -> Mapping[str, Any]:
    if part is None:
        return {}
    dumped = part.model_dump(mode="json", exclude_none=True, exclude=set(apart))
    return {name: value for name, value in dumped.items() if value not in ([], {})}


def duplicate(theirs: DealEntry, ours: DealEntry, likeness: Likeness) -> Duplicate:
    """Spell a likeness for a preview."""
    return Duplicate(
        entity_type="listing",
        entity_id=likeness.listing.id,
        match_score=likeness.match.score,
        match_reason=likeness.match.reason,
        differences=differences(theirs, ours),
    )

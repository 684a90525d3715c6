"""What of ours the offers of a file resemble: candidates by SQL over all listings, judged one by one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session, joinedload

from dealbrain import document, matching, postings
from dealbrain.document import Deal, DealEntry
from dealbrain.jsontext import Json
from dealbrain.matching import Match, Offer
from dealbrain.postings import Posting
from dealbrain.shapes import Difference, Duplicate
from dealbrain.tables import Collection, Listing, TitlePosting

# A row may resemble hundreds; nobody reads more than the best of them.
MOST_A_ROW = 20
INDEXED_AT_ONCE = 1_000


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


def note(session: Session, row: Listing) -> None:
    """Let a listing, once it is stored, be found by what it resembles; again whenever its title changes."""
    kept = _columns(postings.of(row.title))
    statement = insert(TitlePosting).values(listing_id=row.id, **kept)
    session.execute(statement.on_conflict_do_update(index_elements=["listing_id"], set_=kept))


def index_rest(session: Session) -> int:
    """Let a batch of the listings be found that are not found yet: an older version of ours wrote them.

    Returns:
        How many these were; as long as there are any, there may be more.
    """
    is_found = sa.exists().where(TitlePosting.listing_id == Listing.id)
    batch = sa.select(Listing.id, Listing.title, Listing.seller).where(
        Listing.owner_id.is_not(None), ~is_found
    )
    rows = session.execute(batch.order_by(Listing.id).limit(INDEXED_AT_ONCE)).all()
    if rows:
        session.execute(sa.update(Listing), [_keys(one) for one in rows])
        kept = [{"listing_id": one.id, **_columns(postings.of(one.title))} for one in rows]
        session.execute(sa.insert(TitlePosting).values(kept))
    return len(rows)


def _keys(one: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of a query
    keys = {"title_key": matching.title_key(one.title), "seller_key": matching.seller_key(one.seller)}
    return {"id": one.id, **keys}


def forget(session: Session, row: Listing) -> None:
    """Let a listing that stays for others only not be found any more."""
    session.execute(sa.delete(TitlePosting).where(TitlePosting.listing_id == row.id))


def _columns(posting: Posting) -> dict[str, Any]:
    return {"weight": posting.weight, "grams": posting.grams, "keys": posting.keys}


def listings(
    session: Session, offers: Sequence[Offer], most: int | None = MOST_A_ROW
) -> list[list[Likeness]]:
    """For every offer the listings it resembles, best first, nearest price first among equals.

    Exactly those of all listings that ``matching.similarity`` matches; of these the best so many.
    """
    found: list[list[Likeness]] = [[] for _ in offers]
    alike = session.execute(_alike(offers, most)).all()
    ours = _by_id(session, {listing_id for _, listing_id in alike})
    for index, listing_id in alike:
        match = matching.similarity(offers[index], offer_in(ours[listing_id]))
        if match is not None:
            found[index].append(Likeness(ours[listing_id], match))
    for offer, some in zip(offers, found, strict=True):
        some.sort(key=lambda one, offer=offer: _rank(offer, one))  # type: ignore[misc]
    return found


def _by_id(session: Session, ids: AbstractSet[int]) -> dict[int, Listing]:
    statement = sa.select(Listing).where(Listing.id == sa.any_(sa.literal([*ids], ARRAY(sa.BigInteger))))
    return {row.id: row for row in session.scalars(statement.options(joinedload(Listing.owner)))}


def _rank(offer: Offer, one: Likeness) -> tuple[float, bool, Any, int]:
    gap = matching.price_gap(offer.price_usd, one.listing.price_usd)
    return (-one.match.score, gap is None, gap or 0, one.listing.id)


# The three rules as three indexes, one statement for all rows. An overlap of keys finds whatever can be
# similar (``postings`` says why); the common grams decide. A row's best are chosen as ``_rank`` orders them.
_ALIKE = """
SELECT sought.row, best.id
FROM json_to_recordset(:sought) AS sought(row int, url_key text, title_key text, seller_key text,
    price numeric, weight int, least int, most int, grams int[], keys int[])
CROSS JOIN LATERAL (
    SELECT found.id
    FROM (
        SELECT alike.id, max(alike.score) AS score
        FROM (
            SELECT id, 1 AS score FROM listings WHERE url_key = sought.url_key
            UNION ALL
            SELECT id, 1 FROM listings
            WHERE title_key = sought.title_key AND seller_key = sought.seller_key
            UNION ALL
            SELECT id, score FROM (
                SELECT near.id, near.shared / (sought.weight + near.weight - near.shared)::numeric AS score
                FROM (
                    SELECT listing_id AS id, title_postings.weight,
                        icount(title_postings.grams & sought.grams)
                        + title_postings.weight - icount(title_postings.grams)
                        + sought.weight - icount(sought.grams) AS shared
                    FROM title_postings
                    WHERE title_postings.keys && sought.keys
                    AND title_postings.weight BETWEEN sought.least AND sought.most
                ) AS near
                WHERE near.shared * (10 + :tenths) >= :tenths * (sought.weight + near.weight)
            ) AS resembling
        ) AS alike
        GROUP BY alike.id
    ) AS found
    JOIN listings ON listings.id = found.id AND listings.owner_id IS NOT NULL
    ORDER BY found.score DESC,
        abs(nullif(listings.price_usd, 0) - nullif(sought.price, 0))
            / greatest(listings.price_usd, sought.price) NULLS LAST,
        found.id
    LIMIT :most
) AS best
"""


def _alike(offers: Sequence[Offer], most: int | None) -> sa.TextClause:
    sought = [_sought(index, offer) for index, offer in enumerate(offers)]
    return sa.text(_ALIKE).bindparams(
        sa.bindparam("sought", sought, sa.JSON), tenths=matching.THRESHOLD_TENTHS, most=most
    )


def _sought(row: int, offer: Offer) -> dict[str, Json]:
    posting = postings.of(offer.title)
    least, most = postings.weight_bounds(posting.weight)
    return {
        "row": row,
        "url_key": matching.canonical_url(offer.listing_url) if offer.listing_url else None,
        "title_key": matching.title_key(offer.title),
        "seller_key": matching.seller_key(offer.seller),
        "price": None if offer.price_usd is None else str(offer.price_usd),
        **_columns(posting),
        "least": least,
        "most": most,
    }


def repeats(offers: Sequence[Offer]) -> dict[int, tuple[int, Match]]:
    """For each offer that repeats an earlier one of the same file: which one, and how alike."""
    earlier: dict[object, list[int]] = defaultdict(list)
    found: dict[int, tuple[int, Match]] = {}
    for index, offer in enumerate(offers):
        keys = [*_exact_keys(offer), *postings.of(offer.title).keys]
        for other in sorted({one for key in keys for one in earlier[key]}):
            match = matching.similarity(offer, offers[other])
            if match and match.kind == "duplicate":
                found[index] = (other, match)
                break
        for key in keys:
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

_NO_NUMBERS = frozenset({"valuation_breakdown", "ruleset_name"})
_OURS_TO_SAY = frozenset({"id", "created_at", "updated_at"})


def differences(theirs: DealEntry, ours: DealEntry) -> list[Difference]:
    """The fields in which a file's deal and one of ours differ; ids, times and computed numbers apart."""
    file, own = _flat(theirs), _flat(ours)
    return [
        Difference(field=name, file=file.get(name), ours=own.get(name))
        for name in sorted(file.keys() | own.keys())
        if file.get(name) != own.get(name)
    ]


def recomputed(theirs: Deal, ours: Deal) -> Iterator[tuple[str, Json, Json]]:
    """The numbers of a file that we reckon otherwise: which one, what the file says, and what we do."""
    for name, value in _numbers(theirs).items():
        known = _numbers(ours).get(name)
        if value != known:
            yield name, value, known


def _numbers(deal: Deal) -> Mapping[str, Any]:
    metrics = deal.performance.metrics if deal.performance else None
    return {**_said(metrics, frozenset()), **_said(deal.valuation, _NO_NUMBERS)}


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

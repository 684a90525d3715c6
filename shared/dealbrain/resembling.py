"""What of ours the offers of a file resemble: candidates by SQL over all listings, judged one by one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, joinedload

from dealbrain import document, matching, postings
from dealbrain.document import Deal, DealEntry
from dealbrain.jsontext import Json
from dealbrain.matching import THRESHOLD_TENTHS, Match, Offer
from dealbrain.postings import Posting
from dealbrain.shapes import Difference, Duplicate
from dealbrain.tables import Collection, Listing, TitleWords

# A row may resemble hundreds; nobody reads more than the best of them.
MOST_A_ROW = 20
# So many tenths two titles share at least, from search to search until a row has its most.
LEVELS = (9, 8, THRESHOLD_TENTHS)
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


def note(session: Session, rows: Iterable[Listing]) -> None:
    """Let listings, once they are stored, be found by what they resemble; again when titles have changed."""
    _note(session, {row.id: row.title for row in rows})


# In one statement, as every listing that is written waits for it. What a title's words were already stays,
# and so do the keys of these; of other words, the keys that are no more go.
_NOTE = """
WITH title AS (
    SELECT * FROM json_to_recordset(:titles)
        AS title(listing_id bigint, weight int, lost int, words int[], keys int[], reaches int[])
), changed AS (
    INSERT INTO title_words (listing_id, words) SELECT listing_id, words FROM title
    ON CONFLICT (listing_id) DO UPDATE SET words = excluded.words
    WHERE title_words.words <> excluded.words
    RETURNING listing_id
), gone AS (
    DELETE FROM title_postings AS posting USING changed JOIN title USING (listing_id)
    WHERE posting.listing_id = title.listing_id AND posting.key <> ALL (title.keys)
)
INSERT INTO title_postings (listing_id, key, weight, reach, lost, words)
SELECT listing_id, key.number, weight, key.reach, lost, words
FROM changed JOIN title USING (listing_id) CROSS JOIN unnest(keys, reaches) AS key(number, reach)
ON CONFLICT (listing_id, key) DO UPDATE
SET weight = excluded.weight, reach = excluded.reach, lost = excluded.lost, words = excluded.words
"""


def _note(session: Session, named: Mapping[int, str]) -> None:
    titles = [{"listing_id": one, **_columns(postings.of(title))} for one, title in named.items()]
    session.execute(sa.text(_NOTE).bindparams(sa.bindparam("titles", titles, sa.JSON)))


def _columns(posting: Posting) -> dict[str, Json]:
    return {
        "weight": posting.weight,
        "lost": posting.lost,
        "words": [*posting.words],
        "keys": [*posting.keys],
        "reaches": [*posting.keys.values()],
    }


def index_rest(session: Session) -> int:
    """Let a batch of the listings be found that are not found yet: an older version of ours wrote them.

    Returns:
        How many these were; as long as there are any, there may be more.
    """
    is_found = sa.exists().where(TitleWords.listing_id == Listing.id)
    batch = sa.select(Listing.id, Listing.title, Listing.seller).where(
        Listing.owner_id.is_not(None), ~is_found
    )
    rows = session.execute(batch.order_by(Listing.id).limit(INDEXED_AT_ONCE)).all()
    if rows:
        session.execute(sa.update(Listing), [_keys(one) for one in rows])
        _note(session, {one.id: one.title for one in rows})
    return len(rows)


def _keys(one: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of a query
    keys = {"title_key": matching.title_key(one.title), "seller_key": matching.seller_key(one.seller)}
    return {"id": one.id, **keys}


def forget(session: Session, row: Listing) -> None:
    """Let a listing that stays for others only not be found any more."""
    session.execute(sa.delete(TitleWords).where(TitleWords.listing_id == row.id))


def listings(session: Session, offers: Sequence[Offer], most: int = MOST_A_ROW) -> list[list[Likeness]]:
    """For every offer the listings it resembles, best first, nearest price first among equals.

    Exactly those of all listings that ``matching.similarity`` matches; of these the best so many.
    """
    found: list[list[Likeness]] = [[] for _ in offers]
    nearest = _nearest(session, offers, most)
    ours = _by_id(session, {listing_id for ids in nearest.values() for listing_id in ids})
    for index, ids in nearest.items():
        for listing_id in ids:
            match = matching.similarity(offers[index], offer_in(ours[listing_id]))
            if match is not None:
                found[index].append(Likeness(ours[listing_id], match))
    for offer, some in zip(offers, found, strict=True):
        some.sort(key=lambda one, offer=offer: _rank(offer, one))  # type: ignore[misc]
    return found


def _nearest(session: Session, offers: Sequence[Offer], most: int) -> dict[int, list[int]]:
    """The best of what can be similar; where there is plenty, a search among the nearly equal finds them."""
    found: dict[int, list[int]] = {}
    for tenths in LEVELS:
        rest = [index for index in range(len(offers)) if len(found.get(index, ())) < most]
        for index in rest:
            found[index] = []
        for index, listing_id in session.execute(_alike(offers, rest, tenths, most)) if rest else ():
            found[index].append(listing_id)
    return found


def _by_id(session: Session, ids: AbstractSet[int]) -> dict[int, Listing]:
    statement = sa.select(Listing).where(Listing.id == sa.any_(sa.literal([*ids], ARRAY(sa.BigInteger))))
    return {row.id: row for row in session.scalars(statement.options(joinedload(Listing.owner)))}


def _rank(offer: Offer, one: Likeness) -> tuple[float, bool, Any, int]:
    gap = matching.price_gap(offer.price_usd, one.listing.price_usd)
    return (-one.match.score, gap is None, gap or 0, one.listing.id)


_DIGITS = range(postings.DIGITS)
_SOUGHT_DIGITS = ", ".join(f"digit_{digit} int[]" for digit in _DIGITS)
_COMMON = " + ".join(f"{2**digit} * icount(posting.words & sought.digit_{digit})" for digit in _DIGITS)

# The three rules as three indexes, one statement for all rows. The keys find whatever can be similar
# (``postings`` says why); the common words decide. Prices are read of the best only, and of those that are
# as good as the last of these; a row's best are chosen as ``_rank`` orders them. OFFSET 0 keeps the planner
# from joining whole tables: keys are looked up, even while the database's statistics know nothing of them.
_ALIKE = f"""
SELECT sought.row, best.id
FROM json_to_recordset(:sought) AS sought(row int, url_key text, title_key text, seller_key text,
    price numeric, weight int, lost int, least int, most int, keys int[], reaches int[], {_SOUGHT_DIGITS})
CROSS JOIN LATERAL (
    SELECT found.id
    FROM (
        SELECT alike.id, max(alike.score) AS score
        FROM (
            SELECT id, 1 AS score FROM listings WHERE url_key = sought.url_key AND owner_id IS NOT NULL
            UNION ALL
            SELECT id, 1 FROM listings
            WHERE title_key = sought.title_key AND seller_key = sought.seller_key AND owner_id IS NOT NULL
            UNION ALL
            SELECT id, shared / (sought.weight + weight - shared)::numeric
            FROM (
                SELECT posting.listing_id AS id, posting.weight, posting.shared
                FROM unnest(sought.keys, sought.reaches) AS key(number, reach)
                CROSS JOIN LATERAL (
                    SELECT listing_id, weight, {_COMMON} + posting.lost + sought.lost AS shared
                    FROM title_postings AS posting
                    WHERE posting.key = key.number AND posting.weight BETWEEN sought.least AND sought.most
                    AND least(posting.reach, key.reach) * (10 + :tenths)
                        >= :tenths * (sought.weight + posting.weight)
                    OFFSET 0
                ) AS posting
            ) AS sharing
            WHERE shared * (10 + :tenths) >= :tenths * (sought.weight + weight)
        ) AS alike
        GROUP BY alike.id
        ORDER BY score DESC
        FETCH FIRST (:most) ROWS WITH TIES
    ) AS found
    CROSS JOIN LATERAL (SELECT price_usd FROM listings WHERE id = found.id OFFSET 0) AS listing
    ORDER BY found.score DESC,
        abs(nullif(listing.price_usd, 0) - nullif(sought.price, 0))
            / greatest(listing.price_usd, sought.price) NULLS LAST,
        found.id
    LIMIT :most
) AS best
"""  # noqa: S608 - numbers only, and all of them ours


def _alike(offers: Sequence[Offer], wanted: Iterable[int], tenths: int, most: int) -> sa.TextClause:
    sought = [_sought(index, offers[index], tenths) for index in wanted]
    most_a_row = sa.bindparam("most", most, sa.BigInteger)
    return sa.text(_ALIKE).bindparams(sa.bindparam("sought", sought, sa.JSON), most_a_row, tenths=tenths)


def _sought(row: int, offer: Offer, tenths: int) -> dict[str, Json]:
    posting = postings.of(offer.title, tenths)
    least, most = postings.weight_bounds(posting.weight, tenths)
    return {
        "row": row,
        "url_key": matching.canonical_url(offer.listing_url) if offer.listing_url else None,
        "title_key": matching.title_key(offer.title),
        "seller_key": matching.seller_key(offer.seller),
        "price": None if offer.price_usd is None else str(offer.price_usd),
        **_columns(posting),
        "least": least,
        "most": most,
        **{f"digit_{digit}": [*words] for digit, words in enumerate(postings.digits(offer.title))},
    }


def repeats(offers: Sequence[Offer]) -> dict[int, tuple[int, Match]]:
    """For each offer that repeats earlier ones of the same file: the first of these, and how alike.

    Exactly what comparing all with all would find; judged are only pairs that share a key, or words enough.
    """
    keys = [frozenset(_exact_keys(offer)) for offer in offers]
    words = [matching.tokens(offer.title) for offer in offers]
    weights, bits = [matching.weight_of(some) for some in words], _as_bits(words)
    found: dict[int, tuple[int, Match]] = {}
    for index, offer in enumerate(offers):
        for other in range(index):
            shared = (bits[index] & bits[other]).bit_count()
            enough = 10 * shared >= matching.THRESHOLD_TENTHS * (weights[index] + weights[other] - shared)
            same_key = not keys[index].isdisjoint(keys[other])
            # Many titles that differ in one number are variants of each other, and soon told to be.
            if same_key or (enough and not matching.variant_reason(offer.title, offers[other].title)):
                match = matching.similarity(offer, offers[other])
                if match and match.kind == "duplicate":
                    found[index] = (other, match)
                    break
    return found


def _as_bits(titles: Sequence[AbstractSet[str]]) -> list[int]:
    """Spell what titles have in common as numbers: a word has as many bits as it weighs."""
    times = Counter(word for words in titles for word in words)
    places: dict[str, int] = {}
    end = 0
    for word in (word for word, count in times.items() if count > 1):
        weight = matching.weight(word)
        places[word] = ((1 << weight) - 1) << end
        end += weight
    return [sum(places.get(word, 0) for word in words) for words in titles]


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

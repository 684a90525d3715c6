"""Which card of a listing or collection is right today, and the licence to draw it: its spec in S3.

No spec, no picture. What is no longer to be seen is closed by removing its specs after the commit: at best
effort, because no edit fails for a picture, and what is missed goes with the next sweep.
"""

from collections.abc import Callable, Mapping
from collections.abc import Collection as Many
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from dealbrain import access, carding, cardspec, db, files
from dealbrain.cardspec import Card, CardSpec, CollectionSource, Format, Size, Source, Style, TopItem, Variant
from dealbrain.document import Visibility
from dealbrain.errors import NotFound
from dealbrain.facts import SPEC_REFRESH, SPECS, Bucket
from dealbrain.identity import Caller
from dealbrain.settings import settings
from dealbrain.tables import CARD_NONCE, Collection, Item, Listing

TOP = 4
# Of an import that changed hundreds of listings; one after another they would take most of its time.
LISTS_AT_ONCE = 16
_LEFT_OPEN = "cards left open"


@dataclass(frozen=True)
class Shown:
    """What the cards of something show today."""

    place: str
    spec: CardSpec

    @property
    def digest(self) -> str:
        """The name of everything drawn."""
        return cardspec.digest(self.spec)

    def card(self, style: Style, size: Size, kind: Format) -> Card:
        """One of its twelve pictures."""
        return Card(self.place, Variant(style, size, kind, self.digest))

    def address(self, style: str, size: str = Size.social, kind: str = Format.png) -> str:
        """The path one of its pictures is read at."""
        return cardspec.address(self.card(Style(style), Size(size), Format(kind)))


def listing(session: Session, listing_id: int, now: datetime) -> Shown:
    """What the cards of a listing show, with the licence to draw them.

    Raises:
        NotFound: there is no such listing.
    """

    def look() -> dict[int, Shown]:
        return {listing_id: of_listing(access.readable_listing(session, listing_id))}

    return _licensed(session, look, now)[listing_id]


def listings(session: Session, listing_ids: Many[int], now: datetime) -> dict[int, Shown]:
    """What the cards of these listings show, by their ids, with the licence to draw them; in one query."""

    def look() -> dict[int, Shown]:
        found = session.scalars(sa.select(Listing).where(Listing.id.in_(listing_ids)))
        return {row.id: of_listing(row) for row in found}

    return _licensed(session, look, now)


def public_collections(session: Session, collection_ids: list[int], now: datetime) -> dict[int, Shown]:
    """What the cards of those of these collections show that are public, with the licence to draw them."""

    def look() -> dict[int, Shown]:
        return of_collections(session, access.public_ones(session, collection_ids).values())

    return _licensed(session, look, now)


def public_collection(session: Session, collection_id: int, now: datetime) -> Shown:
    """What the cards of a public collection show, with the licence to draw them.

    Raises:
        NotFound: absent or not public, which it may have become while we looked.
    """
    shown = public_collections(session, [collection_id], now).get(collection_id)
    if shown is None:
        raise NotFound
    return shown


def collection(
    session: Session, who: Caller, collection_id: int, now: datetime, token: str | None = None
) -> Shown:
    """What the cards of a collection show, with the licence to draw them.

    Raises:
        NotFound: absent, or neither the caller's to read nor opened by the token.
    """

    def look() -> dict[int, Shown]:
        row = access.readable(session, who, collection_id, now, token)
        return of_collections(session, [row])

    return _licensed(session, look, now)[collection_id]


def _licensed(session: Session, look: Callable[[], dict[int, Shown]], now: datetime) -> dict[int, Shown]:
    shown = look()
    put = [key for key, fresh in zip(shown, _license_all(shown.values(), now), strict=True) if fresh]
    if not put:
        return shown
    # Whoever changed or closed one since we looked has removed its specs before ours was there.
    session.expire_all()
    found: Mapping[int, Shown] = {}
    try:
        found = look()
    finally:
        wrong = [shown[key] for key in put if found.get(key) != shown[key]]
        files.delete(Bucket.generated, [cardspec.spec_key(one.place, one.digest) for one in wrong])
    return _licensed(session, look, now) if wrong else shown


def _license_all(shown: Many[Shown], now: datetime) -> list[bool]:
    if len(shown) < 2:
        return [_license(one, now) for one in shown]
    with ThreadPoolExecutor(min(len(shown), LISTS_AT_ONCE)) as threads:
        # What is known of the call by its context goes along; a thread of a pool would begin without.
        asked = [threads.submit(copy_context().run, _license, one, now) for one in shown]
    return [one.result() for one in asked]


def _license(shown: Shown, now: datetime) -> bool:
    """Put the spec where the renderer looks; whether it was missing, or about to be."""
    key = cardspec.spec_key(shown.place, shown.digest)
    found = files.get_with_age(Bucket.generated, key)
    if found and now - found[1] <= SPEC_REFRESH:
        return False
    files.put(Bucket.generated, key, cardspec.to_bytes(shown.spec), "application/json")
    return True


# ------------------------------------------------------------------------------------------ what is shown


def of_listing(row: Listing) -> Shown:
    """What the cards of an offer show."""
    performance: dict[str, Any] = row.performance or {}
    ram, storage = performance.get("ram") or {}, performance.get("storage_primary") or {}
    details = row.details or {}
    source = Source(
        title=row.title,
        price_usd=row.price_usd,
        adjusted_price_usd=row.adjusted_price_usd,
        cpu=row.cpu_name,
        ram_gb=ram.get("total_gb"),
        ram_generation=ram.get("ddr_generation"),
        storage_gb=storage.get("capacity_gb"),
        storage_medium=storage.get("medium"),
        score=row.score,
        tier=row.tier,
        verdict=row.verdict,
        as_of=row.as_of,
        link=_link(f"listings/{row.id}"),
        manufacturer=details.get("manufacturer"),
        series=details.get("series"),
    )
    return Shown(cardspec.listing_place(row.id), cardspec.of(source))


def of_collections(session: Session, rows: Many[Collection]) -> dict[int, Shown]:
    """What the cards of collections, loaded with their owners, show; by their ids, in two queries."""
    ids = [row.id for row in rows]
    sums = {one.collection_id: one for one in session.execute(_sums(ids))}
    best: dict[int, list[TopItem]] = {}
    for one in session.execute(_best(ids)):
        best.setdefault(one.collection_id, []).append(TopItem(one.title, one.price_usd, one.score))
    return {row.id: _of_collection(row, sums.get(row.id), tuple(best.get(row.id, ()))) for row in rows}


def _of_collection(row: Collection, found: Any, top: tuple[TopItem, ...]) -> Shown:  # noqa: ANN401 - a row of _sums
    source = CollectionSource(
        name=row.name,
        owner=row.owner.display_name or row.owner.username,
        count=found.count if found else 0,
        cheapest_usd=found.cheapest if found else None,
        dearest_usd=found.dearest if found else None,
        top=top,
        as_of=found.as_of if found else row.updated_at.date(),
        # By its number only a public one is found; a token is nothing to be painted.
        link=_link(f"collections/{row.id}") if row.visibility == Visibility.public else "",
    )
    return Shown(cardspec.collection_place(row.id, row.card_nonce), cardspec.of_collection(source))


def _sums(ids: Many[int]) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            Item.collection_id,
            sa.func.count().label("count"),
            sa.func.min(Listing.price_usd).label("cheapest"),
            sa.func.max(Listing.price_usd).label("dearest"),
            sa.func.max(Listing.as_of).label("as_of"),
        )
        .join(Item.listing)
        .where(Item.collection_id.in_(ids))
        .group_by(Item.collection_id)
    )


def _best(ids: Many[int]) -> sa.Select[*tuple[Any, ...]]:
    """The best four of each collection, the best first; among equals as their owner ordered them."""
    order = (Listing.score.desc().nulls_last(), Item.position, Item.id)
    place = sa.func.row_number().over(partition_by=Item.collection_id, order_by=order).label("place")
    ranked = (
        sa.select(Item.collection_id, Listing.title, Listing.price_usd, Listing.score, place)
        .join(Item.listing)
        .where(Item.collection_id.in_(ids))
        .subquery()
    )
    return sa.select(ranked).where(ranked.c.place <= TOP).order_by(ranked.c.place)


def _link(path: str) -> str:
    return f"{settings().public_origin.partition('://')[2]}/{path}"


# ----------------------------------------------------------------------------------------- after the commit


def tidy(session: Session, shown: Shown) -> None:
    """Once this is committed, remove the cards of a place that are not right any more."""
    _left_open(session)[shown.place] = shown.digest


def close(session: Session, place: str) -> None:
    """Once this is committed, remove all cards of a place: none of their addresses leads anywhere then."""
    _left_open(session)[place] = None


def renew(session: Session, row: Collection) -> None:
    """Let no address of a collection's cards that is known to anybody lead anywhere any more."""
    close(session, cardspec.collection_place(row.id, row.card_nonce))
    row.card_nonce = CARD_NONCE
    session.flush()


def warm_up(session: Session, shown: Shown, now: datetime) -> None:
    """Once this is committed, have the picture drawn that others will see first; nobody waits for it."""
    db.afterwards(session, partial(_warm_up, shown, now))


def _warm_up(shown: Shown, now: datetime) -> None:
    # Closed in this very moment, it is left to the sweep: nobody was given its address yet.
    _license(shown, now)
    carding.order(shown.card(Style.light, Size.social, Format.png))


def _left_open(session: Session) -> dict[str, str | None]:
    """What is closed after the commit: by its place, the digest of the one spec that stays, if any."""
    if _LEFT_OPEN not in session.info:
        session.info[_LEFT_OPEN] = {}
        db.afterwards(session, partial(_close_all, session.info[_LEFT_OPEN]))
    found: dict[str, str | None] = session.info[_LEFT_OPEN]
    return found


def _close_all(kept: Mapping[str, str | None]) -> None:
    with ThreadPoolExecutor(min(len(kept), LISTS_AT_ONCE)) as threads:
        # What is known of the call by its context goes along; a thread of a pool would begin without.
        asked = [threads.submit(copy_context().run, _gone, place, one) for place, one in kept.items()]
    files.delete(Bucket.generated, [key for one in asked for key in one.result()])


def _gone(place: str, kept: str | None) -> list[str]:
    stored = files.keys(Bucket.generated, f"{SPECS}{place}/")
    digests = {cardspec.parse_spec_key(key)[1] for key in stored} - {kept}
    return [key for digest in sorted(digests) for key in cardspec.keys(place, digest)]


# ------------------------------------------------------------------------------------------- for the sweep


def right_today(session: Session, places: Many[str]) -> dict[str, str]:
    """Of these places those that are still anybody's, and for each the digest of the card right today."""
    listing_ids = [int(place) for place in places if place.isdecimal()]
    collection_ids = [int(place.split("/")[1]) for place in places if not place.isdecimal()]
    listings = session.scalars(sa.select(Listing).where(Listing.id.in_(listing_ids)))
    found = [of_listing(row) for row in listings]
    there = (
        sa.select(Collection)
        .where(Collection.id.in_(collection_ids), Collection.deleted_at.is_(None))
        .options(joinedload(Collection.owner))
    )
    found += of_collections(session, session.scalars(there).all()).values()
    return {shown.place: shown.digest for shown in found if shown.place in places}

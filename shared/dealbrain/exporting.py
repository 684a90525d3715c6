"""Listings and collections as portable files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Bundle, Session

from dealbrain import access, counting, document, files, scalars, showing
from dealbrain.document import (
    ArtifactType,
    CollectionHead,
    DealEntry,
    DealFile,
    Envelope,
    ItemEntry,
    ItemStatus,
)
from dealbrain.errors import Invalid, Problem
from dealbrain.facts import ANSWER_BYTES, EXPORTS, Bucket, Media
from dealbrain.identity import Anonymous, Caller
from dealbrain.jsontext import Json
from dealbrain.shapes import CollectionFormat
from dealbrain.tables import Account, Collection, Item, Listing

# A listing keeps the unknown keys of its deal by their place in it, and those of the file around it
# under this mark, which no JSON Pointer begins with.
AROUND = "file:"


@dataclass(frozen=True)
class File:
    """Bytes to carry away, and a name for them."""

    name: str
    content: bytes
    media_type: Media

    @property
    def content_type(self) -> str:
        """The kind, and the alphabet where that does not go without saying."""
        return self.media_type if self.media_type is Media.json else f"{self.media_type}; charset=utf-8"


def listing(session: Session, who: Caller, listing_id: int, now: datetime) -> File:
    """A listing as a file; what is private only for its owner.

    Raises:
        NotFound: there is none.
    """
    row = access.readable_listing(session, listing_id)
    private = access.is_owner(who, row)
    around = {
        place.removeprefix(AROUND): value for place, value in row.extra.items() if place.startswith(AROUND)
    }
    file = DealFile(deal(row, private=private), around if private else {})
    written = document.write(file, exported_at=now, exported_by=_author(session, who))
    return File(files.named(row.title, "json"), written, Media.json)


@dataclass(frozen=True)
class Wanted:
    """What kind of file, by which token it is opened, and whether a table begins with a byte order mark."""

    format: CollectionFormat = CollectionFormat.json
    token: str | None = None
    bom: bool = False


def collection(session: Session, who: Caller, collection_id: int, now: datetime, wanted: Wanted) -> File:
    """A collection as a file, what is private only for its owner; counts it when others carry it away.

    Raises:
        NotFound: absent, or neither the caller's to read nor opened by the token.
        Invalid: a byte order mark in what is no table.
    """
    if wanted.bom and wanted.format is not CollectionFormat.csv:
        problem = Problem("?bom", "not_expected", "A byte order mark goes with format=csv only.")
        raise Invalid("The parameters do not fit each other.", problems=(problem,))
    row = access.readable(session, who, collection_id, now, wanted.token)
    private = access.is_owner(who, row)
    rows = _items_of(session, row.id)
    if not private:
        counting.exported(session, row.id, now)
    name = files.named(row.name, wanted.format)
    if wanted.format is CollectionFormat.json:
        items = [_spelled_item(item, who, private=private) for item in rows]
        return File(name, _artifact(session, who, row, items, now), Media.json)
    entries = tuple(_item(item, who, private=private) for item in rows)
    if wanted.format is CollectionFormat.csv:
        from dealbrain import spreadsheets  # noqa: PLC0415 - most exports, and all that import this, need none

        tiers = [item.listing.tier for item in rows]
        return File(name, spreadsheets.write(entries, tiers, bom=wanted.bom), Media.csv)
    from dealbrain import bookmarks  # noqa: PLC0415 - the same

    return File(name, bookmarks.write(row.name, entries).encode(), Media.html)


def _artifact(session: Session, who: Caller, row: Collection, items: list[Json], now: datetime) -> bytes:
    head = CollectionHead.model_validate({name: getattr(row, name) for name in CollectionHead.model_fields})
    envelope = Envelope(
        version=document.VERSION,
        exported_at=now,
        exported_by=_author(session, who),
        type=ArtifactType.collection,
    )
    data: Json = {"collection": head.model_dump(mode="json", exclude_none=True), "items": items}
    return document.enclosed(envelope, data, row.extra if access.is_owner(who, row) else {})


def parked(file: File) -> str | None:
    """For a file too large to answer with: an address to fetch it from, good for some minutes."""
    if len(file.content) <= ANSWER_BYTES:
        return None
    key = f"{EXPORTS}{uuid4()}"
    files.put(Bucket.generated, key, file.content, file.content_type)
    return files.link(Bucket.generated, key, file.name)


# What a file says of an offer, or follows from it; a listing of ours has twice as much.
_SAID = (
    *document.Listing.model_fields,
    *("performance", "details", "metrics", "extra", "tier"),
    *("adjusted_price_usd", "valuation_breakdown", "ruleset_name"),
)


def _items_of(session: Session, collection_id: int) -> Sequence[sa.Row[Any]]:
    """The items in their order with listings and their owners, no more of each than a file takes."""
    said = (Item.status, Item.notes, Item.private_notes, Item.position, Item.added_at, Item.extra)
    columns = [getattr(Listing, name) for name in _SAID]
    listing = Bundle[Any]("listing", *columns, Bundle[Any]("owner", Account.sub))
    statement = (
        sa.select(*said, listing)
        .select_from(Item)
        .join(Item.listing)
        .outerjoin(Listing.owner)
        .where(Item.collection_id == collection_id)
        .order_by(Item.position, Item.id)
    )
    return session.execute(statement).all()


def _item(item: Any, who: Caller, *, private: bool) -> ItemEntry:  # noqa: ANN401 - a row of a query
    said = _said_of_item(item, private=private)
    extra = item.extra if private else {}
    return ItemEntry(
        entry=deal(item.listing, private=access.is_owner(who, item.listing)), extra=extra, **said
    )


def _spelled_item(item: Any, who: Caller, *, private: bool) -> Json:  # noqa: ANN401 - the same
    """An item as JSON; it was validated when stored, and models of it take as long as all the rest."""
    private_listing = access.is_owner(who, item.listing)
    parts = _parts(item.listing, private=private_listing)
    whole = {name: _spelled(part) for name, part in parts.items() if part is not None}
    listing = document.finished(whole, _unknown(item.listing) if private_listing else {})
    made = {"listing": listing, **_spelled(_said_of_item(item, private=private))}
    document.graft(made, item.extra if private else {})
    return made


def _spelled(part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: scalars.spell_instant(value) if isinstance(value, datetime) else value
        for name, value in part.items()
        if value is not None
    }


def _said_of_item(item: Any, *, private: bool) -> dict[str, Any]:  # noqa: ANN401 - the same
    """What a file says of an item itself; what is its collector's only when ``private``."""
    return {
        "status": ItemStatus(item.status) if private else ItemStatus.undecided,
        "notes": item.notes,
        "private_notes": item.private_notes if private else None,
        "position": item.position,
        "added_at": item.added_at,
    }


def deal(row: Listing, *, private: bool) -> DealEntry:
    """An offer as a file carries it; what is its owner's only when ``private``."""
    whole = document.Deal.model_validate(_parts(row, private=private))
    return DealEntry(whole, _unknown(row) if private else {})


def _parts(row: Listing, *, private: bool) -> dict[str, Any]:
    """What a file says of an offer, in the order of the format; what is private is left out here alone.

    Keys we do not know are its owner's too: nobody can tell whether they were meant for others.
    """
    listing = {name: getattr(row, name) for name in document.Listing.model_fields}
    if not private:
        listing |= {"notes": None, "custom_fields": {}}
    return {
        "listing": listing,
        "valuation": showing.valuation(row),
        "performance": _performance(row),
        "metadata": row.details,
    }


def _unknown(row: Listing) -> document.Extra:
    return {place: value for place, value in row.extra.items() if not place.startswith(AROUND)}


def _performance(row: Listing) -> Mapping[str, Any] | None:
    if row.performance is None:
        return None
    said = row.performance | ({"metrics": row.metrics} if row.metrics else {})
    return {name: said[name] for name in document.Performance.model_fields if name in said}


def _author(session: Session, who: Caller) -> UUID | None:
    if isinstance(who, Anonymous):
        return None
    return session.scalar(sa.select(Account.export_id).where(Account.sub == who.sub))

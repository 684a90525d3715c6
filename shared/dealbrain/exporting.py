"""Listings and collections as portable files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import access, counting, document, files, showing
from dealbrain.document import CollectionFile, CollectionHead, DealEntry, DealFile, ItemEntry, ItemStatus
from dealbrain.errors import Invalid, Problem
from dealbrain.facts import ANSWER_BYTES, EXPORTS, Bucket, Media
from dealbrain.identity import Anonymous, Caller
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
    rows = access.items_of(session, row.id)
    # One way for all formats: what is private is left out here and nowhere else.
    items = tuple(_item(item, who, private=private) for item in rows)
    if not private:
        counting.exported(session, row.id, now)
    name = files.named(row.name, wanted.format)
    if wanted.format is CollectionFormat.csv:
        from dealbrain import spreadsheets  # noqa: PLC0415 - most exports, and all that import this, need none

        tiers = [item.listing.tier for item in rows]
        return File(name, spreadsheets.write(items, tiers, bom=wanted.bom), Media.csv)
    if wanted.format is CollectionFormat.html:
        from dealbrain import bookmarks  # noqa: PLC0415 - the same

        return File(name, bookmarks.write(row.name, items).encode(), Media.html)
    return File(name, _artifact(session, who, row, items, now), Media.json)


def _artifact(
    session: Session, who: Caller, row: Collection, items: tuple[ItemEntry, ...], now: datetime
) -> bytes:
    head = CollectionHead.model_validate({name: getattr(row, name) for name in CollectionHead.model_fields})
    file = CollectionFile(head, items, row.extra if access.is_owner(who, row) else {})
    return document.write(file, exported_at=now, exported_by=_author(session, who))


def parked(file: File) -> str | None:
    """For a file too large to answer with: an address to fetch it from, good for some minutes."""
    if len(file.content) <= ANSWER_BYTES:
        return None
    key = f"{EXPORTS}{uuid4()}"
    files.put(Bucket.generated, key, file.content, file.content_type)
    return files.link(Bucket.generated, key, file.name)


def _item(item: Item, who: Caller, *, private: bool) -> ItemEntry:
    return ItemEntry(
        entry=deal(item.listing, private=access.is_owner(who, item.listing)),
        status=ItemStatus(item.status) if private else ItemStatus.undecided,
        notes=item.notes,
        private_notes=item.private_notes if private else None,
        position=item.position,
        added_at=item.added_at,
        extra=item.extra if private else {},
    )


def deal(row: Listing, *, private: bool) -> DealEntry:
    """An offer as a file carries it; what is its owner's only when ``private``.

    Keys we do not know are its owner's too: nobody can tell whether they were meant for others.
    """
    listing = {name: getattr(row, name) for name in document.Listing.model_fields}
    if not private:
        listing |= {"notes": None, "custom_fields": {}}
    whole = document.Deal.model_validate(
        {
            "listing": listing,
            "valuation": showing.valuation(row),
            "performance": _performance(row),
            "metadata": row.details,
        }
    )
    inside = {place: value for place, value in row.extra.items() if not place.startswith(AROUND)}
    return DealEntry(whole, inside if private else {})


def _performance(row: Listing) -> Mapping[str, Any] | None:
    metrics = {"metrics": row.metrics} if row.metrics else {}
    return row.performance | metrics if row.performance is not None else None


def _author(session: Session, who: Caller) -> UUID | None:
    if isinstance(who, Anonymous):
        return None
    return session.scalar(sa.select(Account.export_id).where(Account.sub == who.sub))

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
from dealbrain.facts import ANSWER_BYTES, EXPORTS, Bucket
from dealbrain.identity import Anonymous, Caller
from dealbrain.tables import Account, Item, Listing

# A listing keeps the unknown keys of its deal by their place in it, and those of the file around it
# under this mark, which no JSON Pointer begins with.
AROUND = "file:"


@dataclass(frozen=True)
class File:
    """Bytes to carry away, and a name for them."""

    name: str
    content: bytes
    media_type: str = "application/json"


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
    return _file(row.title, document.write(file, exported_at=now, exported_by=_author(session, who)))


def collection(
    session: Session, who: Caller, collection_id: int, now: datetime, token: str | None = None
) -> File:
    """A collection as a file, what is private only for its owner; counts it when others carry it away.

    Raises:
        NotFound: absent, or neither the caller's to read nor opened by the token.
    """
    row = access.readable(session, who, collection_id, now, token)
    private = access.is_owner(who, row)
    head = CollectionHead.model_validate({name: getattr(row, name) for name in CollectionHead.model_fields})
    items = tuple(_item(item, who, private=private) for item in access.items_of(session, row.id))
    file = CollectionFile(head, items, row.extra if private else {})
    written = document.write(file, exported_at=now, exported_by=_author(session, who))
    if not private:
        counting.exported(session, row.id, now)
    return _file(row.name, written)


def parked(file: File) -> str | None:
    """For a file too large to answer with: an address to fetch it from, good for some minutes."""
    if len(file.content) <= ANSWER_BYTES:
        return None
    key = f"{EXPORTS}{uuid4()}.json"
    files.put(Bucket.generated, key, file.content, file.media_type)
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


def _file(title: str, content: bytes) -> File:
    return File(files.named(title, "json"), content)

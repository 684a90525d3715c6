"""Taking an import back: what it made goes, what it changed is as before, and what was edited since stays."""

from collections.abc import Collection as Many
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from dealbrain import access, collecting, exporting, facts, offering
from dealbrain.document import Deal, DealEntry, Extra
from dealbrain.errors import Expired, NotFound
from dealbrain.identity import Person
from dealbrain.shapes import KeptListing, Undone
from dealbrain.tables import Account, Collection, Import, Item, Listing

EDITED = "It was edited since the import."
NOTED = "Its item in the collection was edited since the import."
COLLECTED = "It is in another collection now."

type ItemSaid = tuple[str, str | None, str | None]
"""Status and both notes of an item: what a person may have edited. Its place is no edit of its own."""


class Before(BaseModel):
    """A listing as it was before an import changed it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    deal: Deal
    extra: Extra

    @classmethod
    def of(cls, row: Listing) -> Self:
        """Take down a listing."""
        return cls(deal=exporting.deal(row, private=True).deal, extra=row.extra)


class Gathered(BaseModel):
    """The collection an import made or added to, as the import left it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: int
    made: bool
    revision: int
    updated_at: datetime
    items: dict[int, ItemSaid]
    """What was said of each item the import added, by its id."""


class Changes(BaseModel):
    """What an import did; listings by id."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    created: list[int]
    updated: dict[int, Before]
    revisions: dict[int, int]
    """The revision in which the import left each listing it created or updated."""
    collection: Gathered | None


def gathered(row: Collection, added: list[Item], *, made: bool) -> Gathered:
    """Take down a collection after an import, once its rows are written."""
    items = {item.id: _said(item) for item in added}
    return Gathered(id=row.id, made=made, revision=row.revision, updated_at=row.updated_at, items=items)


def _said(item: Item) -> ItemSaid:
    return item.status, item.notes, item.private_notes


def undo(session: Session, who: Person, import_id: UUID, now: datetime) -> Undone:
    """Take an import back, once; asked again it answers what it did.

    Raises:
        NotFound: unknown, or somebody else's.
        Expired: it was too long ago.
    """
    mark = _mark(session, who, import_id)
    if mark.undone is not None:
        return Undone.model_validate(mark.undone)
    if mark.changes is None or mark.created_at + facts.UNDOABLE <= now:
        raise Expired(f"An import can be undone for {facts.UNDOABLE.days} days.")
    done = _TakingBack(session, who, now, Changes.model_validate(mark.changes)).run()
    mark.changes, mark.undone_at, mark.undone = None, now, done.model_dump(mode="json")
    session.flush()
    return done


def _mark(session: Session, who: Person, import_id: UUID) -> Import:
    statement = (
        sa.select(Import)
        .join(Account, Account.id == Import.owner_id)
        .where(Import.id == import_id, Account.sub == who.sub)
        .with_for_update(of=Import)
    )
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFound
    return found


@dataclass
class _TakingBack:
    """One import being taken back, in a transaction."""

    session: Session
    who: Person
    now: datetime
    changes: Changes
    kept: dict[int, str] = field(default_factory=dict)
    undone: list[int] = field(default_factory=list)

    def run(self) -> Undone:
        """Listings are locked before collections, as whoever changes both does."""
        listings = access.editable_listings(self.session, self.who, set(self.changes.revisions))
        for listing_id, row in listings.items():
            if row.revision != self.changes.revisions[listing_id]:
                self.kept[listing_id] = EDITED
        self._empty_collection()
        self._keep_collected()
        for listing_id, row in listings.items():
            if listing_id not in self.kept:
                self._settle(row)
        kept = [KeptListing(listing_id=one, reason=self.kept[one]) for one in sorted(self.kept)]
        return Undone(undone=sorted(self.undone), kept=kept)

    def _settle(self, row: Listing) -> None:
        self.undone.append(row.id)
        before = self.changes.updated.get(row.id)
        if before is None:
            offering.delete(self.session, self.who, row.id, self.now)
        else:
            offering.replace_with_deal(self.session, row, DealEntry(before.deal, before.extra), self.now)

    def _empty_collection(self) -> None:
        """Take the items out that the import put in; one that it made and nobody touched goes altogether."""
        gathered = self.changes.collection
        if gathered is None:
            return
        try:
            row = access.editable(self.session, self.who, gathered.id)
        except NotFound:
            return
        untouched = (row.revision, row.updated_at) == (gathered.revision, gathered.updated_at)
        if gathered.made and untouched and not self.kept:
            collecting.delete(self.session, self.who, row.id, self.now)
            return
        self._take_out(gathered, row)

    def _take_out(self, gathered: Gathered, row: Collection) -> None:
        statement = sa.select(Item).where(Item.collection_id == row.id, Item.id.in_(gathered.items))
        for item in self.session.scalars(statement):
            if item.listing_id in self.kept:
                continue
            if _said(item) == gathered.items[item.id]:
                self.session.delete(item)
            elif item.listing_id not in self.changes.updated:
                self.kept[item.listing_id] = NOTED
        collecting.touch(self.session, row, self.now)

    def _keep_collected(self) -> None:
        """Leave listings that stand in any other collection by now, whoever's it is."""
        for listing_id in _held(self.session, self.changes.created):
            self.kept.setdefault(listing_id, COLLECTED)


def _held(session: Session, listing_ids: Many[int]) -> list[int]:
    statement = (
        sa.select(Item.listing_id)
        .join(Collection, Collection.id == Item.collection_id)
        .where(Item.listing_id.in_(listing_ids), Collection.deleted_at.is_(None))
        .distinct()
    )
    return list(session.scalars(statement))

"""A change of many items at once, taken back within a day.

What the items were is kept beside the collection until then. Taking back undoes what the change did to them,
as far as that is possible by then, and touches nothing else: what somebody did meanwhile to other items, or
to these in another way, stays.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self
from uuid import UUID, uuid4

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from dealbrain import access, collecting, facts
from dealbrain.errors import NotFound
from dealbrain.identity import Person
from dealbrain.shapes import BulkChange
from dealbrain.tables import BulkUndo, Collection, Item, Listing

_ITEMS = "items"
# Whether they were removed, and so are put back where they are gone.
_REMOVED = "removed"


class Before(BaseModel):
    """An item as it was."""

    model_config = ConfigDict(frozen=True, from_attributes=True, defer_build=True)

    listing_id: int
    status: str
    notes: str | None
    private_notes: str | None
    position: int
    added_at: datetime
    price_when_added_usd: Decimal | None
    extra: dict[str, Any]

    @classmethod
    def of(cls, row: Item) -> Self:
        """Take down an item."""
        return cls.model_validate(row)


def change(session: Session, who: Person, collection_id: int, wanted: BulkChange, now: datetime) -> UUID:
    """Do one thing to several items, as ``collecting.bulk`` does, and keep what they were.

    Returns:
        By what it can be taken back.

    Raises:
        Invalid, NotFound, AlreadyInCollection, TooManyItems: as ``collecting.bulk`` says.
    """
    # Both at once: locked one after the other, two changes in opposite directions would wait in a circle.
    access.editable_all(session, who, {collection_id, wanted.move_to or collection_id})
    chosen = sa.select(Item).where(Item.collection_id == collection_id, Item.id.in_(wanted.item_ids))
    before = [Before.of(item).model_dump(mode="json") for item in session.scalars(chosen)]
    collecting.bulk(session, who, collection_id, wanted, now)
    kept = BulkUndo(
        id=uuid4(),
        collection_id=collection_id,
        moved_to_id=wanted.move_to,
        items={_ITEMS: before, _REMOVED: wanted.remove},
        created_at=now,
    )
    session.add(kept)
    session.flush()
    return kept.id


def revert(session: Session, who: Person, collection_id: int, undo_id: UUID, now: datetime) -> int:
    """Make the items again what they were. A second time there is nothing to take back.

    Returns:
        How many they are; fewer than were changed where some are gone for another reason.

    Raises:
        NotFound: the collection, or that to which they were moved, is absent or not the caller's, or there is
            nothing to take back any more.
        TooManyItems: the collection has been filled up meanwhile; once there is room it can be taken back.
    """
    rows = _locked(session, who, collection_id, undo_id)
    kept = _kept(session, collection_id, undo_id, now)
    before = [Before.model_validate(one) for one in kept.items[_ITEMS]]
    there = _there(session, set(rows), [one.listing_id for one in before])
    done = [_restore(session, kept, one, there.get(one.listing_id)) for one in before]
    session.delete(kept)
    session.flush()
    _settle(session, list(rows.values()), now)
    return sum(done)


def _locked(session: Session, who: Person, collection_id: int, undo_id: UUID) -> dict[int, Collection]:
    """The collection and, if they were moved, where its items went, locked until the transaction ends."""
    wanted = BulkUndo.id == undo_id, BulkUndo.collection_id == collection_id
    moved_to = session.scalar(sa.select(BulkUndo.moved_to_id).where(*wanted))
    if moved_to is None:
        return access.editable_all(session, who, {collection_id})
    try:
        return access.editable_all(session, who, {collection_id, moved_to})
    except NotFound:
        raise NotFound(
            "One of the two collections is not here any more. If you deleted it, restore it first."
        ) from None


def _kept(session: Session, collection_id: int, undo_id: UUID, now: datetime) -> BulkUndo:
    statement = sa.select(BulkUndo).where(
        BulkUndo.id == undo_id,
        BulkUndo.collection_id == collection_id,
        BulkUndo.created_at > now - facts.BULK_UNDOABLE,
    )
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFound("There is nothing to undo here any more.")
    return found


def _there(session: Session, collection_ids: set[int], listing_ids: list[int]) -> dict[int, list[Item]]:
    """Of these offers those there are, with their items in these collections."""
    there: dict[int, list[Item]] = {
        listing_id: []
        for listing_id in session.scalars(sa.select(Listing.id).where(Listing.id.in_(listing_ids)))
    }
    found = sa.select(Item).where(Item.collection_id.in_(collection_ids), Item.listing_id.in_(listing_ids))
    for item in session.scalars(found):
        there[item.listing_id].append(item)
    return there


def _restore(session: Session, kept: BulkUndo, one: Before, items: list[Item] | None) -> bool:
    """Give an item back what the change took from it, be it all of itself; whether that can be.

    Args:
        session: the transaction.
        kept: the change taken back.
        one: what the item was.
        items: those its offer has now; None where the offer is gone.
    """
    if items is None:
        return False
    if not items:
        if kept.items[_REMOVED]:
            session.add(Item(collection_id=kept.collection_id, **one.model_dump()))
        return bool(kept.items[_REMOVED])
    item = next((item for item in items if item.collection_id == kept.collection_id), items[0])
    if kept.moved_to_id is None:
        item.status = one.status
    if kept.moved_to_id is not None or kept.items[_REMOVED]:
        item.collection_id, item.position = kept.collection_id, one.position
    if kept.items[_REMOVED]:
        # Somebody has put it in again; what they noted of it since is not written over.
        item.notes, item.private_notes = item.notes or one.notes, item.private_notes or one.private_notes
    return True


def _settle(session: Session, rows: list[Collection], now: datetime) -> None:
    for row in rows:
        collecting.refuse_overflow(access.item_counts(session, [row.id]).get(row.id, 0))
        collecting.touch(session, row, now)

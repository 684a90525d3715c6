"""Collections and their items: what their owner does with them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import access, facts, indexing, showing
from dealbrain.document import Visibility
from dealbrain.errors import AlreadyInCollection, Invalid, NotFound, Problem, RevisionChanged, TooManyItems
from dealbrain.identity import Person
from dealbrain.paging import Order, page
from dealbrain.shapes import (
    CollectionChange,
    CollectionSummary,
    ItemChange,
    ItemOrder,
    NewCollection,
    NewItem,
)
from dealbrain.tables import Account, Collection, Item

_NEWEST = Order.by_time("recent", Collection.created_at, Collection.id)


def create(session: Session, who: Person, new: NewCollection, now: datetime) -> Collection:
    """Make an empty collection."""
    row = Collection(
        owner_id=access.enrol(session, who, now),
        name=new.name,
        description=new.description,
        visibility=new.visibility,
        published_at=now if new.visibility is Visibility.public else None,
        extra={},
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    _let_find(session, row)
    return row


def mine(
    session: Session, who: Person, limit: int, cursor: str | None
) -> tuple[list[CollectionSummary], str | None]:
    """One page of the caller's collections, newest first."""
    statement = (
        sa.select(Collection)
        .join(Collection.owner)
        .where(Account.sub == who.sub, Collection.deleted_at.is_(None))
    )
    rows, more = page(session, statement, _NEWEST, limit, cursor)
    counted = access.item_counts(session, [row.id for row in rows])
    return [showing.own_summary(row, counted.get(row.id, 0)) for row in rows], more


def change(
    session: Session, who: Person, collection_id: int, wanted: CollectionChange, now: datetime
) -> Collection:
    """Rename or describe a collection; null clears the description.

    Raises:
        NotFound: absent or not the caller's.
    """
    row = access.editable(session, who, collection_id)
    for name, value in wanted.said().items():
        setattr(row, name, value)
    row.updated_at = now
    session.flush()
    _let_find(session, row)
    return row


def _let_find(session: Session, row: Collection) -> None:
    if row.visibility == Visibility.public:
        indexing.refresh(session, row.id)


def delete(session: Session, who: Person, collection_id: int) -> None:
    """Remove a collection with its items; the listings stay.

    Raises:
        NotFound: absent or not the caller's.
    """
    session.delete(access.editable(session, who, collection_id))
    session.flush()


# --------------------------------------------------------------------------------------------- items


def add_item(session: Session, who: Person, collection_id: int, new: NewItem, now: datetime) -> Item:
    """Put a listing into a collection, at the end unless a position is given.

    Raises:
        NotFound: the collection is absent or not the caller's, or there is no such listing.
        AlreadyInCollection: it is there.
        TooManyItems: the collection is full.
    """
    collection = access.editable(session, who, collection_id)
    listing = access.readable_listing(session, new.listing_id)
    present = access.items_of(session, collection.id)
    if any(item.listing_id == listing.id for item in present):
        raise AlreadyInCollection("This listing is already in the collection.")
    refuse_overflow(len(present) + 1)
    item = Item(
        collection_id=collection.id,
        listing=listing,
        status=new.status,
        notes=new.notes,
        private_notes=new.private_notes,
        position=0,
        added_at=now,
        price_when_added_usd=listing.price_usd,
        extra={},
    )
    session.add(item)
    _place(present, item, new.position)
    touch(session, collection, now)
    return item


def refuse_overflow(count: int) -> None:
    """Refuse a collection of more items than one may have.

    Raises:
        TooManyItems: it would have more.
    """
    if count > facts.COLLECTION_ITEMS:
        raise TooManyItems(f"A collection holds at most {facts.COLLECTION_ITEMS} items.")


def change_item(
    session: Session, who: Person, collection_id: int, item_id: int, wanted: ItemChange, now: datetime
) -> Item:
    """Change what the owner noted of an item, or its place.

    Raises:
        NotFound: the collection is absent or not the caller's, or the item is not in it.
    """
    collection, item, others = _editable_item(session, who, collection_id, item_id)
    said = wanted.said()
    position = said.pop("position", None)
    for name, value in said.items():
        setattr(item, name, value)
    if position is not None:
        _place(others, item, position)
    touch(session, collection, now)
    return item


def remove_item(session: Session, who: Person, collection_id: int, item_id: int, now: datetime) -> None:
    """Take a listing out of a collection.

    Raises:
        NotFound: the collection is absent or not the caller's, or the item is not in it.
    """
    collection, item, _ = _editable_item(session, who, collection_id, item_id)
    session.delete(item)
    touch(session, collection, now)


def reorder(
    session: Session, who: Person, collection_id: int, wanted: ItemOrder, now: datetime
) -> Collection:
    """Set the order of all items at once.

    Raises:
        NotFound: the collection is absent or not the caller's, or an item is not in it.
        RevisionChanged: somebody changed the items since the revision named.
        Invalid: the ids are not exactly those of the items.
    """
    collection = access.editable(session, who, collection_id)
    if wanted.revision != collection.revision:
        raise RevisionChanged(
            "The collection changed in the meantime; load it again.",
            members={"revision": collection.revision},
        )
    by_id = {item.id: item for item in access.items_of(session, collection.id)}
    if not by_id.keys() >= set(wanted.item_ids):
        raise NotFound
    if sorted(wanted.item_ids) != sorted(by_id):
        problem = Problem("/item_ids", "not_the_items", "must name every item of the collection exactly once")
        raise Invalid("The order must name every item exactly once.", problems=(problem,))
    _number([by_id[item_id] for item_id in wanted.item_ids])
    touch(session, collection, now)
    return collection


def touch(session: Session, collection: Collection, now: datetime) -> None:
    """Count a change of the items, and let the collection be found by what it holds now."""
    collection.revision += 1
    collection.updated_at = now
    session.flush()
    if collection.visibility == Visibility.public:
        indexing.restock(session, [collection.id])


def _editable_item(
    session: Session, who: Person, collection_id: int, item_id: int
) -> tuple[Collection, Item, list[Item]]:
    collection = access.editable(session, who, collection_id)
    present = access.items_of(session, collection.id)
    found = next((item for item in present if item.id == item_id), None)
    if found is None:
        raise NotFound
    return collection, found, [item for item in present if item is not found]


def _place(others: list[Item], item: Item, position: int | None) -> None:
    """Put an item at a place counted from 1; without one, behind the last, and nothing else moves."""
    if position is None:
        item.position = max((other.position for other in others), default=0) + 1
    else:
        _number([*others[: position - 1], item, *others[position - 1 :]])


def _number(items: list[Item]) -> None:
    for position, item in enumerate(items, start=1):
        item.position = position

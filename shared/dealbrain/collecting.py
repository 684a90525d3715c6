"""Collections and their items: what their owner does with them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import access, counting, editing, facts, indexing, licensing, showing
from dealbrain.document import Visibility
from dealbrain.errors import (
    AlreadyInCollection,
    Conflict,
    Invalid,
    NotFound,
    Problem,
    RevisionChanged,
    TooManyItems,
)
from dealbrain.identity import Person
from dealbrain.paging import Order, page
from dealbrain.shapes import (
    BulkChange,
    CollectionChange,
    CollectionSummary,
    ItemChange,
    ItemOrder,
    NewCollection,
    NewItem,
    OwnCollection,
)
from dealbrain.tables import Account, Collection, Item, ShareToken

_NEWEST = Order.by_time("recent", Collection.created_at, Collection.id)
_GONE = "Not all of these offers are in the collection, or not any more. Load it again."
_LAST_DELETED = Order.by_time("deleted", Collection.deleted_at, Collection.id)


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
    statement = _of(who).where(Collection.deleted_at.is_(None))
    rows, more = page(session, statement, _NEWEST, limit, cursor)
    return _summaries(session, rows), more


def deleted(
    session: Session, who: Person, now: datetime, limit: int, cursor: str | None
) -> tuple[list[CollectionSummary], str | None]:
    """One page of the caller's collections whose deletion can still be taken back, the last deleted first."""
    statement = _of(who).where(access.can_be_restored(now))
    rows, more = page(session, statement, _LAST_DELETED, limit, cursor)
    return _summaries(session, rows), more


def _of(who: Person) -> sa.Select[Collection]:
    return sa.select(Collection).join(Collection.owner).where(Account.sub == who.sub)


def _summaries(session: Session, rows: list[Collection]) -> list[CollectionSummary]:
    counted = access.item_counts(session, [row.id for row in rows])
    hits = counting.counters(session, [row.id for row in rows])
    return [showing.own_summary(row, counted.get(row.id, 0), hits[row.id]) for row in rows]


def whole(session: Session, row: Collection, who: Person) -> OwnCollection:
    """A collection of the caller's with its items and everything counted."""
    counted = counting.counters(session, [row.id])[row.id]
    return showing.own_collection(row, access.items_of(session, row.id), counted, who)


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
    _tidy_cards(session, [row])
    return row


def _tidy_cards(session: Session, rows: list[Collection]) -> None:
    for shown in licensing.of_collections(session, rows).values():
        licensing.tidy(session, shown)


def _let_find(session: Session, row: Collection) -> None:
    if row.visibility == Visibility.public:
        indexing.refresh(session, row.id)


def delete(session: Session, who: Person, collection_id: int, now: datetime) -> None:
    """Delete a collection with its items so that its owner can take that back for a while; listings stay.

    Raises:
        NotFound: absent or not the caller's.
    """
    row = access.editable(session, who, collection_id)
    row.deleted_at = now
    # It comes back closed, whatever happens until then.
    row.visibility = Visibility.private
    row.published_at = None
    session.execute(sa.delete(ShareToken).where(ShareToken.collection_id == row.id))
    licensing.renew(session, row)
    indexing.refresh(session, row.id)


def restore(session: Session, who: Person, collection_id: int, now: datetime) -> Collection:
    """Take back the deletion of a collection; it is private, and its share tokens stay dead.

    Raises:
        NotFound: absent, not the caller's, not deleted, or deleted too long ago.
    """
    row = access.restorable(session, who, collection_id, now)
    row.deleted_at = None
    row.updated_at = now
    session.flush()
    return row


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


def holding(session: Session, who: Person, listing_id: int) -> set[int]:
    """The numbers of those of the caller's collections that a listing is in."""
    held = sa.select(Item.collection_id).where(Item.listing_id == listing_id)
    there = _of(who).where(Collection.deleted_at.is_(None), Collection.id.in_(held))
    return set(session.scalars(there.with_only_columns(Collection.id)))


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


def refuse_overwriting(
    session: Session, who: Person, collection_id: int, item_id: int, seen: Mapping[str, Iterable[str]]
) -> None:
    """Refuse to write over what somebody else, or another window, has written meanwhile.

    Args:
        session: the transaction, in which the collection is locked from here on.
        who: its owner.
        collection_id: the collection.
        item_id: the item.
        seen: what its notes may be: what they were when a browser showed them, which breaks lines in one way
            only, and what it was just saving.

    Raises:
        NotFound: the collection is absent or not the caller's, or the item is not in it.
        Conflict: one of the notes is another one now.
    """
    _, item, _ = _editable_item(session, who, collection_id, item_id)
    for name, value in seen.items():
        if editing.lines(getattr(item, name)) not in map(editing.lines, value):
            raise Conflict(
                "This note was changed in another window. Copy yours, load the page again, and add it."
            )


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
    _refuse_outdated(collection, wanted.revision)
    by_id = {item.id: item for item in access.items_of(session, collection.id)}
    if not by_id.keys() >= set(wanted.item_ids):
        raise NotFound(_GONE)
    if sorted(wanted.item_ids) != sorted(by_id):
        problem = Problem("/item_ids", "not_the_items", "must name every item of the collection exactly once")
        raise Invalid("The order must name every item exactly once.", problems=(problem,))
    _number([by_id[item_id] for item_id in wanted.item_ids])
    touch(session, collection, now)
    return collection


def _refuse_outdated(collection: Collection, revision: int) -> None:
    if revision != collection.revision:
        raise RevisionChanged(
            "The collection changed in the meantime; load it again.",
            members={"revision": collection.revision},
        )


def touch(session: Session, collection: Collection, now: datetime) -> None:
    """Count a change of the items, and let the collection be found by what it holds now."""
    _touch_all(session, [collection], now)


def _touch_all(session: Session, collections: list[Collection], now: datetime) -> None:
    for one in collections:
        one.revision += 1
        one.updated_at = now
    session.flush()
    # One after the other by their ids, as whoever changes several does: nobody waits in a circle.
    for collection_id in sorted(one.id for one in collections if one.visibility == Visibility.public):
        indexing.restock(session, [collection_id])
    _tidy_cards(session, collections)


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


# ---------------------------------------------------------------------------------- many items at once


def bulk(session: Session, who: Person, collection_id: int, wanted: BulkChange, now: datetime) -> Collection:
    """Do one thing to several items, to all of them or to none.

    Raises:
        Invalid: what is wanted makes no sense.
        NotFound: a collection is absent or not the caller's, or an item is not in the one named first.
        AlreadyInCollection: where they are to go, some of the listings are.
        TooManyItems: not all of them fit in there.
    """
    _refuse_senseless(collection_id, wanted)
    target_id = wanted.move_to or collection_id
    rows = access.editable_all(session, who, {collection_id, target_id})
    places = _places(session, rows)
    if not {one.id for one in places if one.collection_id == collection_id} >= set(wanted.item_ids):
        raise NotFound(_GONE)
    target = [one for one in places if one.collection_id == target_id]
    if wanted.move_to is not None:
        _refuse_crowding(wanted, places, target)
    behind = max((one.position for one in target), default=0)
    session.execute(_bulk_statement(wanted, behind), execution_options={"synchronize_session": False})
    _touch_all(session, list(rows.values()), now)
    return rows[collection_id]


def _refuse_senseless(collection_id: int, wanted: BulkChange) -> None:
    problems = [
        Problem(f"/item_ids/{index}", "repeated", "names an item twice")
        for index, item_id in enumerate(wanted.item_ids)
        if item_id in wanted.item_ids[:index]
    ]
    ways = ("set", "move_to", "remove")
    given = [name for name in ways if getattr(wanted, name)]
    if len(given) != 1:
        problems += [
            Problem(f"/{name}", "one_of", "set, move_to or remove, one of them") for name in given or ways
        ]
    if wanted.move_to == collection_id:
        problems.append(Problem("/move_to", "same_collection", "must be another collection"))
    if problems:
        raise Invalid("This cannot be done to these items.", problems=tuple(problems))


def _places(session: Session, collection_ids: Iterable[int]) -> Sequence[sa.Row[int, int, int, int]]:
    """Where the items of some collections stand, in their order."""
    statement = sa.select(Item.id, Item.collection_id, Item.listing_id, Item.position)
    ours = statement.where(Item.collection_id.in_(collection_ids))
    return session.execute(ours.order_by(Item.position, Item.id)).all()


def _refuse_crowding(wanted: BulkChange, places: Sequence[Any], target: Sequence[Any]) -> None:
    """Refuse to move a listing where it is already, or more than there is room for, naming each."""
    index = {item_id: number for number, item_id in enumerate(wanted.item_ids)}
    moved = [one for one in places if one.id in index]
    there = {one.listing_id for one in target}
    if repeated := [index[one.id] for one in moved if one.listing_id in there]:
        raise AlreadyInCollection(
            "Some of these listings are in the other collection already.",
            problems=_at_items(repeated, AlreadyInCollection.code, "is in the other collection already"),
        )
    room = facts.COLLECTION_ITEMS - len(target)
    if beyond := [index[one.id] for one in moved[room:]]:
        raise TooManyItems(
            f"A collection holds at most {facts.COLLECTION_ITEMS} items.",
            problems=_at_items(beyond, TooManyItems.code, "does not fit into the other collection"),
        )


def _at_items(numbers: list[int], code: str, message: str) -> tuple[Problem, ...]:
    return tuple(Problem(f"/item_ids/{number}", code, message) for number in sorted(numbers))


def _bulk_statement(wanted: BulkChange, behind: int) -> sa.Update | sa.Delete:
    chosen = Item.id.in_(wanted.item_ids)
    if wanted.set is not None:
        return sa.update(Item).where(chosen).values(status=wanted.set.status)
    if wanted.move_to is None:
        return sa.delete(Item).where(chosen)
    number = sa.func.row_number().over(order_by=(Item.position, Item.id))
    moved = sa.select(Item.id, number.label("number")).where(chosen).subquery()
    place = {"collection_id": wanted.move_to, "position": behind + moved.c.number}
    return sa.update(Item).where(Item.id == moved.c.id).values(place)

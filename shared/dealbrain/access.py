"""The only way from an id to a thing you may read or change.

Absent and not yours give the same NotFound: whose something is stands in the WHERE clause.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, contains_eager, joinedload

from dealbrain.document import Visibility
from dealbrain.errors import NotFound
from dealbrain.identity import Anonymous, Caller, Person
from dealbrain.tables import Account, Collection, Item, Listing

_IS_PUBLIC = Collection.visibility == Visibility.public
_IS_THERE = Collection.deleted_at.is_(None)


def enrol(session: Session, who: Person, now: datetime) -> int:
    """The number of a person's account; their first write makes it, reading never does."""
    known = session.scalar(sa.select(Account.id).where(Account.sub == who.sub))
    if known is not None:
        return known
    made = insert(Account).values(sub=who.sub, username=who.username, created_at=now)
    session.execute(made.on_conflict_do_nothing(index_elements=[Account.sub]))
    return session.scalars(sa.select(Account.id).where(Account.sub == who.sub)).one()


def _owned_by(who: Caller) -> sa.ColumnElement[bool]:
    return sa.false() if isinstance(who, Anonymous) else Account.sub == who.sub


def is_owner(who: Caller, thing: Listing | Collection) -> bool:
    """Whether a thing, loaded with its owner, is the caller's."""
    return isinstance(who, Person) and thing.owner is not None and thing.owner.sub == who.sub


def readable_listing(session: Session, listing_id: int) -> Listing:
    """An offer, which anybody may read.

    Raises:
        NotFound: there is none.
    """
    statement = sa.select(Listing).where(Listing.id == listing_id).options(joinedload(Listing.owner))
    return _one(session, statement)


def editable_listing(session: Session, who: Caller, listing_id: int) -> Listing:
    """An offer of the caller's, locked until the transaction ends.

    Raises:
        NotFound: absent or not theirs.
    """
    statement = (
        sa.select(Listing)
        .join(Listing.owner)
        .where(Listing.id == listing_id, _owned_by(who))
        .options(contains_eager(Listing.owner))
        .with_for_update(of=Listing)
    )
    return _one(session, statement)


def readable(session: Session, who: Caller, collection_id: int) -> Collection:
    """A collection the caller may read by its id: their own, or a public one.

    Raises:
        NotFound: absent, private or unlisted, and not theirs.
    """
    return _one(session, _collection(collection_id).where(_IS_PUBLIC | _owned_by(who)))


def public(session: Session, collection_id: int) -> Collection:
    """A public collection.

    Raises:
        NotFound: absent or not public.
    """
    return _one(session, _collection(collection_id).where(_IS_PUBLIC))


def public_ones(session: Session, collection_ids: list[int]) -> dict[int, Collection]:
    """Those of these collections that are public, by their ids."""
    statement = (
        sa.select(Collection)
        .join(Collection.owner)
        .where(Collection.id.in_(collection_ids), _IS_PUBLIC, _IS_THERE)
        .options(contains_eager(Collection.owner))
    )
    return {row.id: row for row in session.scalars(statement)}


def owned(session: Session, who: Caller, collection_id: int) -> Collection:
    """A collection of the caller's, to read.

    Raises:
        NotFound: absent or not theirs, even when public.
    """
    return _one(session, _collection(collection_id).where(_owned_by(who)))


def editable(session: Session, who: Caller, collection_id: int) -> Collection:
    """A collection of the caller's, locked until the transaction ends.

    Raises:
        NotFound: absent or not theirs.
    """
    return _one(session, _collection(collection_id).where(_owned_by(who)).with_for_update(of=Collection))


def items_of(session: Session, collection_id: int) -> list[Item]:
    """The items in their order, with listings and their owners, in one query."""
    statement = (
        sa.select(Item)
        .where(Item.collection_id == collection_id)
        .order_by(Item.position, Item.id)
        .options(joinedload(Item.listing).joinedload(Listing.owner))
    )
    return list(session.scalars(statement))


def item_counts(session: Session, collection_ids: list[int]) -> dict[int, int]:
    """How many items each collection has; those without any are absent."""
    statement = (
        sa.select(Item.collection_id, sa.func.count())
        .where(Item.collection_id.in_(collection_ids))
        .group_by(Item.collection_id)
    )
    return dict(session.execute(statement).all())


def _collection(collection_id: int) -> sa.Select[Collection]:
    return (
        sa.select(Collection)
        .join(Collection.owner)
        .where(Collection.id == collection_id, _IS_THERE)
        .options(contains_eager(Collection.owner))
    )


def _one[T](session: Session, statement: sa.Select[T]) -> T:
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFound
    return found

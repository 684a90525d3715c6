"""The only way from an id to a thing you may read or change.

Absent and not yours give the same NotFound: whose something is stands in the WHERE clause, and so do the
life of a share token and what it opens.
"""

import hashlib
from collections.abc import Collection as Many
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, contains_eager, joinedload

from dealbrain import facts
from dealbrain.document import Visibility
from dealbrain.errors import NotFound
from dealbrain.identity import Anonymous, Caller, Person
from dealbrain.tables import Account, Collection, Item, Listing, ShareToken

_IS_PUBLIC = Collection.visibility == Visibility.public
_IS_SHARED = Collection.visibility != Visibility.private
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


def readable_listings(session: Session, listing_ids: Many[int]) -> dict[int, Listing]:
    """Those of these offers that are there, by their ids; anybody may read an offer."""
    if not listing_ids:
        return {}
    statement = sa.select(Listing).where(Listing.id.in_(listing_ids)).options(joinedload(Listing.owner))
    return {row.id: row for row in session.scalars(statement)}


def owned_listing(session: Session, who: Caller, listing_id: int) -> Listing:
    """An offer of the caller's, to read.

    Raises:
        NotFound: absent or not theirs.
    """
    return _one(session, _listing_of(who, listing_id))


def editable_listing(session: Session, who: Caller, listing_id: int) -> Listing:
    """An offer of the caller's, locked until the transaction ends.

    Raises:
        NotFound: absent or not theirs.
    """
    return _one(session, _listing_of(who, listing_id).with_for_update(of=Listing))


def _listing_of(who: Caller, listing_id: int) -> sa.Select[Listing]:
    return (
        sa.select(Listing)
        .join(Listing.owner)
        .where(Listing.id == listing_id, _owned_by(who))
        .options(contains_eager(Listing.owner))
    )


def editable_listings(session: Session, who: Caller, listing_ids: set[int]) -> dict[int, Listing]:
    """Those of these offers that are the caller's, by their ids, locked in the order of these."""
    statement = (
        sa.select(Listing)
        .join(Listing.owner)
        .where(Listing.id.in_(listing_ids), _owned_by(who))
        .options(contains_eager(Listing.owner))
        .order_by(Listing.id)
        .with_for_update(of=Listing)
    )
    return {row.id: row for row in session.scalars(statement)}


def readable(
    session: Session, who: Caller, collection_id: int, now: datetime, token: str | None = None
) -> Collection:
    """A collection the caller may read by its id: their own, a public one, or one their token opens.

    Raises:
        NotFound: absent, or not theirs to read.
    """
    return _one(session, _readable(who, collection_id, now, token))


def copyable(
    session: Session, who: Caller, collection_id: int, now: datetime, token: str | None = None
) -> Collection:
    """The same, and neither its visibility nor its items change until the transaction ends.

    Raises:
        NotFound: absent, or not theirs to read, even if only from a moment ago on.
    """
    # Whoever waits for the lock has the row judged again as it is then.
    return _one(session, _readable(who, collection_id, now, token).with_for_update(read=True, of=Collection))


def by_token(session: Session, token: str, now: datetime) -> tuple[Collection, ShareToken]:
    """The collection a token opens, unless it is private, and the token.

    Raises:
        NotFound: no such token, or its time is over, or what it opened is closed or gone.
    """
    statement = (
        sa.select(Collection, ShareToken)
        .join(ShareToken, ShareToken.collection_id == Collection.id)
        .join(Collection.owner)
        .where(_is_live(token, now), _IS_SHARED, _IS_THERE)
        .options(contains_eager(Collection.owner))
    )
    return _pair(session, statement)


def listing_by_token(
    session: Session, listing_id: int, token: str, now: datetime
) -> tuple[Listing, ShareToken]:
    """An offer by a token of its own, and the token with who shared it.

    Raises:
        NotFound: no such token of this offer, or its time is over.
    """
    statement = (
        sa.select(Listing, ShareToken)
        .join(ShareToken, ShareToken.listing_id == Listing.id)
        .where(Listing.id == listing_id, _is_live(token, now))
        .options(joinedload(Listing.owner), joinedload(ShareToken.owner))
    )
    return _pair(session, statement)


def fingerprint(token: str) -> str:
    """All we keep of a token (SHA-256).

    Tokens are found by it, so how long looking takes tells nothing of what the right one would be.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def unexpired(now: datetime) -> sa.ColumnElement[bool]:
    """Whether a share token's time is not over."""
    return ShareToken.expires_at.is_(None) | (ShareToken.expires_at > now)


def _is_live(token: str, now: datetime) -> sa.ColumnElement[bool]:
    return (ShareToken.secret_hash == fingerprint(token)) & unexpired(now)


def _opened_by(token: str | None, now: datetime) -> sa.ColumnElement[bool]:
    if token is None:
        return sa.false()
    key = sa.exists().where(ShareToken.collection_id == Collection.id, _is_live(token, now))
    return _IS_SHARED & key


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


def own_names(session: Session, who: Caller) -> dict[int, str]:
    """What all collections of the caller's are called, by their ids, the newest first."""
    wanted = sa.select(Collection.id, Collection.name).join(Collection.owner)
    rows = session.execute(wanted.where(_IS_THERE, _owned_by(who)).order_by(Collection.id.desc()))
    return {row.id: row.name for row in rows}


def editable(session: Session, who: Caller, collection_id: int) -> Collection:
    """A collection of the caller's, locked until the transaction ends.

    Raises:
        NotFound: absent or not theirs.
    """
    return _one(session, _collection(collection_id).where(_owned_by(who)).with_for_update(of=Collection))


def editable_all(session: Session, who: Caller, collection_ids: set[int]) -> dict[int, Collection]:
    """Collections of the caller's by their ids, locked in the order of these until the transaction ends.

    Raises:
        NotFound: one of them is absent or not theirs.
    """
    statement = (
        sa.select(Collection)
        .join(Collection.owner)
        .where(Collection.id.in_(collection_ids), _IS_THERE, _owned_by(who))
        .options(contains_eager(Collection.owner))
        .order_by(Collection.id)
        .with_for_update(of=Collection)
    )
    found = {row.id: row for row in session.scalars(statement)}
    if found.keys() != collection_ids:
        raise NotFound
    return found


def restorable(session: Session, who: Caller, collection_id: int, now: datetime) -> Collection:
    """A collection of the caller's whose deletion can still be taken back, locked.

    Raises:
        NotFound: absent, not theirs, not deleted, or deleted too long ago.
    """
    statement = (
        sa.select(Collection)
        .join(Collection.owner)
        .where(Collection.id == collection_id, can_be_restored(now), _owned_by(who))
        .options(contains_eager(Collection.owner))
        .with_for_update(of=Collection)
    )
    return _one(session, statement)


def can_be_restored(now: datetime) -> sa.ColumnElement[bool]:
    """Whether a collection was deleted, and not too long ago to take that back."""
    return Collection.deleted_at >= now - facts.RESTORABLE


def items_of(session: Session, collection_id: int) -> list[Item]:
    """The items in their order, with listings and their owners, in one query."""
    return list(session.scalars(_items(collection_id).order_by(Item.position, Item.id)))


def owned_item(session: Session, who: Person, collection_id: int, item_id: int) -> Item:
    """An item of a collection of the caller's, with its listing.

    Raises:
        NotFound: the collection is absent or not the caller's, or the item is not in it.
    """
    row = owned(session, who, collection_id)
    found = session.scalar(_items(row.id).where(Item.id == item_id))
    if found is None:
        raise NotFound
    return found


def _items(collection_id: int) -> sa.Select[Item]:
    whole = joinedload(Item.listing).joinedload(Listing.owner)
    return sa.select(Item).where(Item.collection_id == collection_id).options(whole)


def item_counts(session: Session, collection_ids: list[int]) -> dict[int, int]:
    """How many items each collection has; those without any are absent."""
    statement = (
        sa.select(Item.collection_id, sa.func.count())
        .where(Item.collection_id.in_(collection_ids))
        .group_by(Item.collection_id)
    )
    return dict(session.execute(statement).all())


def _readable(who: Caller, collection_id: int, now: datetime, token: str | None) -> sa.Select[Collection]:
    return _collection(collection_id).where(_IS_PUBLIC | _owned_by(who) | _opened_by(token, now))


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


def _pair[T](session: Session, statement: sa.Select[T, ShareToken]) -> tuple[T, ShareToken]:
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFound
    thing, token = found
    return thing, token

"""Who sees a collection or an offer: visibility, and tokens that open one thing to whoever knows them."""

import secrets
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import access, counting, facts, indexing, licensing, showing
from dealbrain.document import Visibility
from dealbrain.errors import Invalid, NotFound, Problem, TooManyTokens
from dealbrain.identity import Person
from dealbrain.paging import Order, page
from dealbrain.settings import settings
from dealbrain.shapes import (
    DealLink,
    ListedShareToken,
    MadeShareToken,
    NewDealLink,
    NewShareToken,
    PublicCollection,
    SharedDeal,
)
from dealbrain.tables import Collection, ShareToken

# 256 bits; OWASP asks for 128 where guessing is all that stands between a stranger and the thing.
_SECRET_BYTES = 32
# Fewer may see what stands before.
_SEEN_BY = (Visibility.private, Visibility.unlisted, Visibility.public)
_NEWEST = Order.by_time("recent", ShareToken.created_at, ShareToken.id)


def set_visibility(
    session: Session, who: Person, collection_id: int, visibility: Visibility, now: datetime
) -> tuple[Collection, bool]:
    """Open or close a collection. Closing it to everybody else ends its share tokens for good.

    Returns:
        The collection, and whether anything really changed.

    Raises:
        NotFound: absent or not the caller's.
    """
    row = access.editable(session, who, collection_id)
    changed = row.visibility != visibility
    if changed:
        if _SEEN_BY.index(visibility) < _SEEN_BY.index(Visibility(row.visibility)):
            licensing.renew(session, row)
        row.visibility = visibility
        row.published_at = now if visibility is Visibility.public else None
        row.updated_at = now
        session.flush()
        if visibility is Visibility.private:
            session.execute(sa.delete(ShareToken).where(ShareToken.collection_id == row.id))
        indexing.refresh(session, row.id)
        _warm_up(session, row, now)
    return row, changed


def _warm_up(session: Session, row: Collection, now: datetime) -> None:
    if row.visibility != Visibility.private:
        licensing.warm_up(session, licensing.of_collections(session, [row])[row.id], now)


def read_public(session: Session, collection_id: int, viewer: str | None, now: datetime) -> PublicCollection:
    """A public collection as anybody reads it; counts the look.

    Raises:
        NotFound: absent or not public.
    """
    row = access.public(session, collection_id)
    shown = showing.public_collection(row, access.items_of(session, row.id))
    counting.viewed(session, row.id, viewer, now)
    return shown


# -------------------------------------------------------------------------------- tokens of a collection


def add_token(
    session: Session, who: Person, collection_id: int, wanted: NewShareToken, now: datetime
) -> MadeShareToken:
    """Make a token that opens a collection as long as it is not private.

    Raises:
        NotFound: the collection is absent or not the caller's.
        Invalid: it would expire before it began.
        TooManyTokens: the collection has as many live ones as it may have.
    """
    _refuse_past(wanted.expires_at, now)
    collection = access.editable(session, who, collection_id)
    _refuse_overflow(session, collection.id, now)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = ShareToken(
        secret_hash=access.fingerprint(secret),
        collection_id=collection.id,
        owner_id=collection.owner_id,
        label=wanted.label,
        created_at=now,
        expires_at=wanted.expires_at,
    )
    session.add(row)
    session.flush()
    _warm_up(session, collection, now)
    url = f"{settings().public_origin}/c/{secret}"
    return MadeShareToken(id=row.id, label=row.label, token=secret, url=url, expires_at=row.expires_at)


def tokens(
    session: Session, who: Person, collection_id: int, limit: int, cursor: str | None
) -> tuple[list[ListedShareToken], str | None]:
    """One page of a collection's tokens, newest first, the expired ones too.

    Raises:
        NotFound: the collection is absent or not the caller's.
    """
    rows, more = page(session, _tokens_of(session, who, collection_id), _NEWEST, limit, cursor)
    return _listed(session, rows), more


def live_tokens(session: Session, who: Person, collection_id: int, now: datetime) -> list[ListedShareToken]:
    """All of a collection's tokens that open something, newest first.

    Raises:
        NotFound: the collection is absent or not the caller's.
    """
    statement = _tokens_of(session, who, collection_id).where(access.unexpired(now))
    return _listed(session, session.scalars(statement.order_by(ShareToken.id.desc())).all())


def _tokens_of(session: Session, who: Person, collection_id: int) -> sa.Select[ShareToken]:
    collection = access.owned(session, who, collection_id)
    return sa.select(ShareToken).where(ShareToken.collection_id == collection.id)


def _listed(session: Session, rows: Sequence[ShareToken]) -> list[ListedShareToken]:
    views = counting.token_views(session, [row.id for row in rows])
    said = ("id", "label", "created_at", "expires_at")
    return [
        ListedShareToken(**{name: getattr(row, name) for name in said}, views=views[row.id]) for row in rows
    ]


def revoke(session: Session, who: Person, collection_id: int, token_id: int) -> None:
    """End a token: from now on it opens nothing.

    Raises:
        NotFound: the collection is absent or not the caller's, or the token is none of its.
    """
    collection = access.editable(session, who, collection_id)
    gone = sa.delete(ShareToken).where(ShareToken.id == token_id, ShareToken.collection_id == collection.id)
    if session.scalar(gone.returning(ShareToken.id)) is None:
        raise NotFound
    if collection.visibility != Visibility.public:
        # Whoever had it may know where the cards are.
        licensing.renew(session, collection)


def read_shared(session: Session, token: str, viewer: str | None, now: datetime) -> PublicCollection:
    """A collection as whoever has its token reads it; counts the look, of the collection and the token.

    Raises:
        NotFound: no such token, or its time is over, or its collection is private or gone.
    """
    row, key = access.by_token(session, token, now)
    shown = showing.public_collection(row, access.items_of(session, row.id))
    counting.viewed(session, row.id, viewer, now)
    counting.token_viewed(session, key.id, viewer, now)
    return shown


# ----------------------------------------------------------------------------------- links to an offer


def share_listing(
    session: Session, who: Person, listing_id: int, wanted: NewDealLink, now: datetime
) -> DealLink:
    """Make a link to anybody's offer, which lives half a year unless its maker says otherwise.

    Raises:
        NotFound: there is no such offer.
        Invalid: it would expire before it began.
    """
    _refuse_past(wanted.expires_at, now)
    listing = access.readable_listing(session, listing_id)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = ShareToken(
        secret_hash=access.fingerprint(secret),
        listing_id=listing.id,
        owner_id=access.enrol(session, who, now),
        created_at=now,
        expires_at=wanted.expires_at or now + facts.LISTING_SHARE_LIFE,
    )
    session.add(row)
    session.flush()
    licensing.warm_up(session, licensing.of_listing(listing), now)
    return DealLink(token=secret, url=f"{settings().public_origin}/deals/{listing.id}/{secret}")


def read_deal(session: Session, listing_id: int, token: str, viewer: str | None, now: datetime) -> SharedDeal:
    """An offer by a link to it, as anybody reads it; counts the look, this one included.

    Raises:
        NotFound: no such link to this offer, or its time is over.
    """
    listing, key = access.listing_by_token(session, listing_id, token, now)
    counting.token_viewed(session, key.id, viewer, now)
    return SharedDeal(
        listing=showing.public_listing(listing),
        shared_by=key.owner.username,
        view_count=counting.token_views(session, [key.id])[key.id],
        expires_at=key.expires_at,
    )


# ------------------------------------------------------------------------------------------- refusals


def _refuse_past(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        problem = Problem("/expires_at", "in_the_past", "must lie in the future")
        raise Invalid("A share that has expired already opens nothing.", problems=(problem,))


def _refuse_overflow(session: Session, collection_id: int, now: datetime) -> None:
    live = sa.select(sa.func.count()).where(ShareToken.collection_id == collection_id, access.unexpired(now))
    if session.scalars(live).one() >= facts.SHARE_TOKENS:
        raise TooManyTokens(
            f"A collection has at most {facts.SHARE_TOKENS} share tokens at a time; revoke one first."
        )

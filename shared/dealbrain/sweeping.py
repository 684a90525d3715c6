"""Tidying up what expired. Nothing depends on it: expiry is checked wherever something is read."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import cardspec, counting, facts, files, licensing
from dealbrain.document import ListingStatus
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.tables import BulkUndo, Collection, IdempotencyKey, Import, Item, Listing, ShareToken, Table

# Rows removed in one transaction: a full collection takes its 500 items with it.
BATCH = 200


def _is_held_by_nobody(_: datetime) -> sa.ColumnElement[bool]:
    """Whether an offer was left to those who had collected it, and none of them has it any more."""
    is_left = Listing.owner_id.is_(None) & (Listing.status == ListingStatus.archived)
    return is_left & ~sa.exists().where(Item.listing_id == Listing.id)


# What is forgotten, and when a row of it is. Offers come after the collections that may have held them.
OVER: Mapping[type[Table], Callable[[datetime], sa.ColumnElement[bool]]] = {
    Collection: lambda now: Collection.deleted_at < now - facts.RESTORABLE,
    Listing: _is_held_by_nobody,
    ShareToken: lambda now: ShareToken.expires_at < now - facts.SHARE_TOKEN_KEPT,
    IdempotencyKey: lambda now: IdempotencyKey.created_at < now - facts.IDEMPOTENCY_LIFE,
    BulkUndo: lambda now: BulkUndo.created_at < now - facts.BULK_UNDOABLE,
}


def forget(session: Session, kind: type[Table], now: datetime) -> int:
    """Remove a batch of the rows of a table that are over.

    Returns:
        How many were removed; as long as there are any, there may be more.
    """
    key = sa.inspect(kind).primary_key
    is_over = OVER[kind](now)
    # Locked first and looked at again, so that an offer somebody collects meanwhile stays.
    found = sa.select(*key).where(is_over).limit(BATCH).with_for_update(skip_locked=True)
    rows: list[Any] = [tuple(row) for row in session.execute(found)]
    removal = sa.delete(kind).where(sa.tuple_(*key).in_(rows), is_over).returning(*key)
    return len(session.execute(removal).all()) if rows else 0


def forget_hits(session: Session, now: datetime) -> int:
    """Remove what was counted before yesterday and what viewers were told apart by.

    Returns:
        How many hits were removed.
    """
    return counting.forget(session, now.astimezone(UTC).date() - timedelta(days=1))


def forget_undos(session: Session, now: datetime) -> int:
    """Remove what undoing needs of the imports that can be undone no more.

    Returns:
        How many imports these were.
    """
    over = Import.changes.is_not(None) & (Import.created_at < now - facts.UNDOABLE)
    statement = sa.update(Import).where(over).values(changes=sa.null()).returning(Import.id)
    return len(session.execute(statement, execution_options={"synchronize_session": False}).all())


# ---------------------------------------------------------------------------------------------- cards


def sweep_cards(session: Session, now: datetime) -> int:
    """Remove what editing left open: cards of nobody's, at once, and those not right any more, after a day.

    Returns:
        How many specs were removed, and how many pictures that had none.
    """
    before = now - facts.SPEC_SUPERSEDED
    # Listed before the rows are read: nothing can be licensed in between and be taken for nobody's.
    specs = [(*cardspec.parse_spec_key(key), at) for key, at in files.aged(Bucket.generated, SPECS)]
    kept: set[tuple[str, str]] = set()
    for some in batched(specs, BATCH, strict=False):
        right = licensing.right_today(session, {place for place, _, _ in some})
        there = {
            (place, digest)
            for place, digest, at in some
            if right.get(place) == digest or (place in right and at > before)
        }
        gone = {(place, digest) for place, digest, _ in some} - there
        files.delete(Bucket.generated, [key for one in sorted(gone) for key in cardspec.keys(*one)])
        kept |= there
    return len(specs) - len(kept) + _sweep_pictures(kept, before)


def _sweep_pictures(kept: set[tuple[str, str]], before: datetime) -> int:
    """Remove what renders that came late have stored under no spec."""
    cards = (
        (key, cardspec.parse_card(key.removeprefix(CARDS)), at)
        for key, at in files.aged(Bucket.generated, CARDS)
    )
    stray = [
        key
        for key, card, at in cards
        if at < before and (card is None or (card.place, card.variant.digest) not in kept)
    ]
    files.delete(Bucket.generated, stray)
    return len(stray)

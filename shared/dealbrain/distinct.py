"""Which offers a person said are not the same, however alike they look."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dealbrain import matching
from dealbrain.matching import Offer
from dealbrain.tables import Account, NotSame

type Pair = tuple[str, str]


def key(offer: Offer) -> str:
    """What an offer is known by from file to file: its shop address, else its title and seller (SHA-256)."""
    address = matching.canonical_url(offer.listing_url or "")
    words = f"{matching.title_key(offer.title)}\n{matching.seller_key(offer.seller) or ''}"
    return hashlib.sha256((address or words).encode()).hexdigest()


def pair(a: Offer, b: Offer) -> Pair | None:
    """Name two offers in one order; None where nothing tells them apart by more than a number of ours."""
    one, other = sorted((key(a), key(b)))
    return (one, other) if one != other else None


def remember(session: Session, owner_id: int, pairs: Iterable[Pair], now: datetime) -> None:
    """Keep that a person told these offers apart; saying it again changes nothing."""
    rows = [
        {"owner_id": owner_id, "one": one, "other": other, "said_at": now}
        for one, other in sorted(set(pairs))
    ]
    if rows:
        session.execute(insert(NotSame).on_conflict_do_nothing(), rows)


def told(session: Session, sub: str, keys: Iterable[str]) -> set[Pair]:
    """Find the pairs a person told apart in which one of these keys is."""
    sought = sorted(set(keys))
    statement = (
        sa.select(NotSame.one, NotSame.other)
        .join(Account, Account.id == NotSame.owner_id)
        .where(Account.sub == sub, NotSame.one.in_(sought) | NotSame.other.in_(sought))
    )
    return {(one, other) for one, other in session.execute(statement)}

"""What discover searches: one document and one rank for each public collection, and none for any other.

Whoever changes what a public collection says, holds or costs calls one of these in the same transaction,
so that a search never finds what is no longer so.
"""

from collections.abc import Collection as Many
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dealbrain import counting, terms
from dealbrain.document import Visibility
from dealbrain.tables import Account, Collection, Item, Listing, Rank, SearchDocument, Table

# As ``terms.lowered`` does.
_LOWERED_CPU = sa.func.lower(Listing.cpu_name.collate("C"))


def wares(cpu_name: str | None, price: Decimal | None) -> list[str]:
    """What a collection is found by because of one listing in it."""
    named = terms.cpu_terms(cpu_name) if cpu_name else set()
    return sorted(named | (terms.price_terms(price) if price is not None else set()))


def refresh(session: Session, collection_id: int) -> None:
    """Let a collection be found as what it is now; not at all unless it is public."""
    found = session.execute(
        sa.select(Collection, Account.username)
        .join(Collection.owner)
        .where(Collection.id == collection_id, Collection.visibility == Visibility.public)
        .where(Collection.deleted_at.is_(None))
    ).one_or_none()
    if found is None:
        for table in (SearchDocument, Rank):
            session.execute(sa.delete(table).where(table.collection_id == collection_id))
        return
    row, username = found
    _put(session, SearchDocument, _document(row, username))
    _put(session, Rank, _rank(row))
    restock(session, [collection_id])


def restock(session: Session, collection_ids: Many[int]) -> None:
    """Let public collections be found by the listings they hold now; those not public are left alone."""
    statement = (
        sa.update(SearchDocument)
        .where(SearchDocument.collection_id.in_(collection_ids))
        .values(
            cpus=_array(_held(_LOWERED_CPU).order_by(Item.id)),
            prices=_array(_held(Listing.price_usd).order_by(Item.id)),
            # Sorted, because an update that changes nothing leaves the index alone.
            wares=_array(_held(sa.func.unnest(Listing.wares).distinct()).order_by(sa.text("1"))),
        )
    )
    session.execute(statement, execution_options={"synchronize_session": False})


def restock_holders(session: Session, listing_id: int) -> None:
    """Let public collections be found by what a listing in them has become."""
    holding = sa.select(Item.collection_id).where(Item.listing_id == listing_id)
    # In one order, so that two listings changed at once do not wait for each other in a circle.
    public = (
        sa.select(SearchDocument.collection_id)
        .where(SearchDocument.collection_id.in_(holding))
        .order_by(SearchDocument.collection_id)
        .with_for_update()
    )
    if found := session.scalars(public).all():
        restock(session, found)


def _array(gathered: sa.Select[Any]) -> sa.Function[Any]:
    return sa.func.array(gathered.scalar_subquery())


def _held(said: sa.SQLColumnExpression[Any]) -> sa.Select[Any]:
    """Something said of the listings in the collection of a document."""
    return (
        sa.select(said)
        .select_from(Item)
        .join(Listing, Item.listing_id == Listing.id)
        .where(Item.collection_id == SearchDocument.collection_id)
        .correlate(SearchDocument)
    )


def _document(row: Collection, username: str) -> dict[str, Any]:
    said = (row.name, row.description, username)
    words = terms.text_terms(*said) | {terms.owner_term(username)}
    return {
        "collection_id": row.id,
        "owner": username,
        "text": terms.searchable(*said),
        "cpus": [],
        "prices": [],
        "words": sorted(words),
        "wares": [],
    }


def _rank(row: Collection) -> dict[str, Any]:
    return {
        "collection_id": row.id,
        "recent": row.published_at,
        "trending": row.trending,
        "popular": counting.popularity(row),
    }


def _put(session: Session, table: type[Table], values: dict[str, Any]) -> None:
    statement = insert(table).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["collection_id"], set_=values))

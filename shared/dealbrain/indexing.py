"""What discover searches: one document and one rank for each public collection, and none for any other.

Whoever changes what a public collection says, holds or costs calls one of these in the same transaction,
so that a search never finds what is no longer so.
"""

from collections.abc import Collection as Many
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import NUMMULTIRANGE, insert
from sqlalchemy.orm import Session

from dealbrain import terms
from dealbrain.document import Visibility
from dealbrain.tables import Account, Collection, Item, Listing, Rank, SearchDocument, Table

# In the order of popularity a copy says more than a look.
COPY_WEIGHT = 5


def wares(cpu_name: str | None, price: Decimal | None) -> list[str]:
    """What a collection is found by because of one listing in it."""
    named = terms.cpu_terms(cpu_name) if cpu_name else set()
    return sorted(named | ({terms.price_term(price)} if price is not None else set()))


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
    cpu = sa.func.lower(Listing.cpu_name)
    price = sa.func.numrange(Listing.price_usd, Listing.price_usd, "[]")
    # A range from NULL to NULL would be every price there is.
    prices = sa.func.range_agg(price).filter(Listing.price_usd.is_not(None))
    statement = (
        sa.update(SearchDocument)
        .where(SearchDocument.collection_id.in_(collection_ids))
        .values(
            # Sorted, because an update that changes nothing leaves the index alone.
            wares=sa.func.array(
                _held(sa.func.unnest(Listing.wares).distinct()).order_by(sa.text("1")).scalar_subquery()
            ),
            cpus=sa.func.coalesce(_held(sa.func.string_agg(cpu.distinct(), "\n")).scalar_subquery(), ""),
            prices=sa.func.coalesce(_held(prices).scalar_subquery(), sa.cast("{}", NUMMULTIRANGE)),
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


def _held(gathered: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Something gathered from the listings in the collection of a document."""
    return (
        sa.select(gathered)
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
        "cpus": "",
        "prices": sa.cast("{}", NUMMULTIRANGE),
        "words": sorted(words),
        "wares": [],
    }


def _rank(row: Collection) -> dict[str, Any]:
    return {
        "collection_id": row.id,
        "recent": row.published_at,
        "trending": row.trending,
        "popular": row.views + COPY_WEIGHT * row.copies,
    }


def _put(session: Session, table: type[Table], values: dict[str, Any]) -> None:
    statement = insert(table).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["collection_id"], set_=values))

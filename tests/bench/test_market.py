"""The market measured in is one the product could have made itself."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import indexing
from dealbrain.tables import Collection, Item, Listing, Rank, SearchDocument
from tests.bench import market
from tests.bench.test_discovery import base

pytestmark = pytest.mark.bench

SMALL = 1_000


def rows(session: Session, table: type[SearchDocument | Rank]) -> list[tuple[object, ...]]:
    columns = table.__table__.columns
    return [tuple(row) for row in session.execute(sa.select(*columns).order_by(table.collection_id))]


def test_the_market_is_searched_as_if_people_had_made_it() -> None:
    with base(SMALL) as found, Session(found.plain) as session:
        made = {table: rows(session, table) for table in (SearchDocument, Rank)}
        assert len(made[Rank]) == SMALL // market.ONE_PUBLIC_IN
        for table in (SearchDocument, Rank):
            session.execute(sa.delete(table))
        for collection_id in session.scalars(sa.select(Collection.id)):
            indexing.refresh(session, collection_id)
        assert {table: rows(session, table) for table in (SearchDocument, Rank)} == made
        for row in session.execute(sa.select(Listing.wares, Listing.cpu_name, Listing.price_usd)):
            assert row.wares == indexing.wares(row.cpu_name, row.price_usd)
        items = session.scalar(sa.select(sa.func.count()).select_from(Item))
        assert items == pytest.approx(market.ITEMS_EACH * SMALL, rel=0.2)

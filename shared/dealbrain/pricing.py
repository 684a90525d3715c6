"""Every price that was seen of an offer, one after another: what is kept is never changed."""

from collections.abc import Collection as Many
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from dealbrain import access, facts
from dealbrain.charts import Seen
from dealbrain.paging import Order, page
from dealbrain.shapes import SeenPrice
from dealbrain.tables import Listing, PricePoint

# The last point has the highest id, whatever clocks said.
_NEWEST = Order.by_number("seen", PricePoint.id, PricePoint.id, descending=True, kind=int)


def note(session: Session, rows: Iterable[Listing], now: datetime) -> None:
    """Keep the prices of offers that were just stored: a known one that is not the last one seen."""
    ids = sa.any_(sa.literal([row.id for row in rows], ARRAY(sa.BigInteger)))
    last = (
        sa.select(PricePoint.price_usd)
        .where(PricePoint.listing_id == Listing.id)
        .order_by(PricePoint.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    seen = sa.select(
        Listing.id, Listing.price_usd, Listing.price_date, sa.literal(now, PricePoint.seen_at.type)
    )
    new = seen.where(
        Listing.id == ids, Listing.price_usd.is_not(None), Listing.price_usd.is_distinct_from(last)
    )
    columns = ["listing_id", "price_usd", "price_date", "seen_at"]
    session.execute(sa.insert(PricePoint).from_select(columns, new.order_by(Listing.id)))


def points(
    session: Session, listing_id: int, limit: int, cursor: str | None
) -> tuple[list[SeenPrice], str | None]:
    """One page of the prices seen of an offer, the last first; anybody may read them.

    Raises:
        NotFound: there is no such offer.
        Invalid: the cursor is not one of ours.
    """
    row = access.readable_listing(session, listing_id)
    statement = sa.select(PricePoint).where(PricePoint.listing_id == row.id)
    rows, more = page(session, statement, _NEWEST, limit, cursor)
    seen = [
        SeenPrice(price_usd=one.price_usd, price_date=one.price_date, seen_at=one.seen_at) for one in rows
    ]
    return seen, more


def histories(session: Session, listing_ids: Many[int]) -> dict[int, list[Seen]]:
    """The last prices seen of each of these offers, the first of them first; in one query.

    Each with when we heard of it, which never goes back as what people say of it may. Offers without any
    are absent.
    """
    wanted = sa.func.unnest(sa.literal(list(listing_ids), ARRAY(sa.BigInteger))).column_valued("wanted")
    last = (
        sa.select(PricePoint.id, PricePoint.seen_at, PricePoint.price_usd)
        .where(PricePoint.listing_id == wanted)
        .order_by(PricePoint.id.desc())
        .limit(facts.HISTORY)
        .lateral("last")
    )
    found: dict[int, list[Seen]] = {}
    statement = sa.select(wanted, last.c.seen_at, last.c.price_usd).join(last, sa.true())
    for listing_id, seen_at, price_usd in session.execute(statement.order_by(last.c.id)):
        found.setdefault(listing_id, []).append((seen_at, price_usd))
    return found

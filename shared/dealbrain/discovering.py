"""Finding other people's public collections."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager

from dealbrain import access, showing
from dealbrain.document import Visibility
from dealbrain.paging import Order, page
from dealbrain.shapes import Discovered, DiscoverSort
from dealbrain.tables import Account, Collection

_ORDERS = {DiscoverSort.recent: Order.by_time("recent", Collection.published_at, Collection.id)}
# From this length on a word is looked for inside words, below it only at their beginnings.
INSIDE_WORDS_FROM = 3


def discover(
    session: Session, *, q: str | None, sort: DiscoverSort, limit: int, cursor: str | None
) -> Discovered:
    """One page of public collections whose name, description or owner contains every word typed."""
    wanted = [Collection.visibility == Visibility.public, *map(_contains, (q or "").split())]
    found = sa.select(Collection).join(Collection.owner).where(*wanted)
    rows, more = page(session, found.options(contains_eager(Collection.owner)), _ORDERS[sort], limit, cursor)
    total = session.scalar(
        sa.select(sa.func.count()).select_from(Collection).join(Collection.owner).where(*wanted)
    )
    counted = access.item_counts(session, [row.id for row in rows])
    return Discovered(
        items=[showing.public_summary(row, counted.get(row.id, 0)) for row in rows],
        next_cursor=more,
        total=total or 0,
        total_is_estimate=False,
    )


def _contains(word: str) -> sa.ColumnElement[bool]:
    places = (Collection.name, Collection.description, Account.username)
    if len(word) >= INSIDE_WORDS_FROM:
        return sa.or_(*(place.icontains(word, autoescape=True) for place in places))
    # Word beginnings: the text's own, or behind anything that is no letter or digit.
    pattern = r"(^|[^[:alnum:]])" + "".join(
        f"[{letter}]" if letter.isalnum() else f"\\{letter}" for letter in word
    )
    return sa.or_(*(place.regexp_match(pattern, flags="i") for place in places))

"""Finding other people's public collections, at the same cost whatever is asked and however many there are.

A page is looked for in two ways, and neither leaves a choice to the planner. First the collections that
stand next in the order are read, a bounded number of them: what matches often fills a page from these.
What does not is rare among them, so the inverted index is asked for all that match, and those are sorted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from dealbrain import access, showing, terms
from dealbrain.paging import Order
from dealbrain.shapes import Discovered, DiscoverSort, PublicSummary
from dealbrain.tables import Item, Listing, Rank, SearchDocument

_ORDERS = {
    DiscoverSort.recent: Order.by_time("recent", Rank.recent, Rank.collection_id),
    DiscoverSort.trending: Order.by_number(
        "trending", Rank.trending, Rank.collection_id, descending=True, kind=float
    ),
    DiscoverSort.popular: Order.by_number(
        "popular", Rank.popular, Rank.collection_id, descending=True, kind=int
    ),
}
# How many collections are read in their order before the index is asked.
AHEAD = 1_000
# A total up to this is exact. Beyond it is an estimate from one page of the table in a hundred; where that
# is not clearly beyond, counting decides.
EXACT_MOST = 10_000
_ONE_IN = 100
_CLEARLY = 1.3


@dataclass(frozen=True)
class Search:
    """What is looked for; None narrows nothing. One item has to satisfy processor and prices together."""

    q: str | None = None
    owner: str | None = None
    cpu: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    @property
    def words(self) -> list[str]:
        """The words typed, all of which must be found."""
        return terms.typed(self.q or "")

    @property
    def priced(self) -> bool:
        """Whether prices are bounded."""
        return self.min_price is not None or self.max_price is not None

    @property
    def is_contradiction(self) -> bool:
        """Whether no price can be right."""
        return self.min_price is not None and self.max_price is not None and self.min_price > self.max_price


def discover(
    session: Session, search: Search, sort: DiscoverSort, limit: int, cursor: str | None
) -> Discovered:
    """One page of the public collections that satisfy every part of a search.

    Raises:
        Invalid: the cursor is not one of ours, or of another order.
    """
    if search.is_contradiction:
        return Discovered(items=[], next_cursor=None, total=0, total_is_estimate=False)
    order = _ORDERS[sort]
    found = _next_in_order(session, search, order, limit, cursor)
    if len(found) <= limit and search != Search():
        found = _by_index(session, search, order, limit, cursor)
    shown = found[:limit]
    complete = cursor is None and len(found) <= limit
    total, is_estimate = (len(found), False) if complete else _total(session, search)
    return Discovered(
        items=_shown(session, [row.collection_id for row in shown]),
        next_cursor=order.cursor(shown[-1].key, shown[-1].collection_id) if len(found) > limit else None,
        total=total,
        total_is_estimate=is_estimate,
    )


def _next_in_order(
    session: Session, search: Search, order: Order, limit: int, cursor: str | None
) -> Sequence[Any]:
    """Look through the collections that stand next, but not through more than some."""
    ranked: Any = sa.select(Rank.collection_id, order.key.label("key")).where(order.beyond(cursor))
    ahead = ranked.order_by(*order.sorting()).limit(AHEAD).subquery("ahead")
    matching = _fenced(
        sa.select(SearchDocument.collection_id).where(
            SearchDocument.collection_id == ahead.c.collection_id, *_satisfies(search, SearchDocument)
        )
    )
    statement = sa.select(ahead).join(matching, sa.true())
    return session.execute(
        statement.order_by(ahead.c.key.desc(), ahead.c.collection_id.desc()).limit(limit + 1)
    ).all()


def _by_index(
    session: Session, search: Search, order: Order, limit: int, cursor: str | None
) -> Sequence[Any]:
    """Let the inverted index find all that match, and sort them."""
    # Statistics about short terms mislead the planner; without the index it would read every document.
    session.execute(sa.text("SET LOCAL enable_seqscan = off"))
    matching = sa.select(SearchDocument.collection_id).where(
        *_found_by(search), *_satisfies(search, SearchDocument)
    )
    found = matching.offset(0).subquery("found")
    ranked = _fenced(
        sa.select(Rank.collection_id, order.key.label("key")).where(
            Rank.collection_id == found.c.collection_id, order.beyond(cursor)
        )
    )
    statement = sa.select(ranked).select_from(found).join(ranked, sa.true())
    return session.execute(
        statement.order_by(ranked.c.key.desc(), ranked.c.collection_id.desc()).limit(limit + 1)
    ).all()


def _fenced(statement: sa.Select[*tuple[Any, ...]]) -> sa.FromClause:
    """A subquery the planner takes as it stands: looked up for one row after another, by its key."""
    return statement.offset(0).lateral()


def _total(session: Session, search: Search) -> tuple[int, bool]:
    """How many there are in all, and whether that is an estimate."""
    sample = sa.tablesample(SearchDocument.__table__, sa.func.system(100 / _ONE_IN), seed=sa.literal(0))
    sampled = aliased(SearchDocument, sample)
    counted = sa.select(sa.func.count()).select_from(sampled).where(*_satisfies(search, sampled))
    estimate = _ONE_IN * session.scalars(counted).one()
    if estimate > _CLEARLY * EXACT_MOST:
        return estimate, True
    matching = sa.select(sa.literal(1)).select_from(SearchDocument)
    matching = matching.where(*_found_by(search), *_satisfies(search, SearchDocument)).limit(EXACT_MOST + 1)
    exact = session.scalars(sa.select(sa.func.count()).select_from(matching.subquery())).one()
    return (exact, False) if exact <= EXACT_MOST else (max(estimate, exact), True)


def _found_by(search: Search) -> Iterator[sa.ColumnElement[bool]]:
    """What the index is asked: never too little, at times too much."""
    words = {term for word in search.words for term in terms.word_terms(word)}
    if search.owner is not None:
        words.add(terms.owner_term(search.owner))
    if words:
        yield SearchDocument.words.contains(sorted(words))
    if search.cpu:
        yield SearchDocument.wares.contains(sorted(terms.cpu_terms(search.cpu)))
    if search.priced:
        yield SearchDocument.wares.overlap(sorted(terms.price_terms(search.min_price, search.max_price)))


def _satisfies(search: Search, document: type[SearchDocument]) -> Iterator[sa.ColumnElement[bool]]:
    """What decides."""
    if search.owner is not None:
        yield document.owner == search.owner
    for word in search.words:
        yield document.text.contains(terms.pattern(word), autoescape=True)
    if search.priced:
        yield document.prices.op("&&")(sa.func.numrange(search.min_price, search.max_price, "[]"))
    if search.cpu:
        yield document.cpus.contains(search.cpu.lower(), autoescape=True)
    if search.cpu and search.priced:
        yield _one_item(search, document)


def _one_item(search: Search, document: type[SearchDocument]) -> sa.ColumnElement[bool]:
    """Whether a single item has both the processor and the price."""
    held = sa.select(Item.id).join(Listing, Item.listing_id == Listing.id)
    return (
        held.where(Item.collection_id == document.collection_id)
        .where(sa.func.lower(Listing.cpu_name).contains((search.cpu or "").lower(), autoescape=True))
        .where(sa.func.numrange(search.min_price, search.max_price, "[]").contains(Listing.price_usd))
        .exists()
    )


def _shown(session: Session, collection_ids: list[int]) -> list[PublicSummary]:
    rows = access.public_ones(session, collection_ids)
    counted = access.item_counts(session, collection_ids)
    return [showing.public_summary(rows[one], counted.get(one, 0)) for one in collection_ids if one in rows]

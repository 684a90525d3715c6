"""Finding other people's public collections, at a cost that hardly depends on how many there are.

A page is looked for in one of two ways, and neither leaves a choice to the planner. One table page in a
hundred tells how frequent the wanted ones are. Frequent ones fill a page from those that stand next in the
order, of which a bounded number is read. Of rare ones the inverted index is asked for all; they are counted,
and put in order. It is asked too where frequent ones happen not to stand next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from dealbrain import access, sampling, showing, terms
from dealbrain.paging import Order
from dealbrain.shapes import Discovered, DiscoverSort, PublicSummary
from dealbrain.tables import Rank, SearchDocument

_ORDERS = {
    DiscoverSort.recent: Order.by_time("recent", Rank.recent, Rank.collection_id),
    DiscoverSort.trending: Order.by_number(
        "trending", Rank.trending, Rank.collection_id, descending=True, kind=float
    ),
    DiscoverSort.popular: Order.by_number(
        "popular", Rank.popular, Rank.collection_id, descending=True, kind=int
    ),
}
# How many of those that stand next should match for each one wanted, so that chance seldom leaves a page
# unfilled.
_ENOUGH = 2
# A total up to this is exact. Beyond it is an estimate, except where that is not clearly beyond.
EXACT_MOST = 10_000
_KNOWN = sa.literal_column(
    "(SELECT reltuples FROM pg_class WHERE oid = 'search_documents'::regclass)", sa.Float()
)
_CLEARLY = 1.3


@dataclass(frozen=True)
class Search(terms.Sought):
    """One item has to satisfy processor and prices together."""


def discover(
    session: Session, search: Search, sort: DiscoverSort, limit: int, cursor: str | None
) -> Discovered:
    """One page of the public collections that satisfy every part of a search.

    Raises:
        Invalid: the cursor is not one of ours, or of another order.
    """
    if search.is_contradiction:
        return Discovered(items=[], next_cursor=None, total=0, total_is_estimate=False)
    sampling.rely_on_indexes(session)
    order = _ORDERS[sort]
    wanted = limit + 1
    sample = _sampled(session, search)
    found, total = None, None
    # Whichever way has fewer to look at: of those that stand next one in 1 / share matches.
    if sample.share and (ahead := ceil(_ENOUGH * wanted / sample.share)) <= sample.total:
        found = _next_in_order(session, search, order, wanted, cursor, ahead)
    if found is None:
        found, total = _by_index(session, search, order, wanted, cursor)
    shown = found[:limit]
    total, is_estimate = (total, False) if total is not None else _total(session, search, sample.total)
    return Discovered(
        items=_shown(session, [row.collection_id for row in shown]),
        next_cursor=order.cursor(shown[-1].key, shown[-1].collection_id) if len(found) > limit else None,
        total=total,
        total_is_estimate=is_estimate,
    )


@dataclass(frozen=True)
class _Sample:
    """What one table page in a hundred says."""

    matching: int
    read: int
    known: float
    """How many documents there are, as Postgres counted last; negative where it never did."""

    @property
    def share(self) -> float:
        """How frequent the wanted ones are; nothing was read of a small table, which the index suits."""
        return self.matching / self.read if self.read else 0

    @property
    def total(self) -> int:
        """How many match, about."""
        return round(self.share * (self.known if self.known > 0 else self.read * sampling.ONE_IN))


def _sampled(session: Session, search: Search) -> _Sample:
    sampled = sampling.sampled(SearchDocument)
    matching = sa.func.count().filter(sa.true(), *_satisfies(search, sampled))
    statement = sa.select(matching, sa.func.count(), _KNOWN).select_from(sampled)
    return _Sample(*session.execute(statement).one())


def _next_in_order(
    session: Session, search: Search, order: Order, wanted: int, cursor: str | None, most: int
) -> Sequence[Any] | None:
    """Look through the collections that stand next, but not through more than so many.

    Returns:
        Rows; None where there were too few among these, and there are more.
    """
    ranked: Any = sa.select(Rank.collection_id, order.key.label("key")).where(order.beyond(cursor))
    ranked = ranked.order_by(*order.sorting())
    ahead = ranked.limit(most).subquery("ahead")
    matching = _fenced(
        sa.select(SearchDocument.collection_id).where(
            SearchDocument.collection_id == ahead.c.collection_id, *_satisfies(search, SearchDocument)
        )
    )
    statement = sa.select(ahead).join(matching, sa.true())
    found = session.execute(statement.order_by(*_of(order, ahead).sorting()).limit(wanted)).all()
    if len(found) < wanted and session.execute(ranked.offset(most).limit(1)).first():
        return None
    return found


def _by_index(
    session: Session, search: Search, order: Order, wanted: int, cursor: str | None
) -> tuple[Sequence[Any], int | None]:
    """Let the inverted index find all that match, and put those wanted in order.

    Returns:
        Rows, and how many match in all; None where that was not counted.
    """
    matching = _matching(search, SearchDocument.collection_id).cte("matching")
    # An array of keys is looked up page by page of the primary key, ten times quicker than key by key.
    keys = sa.func.array(sa.select(matching).scalar_subquery(), type_=ARRAY(sa.BigInteger))
    ranked: sa.Select[*tuple[Any, ...]] = sa.select(Rank.collection_id, order.key.label("key"))
    found_there = ranked.where(Rank.collection_id == sa.any_(keys)).offset(0).subquery("ranked")
    there = _of(order, found_there)
    total = sa.select(sa.func.count()).select_from(matching).scalar_subquery().label("total")
    statement = sa.select(found_there, total).where(there.beyond(cursor)).order_by(*there.sorting())
    found = session.execute(statement.limit(wanted)).all()
    return found, found[0].total if found else None


def _fenced(statement: sa.Select[*tuple[Any, ...]]) -> sa.FromClause:
    """A subquery the planner takes as it stands: looked up for one row after another, by its key."""
    return statement.offset(0).lateral()


def _of(order: Order, rows: sa.FromClause) -> Order:
    """The same order of rows already selected."""
    return replace(order, key=rows.c.key, id=rows.c.collection_id)


def _total(session: Session, search: Search, estimate: int) -> tuple[int, bool]:
    """How many there are in all, and whether that is an estimate."""
    if estimate > _CLEARLY * EXACT_MOST:
        return estimate, True
    matching = _matching(search, sa.literal(1)).limit(EXACT_MOST + 1).subquery()
    exact = session.scalars(sa.select(sa.func.count()).select_from(matching)).one()
    return (exact, False) if exact <= EXACT_MOST else (max(estimate, exact), True)


def _matching(search: Search, said: sa.SQLColumnExpression[Any]) -> sa.Select[*tuple[Any, ...]]:
    """Something said of all that match, to be found by the index."""
    statement = sa.select(said).select_from(SearchDocument)
    return statement.where(*_found_by(search), *_left_open(search))


def _found_by(search: Search) -> Iterator[sa.ColumnElement[bool]]:
    """What the index is asked: never too little, at times too much."""
    words = {term for word in search.words for term in terms.word_terms(word)}
    if search.owner is not None:
        words.add(terms.owner_term(search.owner))
    if words:
        yield SearchDocument.words.contains(sorted(words))
    if search.cpu:
        yield SearchDocument.wares.contains(sorted(terms.asked_cpu_terms(search.cpu)))
    if search.priced:
        prices = terms.asked_price_terms(search.min_price, search.max_price)
        yield SearchDocument.wares.overlap(sorted(prices))


def _left_open(search: Search) -> Iterator[sa.ColumnElement[bool]]:
    """What has to be looked at where the index answers too much."""
    for word in search.words:
        if len(word) > terms.PIECE:
            yield _says(SearchDocument, word)
    if search.cpu and (search.priced or len(search.cpu) > terms.PIECE):
        yield _holds(SearchDocument, search)


def _satisfies(search: Search, document: type[SearchDocument]) -> Iterator[sa.ColumnElement[bool]]:
    """All that is asked of a document, without the index."""
    if search.owner is not None:
        yield document.owner == search.owner
    for word in search.words:
        yield _says(document, word)
    if search.cpu or search.priced:
        yield _holds(document, search)


def _says(document: type[SearchDocument], word: str) -> sa.ColumnElement[bool]:
    # Quicker than LIKE by a third, and knows no wildcards.
    return sa.func.strpos(document.text, terms.pattern(word)) > 0


def _holds(document: type[SearchDocument], search: Search) -> sa.ColumnElement[bool]:
    """Whether a single listing in a collection has both the processor and the price."""
    # Unfolded in the list of columns, and only what is asked for: a function among the tables would put all
    # of it aside first, which takes three times as long.
    listing = (
        sa.select(
            *(
                sa.func.unnest(column, type_=kind).label(name)
                for name, column, kind, is_asked in (
                    ("cpu", document.cpus, sa.Text(), search.cpu),
                    ("price", document.prices, sa.Numeric(), search.priced),
                )
                if is_asked
            )
        )
        .correlate(document)
        .subquery("listing")
    )
    wanted = []
    # Prices first, which are compared more quickly.
    if search.min_price is not None:
        wanted.append(listing.c.price >= search.min_price)
    if search.max_price is not None:
        wanted.append(listing.c.price <= search.max_price)
    if search.cpu:
        wanted.append(sa.func.strpos(listing.c.cpu, terms.lowered(search.cpu)) > 0)
    return sa.select(sa.literal(1)).select_from(listing).where(*wanted).exists()


def _shown(session: Session, collection_ids: list[int]) -> list[PublicSummary]:
    rows = access.public_ones(session, collection_ids)
    counted = access.item_counts(session, collection_ids)
    return [showing.public_summary(rows[one], counted.get(one, 0)) for one in collection_ids if one in rows]

"""Finding other people's public collections, at a cost that hardly depends on how many there are.

A page is looked for in one of two ways, and neither leaves a choice to the planner. One table page in a
hundred tells how frequent the wanted ones are. Frequent ones fill a page from those that stand next in the
order, of which a bounded number is read. Of rare ones the inverted index is asked for all; they are counted,
and put in order. It is asked too where frequent ones happen not to stand next.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from dealbrain import access, showing, terms
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
# How many collections are read in their order for each one wanted, at most.
AHEAD = 100
# How many of these should match, so that chance seldom leaves a page unfilled.
_ENOUGH = 1.5
# Of what the index finds: the share from which it is quicker to meet some of it along the order than to look
# all of it up. Passing one in the order costs a tenth of looking one up.
_MANY = 1 / 400
# A total up to this is exact. Beyond it is an estimate, except where that is not clearly beyond.
EXACT_MOST = 10_000
_PER_CENT = 1
_KNOWN = sa.literal_column(
    "(SELECT reltuples FROM pg_class WHERE oid = 'search_documents'::regclass)", sa.Float()
)
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
    _rely_on_indexes(session)
    order = _ORDERS[sort]
    wanted = limit + 1
    sample = _sampled(session, search)
    found, total = None, None
    if sample.share * AHEAD > _ENOUGH:
        found = _next_in_order(session, search, order, wanted, cursor)
    if found is None:
        way = _picked_out if sample.share > _MANY else _looked_up
        found, total = _by_index(session, search, order, wanted, cursor, way)
    shown = found[:limit]
    total, is_estimate = (total, False) if total is not None else _total(session, search, sample.total)
    return Discovered(
        items=_shown(session, [row.collection_id for row in shown]),
        next_cursor=order.cursor(shown[-1].key, shown[-1].collection_id) if len(found) > limit else None,
        total=total,
        total_is_estimate=is_estimate,
    )


def _rely_on_indexes(session: Session) -> None:
    # Statistics about short terms mislead the planner, which would read every document instead.
    session.execute(sa.text("SET LOCAL enable_seqscan = off"))


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
        return round(self.share * max(self.known, 0))


def _sampled(session: Session, search: Search) -> _Sample:
    sample = sa.tablesample(SearchDocument.__table__, sa.func.system(_PER_CENT), seed=sa.literal(0))
    sampled = aliased(SearchDocument, sample)
    matching = sa.func.count().filter(sa.true(), *_satisfies(search, sampled))
    statement = sa.select(matching, sa.func.count(), _KNOWN).select_from(sampled)
    return _Sample(*session.execute(statement).one())


def _next_in_order(
    session: Session, search: Search, order: Order, wanted: int, cursor: str | None
) -> Sequence[Any] | None:
    """Look through the collections that stand next, but not through more than some.

    Returns:
        Rows; None where there were too few among these, and there are more.
    """
    ranked: Any = sa.select(Rank.collection_id, order.key.label("key")).where(order.beyond(cursor))
    ranked = ranked.order_by(*order.sorting())
    ahead = ranked.limit(wanted * AHEAD).subquery("ahead")
    matching = _fenced(
        sa.select(SearchDocument.collection_id).where(
            SearchDocument.collection_id == ahead.c.collection_id, *_satisfies(search, SearchDocument)
        )
    )
    statement = sa.select(ahead).join(matching, sa.true())
    found = session.execute(statement.order_by(*_of(order, ahead).sorting()).limit(wanted)).all()
    if len(found) < wanted and session.execute(ranked.offset(wanted * AHEAD).limit(1)).first():
        return None
    return found


def _by_index(
    session: Session,
    search: Search,
    order: Order,
    wanted: int,
    cursor: str | None,
    way: "_Way",
) -> tuple[Sequence[Any], int | None]:
    """Let the inverted index find all that match, and put those wanted in order.

    Returns:
        Rows, and how many match in all; None where that was not counted.
    """
    matching = _matching(search, SearchDocument.collection_id).cte("matching")
    total = sa.select(sa.func.count()).select_from(matching).scalar_subquery().label("total")
    found = session.execute(way(matching, order, cursor).add_columns(total).limit(wanted)).all()
    return found, found[0].total if found else None


type _Way = Callable[[sa.CTE, Order, str | None], sa.Select[*tuple[Any, ...]]]


def _looked_up(matching: sa.CTE, order: Order, cursor: str | None) -> sa.Select[*tuple[Any, ...]]:
    """Few: the place of each is looked up, and they are sorted."""
    ranked = _fenced(
        sa.select(Rank.collection_id, order.key.label("key")).where(
            Rank.collection_id == matching.c.collection_id
        )
    )
    there = _of(order, ranked)
    statement = sa.select(ranked).select_from(matching).join(ranked, sa.true())
    return statement.where(there.beyond(cursor)).order_by(*there.sorting())


def _picked_out(matching: sa.CTE, order: Order, cursor: str | None) -> sa.Select[*tuple[Any, ...]]:
    """Many: the order is read until enough of them were met."""
    # Compared with true, so that it is a set asked for each row and not a join the planner turns round.
    is_met = Rank.collection_id.in_(sa.select(matching.c.collection_id)).is_(sa.true())
    ranked: sa.Select[*tuple[Any, ...]] = sa.select(Rank.collection_id, order.key.label("key"))
    return ranked.where(order.beyond(cursor), is_met).order_by(*order.sorting())


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
    return document.text.contains(terms.pattern(word), autoescape=True)


def _holds(document: type[SearchDocument], search: Search) -> sa.ColumnElement[bool]:
    """Whether a single listing in a collection has both the processor and the price."""
    # What is not asked for is not unfolded, which takes most of the time.
    columns: dict[str, Any] = {"cpu": document.cpus} if search.cpu else {}
    columns |= {"price": document.prices} if search.priced else {}
    listing = sa.func.unnest(*columns.values()).table_valued(*columns).render_derived()
    wanted = []
    if search.cpu:
        wanted.append(
            sa.type_coerce(listing.c.cpu, sa.Text).contains(terms.lowered(search.cpu), autoescape=True)
        )
    if search.min_price is not None:
        wanted.append(listing.c.price >= search.min_price)
    if search.max_price is not None:
        wanted.append(listing.c.price <= search.max_price)
    return sa.select(sa.literal(1)).select_from(listing).where(*wanted).exists()


def _shown(session: Session, collection_ids: list[int]) -> list[PublicSummary]:
    rows = access.public_ones(session, collection_ids)
    counted = access.item_counts(session, collection_ids)
    return [showing.public_summary(rows[one], counted.get(one, 0)) for one in collection_ids if one in rows]

"""The list of all offers: what narrows it and how it is ordered, at a cost that hardly grows with it.

Two narrow tables know what lists look at. One is an inverted index of terms, as discover has for collections
(``terms``), and tells which offers may match; the other has all that decides, and every order. A page is
filled from those that stand next in the order, or the index is asked for all that may match and these are put
in order. Which one is cheaper is told by one table page in a hundred: how many of its offers match, and how
many stand before the first of these.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, array, insert
from sqlalchemy.orm import Session, aliased, joinedload

from dealbrain import sampling, terms
from dealbrain.document import Condition
from dealbrain.paging import Order
from dealbrain.shapes import ListingSort, Tier
from dealbrain.tables import Account, Listed, ListedTerms, Listing

# Unknown prices and scores stand last, whichever way the list runs.
_PRICE_LAST, _SCORE_LAST = Decimal(99_999_999), -1
# By the names of their columns.
_ORDERS = {
    ListingSort.recent: Order.by_time("recent", Listed.recent, Listed.listing_id),
    ListingSort.price: Order.by_number("price", Listed.price, Listed.listing_id, descending=False),
    ListingSort.score: Order.by_number("score", Listed.score, Listed.listing_id, descending=True),
}
# What looking at one offer costs that the index found, counted in those that are looked at in order.
_DEARER = 8
# How much further than to the first match of the sample the order is followed: there are about a hundred for
# each one in the sample, so that chance seldom leaves a page unfilled.
_FURTHER = 3
_INDEXED_AT_ONCE = 1_000


@dataclass(frozen=True)
class Filter(terms.Sought):
    """What a list of offers is narrowed to; words are looked for in title, seller and model."""

    condition: Condition | None = None
    tier: Tier | None = None


def find(
    session: Session, wanted: Filter, sort: ListingSort, limit: int, cursor: str | None
) -> tuple[list[Listing], str | None]:
    """One page of all offers that satisfy every filter given, loaded with their owners.

    Returns:
        Offers, and the cursor of the next page; None where this is the last.

    Raises:
        Invalid: the cursor is not one of ours, or of another order.
    """
    order = _ORDERS[sort]
    # A cursor that is not ours is refused, also where there is nothing to look through.
    order.beyond(cursor)
    search = _search(session, wanted)
    if search is None:
        return [], None
    sampling.rely_on_indexes(session)
    found = _page(session, search, order, limit + 1, cursor)
    more = order.cursor(found[limit - 1].key, found[limit - 1].listing_id) if len(found) > limit else None
    return _loaded(session, [row.listing_id for row in found[:limit]]), more


def _loaded(session: Session, ids: Sequence[int]) -> list[Listing]:
    statement = sa.select(Listing).where(Listing.id.in_(ids), Listing.owner_id.is_not(None))
    rows = {row.id: row for row in session.scalars(statement.options(joinedload(Listing.owner)))}
    # Somebody may have deleted one since it was found.
    return [rows[one] for one in ids if one in rows]


@dataclass(frozen=True)
class _Search:
    """A filter, its owner looked up."""

    wanted: Filter
    owner_id: int | None


def _search(session: Session, wanted: Filter) -> _Search | None:
    """Answer None where nothing can be found."""
    if wanted.is_contradiction:
        return None
    if wanted.owner is None:
        return _Search(wanted, None)
    owner_id = session.scalar(sa.select(Account.id).where(Account.username == wanted.owner))
    return _Search(wanted, owner_id) if owner_id is not None else None


# ----------------------------------------------------------------------------------------- the two ways


def _page(session: Session, search: _Search, order: Order, count: int, cursor: str | None) -> Sequence[Any]:
    """The next of those that match, so many or all there are: their ids and keys."""
    if not [*_satisfies(search, Listed)]:
        return _next_in_order(session, search, order, count, cursor, count) or ()
    matching, before = _sampled(session, search, order, cursor)
    # Whichever way is cheaper; one in the sample stands for as many, be it one that matches or one before.
    if before < _DEARER * matching:
        # Not given up before that costs about as much as asking the index would.
        most = sampling.ONE_IN * max(_FURTHER * (before + 1), _DEARER * matching // 2)
        found = _next_in_order(session, search, order, count, cursor, most)
        if found is not None:
            return found
    return _by_index(session, search, order, count, cursor)


def _sampled(session: Session, search: _Search, order: Order, cursor: str | None) -> tuple[int, int]:
    """How many match in the sample, and how many stand in it between the cursor and the first match."""
    rows = sampling.sampled(Listed)
    there = _of(order, rows)
    matching = sa.and_(*_satisfies(search, rows))
    ahead = sa.and_(there.beyond(cursor), *_bounds(search, order, rows))
    is_behind = sa.func.bool_or(matching & ahead).over(order_by=there.sorting()).is_(sa.true())
    looked = sa.select(matching.label("matching"), (ahead & ~is_behind).label("before")).subquery()
    matched, before = (sa.func.count().filter(column) for column in looked.c)
    found = session.execute(sa.select(matched, before)).one()
    return found[0], found[1]


def _next_in_order(
    session: Session, search: _Search, order: Order, count: int, cursor: str | None, most: int
) -> Sequence[Any] | None:
    """Look through the offers that stand next, but not through more than so many.

    Returns:
        Rows; None where there were too few among these, and there are more.
    """
    is_standing = (order.beyond(cursor), *_bounds(search, order, Listed))
    standing = sa.select(Listed).where(*is_standing).order_by(*order.sorting())
    rows = aliased(Listed, standing.limit(most).subquery("ahead"))
    there = _of(order, rows)
    statement: sa.Select[*tuple[Any, ...]] = sa.select(rows.listing_id, there.key.label("key")).where(
        *_satisfies(search, rows)
    )
    found = session.execute(statement.order_by(*there.sorting()).limit(count)).all()
    if len(found) == count:
        return found
    further = sa.select(Listed.listing_id).where(*is_standing).offset(most).limit(1)
    return None if session.scalar(further) else found


def _by_index(
    session: Session, search: _Search, order: Order, count: int, cursor: str | None
) -> Sequence[Any]:
    """Let the inverted index find all that may match, and put those that do in order."""
    # An array of keys is looked up page by page of the primary key, quicker than key by key.
    candidates = sa.select(ListedTerms.listing_id).where(*_asked(search)).scalar_subquery()
    keys = sa.func.array(candidates, type_=ARRAY(sa.BigInteger))
    statement: sa.Select[*tuple[Any, ...]] = sa.select(Listed.listing_id, order.key.label(order.name))
    statement = statement.where(Listed.listing_id == sa.any_(keys), *_satisfies(search, Listed))
    # Fenced, or the planner would search the order's index for each of them.
    rows = statement.offset(0).subquery("rows").c
    there = replace(order, key=rows[order.name], id=rows.listing_id)
    page = sa.select(rows.listing_id, there.key.label("key")).where(there.beyond(cursor))
    return session.execute(page.order_by(*there.sorting()).limit(count)).all()


def _of(order: Order, rows: type[Listed]) -> Order:
    """The same order of rows already chosen."""
    return replace(order, key=getattr(rows, order.name), id=rows.listing_id)


# --------------------------------------------------------------------------------------- what is asked


def _asked(search: _Search) -> Iterator[sa.ColumnElement[bool]]:
    """What the index is asked: never too little, at times too much."""
    wanted = search.wanted
    words = {term for word in wanted.words for term in terms.word_terms(word)}
    if words:
        yield ListedTerms.words.contains(sorted(words))
    said = (("owner", search.owner_id), ("condition", wanted.condition), ("tier", wanted.tier))
    wares = {f"{name} {value}" for name, value in said if value is not None}
    if wanted.cpu:
        wares |= terms.asked_cpu_terms(wanted.cpu)
    if wares:
        yield ListedTerms.wares.contains(sorted(wares))
    if wanted.priced:
        prices = terms.asked_price_terms(wanted.min_price, wanted.max_price)
        yield ListedTerms.wares.overlap(sorted(prices))


def _satisfies(search: _Search, rows: type[Listed]) -> Iterator[sa.ColumnElement[bool]]:
    """All that is asked of an offer, what is compared most quickly first."""
    wanted = search.wanted
    for column, value in (
        (rows.owner_id, search.owner_id),
        (rows.condition, wanted.condition),
        (rows.tier, wanted.tier),
    ):
        if value is not None:
            yield column == value
    yield from _priced(wanted, rows)
    if wanted.cpu:
        yield sa.func.strpos(rows.cpu, terms.lowered(wanted.cpu)) > 0
    for word in wanted.words:
        # Quicker than LIKE, and knows no wildcards.
        yield sa.func.strpos(rows.text, terms.pattern(word)) > 0


def _priced(wanted: Filter, rows: type[Listed]) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.min_price is not None:
        yield rows.price >= wanted.min_price
    if wanted.max_price is not None:
        yield rows.price <= wanted.max_price
    elif wanted.priced:
        # An unknown price is within no bounds.
        yield rows.price < _PRICE_LAST


def _bounds(search: _Search, order: Order, rows: type[Listed]) -> Iterator[sa.ColumnElement[bool]]:
    """What bounds the order itself: by price, only what lies between two prices is looked through."""
    return _priced(search.wanted, rows) if order.name == ListingSort.price else iter(())


# ------------------------------------------------------------------------------------- what is written

# What lists know of an offer, but for its words.
_KNOWN = {
    Listed.owner_id: Listing.owner_id,
    Listed.recent: Listing.created_at,
    Listed.price: sa.func.coalesce(Listing.price_usd, _PRICE_LAST),
    Listed.score: sa.func.coalesce(Listing.score, _SCORE_LAST),
    Listed.condition: Listing.condition,
    Listed.tier: Listing.tier,
    # As ``terms.lowered`` does.
    Listed.cpu: sa.func.lower(Listing.cpu_name.collate("C")),
}


# Its terms but for its words: those of processor and price, and what it is one of few kinds of.
_KINDS = (("owner", Listing.owner_id), ("condition", Listing.condition), ("tier", Listing.tier))
_WARES = sa.func.array_cat(
    Listing.wares,
    array([sa.func.concat(f"{name} ", column) for name, column in _KINDS]),
    type_=ARRAY(sa.Text),
)


def note(session: Session, rows: Iterable[Listing]) -> None:
    """Let offers, once they are stored, be found by lists; again whenever anything about them has changed."""
    _note(session, [_said(row) for row in rows])


def renew(session: Session, listing_ids: Sequence[int]) -> None:
    """Let offers that were worked out anew stand where they belong now; nothing that people said is other."""
    these = Listing.id == sa.any_(sa.literal([*listing_ids], ARRAY(sa.BigInteger)))
    for table, known in ((Listed, _KNOWN), (ListedTerms, {ListedTerms.wares: _WARES})):
        is_other = sa.tuple_(*known).is_distinct_from(sa.tuple_(*known.values()))
        statement = sa.update(table).where(table.listing_id == Listing.id, these, is_other).values(known)
        session.execute(statement, execution_options={"synchronize_session": False})


def forget(session: Session, row: Listing) -> None:
    """Let an offer that stays for others only be in no list any more."""
    session.execute(sa.delete(Listed).where(Listed.listing_id == row.id))


def index_rest(session: Session) -> int:
    """Let a batch of the offers be found that are in no list yet: an older version of ours wrote them.

    Returns:
        How many these were; as long as there are any, there may be more.
    """
    said = (Listing.id, Listing.title, Listing.seller, Listing.device_model)
    is_listed = sa.exists().where(Listed.listing_id == Listing.id)
    batch = sa.select(*said).where(Listing.owner_id.is_not(None), ~is_listed).order_by(Listing.id)
    rows = session.execute(batch.limit(_INDEXED_AT_ONCE)).all()
    if rows:
        _note(session, [_said(row) for row in rows])
    return len(rows)


def _said(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a listing, or a row of a query
    texts = (row.title, row.seller, row.device_model)
    words = sorted(terms.text_terms(*texts))
    return {"listing_id": row.id, "text": terms.searchable(*texts), "words": words}


def _note(session: Session, said: Sequence[dict[str, Any]]) -> None:
    columns = (ListedTerms.listing_id, Listed.text, ListedTerms.words)
    given = sa.func.json_to_recordset(sa.literal([*said], sa.JSON)).table_valued(
        *(sa.column(one.key, one.type) for one in columns)
    )
    given = given.render_derived(name="given", with_types=True)
    _put(session, Listed, {Listed.listing_id: Listing.id, Listed.text: given.c.text} | _KNOWN, given)
    words = {ListedTerms.listing_id: Listing.id, ListedTerms.words: given.c.words}
    _put(session, ListedTerms, words | {ListedTerms.wares: _WARES}, given)


def _put(
    session: Session, table: type[Listed | ListedTerms], values: dict[Any, Any], given: sa.FromClause
) -> None:
    """Write a row for each listing given; one that says the same already is left alone."""
    of_all = sa.select(*values.values()).join(given, given.c.listing_id == Listing.id).order_by(Listing.id)
    statement = insert(table).from_select([one.key for one in values], of_all)
    excluded = {one.key: statement.excluded[one.key] for one in values}
    is_other = sa.tuple_(*values).is_distinct_from(sa.tuple_(*excluded.values()))
    session.execute(
        statement.on_conflict_do_update(index_elements=["listing_id"], set_=excluded, where=is_other)
    )

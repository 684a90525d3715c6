"""The list of all offers: every filter in every order, beside a plain model, and at what cost."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session, joinedload

from dealbrain import browsing, db, identity, offering, sampling, terms
from dealbrain.browsing import Filter
from dealbrain.catalog import Entry
from dealbrain.document import Condition
from dealbrain.shapes import ListingSort, NewListing, Tier
from dealbrain.tables import Listed, ListedTerms, Listing
from infra.local.run import System
from tests.makers import LATITUDE, Api, Person, load_catalog, refused
from tests.test_discovering import AMOUNTS, QUERIES, SIGNS, TYPED, ascii_lower, fold, phrase, plans, says


def titles(person: Person, **filters: Any) -> list[str]:
    answer = person.get("/listings", params=filters)
    assert answer.status_code == 200, answer.text
    return [one["title"] for one in answer.json()["items"]]


# ------------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("q", "found"),
    [
        # Three letters and more: inside words of the title, the seller and the model.
        ("itude", {"Dell Latitude"}),
        ("ATITU", {"Dell Latitude"}),
        ("iosk", {"Dell Latitude"}),
        ("740", {"HP EliteBook"}),
        # Below that: beginnings of words only.
        ("la", {"Dell Latitude"}),
        ("el", {"HP EliteBook"}),
        ("n", {"Dell Latitude"}),
        ("ll", set()),
        ("z", {"HP EliteBook"}),
        # Every word typed counts, wherever each is found; a text ends where the next begins.
        ("dell kiosk nord", {"Dell Latitude"}),
        ("dell z-740", set()),
        ("elitebookz", set()),
        ("  ", {"Dell Latitude", "HP EliteBook"}),
    ],
)
def test_words_are_found_where_people_expect_them(alice: Person, q: str, found: set[str]) -> None:
    alice.listing(title="Dell Latitude", seller="Kiosk Nord", device_model=None)
    alice.listing(title="HP EliteBook", seller=None, device_model="Z-740")
    assert set(titles(alice, q=q)) == found


def test_signs_are_letters_and_not_patterns(alice: Person) -> None:
    for title in SIGNS:
        alice.listing(title=title, seller=None)
    assert {q: titles(alice, q=q) for q in TYPED} == TYPED


def test_nothing_but_title_seller_and_model_is_looked_at(alice: Person) -> None:
    alice.listing(
        title="One", notes="hidden", metadata={"manufacturer": "Hidden"}, custom_fields={"a": "hidden"}
    )
    assert titles(alice, q="hidden") == []
    assert titles(alice, q="one") == ["One"]


@pytest.mark.parametrize("nothing", [{"q": " "}, {"cpu": ""}, {"q": "", "cpu": ""}])
def test_what_was_left_empty_narrows_nothing(alice: Person, nothing: dict[str, str]) -> None:
    alice.listing(title="One", performance=None)
    assert titles(alice, **nothing) == ["One"]


def test_an_unknown_price_is_within_no_bounds(alice: Person) -> None:
    alice.listing(title="One", price_usd=None)
    for bounds in ({"min_price": 0}, {"max_price": 9_999_999.99}, {"min_price": 0, "sort": "price"}):
        assert titles(alice, **bounds) == []
    assert titles(alice) == ["One"]


def test_bounds_that_exclude_each_other_find_nothing(alice: Person) -> None:
    alice.listing(title="One", price_usd=300)
    assert titles(alice, min_price=300, max_price=300) == ["One"]
    assert titles(alice, min_price=300.01, max_price=300) == []


@pytest.mark.parametrize("nothing", [{"min_price": 2, "max_price": 1}, {"owner": "nobody"}])
def test_a_forged_cursor_is_refused_also_where_nothing_is_found(api: Api, nothing: dict[str, Any]) -> None:
    refused(api.stranger.get("/listings", params={"cursor": "W10", **nothing}), 422, "invalid")


# ---------------------------------------------------------------------------------------- in step


def test_what_a_listing_becomes_is_found_at_once_and_what_it_was_no_more(alice: Person) -> None:
    listing = alice.listing(title="Dell Latitude", price_usd=900, condition="used")
    alice.patch(f"/listings/{listing['id']}", {"title": "HP EliteBook", "price_usd": 100, "condition": "new"})
    assert titles(alice, q="elite", max_price=100, condition="new") == ["HP EliteBook"]
    for was in ({"q": "latitude"}, {"min_price": 900}, {"condition": "used"}):
        assert titles(alice, **was) == []


def kept(session: Session, *columns: Any) -> dict[str, list[Any]]:
    """All that both tables say, and whatever else is asked of their rows."""
    return {
        table.__tablename__: [
            tuple(row)
            for row in session.execute(
                sa.select(*table.__table__.columns, *columns).select_from(table).order_by(table.listing_id)
            )
        ]
        for table in (Listed, ListedTerms)
    }


def test_what_nobody_owns_is_kept_by_neither_table(api: Api, alice: Person) -> None:
    bob = api.person("bob")
    listing = alice.listing()
    bob.item(bob.collection(), listing)
    with db.transaction() as session:
        assert all(kept(session).values())
    alice.delete(f"/listings/{listing['id']}")
    with db.transaction() as session:
        assert session.scalar(sa.select(Listing.id)) == listing["id"]
        assert browsing.index_rest(session) == 0
        assert not any(kept(session).values())


def test_what_was_deleted_between_being_found_and_read_is_left_out(alice: Person) -> None:
    ids = [alice.listing()["id"] for _ in range(3)]
    alice.delete(f"/listings/{ids[1]}")
    with db.transaction() as session:
        assert [row.id for row in browsing._loaded(session, ids[::-1])] == [ids[2], ids[0]]


VERSION = sa.literal_column("xmin::text", sa.Text)


def test_what_lists_do_not_look_at_changes_nothing_they_keep(alice: Person) -> None:
    listing = alice.listing()
    before, after, later = (
        kept_after(alice, listing, change) for change in ({}, {"notes": "n"}, {"title": "Another"})
    )
    assert before == after
    assert after["listed_terms"] != later["listed_terms"]


def kept_after(person: Person, listing: dict[str, Any], change: dict[str, Any]) -> dict[str, list[Any]]:
    assert person.patch(f"/listings/{listing['id']}", change).status_code == 200
    with db.transaction() as session:
        return kept(session, VERSION)


def test_what_was_worked_out_anew_stands_where_it_belongs(alice: Person) -> None:
    load_catalog(Entry(name="AMD Ryzen 7 5700G", cpu_mark_multi=24_000))
    low, high = (alice.listing(title=title)["id"] for title in ("low", "high"))
    with db.transaction() as session:
        session.execute(
            sa.update(Listing).where(Listing.id == low).values(score=99, tier="good", wares=["cx"])
        )
        browsing.renew(session, [low, high])
    assert titles(alice, sort="score") == ["low", "high"]
    assert titles(alice, tier="good") == ["low"]
    with db.transaction() as session:
        wares = session.scalars(sa.select(ListedTerms.wares).where(ListedTerms.listing_id == low)).one()
    assert wares[0] == "cx"
    assert wares[-1] == "tier good"


@pytest.mark.parametrize("sort", ListingSort)
def test_pages_of_what_is_searched_hold_together_while_others_insert(alice: Person, sort: str) -> None:
    for number in range(5):
        alice.listing(title=f"old {number}", price_usd=100)
    found: list[str] = []
    more: dict[str, Any] = {}
    for number in range(3):
        page = alice.get("/listings", params={"limit": 2, "q": "old", "sort": sort, **more}).json()
        found += [one["title"] for one in page["items"]]
        more = {"cursor": page["next_cursor"]}
        alice.listing(title=f"an old one, but new {number}", price_usd=1)
    assert sorted(one for one in found if "new" not in one) == [f"old {number}" for number in range(5)]
    assert len(found) == len(set(found))


# ------------------------------------------------------------------------------ against plain Python

PLENTY = 300
OWNERS = ("alice", "bob_2", "c-c")
# With marks of their own, so that there are scores and tiers.
CPUS = {"Intel Core i5-8350U": 6_000, "AMD Ryzen 5 5600": 21_000, "i%5_\\": 900, "Kİß 日本": 15_000}


@dataclass(frozen=True)
class Plain:
    """An offer, as the plainest list would look at it."""

    row: Listing
    owner: str

    def matches(self, wanted: Filter) -> bool:
        row = self.row
        texts = [text for text in (row.title, row.seller, row.device_model) if text]
        return (
            wanted.owner in {None, self.owner}
            and wanted.condition in {None, row.condition}
            and wanted.tier in {None, row.tier}
            and ascii_lower(wanted.cpu or "") in ascii_lower(row.cpu_name or "")
            and self.costs(wanted)
            and all(any(says(text, word) for text in texts) for word in fold(wanted.q or "").split())
        )

    def costs(self, wanted: Filter) -> bool:
        low, high, price = wanted.min_price, wanted.max_price, self.row.price_usd
        if low is None and high is None:
            return True
        return price is not None and (low is None or low <= price) and (high is None or price <= high)

    def place(self, sort: ListingSort) -> tuple[Any, ...]:
        """What sorts it, smallest first; what is not known is last."""
        row = self.row
        if sort == ListingSort.price:
            return (row.price_usd is None, row.price_usd, row.id)
        key = row.created_at.timestamp() if sort == ListingSort.recent else row.score
        return (key is None, -(key or 0), -row.id)


@pytest.fixture
def plenty(running: System, request: pytest.FixtureRequest) -> list[Plain]:  # noqa: ARG001 - db asks it
    """Random offers, which stay until a test begins with empty tables: these only read."""
    found = all_offers()
    is_there = len(found) == PLENTY and {one.owner for one in found} == {*OWNERS}
    return found if is_there else hostile_offers(request.getfixturevalue("api"))


def all_offers() -> list[Plain]:
    with db.transaction() as session:
        rows = session.scalars(sa.select(Listing).options(joinedload(Listing.owner)))
        return [Plain(row, row.owner.username) for row in rows if row.owner]


def hostile_offers(api: Api) -> list[Plain]:
    chance = random.Random(7)  # noqa: S311 - the same every time is what is wanted
    load_catalog(
        *(Entry(name=f"AMD Ryzen 9 {mark}", cpu_mark_multi=mark) for mark in range(1_000, 30_000, 1_000))
    )
    now = datetime.now(UTC)
    people = [identity.Person(f"sub-{name}", name) for name in OWNERS]
    with db.transaction() as session:
        for _ in range(PLENTY // 10):
            at = now - timedelta(hours=chance.randrange(50))
            offering.create_all(session, chance.choice(people), [hostile(chance) for _ in range(10)], at)
        session.execute(sa.text("ANALYZE listings, listed, listed_terms"))
    assert api
    return all_offers()


def hostile(chance: random.Random) -> NewListing:
    cpu = chance.choice([None, *CPUS])
    parts = {name: LATITUDE["performance"][name] for name in ("ram", "storage_primary")}
    price = chance.choice([*AMOUNTS, *(Decimal(number) for number in range(50, 900, 10))])
    return NewListing.model_validate(
        {
            "title": phrase(chance, 8),
            "seller": chance.choice([None, phrase(chance, 2)]),
            "device_model": chance.choice([None, phrase(chance, 2)]),
            "condition": chance.choice([*Condition]),
            "price_usd": price and float(price),
            "performance": {**parts, "cpu": {"name": cpu, "cpu_mark_multi": CPUS[cpu]}} if cpu else None,
        }
    )


FILTERS = st.builds(
    Filter,
    q=st.none() | QUERIES,
    owner=st.sampled_from([None, None, *OWNERS, "nobody"]),
    condition=st.sampled_from([None, None, *Condition]),
    tier=st.sampled_from([None, None, *Tier]),
    cpu=st.sampled_from(
        [None, None, "i5", "I", "8350U", "ryzen 5 5", "%", "_", "\\", "İ", "ß 日", "zzz", ""]
    ),
    min_price=st.sampled_from([None, *AMOUNTS, Decimal(400)]),
    max_price=st.sampled_from([None, *AMOUNTS, Decimal(800)]),
)


def expected(plenty: list[Plain], wanted: Filter, sort: ListingSort) -> list[int]:
    matching = [one for one in plenty if one.matches(wanted)]
    return [one.row.id for one in sorted(matching, key=lambda one: one.place(sort))]


def test_the_random_offers_differ_in_all_that_is_asked(plenty: list[Plain]) -> None:
    rows = [one.row for one in plenty]
    assert {one.owner for one in plenty} == set(OWNERS)
    assert {row.condition for row in rows} == set(Condition)
    assert {row.tier for row in rows} == {None, *Tier}
    assert len({row.score for row in rows}) > len(CPUS)
    assert None in {row.price_usd for row in rows}


def test_whatever_is_asked_every_way_finds_what_plain_python_finds(plenty: list[Plain]) -> None:
    @given(FILTERS, st.sampled_from(ListingSort), st.integers(0, 20))
    def look(wanted: Filter, sort: ListingSort, behind: int) -> None:
        order = browsing._ORDERS[sort]
        whole = expected(plenty, wanted, sort)
        with db.transaction() as session:
            search = browsing._search(session, wanted)
            if search is None:
                assert whole == []
                return
            cursor = cursor_of(session, sort, whole[behind]) if behind < len(whole) else None
            rest = whole[behind + 1 :] if cursor else whole
            sampling.rely_on_indexes(session)
            walked = browsing._next_in_order(session, search, order, PLENTY + 1, cursor, PLENTY)
            asked = browsing._by_index(session, search, order, PLENTY + 1, cursor)
            found, more = browsing.find(session, wanted, sort, 5, cursor)
        assert walked is not None
        assert [row.listing_id for row in walked] == rest
        assert [row.listing_id for row in asked] == rest
        assert [row.id for row in found] == rest[:5]
        assert (more is None) == (len(rest) <= 5)

    look()


def cursor_of(session: Session, sort: ListingSort, listing_id: int) -> str:
    order = browsing._ORDERS[sort]
    place = sa.select(order.key, Listed.listing_id).where(Listed.listing_id == listing_id)
    key, tie = session.execute(place).one()
    return order.cursor(key, tie)


def test_every_combination_of_filters_finds_what_plain_python_finds(plenty: list[Plain]) -> None:
    """Each filter alone and with all others, in the orders by turns."""
    said: dict[str, Any] = {
        "q": "ab",
        "owner": "alice",
        "condition": Condition.used,
        "tier": Tier.great,
        "cpu": "5",
        "min_price": Decimal(100),
        "max_price": Decimal(700),
    }
    counts = []
    every = itertools.chain.from_iterable(itertools.combinations(said, size) for size in range(len(said) + 1))
    with db.transaction() as session:
        for some, sort in zip(every, itertools.cycle(ListingSort), strict=False):
            wanted = Filter(**{name: said[name] for name in some})
            whole = expected(plenty, wanted, sort)
            found, _ = browsing.find(session, wanted, sort, 20, None)
            assert [row.id for row in found] == whole[:20]
            counts.append(len(whole))
    assert max(counts) == PLENTY
    assert sum(count > 0 for count in counts) > len(counts) / 2


@pytest.mark.parametrize("sort", ListingSort)
def test_all_pages_together_are_the_whole(plenty: list[Plain], sort: ListingSort) -> None:
    wanted = Filter(q="a", min_price=Decimal(1))
    whole = expected(plenty, wanted, sort)
    assert len(whole) > 20
    assert all_pages(wanted, sort) == whole


def all_pages(wanted: Filter, sort: ListingSort) -> list[int]:
    found: list[int] = []
    cursor = None
    with db.transaction() as session:
        while True:
            rows, cursor = browsing.find(session, wanted, sort, 7, cursor)
            found += [row.id for row in rows]
            if cursor is None:
                return found


def test_what_was_written_before_there_were_these_tables_is_put_there(plenty: list[Plain]) -> None:
    with db.transaction() as session:
        before = kept(session)
        session.execute(sa.delete(Listed))
        assert browsing.index_rest(session) == PLENTY
        assert browsing.index_rest(session) == 0
        assert kept(session) == before
    assert len(before["listed_terms"]) == len(plenty)


# ------------------------------------------------------------------------------------------------ plans

CROWD = 20_000
OLD = 2_000


@pytest.fixture
def crowd(running: System, request: pytest.FixtureRequest) -> None:  # noqa: ARG001 - db asks it
    """So many listings that plans are what they are at a million.

    All of them say "shared", one in a hundred says "rare", the oldest tenth says "former", one in twenty is
    the curator's, one in ten a great deal, and prices rise from 100 to 599 $ again and again. Tests of a
    crowd only read it, so it stays until a test begins with empty tables.
    """
    with db.transaction() as session:
        if session.scalar(sa.select(sa.func.count()).select_from(Listed)) == CROWD:
            return
    api: Api = request.getfixturevalue("api")
    with db.transaction() as session:
        # What other tests left on the pages would make the sample another one.
        session.execute(sa.text("TRUNCATE listed, listed_terms"))
    template = api.person("other").listing(performance=None)["id"]
    api.person("curator").listing()
    names = [
        one.name for one in Listing.__table__.columns if one.name not in {"id", "price_usd", "created_at"}
    ]
    same = ", ".join(f'"{name}"' for name in names)
    said = {word: sorted(terms.word_terms(word)) for word in ("shared", "rare", "former")}
    with db.transaction() as session:
        for statement in CROWDING.format(same=same).split(";"):
            session.execute(sa.text(statement), {"crowd": CROWD, "old": OLD, "template": template, **said})


CROWDING = """
INSERT INTO listings (price_usd, created_at, {same})
SELECT 100 + mod(n, 500), now() + n * interval '1 second', {same}
FROM listings, generate_series(1, :crowd - 2) AS n WHERE id = :template ORDER BY n;
UPDATE listings SET owner_id = (SELECT id FROM accounts WHERE username = 'curator') WHERE mod(id, 20) = 0;
ANALYZE listings;
DELETE FROM listed;
INSERT INTO listed (listing_id, owner_id, recent, price, score, condition, tier, cpu, text)
SELECT id, owner_id, created_at, price_usd, mod(id * 7919, 19997), 'used',
    CASE WHEN mod(id, 10) = 0 THEN 'great' END, 'intel core i7-8650u',
    concat(E'\\nshared', CASE WHEN mod(id, 100) = 0 THEN E'\\nrare' END,
        CASE WHEN id <= :old THEN E'\\nformer' END, E'\\nsh')
FROM listings ORDER BY mod(id * 7919, 19997);
ANALYZE listed;
INSERT INTO listed_terms (listing_id, words, wares)
SELECT listing_id, CAST(:shared AS text[])
        || CASE WHEN text LIKE '%rare%' THEN CAST(:rare AS text[]) ELSE '{{}}' END
        || CASE WHEN text LIKE '%former%' THEN CAST(:former AS text[]) ELSE '{{}}' END,
    ARRAY['ci', 'ci7', '$0000' || floor(price / 100), 'owner ' || owner_id, 'condition used', 'tier ' || tier]
FROM listed ORDER BY listing_id;
ANALYZE listed, listed_terms
"""

# So few that by price the planner may sort them all, which costs no more.
NARROW = Filter(min_price=Decimal(300), max_price=Decimal(310))
CORNERS = [
    NARROW,
    Filter(q="shared"),
    Filter(q="shared zqx"),
    Filter(q="rare"),
    Filter(q="former"),
    Filter(q="s"),
    Filter(q="sh"),
    Filter(q="%"),
    Filter(owner="curator"),
    Filter(condition=Condition.used),
    Filter(condition=Condition.new),
    Filter(tier=Tier.great),
    Filter(tier=Tier.good),
    Filter(cpu="i"),
    Filter(cpu="i7-8650"),
    Filter(min_price=Decimal(0)),
    Filter("shared", "curator", "i7", Decimal(100), Decimal(999), Condition.used, Tier.great),
]


@pytest.mark.usefixtures("crowd")
def test_no_search_reads_a_whole_table_or_takes_many_statements() -> None:
    for sort, wanted, start, session in corners(Filter(), *CORNERS):
        found = plans(session, partial(browsing.find, session, wanted, sort, 20, start))
        # The owner, the sample, what stands next, whether there is more, what the index finds, the offers.
        assert len(found) <= 6
        assert [plan for plan in found if "Seq Scan" in plan] == []


@pytest.mark.usefixtures("crowd")
def test_the_planner_left_alone_would_read_all_that_is_listed() -> None:
    with db.transaction() as session:
        (plan,) = plans(session, by_index(session, Filter(q="shared"), ListingSort.recent, None))
    assert "Seq Scan on listed_terms" in plan


@pytest.mark.usefixtures("crowd")
def test_what_stands_next_is_read_in_order_until_the_page_is_full() -> None:
    for sort, wanted, start, session in corners(*(one for one in CORNERS if one != NARROW)):
        search = browsing._search(session, wanted)
        assert search
        walk = partial(browsing._next_in_order, session, search, browsing._ORDERS[sort], 21, start, 2_000)
        plan, *_whether_there_is_more = plans(session, walk)
        assert f"using ix_listed_{sort}_listing_id on listed" in plan
        assert "Sort" not in plan


@pytest.mark.usefixtures("crowd")
def test_what_the_index_finds_is_looked_up_by_all_its_keys_at_once() -> None:
    for sort, wanted, start, session in corners(*CORNERS):
        (plan,) = plans(session, by_index(session, wanted, sort, start))
        assert "Bitmap Index Scan on ix_listed_terms_found_by" in plan
        assert "Index Cond: (listing_id = ANY ((InitPlan" in plan
        assert f"ix_listed_{sort}" not in plan, "a cursor is compared, not searched for each of them"


@pytest.mark.usefixtures("crowd")
def test_by_price_only_what_lies_between_two_prices_is_looked_through() -> None:
    wanted = Filter(q="rare", min_price=Decimal(500), max_price=Decimal(510))
    with db.transaction() as session:
        search = browsing._search(session, wanted)
        assert search
        order = browsing._ORDERS[ListingSort.price]
        plan, *_ = plans(session, partial(browsing._next_in_order, session, search, order, 21, None, 2_000))
    assert "Index Cond: ((price >= " in plan


@pytest.mark.usefixtures("crowd")
def test_old_ones_are_asked_of_the_index_and_frequent_ones_read_in_order() -> None:
    # The last way is the one that filled the page.
    assert ways(Filter(q="shared"), ListingSort.recent)[-1] == "ix_listed_recent"
    assert ways(Filter(q="former"), ListingSort.recent)[-1] == "ix_listed_terms_found_by"
    assert ways(Filter(q="former"), ListingSort.score) == ["ix_listed_score"], "there they are mixed"


@pytest.mark.usefixtures("crowd")
def test_what_narrows_nothing_is_read_in_order_without_asking_how_frequent_it_is() -> None:
    with db.transaction() as session:
        found = plans(session, partial(browsing.find, session, Filter(), ListingSort.price, 20, None))
    assert len(found) == 2
    assert "ix_listed_price_listing_id" in found[0]


def ways(wanted: Filter, sort: ListingSort) -> list[str]:
    with db.transaction() as session:
        found = plans(session, partial(browsing.find, session, wanted, sort, 20, None))
    names = ("ix_listed_recent", "ix_listed_score", "ix_listed_terms_found_by")
    return [name for plan in found for name in names if name in plan]


def by_index(session: Session, wanted: Filter, sort: ListingSort, start: str | None) -> Callable[[], object]:
    search = browsing._search(session, wanted)
    assert search
    return partial(browsing._by_index, session, search, browsing._ORDERS[sort], 21, start)


def corners(*filters: Filter) -> Iterator[tuple[ListingSort, Filter, str | None, Session]]:
    """Every filter in every order from the first page and from a cursor."""
    for sort in ListingSort:
        with db.transaction() as session:
            sampling.rely_on_indexes(session)
            _, cursor = browsing.find(session, Filter(), sort, 3, None)
            assert cursor
            yield from ((sort, wanted, start, session) for wanted in filters for start in (None, cursor))

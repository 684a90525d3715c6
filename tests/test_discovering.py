"""Finding other people's public collections."""

import itertools
import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.orm import Session

from dealbrain import counting, db, discovering, indexing, sampling, terms
from dealbrain.discovering import Search
from dealbrain.paging import Order
from dealbrain.shapes import DiscoverSort
from dealbrain.tables import Account, Collection, Item, Rank, SearchDocument
from infra.local.run import System
from tests.makers import Api, Person, pointers, refused


def published(person: Person, name: str, description: str | None = None) -> dict[str, Any]:
    return person.collection(name, description=description, visibility="public")


def found(person: Person, **filters: Any) -> list[str]:
    """The names on the first page, in the order answered."""
    answer = person.get("/collections/discover", params=filters)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total_is_estimate"] is False
    if page["next_cursor"] is None and "cursor" not in filters:
        assert page["total"] == len(page["items"])
    return [one["name"] for one in page["items"]]


def test_only_public_collections_are_found(api: Api, alice: Person) -> None:
    for visibility in ("private", "unlisted", "public"):
        alice.collection(visibility, visibility=visibility)
    for person in (alice, api.person("bob"), api.stranger):
        assert found(person) == ["public"]


def test_a_collection_is_shown_as_anybody_reads_it(api: Api, alice: Person) -> None:
    collection = published(alice, "Quiet", "d")
    alice.item(collection, alice.listing())
    (shown,) = api.stranger.get("/collections/discover").json()["items"]
    whole = api.stranger.get(f"/collections/public/{collection['id']}").json()
    del whole["items"]
    assert shown == whole
    assert shown["item_count"] == 1


def test_the_latest_published_stands_first(alice: Person) -> None:
    first = alice.collection("made first, published last")
    published(alice, "second")
    alice.patch(f"/collections/{first['id']}/visibility", {"visibility": "public"})
    assert found(alice) == found(alice, sort="recent") == ["made first, published last", "second"]


# ------------------------------------------------------------------------------------------------ words


@pytest.fixture
def shelf(api: Api, alice: Person) -> Person:
    """Three collections whose words are in different places; the caller is a stranger."""
    published(alice, "Silent ThinkPads", "For the living room, T480 mostly")
    published(api.person("thinkerbell"), "Loud desktops", "Nothing below 8 fans")
    published(api.person("bob"), "Büro-Notebooks", None)
    return api.stranger


THINKPADS, DESKTOPS, BURO = "Silent ThinkPads", "Loud desktops", "Büro-Notebooks"


@pytest.mark.parametrize(
    ("q", "names"),
    [
        # Three letters and more: inside words of the name, the description and the owner's name.
        ("hinkpad", {THINKPADS}),
        ("ving", {THINKPADS}),
        ("nkerb", {DESKTOPS}),
        ("think", {THINKPADS, DESKTOPS}),
        ("THINK", {THINKPADS, DESKTOPS}),
        ("büro", {BURO}),
        ("BÜRO", {BURO}),
        ("o-n", {BURO}),
        # Below that: beginnings of words only.
        ("th", {THINKPADS, DESKTOPS}),
        ("TH", {THINKPADS, DESKTOPS}),
        ("8", {DESKTOPS}),
        ("80", set()),
        ("hi", set()),
        ("ro", {THINKPADS}),
        ("no", {DESKTOPS, BURO}),
        ("bo", {BURO}),
        ("bü", {BURO}),
        # Every word typed counts, wherever each is found.
        ("thinkpads alice", {THINKPADS}),
        ("fans think", {DESKTOPS}),
        ("fans living", set()),
        ("  t480   l ", {THINKPADS}),
        # Nothing typed narrows nothing.
        ("", {THINKPADS, DESKTOPS, BURO}),
        ("   ", {THINKPADS, DESKTOPS, BURO}),
        ("unheard-of", set()),
    ],
)
def test_words_are_found_where_people_expect_them(shelf: Person, q: str, names: set[str]) -> None:
    assert set(found(shelf, q=q)) == names


SIGNS = ["100% wool", "% off", "a_b c", "_x", "\\back\\slash", "c++ fans", "(lot)", "[x]", "^start$", "$5"]
SIGNS += [".net", "|a|b", "*star", "-dash"]


TYPED = {
    "100%": ["100% wool"],
    "%": ["% off"],
    "a_b": ["a_b c"],
    "a_": ["a_b c"],
    "_": ["_x"],
    "\\": ["\\back\\slash"],
    "\\b": ["\\back\\slash"],
    "k\\s": ["\\back\\slash"],
    "c+": ["c++ fans"],
    "c++": ["c++ fans"],
    "(": ["(lot)"],
    "[x]": ["[x]"],
    "[": ["[x]"],
    "^": ["^start$"],
    "$": ["$5"],
    ".": [".net"],
    "|": ["|a|b"],
    "a|": ["|a|b"],
    "*": ["*star"],
    "-d": ["-dash"],
    "a.": [],
    "a*": [],
    "..": [],
    "%%%": [],
    "___": [],
    "[a-z]": [],
}


def test_signs_are_letters_and_not_patterns(alice: Person) -> None:
    for name in SIGNS:
        published(alice, name)
    assert {q: found(alice, q=q) for q in TYPED} == TYPED


def test_a_word_is_found_whole_and_not_in_pieces(alice: Person) -> None:
    published(alice, "abcd xcdef")
    published(alice, "abcdef")
    assert found(alice, q="abcdef") == ["abcdef"]


# ------------------------------------------------------------------------------------------------ pages


def test_pages_hold_together_while_others_publish(alice: Person) -> None:
    for number in range(5):
        published(alice, f"old {number}")
    names: list[str] = []
    totals = []
    more: dict[str, Any] = {}
    while True:
        page = alice.get("/collections/discover", params={"limit": 2, "q": "old", **more}).json()
        names += [one["name"] for one in page["items"]]
        totals.append(page["total"])
        if page["next_cursor"] is None:
            break
        more = {"cursor": page["next_cursor"]}
        published(alice, "an old one, but new")
    assert names == [f"old {number}" for number in (4, 3, 2, 1, 0)]
    assert totals == [5, 6, 7], "the total is of everything found, whichever page is asked for"


def test_a_page_is_of_twenty_unless_asked_otherwise(alice: Person) -> None:
    for number in range(21):
        published(alice, f"{number}")
    page = alice.get("/collections/discover").json()
    assert (len(page["items"]), page["total"]) == (20, 21)
    assert len(found(alice, limit=100)) == 21


def test_no_collection_is_an_empty_page(api: Api) -> None:
    assert api.stranger.get("/collections/discover").json() == {
        "items": [],
        "next_cursor": None,
        "total": 0,
        "total_is_estimate": False,
    }


@pytest.mark.parametrize(
    "query", ["sort=loudest", "limit=0", "limit=101", "cursor=W10", "cursor=x", "query=x", "q=" + "x" * 201]
)
def test_a_wrong_or_unknown_parameter_is_refused_by_its_name(api: Api, query: str) -> None:
    problem = refused(api.stranger.get(f"/collections/discover?{query}"), 422, "invalid")
    assert pointers(problem) == {"?" + query.partition("=")[0]}


def test_a_cursor_of_the_list_of_listings_is_refused(alice: Person) -> None:
    for _ in range(2):
        alice.listing()
    cursor = alice.get("/listings", params={"limit": 1, "sort": "price"}).json()["next_cursor"]
    assert cursor
    refused(alice.get("/collections/discover", params={"cursor": cursor}), 422, "invalid")


# ------------------------------------------------------------------------------------------------ filters


def test_one_listing_has_to_have_both_the_processor_and_the_price(api: Api, alice: Person) -> None:
    cheap_i7, dear_i5 = machine(alice, "Intel Core i7-8650U", 300), machine(alice, "Intel Core i5-8350U", 900)
    both = published(alice, "one of each")
    for one in (cheap_i7, dear_i5):
        alice.item(both, one)
    other = published(alice, "the i5 alone")
    alice.item(other, dear_i5)
    assert found(api.stranger, cpu="i7", max_price=500) == ["one of each"]
    assert found(api.stranger, cpu="i5", max_price=500) == []
    assert found(api.stranger, cpu="I5-8350", min_price=900, max_price=900, q="each") == ["one of each"]
    assert found(api.stranger, cpu="i5", min_price=500, owner="alice") == ["the i5 alone", "one of each"]
    assert found(api.stranger, cpu="i5", min_price=500, owner="bob") == []


def test_what_a_listing_becomes_is_found_at_once_and_what_it_was_no_more(alice: Person) -> None:
    listing = machine(alice, "Intel Core i5-8350U", 900)
    alice.item(published(alice, "one"), listing)
    alice.patch(f"/listings/{listing['id']}", {"price_usd": 100})
    assert found(alice, cpu="8350", max_price=100) == ["one"]
    assert found(alice, cpu="8350", min_price=100.01) == []


def test_an_unknown_price_is_within_no_bounds(alice: Person) -> None:
    alice.item(published(alice, "unpriced"), machine(alice, "Intel Core i7-8650U", None))
    assert found(alice, cpu="i7") == ["unpriced"]
    for bounds in ({"min_price": 0}, {"max_price": 9_999_999.99}, {"min_price": 0, "cpu": "i7"}):
        assert found(alice, **bounds) == []


def test_bounds_that_exclude_each_other_find_nothing(alice: Person) -> None:
    alice.item(published(alice, "priced"), machine(alice, "Intel Core i7-8650U", 300))
    assert found(alice, min_price=300, max_price=300) == ["priced"]
    assert found(alice, min_price=300.01, max_price=300) == []


@pytest.mark.parametrize("nothing", [{"q": " "}, {"cpu": ""}, {"q": "", "cpu": ""}])
def test_what_was_left_empty_narrows_nothing(alice: Person, nothing: dict[str, str]) -> None:
    published(alice, "one")
    assert found(alice, **nothing) == ["one"]


def machine(person: Person, cpu: str | None, price: float | None) -> dict[str, Any]:
    return person.listing(price_usd=price, performance={"cpu": {"name": cpu}} if cpu else None)


# ------------------------------------------------------------------------------------------------ orders


def rank(name: str, *, trending: float, popular: int) -> None:
    with db.transaction() as session:
        of = sa.select(Collection.id).where(Collection.name == name).scalar_subquery()
        ranked = sa.update(Rank).where(Rank.collection_id == of)
        session.execute(ranked.values(trending=trending, popular=popular))


def test_each_order_is_its_own(alice: Person) -> None:
    for name, trending, popular in (("a", 2.5, 1), ("b", -1.0, 7), ("c", 2.5, 7)):
        published(alice, name)
        rank(name, trending=trending, popular=popular)
    assert found(alice, sort="recent") == ["c", "b", "a"]
    assert found(alice, sort="trending") == ["c", "a", "b"], "equals stand by what is newer"
    assert found(alice, sort="popular") == ["c", "b", "a"]


@pytest.mark.parametrize("sort", DiscoverSort)
@pytest.mark.parametrize("q", ["", "old"])
def test_pages_of_every_order_hold_together_while_others_rise(alice: Person, sort: str, q: str) -> None:
    for number in range(5):
        published(alice, f"old {number}")
        rank(f"old {number}", trending=number / 2, popular=number)
    names: list[str] = []
    more: dict[str, Any] = {}
    for number in range(3):
        page = alice.get("/collections/discover", params={"limit": 2, "q": q, "sort": sort, **more}).json()
        names += [one["name"] for one in page["items"]]
        more = {"cursor": page["next_cursor"]}
        published(alice, f"an old one, but new {number}")
        rank(f"an old one, but new {number}", trending=9, popular=9)
    assert names == [f"old {number}" for number in (4, 3, 2, 1, 0)]
    assert more == {"cursor": None}


# ------------------------------------------------------------------------------ against plain Python

# ruff: noqa: RUF001 - look-alikes are the point
HOSTILE = ["%", "_", "\\", "'", '"', "/", "{a,b}", "NULL", "İ", "ı", "i̇", "ﬁ", "ß", "SS", "é", "é", "ä̈"]
HOSTILE += [
    "🎮",
    "👨‍👩‍👧",
    "日本語",
    "本",
    "ab",
    "abc",
    "a-b",
    "a.b_c",
    "x\ny",
    "0",
    "00",
    "Σ",
    "ς",
    "--",
    "#",
]
OWNERS = ("alice", "bob_2", "c-c")
CPUS = (None, "Intel Core i5-8350U", "AMD Ryzen 5 5600", "i%5_\\", "Kİß 日本")
AMOUNTS = (None, Decimal("0.01"), Decimal("299.99"), Decimal(300), Decimal("300.01"), Decimal(4999))
PLENTY = 150


@dataclass(frozen=True)
class Plain:
    """A public collection, as the plainest search would look at it."""

    id: int
    owner: str
    texts: list[str]
    listings: list[tuple[str | None, Decimal | None]]
    keys: dict[DiscoverSort, Any]

    def matches(self, search: Search) -> bool:
        return (
            search.owner in {None, self.owner}
            and all(any(says(text, word) for text in self.texts) for word in fold(search.q or "").split())
            and (not (search.cpu or search.priced) or any(sells(one, search) for one in self.listings))
        )


def fold(text: str) -> str:
    compatible = unicodedata.normalize("NFKC", text)
    return unicodedata.normalize("NFKC", compatible.casefold())


def says(text: str, word: str) -> bool:
    text = fold(text)
    places = [at for at in range(len(text)) if text.startswith(word, at)]
    return any(len(word) >= 3 or at == 0 or not text[at - 1].isalnum() for at in places)


def sells(listing: tuple[str | None, Decimal | None], search: Search) -> bool:
    cpu, price = listing
    if search.cpu and (cpu is None or ascii_lower(search.cpu) not in ascii_lower(cpu)):
        return False
    low, high = search.min_price, search.max_price
    return not search.priced or (price is not None and (low or 0) <= price <= (high or price))


def ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


@pytest.fixture(scope="module")
def stock() -> list[Plain]:
    """What ``plenty`` made last."""
    return []


@pytest.fixture
def plenty(running: System, stock: list[Plain], request: pytest.FixtureRequest) -> list[Plain]:  # noqa: ARG001 - db asks it
    """Random public collections, which stay until a test begins with empty tables: these only read."""
    with db.transaction() as session:
        there = set(session.scalars(sa.select(SearchDocument.collection_id)))
    if not stock or there != {one.id for one in stock}:
        stock[:] = hostile_collections(request.getfixturevalue("api"))
    return stock


def hostile_collections(api: Api) -> list[Plain]:
    """Make public collections of hostile words, among others that nobody may find."""
    chance = random.Random(4)  # noqa: S311 - the same every time is what is wanted
    now = datetime.now(UTC)
    people = {name: api.person(name) for name in OWNERS}
    sold = {
        people["alice"].listing(price_usd=price and float(price), performance=cpu and {"cpu": {"name": cpu}})[
            "id"
        ]: (cpu, price)
        for cpu, price in itertools.product(CPUS, AMOUNTS)
    }
    for person in people.values():
        person.collection()
    with db.transaction() as session:
        accounts = dict(session.execute(sa.select(Account.username, Account.id)).all())
        made = [
            stocked(session, chance, accounts, sold, now - timedelta(hours=chance.randrange(50)))
            for _ in range(PLENTY)
        ]
        session.flush()
        session.execute(sa.text("ANALYZE search_documents, ranks"))
    return [one for one in made if one is not None]


def stocked(
    session: Session,
    chance: random.Random,
    accounts: dict[str, int],
    sold: dict[int, tuple[str | None, Decimal | None]],
    at: datetime,
) -> Plain | None:
    """One random collection; None for one that nobody may find."""
    owner = chance.choice(OWNERS)
    name, description = (phrase(chance, most) for most in (4, 20))
    row = Collection(
        owner_id=accounts[owner],
        name=name,
        description=description if chance.random() < 0.7 else None,
        visibility=chance.choice(["public", "public", "public", "unlisted"]),
        published_at=at,
        views=chance.randrange(4),
        copies=chance.randrange(2),
        trending=chance.choice([-2.5, 0.0, 1e-9, 3.25]),
        created_at=at,
        updated_at=at,
        deleted_at=at if chance.random() < 0.1 else None,
        extra={},
    )
    session.add(row)
    session.flush()
    held = chance.sample(sorted(sold), chance.randrange(4))
    session.add_all(
        Item(collection_id=row.id, listing_id=one, status="undecided", position=place, added_at=at, extra={})
        for place, one in enumerate(held, start=1)
    )
    session.flush()
    indexing.refresh(session, row.id)
    if row.visibility != "public" or row.deleted_at:
        return None
    return Plain(
        row.id,
        owner,
        [text for text in (row.name, row.description, owner) if text],
        [sold[one] for one in held],
        {
            DiscoverSort.recent: row.published_at,
            DiscoverSort.trending: row.trending,
            DiscoverSort.popular: counting.popularity(row),
        },
    )


def phrase(chance: random.Random, most: int) -> str:
    words = chance.choices([*HOSTILE, *SIGNS], k=chance.randint(1, most))
    return "".join(word + chance.choice(["", " ", " "]) for word in words).strip() or "-"


QUERIES = st.lists(
    st.sampled_from([*HOSTILE, *SIGNS, *OWNERS]) | st.text(st.sampled_from("".join(HOSTILE)), max_size=4),
    max_size=3,
).map(" ".join)
SEARCHES = st.builds(
    Search,
    q=st.none() | QUERIES,
    owner=st.none() | st.sampled_from([*OWNERS, "nobody"]),
    cpu=st.none()
    | st.sampled_from(["i5", "I", "8350U", "ryzen 5 5", "%", "_", "\\", "İ", "ß 日", "zzz", ""]),
    min_price=st.sampled_from(AMOUNTS),
    max_price=st.sampled_from(AMOUNTS),
)


def test_whatever_is_asked_every_way_finds_what_plain_python_finds(plenty: list[Plain]) -> None:
    wanted = len(plenty) + 1

    @given(SEARCHES, st.sampled_from(DiscoverSort), st.integers(0, PLENTY))
    @example(Search(cpu="K\u0130"), DiscoverSort.recent, PLENTY)
    @example(Search(cpu="ki"), DiscoverSort.recent, PLENTY)
    @example(Search(cpu="i5", max_price=Decimal(300)), DiscoverSort.popular, 0)
    def look(search: Search, sort: DiscoverSort, behind: int) -> None:
        order = discovering._ORDERS[sort]
        whole = sorted(
            (one for one in plenty if one.matches(search)),
            key=lambda one: (one.keys[sort], one.id),
            reverse=True,
        )
        cursor = order.cursor(whole[behind].keys[sort], whole[behind].id) if behind < len(whole) else None
        expected = [one.id for one in (whole[behind + 1 :] if cursor else whole)]
        with db.transaction() as session:
            sampling.rely_on_indexes(session)
            walked = discovering._next_in_order(session, search, order, wanted, cursor, PLENTY)
            found, total = discovering._by_index(session, search, order, wanted, cursor)
            counted = discovering._total(session, search, 0)
        assert walked is not None
        assert [row.collection_id for row in walked] == expected
        assert [row.collection_id for row in found] == expected
        assert total == (len(whole) if expected else None)
        assert counted == (len(whole), False)

    look()


def test_all_pages_together_are_the_whole(plenty: list[Plain]) -> None:
    search = Search(q="a", min_price=Decimal(1))
    matching = [one for one in plenty if one.matches(search)]
    assert len(matching) > 10
    for sort in DiscoverSort:
        expected = sorted(matching, key=lambda one: (one.keys[sort], one.id), reverse=True)
        assert all_pages(search, sort, len(matching)) == [one.id for one in expected]


def all_pages(search: Search, sort: DiscoverSort, total: int) -> list[int]:
    found: list[int] = []
    cursor = None
    with db.transaction() as session:
        while cursor or not found:
            page = discovering.discover(session, search, sort, 7, cursor)
            assert (page.total, page.total_is_estimate) == (total, False)
            found += [one.id for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
    return found


# ------------------------------------------------------------------------------------------------ plans

CROWD = 20_000
OLD = 10_000


@pytest.fixture
def crowd(running: System, request: pytest.FixtureRequest) -> None:  # noqa: ARG001 - db asks it
    """So many public collections that plans are what they are at a million.

    All of them say "shared" and hold a machine for 300 $, one in a hundred says "rare", only those up to
    number 10,000 (but for the first, which is private) say "former", and one in twenty is the curator's.
    Tests of a crowd only read it, so it stays until a test begins with empty tables.
    """
    with db.transaction() as session:
        if session.scalar(sa.select(sa.func.count()).select_from(SearchDocument)) == CROWD:
            return
    api: Api = request.getfixturevalue("api")
    api.person("curator").collection()
    said = {word: sorted(terms.word_terms(word)) for word in ("shared", "rare", "former")}
    with db.transaction() as session:
        session.execute(
            sa.text("""
                INSERT INTO collections (owner_id, revision, name, visibility, extra, views, copies, exports,
                    trending, created_at, updated_at)
                SELECT (SELECT id FROM accounts), 1, 'n', 'public', '{}', 0, 0, 0, 0, now(), now()
                FROM generate_series(1, :crowd)"""),
            {"crowd": CROWD},
        )
        # Or the foreign keys below are looked up as they were planned when the table was empty.
        session.execute(sa.text("ANALYZE collections"))
        session.execute(
            sa.text("""
                INSERT INTO ranks SELECT id, now() + id * interval '1 second', id, id FROM collections
                WHERE visibility = 'public'""")
        )
        session.execute(
            sa.text("""
                INSERT INTO search_documents (collection_id, owner, text, cpus, prices, words, wares)
                SELECT id, who, concat(E'\nshared', rare, former, E'\nsh'), '{i7-8650u}', '{300.00}',
                    CAST(:shared AS text[]) || ('owner ' || who)
                        || CASE WHEN rare IS NULL THEN '{}' ELSE CAST(:rare AS text[]) END
                        || CASE WHEN former IS NULL THEN '{}' ELSE CAST(:former AS text[]) END, '{ci,$00003}'
                FROM (SELECT id, CASE WHEN mod(id, 20) = 0 THEN 'curator' ELSE 'other' END AS who,
                          CASE WHEN mod(id, 100) = 0 THEN E'\nrare' END AS rare,
                          CASE WHEN id <= :old THEN E'\nformer' END AS former
                      FROM collections WHERE visibility = 'public') AS public"""),
            said | {"old": OLD},
        )
        session.execute(sa.text("ANALYZE collections, ranks, search_documents"))


CORNERS = [
    Search(q="shared"),
    Search(q="shared zqx"),
    Search(q="rare"),
    Search(q="former"),
    Search(q="s"),
    Search(q="sh"),
    Search(q="%"),
    Search(owner="curator"),
    Search(owner="nobody"),
    Search(min_price=Decimal(0)),
    Search(min_price=Decimal(300), max_price=Decimal(300)),
    Search(cpu="i"),
    Search(cpu="i7-8650"),
    Search(q="shared", owner="curator", cpu="i7-8650", max_price=Decimal(999)),
]


EMPTY = Search(q=" ", cpu="")


def plans(session: Session, work: Callable[[], object]) -> list[str]:
    """How the database does everything that is asked of it, as EXPLAIN says."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    work()
    event.remove(connection, "before_cursor_execute", note)
    return [
        "\n".join(
            session.connection().exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", parameters).scalars()
        )
        for statement, parameters in asked
        if not statement.startswith("SET")
    ]


@pytest.mark.usefixtures("crowd")
def test_no_search_reads_a_whole_table_or_takes_many_statements() -> None:
    for search, sort in itertools.product([Search(), *CORNERS], DiscoverSort):
        with db.transaction() as session:
            cursor = discovering.discover(session, Search(), sort, 3, None).next_cursor
            for start in (None, cursor):
                found = plans(session, partial(discovering.discover, session, search, sort, 20, start))
                # The sample, what stands next, whether there is more, what the index finds; then the total
                # if nothing told it; then the collections, their items' numbers.
                assert len(found) <= 7
                assert [plan for plan in found if "Seq Scan" in plan] == []


@pytest.mark.usefixtures("crowd")
def test_what_was_left_empty_is_not_looked_up() -> None:
    with db.transaction() as session:
        empty = plans(session, partial(discovering.discover, session, EMPTY, DiscoverSort.recent, 20, None))
        none = plans(session, partial(discovering.discover, session, Search(), DiscoverSort.recent, 20, None))
    assert empty == none


@pytest.mark.usefixtures("crowd")
def test_the_planner_left_alone_would_read_all_documents() -> None:
    order = discovering._ORDERS[DiscoverSort.recent]
    with db.transaction() as session:
        (plan,) = plans(session, by_index(session, CORNERS[0], order, None))
    assert "Seq Scan on search_documents" in plan


@pytest.mark.usefixtures("crowd")
def test_what_stands_next_is_read_in_order_and_looked_up_by_key() -> None:
    for sort, search, start, session in corners():
        order = discovering._ORDERS[sort]
        walk = partial(discovering._next_in_order, session, search, order, 21, start, 2_000)
        plan, *_whether_there_is_more = plans(session, walk)
        assert f"Index Only Scan Backward using ix_ranks_{sort}_collection_id on ranks" in plan
        assert "Nested Loop" in plan
        assert "Index Scan using pk_search_documents on search_documents" in plan
        assert "Sort" not in plan, "reading ends with the page"


@pytest.mark.usefixtures("crowd")
def test_what_the_index_finds_is_looked_up_by_all_its_keys_at_once() -> None:
    for sort, search, start, session in corners():
        (plan,) = plans(session, by_index(session, search, discovering._ORDERS[sort], start))
        assert "Bitmap Index Scan on ix_search_documents_found_by" in plan
        assert "Index Scan using pk_ranks on ranks" in plan
        assert "Index Cond: (collection_id = ANY ((InitPlan" in plan
        assert "Nested Loop" not in plan
        assert f"ix_ranks_{sort}" not in plan, "a cursor is compared, not searched for each of them"


@pytest.mark.usefixtures("crowd")
def test_rare_ones_are_asked_of_the_index_at_once_and_old_ones_once_too_few_stood_next() -> None:
    ways = {}
    with db.transaction() as session:
        for q in ("shared", "rare", "former"):
            search = Search(q=q)
            found = plans(
                session, partial(discovering.discover, session, search, DiscoverSort.recent, 20, None)
            )
            ways[q] = [way for plan in found for way in ("ix_ranks_recent", "pk_ranks") if way in plan]
    # The old ones: what stands next, whether there is more, and then the index.
    once, twice = ["ix_ranks_recent"], ["ix_ranks_recent", "ix_ranks_recent"]
    assert ways == {"shared": once, "rare": ["pk_ranks"], "former": [*twice, "pk_ranks"]}


@pytest.mark.usefixtures("crowd")
def test_one_item_of_both_processor_and_price_is_looked_for_without_putting_lists_aside() -> None:
    for sort in DiscoverSort:
        with db.transaction() as session:
            for search in (Search(cpu="i7", max_price=Decimal(305)), Search(cpu="i7-8650")):
                found = plans(session, partial(discovering.discover, session, search, sort, 20, None))
                assert any("ProjectSet" in plan for plan in found)
                assert [plan for plan in found if "Function Scan" in plan] == []


def by_index(session: Session, search: Search, order: Order, start: str | None) -> Callable[[], object]:
    return partial(discovering._by_index, session, search, order, 21, start)


def corners() -> Iterator[tuple[DiscoverSort, Search, str | None, Session]]:
    """Every search in every order from the first page and from a cursor."""
    for sort in DiscoverSort:
        with db.transaction() as session:
            cursor = discovering.discover(session, Search(), sort, 3, None).next_cursor
            assert cursor
            yield from ((sort, search, start, session) for search in CORNERS for start in (None, cursor))


@pytest.mark.usefixtures("crowd")
def test_the_total_of_many_is_an_estimate_and_says_so() -> None:
    with db.transaction() as session:
        many = discovering.discover(session, Search(q="shared"), DiscoverSort.recent, 20, None)
        some = discovering.discover(session, Search(q="former"), DiscoverSort.recent, 20, None)
    assert many.total_is_estimate
    assert many.total == pytest.approx(CROWD, rel=0.2)
    assert (some.total, some.total_is_estimate) == (OLD - 1, False)

"""Discover, reading and copying in markets that grow, beside the naive ways; nothing here claims a number.

Milliseconds are those of the database as it logs them itself: parsing, planning and executing every
statement. What driver and Python add is told where it matters.
"""

import itertools
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import access, copying, counting, db, discovering, facts, sharing, showing
from dealbrain.discovering import Search
from dealbrain.identity import Person
from dealbrain.migrations import upgrade
from dealbrain.shapes import DiscoverSort, NewCopy
from dealbrain.tables import Collection, Hit, Rank, SearchDocument
from infra.local.postgres import postgres
from tests.bench import market

pytestmark = pytest.mark.bench

# Each round goes through everything once, so that a busy minute of the machine meets all alike.
ROUNDS = 8
NAIVE_ROUNDS = 3
READINGS, COPIES = 50, 20
# People looking at one collection, and how many of them at the same moment.
LOOKS, AT_ONCE = 200, 8
LOOKED_AT = 2 * market.ONE_PUBLIC_IN
DEEP = 500
NOW = market.BEGAN + market.LASTED
READER = Person("sub-2", "reader")
# A line of the log that is none begins with a tab.
PREFIX = re.compile(r"^\S+ \S+ UTC \[\d+\] ", re.MULTILINE)
RECORD = re.compile(r"LOG:  duration: ([\d.]+) ms  (parse|bind|execute) [^:]*: (.*)", re.DOTALL)
BACKEND = "pg_backend_pid()"
# How the statement begins that counts a look.
OF_COUNTING = "WITH held AS"
# What a database of this size is given; with the 128 MB of the default the disk's cache would be measured.
MEMORY = "1GB"
# What tells the total and nothing else.
OF_THE_TOTAL = re.compile(r"TABLESAMPLE|^SELECT count\(\*\) AS count_1 *\n\tFROM \(SELECT")


@dataclass(frozen=True)
class Base:
    """A database with a market in it."""

    engine: sa.Engine
    """Of the product's own making; its statements are logged with their durations."""
    plain: sa.Engine
    """Of a superuser, without limits and without being logged."""
    log: Path

    def spent(self, work: Callable[[Session], Any]) -> "Spent":
        """What the database does for one transaction."""
        before = self.log.stat().st_size
        with Session(self.engine) as session:
            server = session.scalar(sa.text(f"SELECT {BACKEND}"))
            began, worked = time.perf_counter(), on_processor(server)
            answer = work(session)
            took, worked = (time.perf_counter() - began) * 1000, on_processor(server) - worked
        return Spent(took, worked, self.steps(before), answer)

    def steps(self, before: int) -> list[tuple[str, str, float]]:
        """What was logged behind a place: steps, their statements, and milliseconds."""
        with self.log.open(encoding="utf-8", errors="replace") as text:
            text.seek(before)
            records = [RECORD.match(one) for one in PREFIX.split(text.read())]
        return [(one[2], one[3], float(one[1])) for one in records if one and BACKEND not in one[3]]


def on_processor(server: int) -> float:
    """For how many milliseconds a process has had a processor so far, as Linux counts it."""
    return int(Path(f"/proc/{server}/schedstat").read_text(encoding="ascii").split()[0]) / 1_000_000


@dataclass(frozen=True)
class Spent:
    """One transaction: in all as Python waited for it, and the steps of its statements in the database."""

    took: float
    worked: float
    """Milliseconds the database had a processor: what is left on a machine that does nothing else."""
    steps: list[tuple[str, str, float]]
    answer: Any

    @property
    def page(self) -> float:
        """Milliseconds for everything but the total."""
        return sum(ms for _, statement, ms in self.steps if not OF_THE_TOTAL.search(statement))

    @property
    def total(self) -> float:
        """Milliseconds for the total."""
        return sum(ms for _, statement, ms in self.steps if OF_THE_TOTAL.search(statement))

    @property
    def queries(self) -> int:
        """Statements, but for settings."""
        return sum(step == "execute" and not said.startswith("SET") for step, said, _ in self.steps)


@contextmanager
def base(collections: int) -> Iterator[Base]:
    """Build a market, and throw it away."""
    with tempfile.TemporaryDirectory(prefix="market-") as folder:
        Path(folder).chmod(0o755)
        give_memory(Path(folder))
        with postgres(Path(folder), durable=False) as url:
            upgrade(url)
            with opened(url, Path(folder) / "postgres.log") as found:
                market.build(found.plain, collections, lambda line: print(f"  {line}", flush=True))
                yield found


def give_memory(folder: Path) -> None:
    """Let the server that starts next keep all that is searched, for the small markets as for the large."""
    with postgres(folder, durable=False) as url:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"ALTER SYSTEM SET shared_buffers = '{MEMORY}'")
        engine.dispose()


@contextmanager
def opened(url: str, log: Path) -> Iterator[Base]:
    """Talk to a database, as the product does and as who fills it."""
    ours, plain = logged(url, 1), sa.create_engine(url)
    sa.event.listen(plain, "connect", db._adapt)
    yield Base(ours, plain, log)
    ours.dispose()
    plain.dispose()


def logged(url: str | sa.URL, pool: int) -> sa.Engine:
    """Make an engine as the product's, whose statements are logged."""
    engine = db.make_engine(str(url), pool)

    @sa.event.listens_for(engine, "connect")
    def told(connection: Any, _record: object) -> None:
        connection.cursor().execute("SET log_min_duration_statement = 0")
        connection.commit()

    return engine


# ----------------------------------------------------------------------------------------- what is asked


def queries(plain: sa.Engine) -> dict[str, str | None]:
    """What people type, of every frequency there is."""
    with plain.connect() as connection:
        counted = connection.exec_driver_sql(
            "SELECT word, count(*) FROM (SELECT DISTINCT collection_id, word FROM search_documents,"
            " string_to_table(replace(text, E'\\n', ' '), ' ') AS word WHERE word ~ '^[a-z0-9-]{5,}$')"
            " AS said GROUP BY word ORDER BY 2 DESC, 1"
        ).all()
        public = connection.exec_driver_sql("SELECT count(*) FROM search_documents").scalar_one()

    def near(many: float) -> str:
        likely = sorted(counted, key=lambda one: abs(one[1] - many))
        return str(next(word for word, _ in likely if inside(plain, word) < 2 * many))

    return {
        "none": None,
        "a rare word": near(5),
        "a word of one in 100": near(public / 100),
        "a common word": near(public / 5),
        "inside words, common": "ing",
        "inside words, rare": next(one[0] for one in reversed(counted) if "-" in one[0])[2:5],
        "one letter": "s",
        "two letters": "th",
        "no match": "zqxjkv",
        "%": "%",
        "_": "_",
        "two words seldom together": f"{market.EITHER} {market.OTHER}",
    }


def inside(plain: sa.Engine, word: str) -> int:
    """How many say a word, on its own or inside another one."""
    statement = sa.select(sa.func.count()).where(SearchDocument.text.contains(word, autoescape=True))
    with plain.connect() as connection:
        return connection.scalars(statement).one()


def filters(plain: sa.Engine) -> dict[str, dict[str, Any]]:
    with plain.connect() as connection:
        curator = connection.scalar(
            sa.text("SELECT username FROM accounts WHERE id = :id"), {"id": market.CURATOR}
        )
    return {
        "": {},
        "owner": {"owner": curator},
        "narrow price": {"min_price": Decimal(300), "max_price": Decimal(305)},
        "wide price": {"min_price": Decimal(100), "max_price": Decimal(1_000)},
    }


@dataclass(frozen=True)
class Asked:
    """One request to discover."""

    row: str
    search: Search
    sort: DiscoverSort
    cursor: str | None
    limit: int = facts.PAGE

    def __call__(self, session: Session) -> Any:
        return discovering.discover(session, self.search, self.sort, self.limit, self.cursor)


def both_pages(
    found: Base, row: str, search: Search, sort: DiscoverSort, limit: int = facts.PAGE
) -> list[Asked]:
    """The first page, and page 500 or, where there are not so many, the last."""
    first = Asked(f"{row}, first page", search, sort, None, limit)
    cursor = deep_cursor(found.plain, search, discovering._ORDERS[sort])
    return [first, Asked(f"{row}, page 500", search, sort, cursor, limit)] if cursor else [first]


def deep_cursor(plain: sa.Engine, search: Search, order: Any) -> str | None:
    """The place before page 500 or the last page, found by looking at everything."""
    place = sa.select(order.key, Rank.collection_id)
    place = place.join(SearchDocument, SearchDocument.collection_id == Rank.collection_id)
    matching = place.where(*discovering._satisfies(search, SearchDocument))
    with plain.connect() as connection:
        before = connection.execute(matching.order_by(*order.sorting()).limit(facts.PAGE * (DEEP - 1))).all()
    whole_pages = (len(before) - (len(before) < facts.PAGE * (DEEP - 1))) // facts.PAGE
    return order.cursor(*before[whole_pages * facts.PAGE - 1]) if whole_pages > 0 else None


def corners(found: Base, asked: Mapping[str, str | None], narrowed: Mapping[str, Any]) -> list[Asked]:
    """What is not among the combinations, and what could be worst."""
    common = asked["a common word"]
    worst = {
        "all matches old": Search(q=market.FORMER),
        "all matches old, wide price": Search(q=market.FORMER, **narrowed["wide price"]),
        "processor": Search(cpu="i7-8650u"),
        "processor and price in one item": Search(cpu="i5", **narrowed["narrow price"]),
        "a common word, processor": Search(q=common, cpu="i5"),
        "200 letters": Search(q="inging the and " * 13),
        "everything at once": Search(
            q=f"{common} s", owner=narrowed["owner"]["owner"], cpu="i5", max_price=Decimal(900)
        ),
    }
    whole = [
        one
        for row, search in worst.items()
        for sort in DiscoverSort
        for one in both_pages(found, row, search, sort)
    ]
    hundred = [
        one
        for sort in DiscoverSort
        for one in both_pages(found, "a common word, 100 a page", Search(q=common), sort, facts.PAGE_MOST)
    ]
    return whole + hundred


# ------------------------------------------------------------------------------------------- the bench


@dataclass
class Table:
    """Figures by row."""

    of: dict[str, list[Spent]] = field(default_factory=dict)

    def add(self, row: str, spent: Spent) -> None:
        self.of.setdefault(row, []).append(spent)

    def print(self, title: str) -> None:
        print(f"\n{title}\n{'':50}{'page':>16}{'total':>16}{'processor':>16}  queries  found")
        for row, found in self.of.items():
            print(f"{row:50}{in_database(found)}{max(s.queries for s in found):7}  {found_in(found)}")
        whole = [one for found in self.of.values() for one in found]
        print(f"{'all of these':50}{in_database(whole)}")
        print(
            f"{'  as Python waits for it, driver and answer included':50}{figures(s.took for s in whole)}",
            flush=True,
        )


def in_database(found: Sequence[Spent]) -> str:
    """Page, total, and both together without waiting for a processor."""
    return "".join(
        figures(column) for column in zip(*((s.page, s.total, s.worked) for s in found), strict=True)
    )


def figures(taken: Iterator[float] | Sequence[float]) -> str:
    """Median and 95th percentile."""
    values = sorted(taken)
    return f"{statistics.median(values):8.1f}{percentile(values):8.1f}"


def percentile(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def found_in(many: list[Spent]) -> str:
    totals = {(one.answer.total, one.answer.total_is_estimate) for one in many}
    return " ".join(f"{'~' if is_estimate else ''}{total:,}" for total, is_estimate in sorted(totals))


def measured(found: Base, asked: Sequence[Asked]) -> Table:
    table = Table()
    for turn, one in itertools.product(range(ROUNDS + 1), asked):
        spent = found.spent(one)
        if turn:  # the first one warms
            table.add(one.row, spent)
    return table


def combinations(found: Base, asked: Mapping[str, str | None], narrowed: Mapping[str, Any]) -> list[Asked]:
    every = itertools.product(asked.items(), narrowed.items(), DiscoverSort)
    return [
        one
        for (q, typed), (name, narrowing), sort in every
        for one in both_pages(found, f"{q}{', ' if name else ''}{name}", Search(q=typed, **narrowing), sort)
    ]


def test_discovery_as_the_market_grows(
    pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = [int(size) for size in str(pytestconfig.getoption("--collections", default="10000")).split(",")]
    curve: dict[str, dict[int, str]] = {}
    with capsys.disabled():
        for size in sizes:
            print(f"\n{size:,} collections, {size // market.ONE_PUBLIC_IN:,} of them public", flush=True)
            with base(size) as found:
                for row, spelled in everything(found, size).items():
                    curve.setdefault(row, {})[size] = spelled
        print("\nThe curve (p50 and p95 in ms)" + "".join(f"{size:>20,}" for size in sizes))
        for row, by_size in curve.items():
            print(f"{row:40}" + "".join(f"{by_size.get(size, ''):>20}" for size in sizes))


def everything(found: Base, size: int) -> dict[str, str]:
    """Measure all there is, and answer the lines of the curve."""
    asked, narrowed = queries(found.plain), filters(found.plain)
    combined = measured(found, combinations(found, asked, narrowed))
    combined.print("discover, every combination (ms in the database, p50 and p95)")
    measured(found, corners(found, asked, narrowed)).print("slow corners")
    whole = [one for many in combined.of.values() for one in many]
    lines = {
        "discover, page": figures(s.page for s in whole),
        "discover, total": figures(s.total for s in whole),
        "discover, both, processor alone": figures(s.worked for s in whole),
    }
    lines |= reading(found, size) | copying_five_hundred(found, size) | counting_looks(found)
    return lines | naive(found, asked)


def reading(found: Base, size: int) -> dict[str, str]:
    hundreds = range(market.HUNDRED_IN, size + 1, market.HUNDRED_IN)

    def read(collection_id: int) -> Callable[[Session], Any]:
        def work(session: Session) -> Any:
            row = access.public(session, collection_id)
            return showing.public_collection(row, access.items_of(session, row.id))

        return work

    looks = list(itertools.islice(itertools.cycle(hundreds), READINGS))
    _cold, taken = ([found.spent(read(one)) for one in looks] for _ in range(2))
    assert {len(one.answer.items) for one in taken} == {100}
    assert {one.answer.visibility for one in taken} == {"public"}
    print(f"\n{'a public collection of 100, in the database':50}{in_database(taken)}{taken[0].queries:7}")
    print(f"{'  in all, rows made into answers':50}{figures(one.took for one in taken)}", flush=True)
    return {"a collection of 100": figures(one.page for one in taken)}


def copying_five_hundred(found: Base, size: int) -> dict[str, str]:
    sources = range(market.ONE_PUBLIC_IN, size, market.FIVE_HUNDRED_IN)

    def copied(collection_id: int) -> Callable[[Session], Any]:
        def work(session: Session) -> Any:
            made, _ = copying.copy(session, READER, collection_id, NewCopy(), None, NOW)
            session.commit()
            return made

        return work

    looks = list(itertools.islice(itertools.cycle(sources), COPIES))
    _cold, taken = ([found.spent(copied(one)) for one in looks] for _ in range(2))
    assert {one.answer.item_count for one in taken} == {500}
    print(f"{'copying 500 items, in the database':50}{in_database(taken)}{taken[-1].queries:7}")
    print(f"{'  in all':50}{figures(one.took for one in taken)}", flush=True)
    return {"copying 500": figures(one.page for one in taken)}


def counting_looks(found: Base) -> dict[str, str]:
    """Counted looks and uncounted ones by turns: one after another, then many at once at one collection."""

    def look(session: Session, number: int) -> None:
        viewer = f"viewer {number}" if number % 2 else None
        sharing.read_public(session, LOOKED_AT, viewer, NOW)
        session.commit()

    def in_a_crowd(number: int) -> float:
        began = time.perf_counter()
        with Session(engine) as session:
            look(session, number)
        return (time.perf_counter() - began) * 1000

    before = views(found)
    alone = [found.spent(partial(look, number=number)) for number in range(2 * LOOKS)]
    place = found.log.stat().st_size
    engine = logged(found.engine.url, AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        crowded = list(pool.map(in_a_crowd, range(2 * LOOKS, 4 * LOOKS)))
    engine.dispose()
    counted = [one for one in found.steps(place) if OF_COUNTING in one[1]]
    assert views(found) == before + 2 * LOOKS, "none is lost before what waits is folded"
    with Session(found.plain) as session, session.begin():
        waiting = session.scalar(sa.select(sa.func.count()).select_from(Hit).where(~Hit.folded))
        counting.forget(session, NOW.date())
        assert session.get_one(Collection, LOOKED_AT).views == before + 2 * LOOKS, "nor afterwards"
    for row, turn in (("a look, not counted", 0), ("a look, counted", 1)):
        print(f"{row:50}{in_database(alone[turn::2])}{alone[turn].queries:7}")
        print(f"{f'  in all, {AT_ONCE} at once':50}{figures(crowded[turn::2])}")
    print(f"  of {LOOKS} counted in the crowd {waiting} waited to be folded", flush=True)
    return {
        "counting a look, alone": f"{added([one.page for one in alone]):8.1f}",
        f"counting a look, {AT_ONCE} at once": f"{in_steps(counted):8.1f}",
        "  in all": f"{added(crowded):8.1f}",
    }


def added(taken: Sequence[float]) -> float:
    """What every second one takes longer, at the median."""
    return statistics.median(taken[1::2]) - statistics.median(taken[::2])


def in_steps(steps: Sequence[tuple[str, str, float]]) -> float:
    """The medians of a statement's steps together."""
    by_step: dict[str, list[float]] = {}
    for step, _, ms in steps:
        by_step.setdefault(step, []).append(ms)
    return sum(map(statistics.median, by_step.values()))


def views(found: Base) -> int:
    """How often the collection was looked at, as its owner reads it."""
    with Session(found.plain) as session:
        return counting.counters(session, [LOOKED_AT])[LOOKED_AT].views


# -------------------------------------------------------------------------------------- the naive ways

NAIVE = sa.text("""
    SELECT c.id, c.name, c.description, a.username FROM collections c JOIN accounts a ON a.id = c.owner_id
    WHERE c.visibility = 'public' AND (c.name ILIKE :q OR c.description ILIKE :q)
    ORDER BY c.created_at DESC LIMIT 20 OFFSET :offset""")
INDEX = "CREATE INDEX naive ON collections USING gin (name gin_trgm_ops, description gin_trgm_ops)"
TRIGRAMS = (
    "CREATE EXTENSION pg_trgm",
    "SET LOCAL maintenance_work_mem = '1GB'",
    f"{INDEX} WHERE visibility = 'public'",
    "ANALYZE collections",
)


def naive(found: Base, asked: Mapping[str, str | None]) -> dict[str, str]:
    """The obvious statement over names and descriptions, first as it stands, then with a trigram index."""
    without = naively(found, asked)
    with found.plain.begin() as connection:
        for statement in TRIGRAMS:
            connection.exec_driver_sql(statement)
    indexed = naively(found, asked)
    print(f"\n{'ILIKE ORDER BY created_at LIMIT 20 OFFSET n (ms)':50}{'without':>16}{'with pg_trgm':>16}")
    for row, taken in without.items():
        print(f"{row:50}{figures(taken)}{figures(indexed[row])}")
    whole = {
        name: figures([ms for taken in table.values() for ms in taken])
        for name, table in (("naive, no index", without), ("naive, pg_trgm", indexed))
    }
    print(f"{'all of these':50}{''.join(whole.values())}", flush=True)
    return whole


def naively(found: Base, asked: Mapping[str, str | None]) -> dict[str, list[float]]:
    table: dict[str, list[float]] = {}
    for turn, (row, q), (place, offset) in itertools.product(
        range(NAIVE_ROUNDS + 1), asked.items(), (("first page", 0), ("page 500", facts.PAGE * (DEEP - 1)))
    ):
        said = {"q": f"%{(q or '').replace('%', r'\%').replace('_', r'\_')}%", "offset": offset}
        spent = found.spent(lambda session: session.execute(NAIVE, said).all())  # noqa: B023 - used at once
        if turn:
            table.setdefault(f"{row}, {place}", []).append(spent.page)
    return table

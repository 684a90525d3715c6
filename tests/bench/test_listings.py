"""The list of all offers among a hundred thousand, beside the naive way; nothing here claims a number.

``make bench-listings`` builds a market of the size of ``--listings``: real offers under real titles, many
owners and sellers. Milliseconds are those of the database as it logs them itself, all statements of a page
together. Every page is compared with what reading the whole table answers.
"""

import csv
import io
import itertools
import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import browsing, catalog, db, facts, indexing, matching, offering
from dealbrain.browsing import Filter
from dealbrain.document import Condition
from dealbrain.identity import Person
from dealbrain.migrations import upgrade
from dealbrain.shapes import ListingSort, Tier
from dealbrain.tables import Account, Listed, ListedTerms, Listing, Table
from infra.local import loading
from infra.local.postgres import postgres
from tests.bench import corpus, market
from tests.bench.test_discovery import Base, Spent, figures, give_memory, opened
from tests.makers import rows

pytestmark = pytest.mark.bench

ROUNDS, NAIVE_ROUNDS = 5, 2
WRITES = 200
DEEP = 500
# Milliseconds.
GOAL = 20
PER_OWNER, PER_SELLER = 50, 20
CURATOR, CURATORS_SHARE = 1, 0.05
UNPRICED = 0.05
# A word that only the older half says, one in ten of these.
FORMER, FORMER_SHARE = "windowsxp", 0.1
OWN = ("owner_id", "title", "title_key", "seller", "seller_key", "price_usd", "created_at", "wares")


def test_the_list_of_offers(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for size in (int(one) for one in str(pytestconfig.getoption("--listings")).split(",")):
            say(f"\n{size:,} listings")
            with base(size) as found:
                say(room(found))
                asked = queries(found.plain)
                combinations(found, asked)
                corners(found, asked)
                writing(found)
                naive(found, asked)


def say(text: str) -> None:
    print(f"  {text}", flush=True)


# ----------------------------------------------------------------------------------------- what is asked


def queries(plain: sa.Engine) -> dict[str, str | None]:
    """What people type, of every frequency there is."""
    with plain.connect() as connection:
        counted = connection.exec_driver_sql(
            "SELECT word, count(*) FROM (SELECT DISTINCT listing_id, word FROM listed,"
            " string_to_table(replace(text, E'\\n', ' '), ' ') AS word WHERE word ~ '^[a-z0-9-]{5,}$')"
            " AS said GROUP BY word ORDER BY 2 DESC, 1"
        ).all()
        whole = connection.exec_driver_sql("SELECT count(*) FROM listed").scalar_one()

    def near(many: float) -> str:
        return str(min(counted, key=lambda one: abs(one[1] - many))[0])

    return {
        "no word": None,
        "a rare word": near(5),
        "a word of one in 100": near(whole / 100),
        "a word of one in 30": near(whole / 30),
        "a common word": near(whole / 5),
        "inside words, common": "ook",
        "inside words, rare": next(one[0] for one in reversed(counted) if "-" in one[0])[2:5],
        "one letter": "l",
        "two letters": "th",
        "no match": "zqxjkv",
        "%": "%",
        "_": "_",
        "two words": f"{near(whole / 5)} {near(whole / 10)}",
    }


def narrowings(plain: sa.Engine) -> dict[str, dict[str, Any]]:
    with plain.connect() as connection:
        curator = connection.scalar(sa.select(Account.username).where(Account.id == CURATOR))
    wide = {"min_price": Decimal(100), "max_price": Decimal(1_000)}
    return {
        "": {},
        "owner": {"owner": curator},
        "condition": {"condition": Condition.refurb},
        "tier": {"tier": Tier.great},
        "cpu": {"cpu": "i5"},
        "whole cpu": {"cpu": "i7-8650u"},
        "narrow price": {"min_price": Decimal(300), "max_price": Decimal(305)},
        "wide price": wide,
        "all": {"owner": curator, "condition": Condition.used, "tier": Tier.good, "cpu": "i5", **wide},
    }


@dataclass(frozen=True)
class Asked:
    """One page somebody asks for."""

    q: str
    narrowed: str
    wanted: Filter
    sort: ListingSort
    cursor: str | None
    expected: tuple[int, ...]

    def __call__(self, session: Session) -> Any:
        found, _ = browsing.find(session, self.wanted, self.sort, facts.PAGE, self.cursor)
        assert tuple(row.id for row in found) == self.expected, self
        return found


def pages(plain: sa.Engine, q: str, narrowed: str, wanted: Filter, sort: ListingSort) -> Iterator[Asked]:
    """The first page, and page 500 or, where there are not so many, the last."""
    order = browsing._ORDERS[sort]
    with Session(plain) as session:
        search = browsing._search(session, wanted)
        assert search
        statement = sa.select(order.key, Listed.listing_id).where(*browsing._satisfies(search, Listed))
        whole = session.execute(statement.order_by(*order.sorting()).limit(facts.PAGE * DEEP)).all()
    for page in sorted({0, max(len(whole) - 1, 0) // facts.PAGE}):
        cursor = order.cursor(*whole[page * facts.PAGE - 1]) if page else None
        expected = tuple(one.listing_id for one in whole[page * facts.PAGE :][: facts.PAGE])
        yield Asked(q, narrowed, wanted, sort, cursor, expected)


def combinations(found: Base, asked: Mapping[str, str | None]) -> None:
    every = itertools.product(asked.items(), narrowings(found.plain).items(), ListingSort)
    whole = [
        page
        for (q, typed), (name, narrowing), sort in every
        for page in pages(found.plain, q, name, Filter(q=typed, **narrowing), sort)
    ]
    taken = measured(found, whole)
    table("every word with every filter, orders and pages together (ms in the database, p50 and p95)", taken)
    dearest = sorted(taken, key=lambda one: -in_database(taken[one])[len(taken[one]) // 2])
    say("the dearest:")
    for one in dearest[:8]:
        place = "first" if one.cursor is None else "deep"
        say(f"  {one.q}, {one.narrowed}, {one.sort}, {place}: {figures(in_database(taken[one]))}")
    for sort, deep in itertools.product(ListingSort, (False, True)):
        some = [taken[one] for one in taken if one.sort == sort and (one.cursor is not None) == deep]
        summed(f"{sort}, {'page 500 or the last' if deep else 'first page'}", some)
    summed("all of these", list(taken.values()))
    say(f"{len(taken)} requests, {ROUNDS} rounds, 0 differences")
    for name, of in (("in the database", in_database), ("processor", on_processor)):
        worst = [percentile95(of(some)) for some in taken.values()]
        above = sum(one > GOAL for one in worst)
        say(f"{name}: p95 above {GOAL} ms of {above} requests, at most {max(worst):.1f}")
    say(f"load of the machine {os.getloadavg()[0]:.1f}")


def corners(found: Base, asked: Mapping[str, str | None]) -> None:
    """What is not among the combinations, and what could be worst."""
    worst = {
        "all matches old": Filter(q=FORMER),
        "a frequent cpu": Filter(cpu="i5"),
        "a slow cpu": Filter(cpu="celeron"),
        "a quick cpu": Filter(cpu="i9"),
        "a letter of any cpu": Filter(cpu="e"),
        "200 letters": Filter(q="inging the and " * 13),
        "any price": Filter(min_price=Decimal(0)),
        "dear ones": Filter(min_price=Decimal(1_500)),
        "a common word, dear": Filter(q=asked["a common word"], min_price=Decimal(1_500)),
        "an owner of few": Filter(owner=few(found.plain)),
    }
    whole = [
        page
        for name, wanted in worst.items()
        for sort in ListingSort
        for page in pages(found.plain, name, "", wanted, sort)
    ]
    taken = measured(found, whole)
    say("slow corners:")
    for name, sort in itertools.product(worst, ListingSort):
        summed(f"{name}, {sort}", [some for one, some in taken.items() if (one.q, one.sort) == (name, sort)])
    summed("all of these", list(taken.values()))


def few(plain: sa.Engine) -> str:
    with plain.connect() as connection:
        return str(connection.scalar(sa.select(Account.username).where(Account.id == CURATOR + 3)))


def measured(found: Base, asked: Sequence[Asked]) -> dict[Asked, list[Spent]]:
    """Each round goes through everything once, so that a busy minute of the machine meets all alike."""
    taken: dict[int, list[Spent]] = {number: [] for number in range(len(asked))}
    for turn, (number, one) in itertools.product(range(ROUNDS + 1), enumerate(asked)):
        spent = found.spent(one)
        if turn:  # the first one warms
            taken[number].append(spent)
    return {asked[number]: some for number, some in taken.items()}


def in_database(taken: Sequence[Spent]) -> list[float]:
    return sorted(sum(ms for _, _, ms in one.steps) for one in taken)


def on_processor(taken: Sequence[Spent]) -> list[float]:
    return sorted(one.worked for one in taken)


def percentile95(values: Sequence[float]) -> float:
    return float(figures(values).split()[1])


def summed(name: str, taken: Sequence[list[Spent]]) -> None:
    whole = [one for some in taken for one in some]
    say(f"{name:44}{figures(in_database(whole))}   processor{figures(on_processor(whole))}")


def table(title: str, taken: Mapping[Asked, list[Spent]]) -> None:
    names = list(dict.fromkeys(one.narrowed for one in taken))
    say(title)
    say(f"{'':22}" + "".join(f"{name or 'no filter':>16}" for name in names))
    for q in dict.fromkeys(one.q for one in taken):
        cells = (
            figures(
                in_database(
                    [s for one, some in taken.items() if (one.q, one.narrowed) == (q, name) for s in some]
                )
            )
            for name in names
        )
        say(f"{q:22}{''.join(cells)}")


# ------------------------------------------------------------------------------------------- writing


def writing(found: Base) -> None:
    """How long it takes to let offers be found, each with a new title; and to renew their places."""
    new = corpus.perturbed(market.titles(), WRITES + 1_000, corpus.SEED + 1)
    with Session(found.plain) as session:
        ours = sa.select(Listing).where(Listing.owner_id.is_not(None)).order_by(Listing.id)
        listings = session.scalars(ours.limit(WRITES)).all()

        def write(some: Sequence[Listing]) -> float:
            for row in some:
                row.title = next(new)
            session.flush()
            began = time.perf_counter()
            browsing.note(session, some)
            return (time.perf_counter() - began) * 1000

        one_by_one = [write([row]) for row in listings[: WRITES // 2]]
        together = write(listings[WRITES // 2 :]) * 100 / (WRITES - WRITES // 2)
        ids = session.scalars(sa.select(Listed.listing_id).order_by(Listed.listing_id).limit(1_000)).all()
        session.execute(sa.update(Listing).values(score=50.5).where(Listing.id.in_(ids)))
        began = time.perf_counter()
        browsing.renew(session, ids)
        renewed = (time.perf_counter() - began) * 100
        session.rollback()
    say(f"an offer written into both tables {figures(one_by_one)}; a hundred at once {together:.1f}")
    say(f"a hundred of a thousand whose scores are others, renewed {renewed:.1f}")


# --------------------------------------------------------------------------------------- the naive way

NAIVE_ORDERS: dict[ListingSort, tuple[Any, Any]] = {
    ListingSort.recent: (Listing.created_at.desc(), Listing.id.desc()),
    ListingSort.price: (Listing.price_usd.asc().nulls_last(), Listing.id),
    ListingSort.score: (Listing.score.desc().nulls_last(), Listing.id.desc()),
}


def naive(found: Base, asked: Mapping[str, str | None]) -> None:
    """ILIKE in three columns, ORDER BY, LIMIT and OFFSET, with an index for each order."""
    with found.plain.begin() as connection:
        for column in ("created_at", "price_usd", "score"):
            connection.exec_driver_sql(f"CREATE INDEX naive_{column} ON listings ({column}, id)")
        connection.exec_driver_sql("ANALYZE listings")
    taken: dict[str, list[float]] = {}
    every = itertools.product(range(NAIVE_ROUNDS + 1), asked.items(), ListingSort, (0, DEEP - 1))
    for turn, (q, typed), sort, page in every:
        statement = naively(typed).order_by(*NAIVE_ORDERS[sort]).limit(facts.PAGE).offset(page * facts.PAGE)
        spent = found.spent(lambda session: session.scalars(statement).all())  # noqa: B023 - used at once
        if turn:
            taken.setdefault(q, []).extend(in_database([spent]))
    say("ILIKE, ORDER BY, LIMIT 20 OFFSET n, without any filter (ms)")
    for q, some in taken.items():
        say(f"{q:22}{figures(some)}")
    say(f"{'all of these':22}{figures([ms for some in taken.values() for ms in some])}")


def naively(typed: str | None) -> sa.Select[Any]:
    places = (Listing.title, Listing.seller, Listing.device_model)
    return sa.select(Listing).where(
        Listing.owner_id.is_not(None),
        *(
            sa.or_(*(place.icontains(word, autoescape=True) for place in places))
            for word in (typed or "").split()
        ),
    )


# ------------------------------------------------------------------------------------------- the market


@contextmanager
def base(size: int) -> Iterator[Base]:
    """Build so many listings, and throw them away."""
    with tempfile.TemporaryDirectory(prefix="offers-") as folder:
        Path(folder).chmod(0o755)
        give_memory(Path(folder))
        with postgres(Path(folder), durable=False) as url:
            upgrade(url)
            with opened(url, Path(folder) / "postgres.log") as found:
                build(found.plain, size)
                yield found


def room(found: Base) -> str:
    """How large what lists look at is."""
    names = ("listings", "listed", "ix_listed_recent_listing_id", "listed_terms", "ix_listed_terms_found_by")
    with found.plain.connect() as connection:
        sizes = [
            connection.exec_driver_sql(f"SELECT pg_table_size('{name}') >> 20").scalar_one() for name in names
        ]
    return ", ".join(f"{name} {size} MB" for name, size in zip(names, sizes, strict=True))


def build(engine: sa.Engine, size: int) -> None:
    """Fill an empty, migrated database: real offers as people add them, and more like them."""
    began = time.perf_counter()
    chance = random.Random(corpus.SEED)  # noqa: S311 - the same at every build is what is wanted
    with engine.begin() as connection, Session(connection) as session:
        catalog.load(session, loading.most_modest(map(loading.processor, rows("passmark-cpus.csv"))))
        templates = real_offers(session)
        owners = people(session, max(size // PER_OWNER, CURATOR + 5))
        for chunk in itertools.batched(more(chance, templates, size, owners), market.CHUNK, strict=False):
            _put(connection, chunk)
        say(f"{time.perf_counter() - began:6.1f} s  {size:,} listings")
        # Quicker made at once.
        connection.exec_driver_sql("DROP INDEX ix_listed_terms_found_by")
        while browsing.index_rest(session):
            pass
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
        for index in Table.metadata.tables[ListedTerms.__tablename__].indexes:
            index.create(connection)
        say(f"{time.perf_counter() - began:6.1f} s  listed")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.connection.rollback()
        connection.exec_driver_sql("VACUUM (ANALYZE)")


def real_offers(session: Session) -> Sequence[Any]:
    """Add the real offers, and answer what others are made of; nobody's, so that no list has them."""
    seller = Person("sub-1", "curator")
    for some in itertools.batched(market.offers(), 500, strict=False):
        offering.create_all(session, seller, some, market.BEGAN)
        session.expunge_all()
    templates = session.execute(sa.select(Listing.id, Listing.cpu_name, Listing.price_usd)).all()
    session.execute(sa.update(Listing).values(owner_id=None))
    session.execute(sa.delete(Listed))
    return templates


def people(session: Session, count: int) -> int:
    """Add people; the first one is there."""
    made = [
        Account(sub=f"sub-{number}", username=f"person-{number}", created_at=market.BEGAN)
        for number in range(CURATOR + 1, count + 1)
    ]
    session.add_all(made)
    session.flush()
    return count


def more(
    chance: random.Random, templates: Sequence[Any], size: int, owners: int
) -> Iterator[tuple[int, list[Any]]]:
    """Lines to copy, each with the number of the offer it is made of."""
    sellers = [f"{word}-{number}" for number, word in enumerate(market.Words.of(market.titles()).spelled)]
    for number, title in enumerate(corpus.perturbed(market.titles(), size)):
        said = title
        if number < size / 2 and chance.random() < FORMER_SHARE:
            said = f"{FORMER} {title}"[: facts.TITLE]
        template = chance.choice(templates)
        price = None
        if template.price_usd is not None and chance.random() >= UNPRICED:
            price = (template.price_usd * Decimal(chance.uniform(0.6, 1.6))).quantize(Decimal("0.01"))
        seller = sellers[int(min(len(sellers), size // PER_SELLER) * chance.random() ** 2)]
        is_curators = chance.random() < CURATORS_SHARE
        owner = CURATOR if is_curators else CURATOR + 1 + int((owners - 1) * chance.random() ** 2)
        at = market.BEGAN + timedelta(seconds=80 * number)
        wares = db._array([*indexing.wares(template.cpu_name, price)])
        keys = matching.title_key(said), matching.seller_key(seller)
        yield template.id, [owner, said, keys[0], seller, keys[1], price, at, wares]


def _put(connection: sa.Connection, lines: Sequence[tuple[int, list[Any]]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n")
    writer.writerows([template, *line] for template, line in lines)
    text.seek(0)
    connection.exec_driver_sql(
        "CREATE TEMP TABLE new (template bigint, owner_id bigint, title text, title_key text, seller text,"
        " seller_key text, price_usd numeric(12, 2), created_at timestamptz, wares text[])"
    )
    cursor: Any = connection.connection.cursor()
    cursor.execute("COPY new FROM STDIN (FORMAT csv)", stream=text)
    same = [f'"{one.name}"' for one in Listing.__table__.columns if one.name not in {"id", *OWN}]
    connection.exec_driver_sql(f"""
        INSERT INTO listings ({",".join([*OWN, *same])})
        SELECT {",".join([*(f"new.{name}" for name in OWN), *(f"offer.{name}" for name in same)])}
        FROM new JOIN listings AS offer ON offer.id = new.template ORDER BY new.created_at""")  # noqa: S608 - our own columns
    connection.exec_driver_sql("DROP TABLE new")

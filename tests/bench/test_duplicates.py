"""Finding what resembles a title among a million, beside the naive ways; nothing here claims a number.

``make bench-duplicates`` builds a market of each size of ``--listings``, says how long the parts took, and
compares what is found with a scan of everything.
"""

import csv
import io
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import db, matching, offering, postings, resembling
from dealbrain.identity import Person
from dealbrain.matching import Offer
from dealbrain.migrations import upgrade
from dealbrain.shapes import NewListing
from dealbrain.tables import Listing, TitleWords
from infra.local.postgres import postgres
from tests.bench import corpus, market
from tests.bench.conftest import spelled

pytestmark = pytest.mark.bench

QUERIES, WRITES, FILE = 200, 300, 100
NAIVE_QUERIES = 20
VOCABULARY = 2_500
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SELLER = Person("sub-1", "seller")
# More than anything here resembles.
EVERYTHING = 10_000_000
# A trigram similarity that finds about what ours does.
TRIGRAM = 0.5


@pytest.mark.parametrize("kind", ["real titles", "few words"])
def test_what_resembles_a_title(pytestconfig: pytest.Config, kind: str) -> None:
    sizes = [int(one) for one in str(pytestconfig.getoption("--listings")).split(",")]
    medians = {}
    for size in sizes if kind == "real titles" else sizes[-1:]:
        with base(kind, size) as engine:
            medians[size] = measured(engine, kind, size, naive=kind == "real titles" and size == sizes[-1])
    for one, other in itertools.pairwise(medians):
        (p50, p95), (more50, more95) = medians[one], medians[other]
        say(f"from {one:,} to {other:,}: p50 {more50 / p50:.1f} x, p95 {more95 / p95:.1f} x")


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def measured(engine: sa.Engine, kind: str, size: int, *, naive: bool) -> tuple[float, float]:
    """Print everything about one market, and answer median and 95th percentile of a search."""
    say(f"{kind}, {size:,} listings: {room(engine)}")
    asked = [Offer(title, price_usd=Decimal(250)) for title in sought(kind, QUERIES)]
    resembling_ones: list[int] = []

    def search(session: Session, offer: Offer) -> None:
        resembling_ones.append(len(resembling.listings(session, [offer])[0]))

    searches = timed(engine, asked, search)
    say(
        f"one title, judged and explained   {spelled(searches)}, {statistics.mean(resembling_ones):.1f} shown"
    )
    say(f"one title, in the database alone  {spelled(timed(engine, asked, alike))}")
    whole = timed(engine, [asked[:FILE]] * 5, resembling.listings)
    say(f"a file of {FILE}                     {spelled(whole)}")
    say(f"a listing written into the index  {spelled(written(engine))}")
    say(f"as a scan finds it: {compared(engine, asked)}")
    if naive:
        for name, way in NAIVE.items():
            say(f"{name:<34}{spelled(timed(engine, asked[:NAIVE_QUERIES], way))}")
    return statistics.median(searches), statistics.quantiles(searches, n=20)[-1]


def sought(kind: str, count: int) -> list[str]:
    """Titles of the same kind as those that are there, none of which was used to make these."""
    return list(titles(kind, count, seed=corpus.SEED + 1))


def titles(kind: str, count: int, seed: int = corpus.SEED) -> Iterator[str]:
    if kind == "real titles":
        return corpus.perturbed(market.titles(), count, seed)
    return corpus.of_few_words(count, VOCABULARY, seed)


def timed[T](engine: sa.Engine, asked: Sequence[T], work: Callable[[Session, T], Any]) -> list[float]:
    """Milliseconds for each, in one session, the first few not counted."""
    taken = []
    with Session(engine) as session:
        for one in (*asked[:3], *asked):
            began = time.perf_counter()
            work(session, one)
            taken.append((time.perf_counter() - began) * 1000)
            session.expunge_all()
    return taken[3:]


def alike(session: Session, offer: Offer) -> None:
    resembling._nearest(session, [offer], resembling.MOST_A_ROW)


def room(engine: sa.Engine) -> str:
    """How large what the search keeps is, and how many keys and words a title has."""
    with engine.connect() as connection:
        *sizes, keys, words = connection.exec_driver_sql(
            "SELECT pg_table_size('title_words') >> 20, pg_table_size('title_postings') >> 20,"
            " pg_relation_size('ix_title_postings_key') >> 20, pg_relation_size('pk_title_postings') >> 20,"
            " (SELECT reltuples FROM pg_class WHERE relname = 'title_postings') / count(*)::float,"
            " avg(icount(words))::float FROM title_words"
        ).one()
    said = "words {} MB, postings {} MB, their index {} MB, their primary key {} MB".format(*sizes)
    return f"{said}, {keys:.1f} keys and {words:.1f} words a title"


def written(engine: sa.Engine) -> list[float]:
    """How long it takes to let a listing be found, each with a new title."""
    new = iter(sought("real titles", WRITES + 10))
    with Session(engine) as session:
        found = session.scalars(sa.select(Listing).limit(WRITES)).all()

        def write(row: Listing) -> float:
            row.title = next(new)
            session.flush()
            began = time.perf_counter()
            resembling.note(session, [row])
            return (time.perf_counter() - began) * 1000

        taken = [write(row) for row in found]
        session.rollback()
    return taken


def compared(engine: sa.Engine, asked: Sequence[Offer]) -> str:
    """Search for everything without a limit, and scan for it, comparing with every listing there is."""
    missed, pairs = 0, 0
    with Session(engine) as session:
        for offer in asked:
            found = {one.listing.id for one in resembling.listings(session, [offer], most=EVERYTHING)[0]}
            scanned = {
                listing_id
                for listing_id, title in session.execute(scan(offer))
                if matching.similarity(offer, Offer(title))
            }
            missed += len(found ^ scanned)
            pairs += len(scanned)
            session.expunge_all()
    return f"{missed} differences in {len(asked)} searches with {pairs:,} matches"


def scan(offer: Offer) -> sa.Select[int, str]:
    """Every listing whose common words could be enough, reckoned from all words of all titles."""
    shared: sa.ColumnElement[int] = sa.literal(postings.of(offer.title).lost)
    for digit, words in enumerate(postings.digits(offer.title)):
        these = sa.literal(words, TitleWords.words.type)
        shared += 2**digit * sa.func.icount(TitleWords.words.op("&")(these))
    # A tenth less, for words whose numbers coincide.
    enough = shared >= postings.needed(postings.of(offer.title).weight, matching.THRESHOLD_TENTHS - 1)
    statement = sa.select(Listing.id, Listing.title).join(TitleWords, TitleWords.listing_id == Listing.id)
    return statement.where(enough)


# --------------------------------------------------------------------------------------- the naive ways


def by_trigrams(session: Session, offer: Offer) -> None:
    session.execute(sa.text(f"SET LOCAL pg_trgm.similarity_threshold = {TRIGRAM}"))
    close = sa.select(Listing.id).where(Listing.title.op("OPERATOR(%%)")(offer.title))
    session.scalars(close).all()


def by_any_rare_word(session: Session, offer: Offer) -> None:
    """Everything that has one of the prefix' words, judged in Python."""
    words = sorted(matching.tokens(offer.title), key=len)[-3:]
    statement = sa.select(Listing.title).where(sa.or_(*(Listing.title.icontains(word) for word in words)))
    for title in session.scalars(statement):
        matching.similarity(offer, Offer(title))


NAIVE: dict[str, Callable[[Session, Offer], None]] = {
    "trigrams (%, with an index)": by_trigrams,
    "candidates judged in Python": by_any_rare_word,
}


# ------------------------------------------------------------------------------------------- the market


@contextmanager
def base(kind: str, size: int) -> Iterator[sa.Engine]:
    """Build so many listings, and throw them away."""
    with tempfile.TemporaryDirectory(prefix="listings-") as folder:
        Path(folder).chmod(0o755)
        with postgres(Path(folder), durable=False) as url:
            upgrade(url)
            engine = sa.create_engine(url)
            sa.event.listen(engine, "connect", db._adapt)
            build(engine, kind, size)
            yield engine
            engine.dispose()


def build(engine: sa.Engine, kind: str, size: int) -> None:
    """Fill an empty, migrated database: one real offer under all titles, and the postings of each."""
    offer = NewListing(title="-", price_usd=Decimal(300))
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
        indexes = market._without_indexes(connection)
        with Session(connection) as session:
            template = offering.create(session, SELLER, offer, NOW).id
        with get_context("fork").Pool(2) as pool:
            numbered = enumerate(titles(kind, size), start=2)
            chunks = itertools.batched(numbered, market.CHUNK, strict=False)
            for lines in pool.imap(_chunk, chunks):
                _put(connection, template, lines)
        for index in indexes:
            connection.exec_driver_sql(index)
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        connection.exec_driver_sql("CREATE INDEX by_trigrams ON listings USING gin (title gin_trgm_ops)")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.connection.rollback()
        connection.exec_driver_sql("VACUUM (ANALYZE)")


def _chunk(numbered: Sequence[tuple[int, str]]) -> tuple[str, str]:
    """Lines to copy: of the titles with their words, and of the postings."""
    texts = io.StringIO(), io.StringIO()
    words, keys = (csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n") for text in texts)
    for number, title in numbered:
        posting = postings.of(title)
        spelled_words = db._array([*posting.words])
        words.writerow([number, title, matching.title_key(title), spelled_words])
        keys.writerows(
            [number, key, posting.weight, reach, posting.lost, spelled_words]
            for key, reach in posting.keys.items()
        )
    return texts[0].getvalue(), texts[1].getvalue()


def _put(connection: sa.Connection, template: int, lines: tuple[str, str]) -> None:
    connection.exec_driver_sql("CREATE TEMP TABLE new (id bigint, title text, title_key text, words int[])")
    words, keys = map(io.StringIO, lines)
    cursor: Any = connection.connection.cursor()
    cursor.execute("COPY new FROM STDIN (FORMAT csv)", stream=words)
    own = {"id", "title", "title_key", "price_usd"}
    same = [f'"{column.name}"' for column in Listing.__table__.columns if column.name not in own]
    connection.exec_driver_sql(f"""
        INSERT INTO listings (id, title, title_key, price_usd, {",".join(same)}) OVERRIDING SYSTEM VALUE
        SELECT new.id, new.title, new.title_key, 50 + mod(new.id * 7919, 900), {",".join(same)}
        FROM new JOIN (SELECT {",".join(same)} FROM listings WHERE id = {template}) AS template ON true""")  # noqa: S608 - our own columns, and a number
    connection.exec_driver_sql("INSERT INTO title_words (listing_id, words) SELECT id, words FROM new")
    cursor.execute(
        "COPY title_postings (listing_id, key, weight, reach, lost, words) FROM STDIN (FORMAT csv)",
        stream=keys,
    )
    connection.exec_driver_sql("DROP TABLE new")

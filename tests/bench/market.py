"""A market of any size: people, listings, collections and what discover searches, the same at every build.

Listings are the real offers under the real titles. Names and descriptions are put together from the words
of these titles as often as they stand there, which is as uneven as language is. What search needs is not
imitated: ``indexing`` itself writes it.
"""

import csv
import io
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import pydantic
import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import db, facts, indexing, matching, offering
from dealbrain.document import Visibility
from dealbrain.identity import Person
from dealbrain.shapes import NewListing
from dealbrain.tables import Account, Collection, Item, Listing, Rank, SearchDocument, Table
from infra.local import marketplace
from tests.makers import rows

BEGAN = datetime(2023, 1, 1, tzinfo=UTC)
LASTED = timedelta(days=1_000)
# Of so many collections one is public, and so many belong to one person on average.
ONE_PUBLIC_IN = 5
PER_OWNER = 20
ITEMS_EACH = 5
# One collection in so many holds a hundred items, and one five hundred; both public.
HUNDRED_IN, FIVE_HUNDRED_IN = 1_000, 10_000
# The owner of one public collection in twenty.
CURATOR = 1
CURATORS_SHARE = 0.05
# Words planted for the slow corners: one that only the older half has, and two that hardly ever meet.
FORMER, EITHER, OTHER = "windowsxp", "coffeelake", "haswellian"
PLANTED_SHARE = 0.1
TOGETHER = 0.0005
SEED = 20_261_122
CHUNK = 10_000

type Say = Callable[[str], None]


@dataclass(frozen=True)
class Words:
    """The words of the titles with their frequencies summed up, as ``random.choices`` takes them."""

    spelled: Sequence[str]
    cumulated: Sequence[int]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """Count the words of some texts."""
        counted: dict[str, int] = {}
        for word in itertools.chain.from_iterable(text.split() for text in texts):
            counted[word] = counted.get(word, 0) + 1
        return cls(list(counted), list(itertools.accumulate(counted.values())))

    def some(self, chance: random.Random, count: int) -> list[str]:
        """Draw words; one in forty is a part number nobody else is likely to name."""
        drawn = chance.choices(self.spelled, cum_weights=self.cumulated, k=count)
        return [
            f"{word[:2]}{chance.randrange(10**5)}-{word[-2:]}" if chance.random() < 1 / 40 else word
            for word in drawn
        ]


def titles() -> list[str]:
    """The real titles, each once."""
    pairs = rows("product-title-pairs.csv")
    found = {row[side].strip()[: facts.TITLE].strip() for row in pairs for side in ("title_a", "title_b")}
    return sorted(found - {""})


def offers() -> Iterator[NewListing]:
    """The real offers that can be read."""
    for row in rows("ebay-laptop-listings.csv"):
        try:
            yield NewListing.model_validate(marketplace.read(row).body)
        except (marketplace.UnreadableError, pydantic.ValidationError):
            continue


def build(engine: sa.Engine, collections: int, say: Say = print) -> None:
    """Fill an empty, migrated database.

    Args:
        engine: of a superuser without a limit on the time of statements.
        collections: how many; a fifth of them public, five items each, and as many listings.
        say: told what is done.
    """
    began = time.perf_counter()

    def done(what: str) -> None:
        say(f"{time.perf_counter() - began:7.1f} s  {what}")

    texts = titles()
    with engine.begin() as connection:
        # Keys that hold by construction need no looking up, and indexes are quicker made at once.
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
        connection.exec_driver_sql("SET LOCAL work_mem = '256MB'")
        indexes = _without_indexes(connection)
        _people(connection, max(2, collections // PER_OWNER), texts)
        _listings(connection, collections, texts)
        done(f"{collections:,} listings")
        _collections(connection, collections, texts, done)
        _items(connection, collections)
        done(f"{ITEMS_EACH * collections:,} items, about")
        with Session(connection) as session:
            for first in range(0, collections + 1, CHUNK * ONE_PUBLIC_IN):
                indexing.restock(session, range(first, first + CHUNK * ONE_PUBLIC_IN))
        done("what the public ones hold")
        for index in indexes:
            connection.exec_driver_sql(index)
        done(f"{len(indexes)} indexes")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # The pool asked the connection whether it lives, and that began a transaction.
        connection.connection.rollback()
        # The rows written twice above are once again as compact as those that came one by one.
        connection.exec_driver_sql("SET maintenance_work_mem = '1GB'")
        connection.exec_driver_sql("VACUUM (FULL) search_documents")
        connection.exec_driver_sql("VACUUM (ANALYZE)")
    done("vacuumed and analysed")


def _without_indexes(connection: sa.Connection) -> list[str]:
    """Drop every index that keeps no rule, and answer how to make them again."""
    tables = [table.__tablename__ for table in (Listing, Collection, Item, SearchDocument, Rank)]
    found = connection.execute(
        sa.text("""
            SELECT indexname, indexdef FROM pg_indexes
            WHERE indexdef NOT LIKE 'CREATE UNIQUE%' AND tablename = ANY(:tables) ORDER BY indexname"""),
        {"tables": tables},
    ).all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def _copy(connection: sa.Connection, table: type[Table], names: Sequence[str], text: str) -> None:
    cursor: Any = connection.connection.cursor()
    columns = ",".join(f'"{name}"' for name in names)
    # What is quoted is text, even without a letter; what is not is NULL.
    cursor.execute(
        f"COPY {table.__tablename__} ({columns}) FROM STDIN (FORMAT csv)", stream=io.StringIO(text)
    )


def _csv(lines: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n").writerows(lines)
    return text.getvalue()


# ---------------------------------------------------------------------------------------------- people


def username(number: int, spelled: Sequence[str]) -> str:
    """What a person is called: a word and a number."""
    word = spelled[number * 7919 % len(spelled)].lower()
    letters = "".join(letter for letter in word if letter.isascii() and letter.isalnum())
    return f"{letters[:20]}_{number}"


def _people(connection: sa.Connection, count: int, texts: Sequence[str]) -> None:
    spelled = Words.of(texts).spelled
    lines = [
        [number, f"sub-{number}", username(number, spelled), str(BEGAN)] for number in range(1, count + 1)
    ]
    _copy(connection, Account, ["id", "sub", "username", "created_at"], _csv(lines))
    connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('accounts', 'id'), {count})")


# -------------------------------------------------------------------------------------------- listings


def _listings(connection: sa.Connection, count: int, texts: Sequence[str]) -> None:
    """Add the real offers as people do, and more like them under the real titles."""
    templates = 0
    with Session(connection) as session:
        for new in itertools.islice(offers(), count // 20):
            offering.create(session, Person(f"sub-{CURATOR}", ""), new, BEGAN)
            templates += 1
            session.expunge_all()
    connection.exec_driver_sql(
        "CREATE TEMP TABLE titles (n bigint, title text, title_key text) ON COMMIT DROP"
    )
    spelled = [{"n": n, "title": t, "title_key": matching.title_key(t)} for n, t in enumerate(texts)]
    connection.execute(sa.text("INSERT INTO titles VALUES (:n, :title, :title_key)"), spelled)
    own = {"title", "title_key", "created_at"}
    same = [f'"{column.name}"' for column in Listing.__table__.columns if column.name not in own | {"id"}]
    connection.exec_driver_sql(f"""
        INSERT INTO listings ({",".join(same)}, title, title_key, created_at)
        SELECT {",".join(f"offer.{name}" for name in same)},
            titles.title, titles.title_key, offer.created_at + g * interval '80 seconds'
        FROM generate_series({templates + 1}::bigint, {count}) g
        JOIN listings offer ON offer.id = 1 + g % {templates}
        JOIN titles ON titles.n = g * 7919 % {len(texts)}""")  # noqa: S608 - our own columns, and numbers


def _items(connection: sa.Connection, count: int) -> None:
    """As uneven as collections are: most hold a few, some a hundred or five hundred."""
    size = f"""
        CASE WHEN mod(c.id, {HUNDRED_IN}) = 0 THEN 100
            WHEN mod(c.id, {FIVE_HUNDRED_IN}) = {ONE_PUBLIC_IN} THEN 500
            ELSE floor(-5.35 * ln((1 + mod(abs(hashint8(c.id)::bigint), 1000000)) / 1000001.0))::int END"""
    connection.exec_driver_sql(f"""
        INSERT INTO items (collection_id, listing_id, status, notes, position, added_at, extra)
        SELECT c.id, 1 + mod(abs(hashint8(c.id * 31)::bigint) + k * 7919, {count}), 'undecided',
            CASE WHEN mod(k, 5) = 0 THEN 'a note' END, k, c.created_at, '{{}}'
        FROM collections c, generate_series(1, least({count}, {size})) k ORDER BY c.id""")  # noqa: S608 - numbers


# ----------------------------------------------------------------------------------------- collections


def _collections(
    connection: sa.Connection, count: int, texts: Sequence[str], done: Callable[[str], None]
) -> None:
    words = Words.of(texts)
    chunks = [(words, first, min(first + CHUNK, count + 1), count) for first in range(1, count + 1, CHUNK)]
    with get_context("fork").Pool(2) as pool:
        for number, texts_of in enumerate(pool.imap(_chunk, chunks), start=1):
            for table, (names, text) in zip((Collection, SearchDocument, Rank), texts_of, strict=True):
                _copy(connection, table, names, text)
            if number % 10 == 0 or number == len(chunks):
                done(f"{min(number * CHUNK, count):,} collections")
    connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('collections', 'id'), {count})")


# What others added has a default.
_NAMES = ["id", "owner_id", "revision", "name", "description", "visibility", "published_at", "extra"]
_NAMES += ["views", "copies", "exports", "trending", "created_at", "updated_at"]


def _chunk(what: tuple[Words, int, int, int]) -> list[tuple[list[str], str]]:
    words, first, end, count = what
    chance = random.Random(SEED + first)  # noqa: S311 - the same at every build is what is wanted
    made = [_collection(words, chance, number, count) for number in range(first, end)]
    public = [row for row in made if row.visibility == Visibility.public]
    documents = [indexing._document(row, username(row.owner_id, words.spelled)) for row in public]
    ranks = [indexing._rank(row) for row in public]
    return [
        (_NAMES, _csv([[_spelled(getattr(row, name)) for name in _NAMES] for row in made])),
        *((list(found[0]), _csv([[_spelled(one) for one in row.values()] for row in found]))
          for found in (documents, ranks)),
    ]  # fmt: skip


def _spelled(value: Any) -> Any:
    if isinstance(value, list):
        return db._array(value)
    return "{}" if value == {} else value


def _collection(words: Words, chance: random.Random, number: int, count: int) -> Collection:
    public = number % ONE_PUBLIC_IN == 0
    at = BEGAN + LASTED * (number / count)
    unseen = chance.random() < 0.5
    views = 0 if unseen else int(chance.paretovariate(0.8)) % 1_000_000
    name = " ".join(words.some(chance, chance.randint(1, 6)))[: facts.COLLECTION_NAME].strip()
    return Collection(
        id=number,
        owner_id=_owner(chance, max(2, count // PER_OWNER)),
        revision=1,
        name=name,
        description=_description(words, chance, number / count),
        visibility=Visibility.public if public else chance.choice(list(Visibility)[:2]),
        published_at=at + timedelta(days=chance.expovariate(1)) if public else None,
        extra={},
        views=views,
        copies=int(views * chance.random() / 20),
        exports=0,
        # Halved every five days since it was looked at last.
        trending=views * math.exp(-chance.expovariate(1 / 20)),
        created_at=at,
        updated_at=at,
    )


def _owner(chance: random.Random, owners: int) -> int:
    """Few have many collections, many have few, one has a twentieth of all."""
    return CURATOR if chance.random() < CURATORS_SHARE else 2 + int((owners - 1) * chance.random() ** 3)


def _description(words: Words, chance: random.Random, age: float) -> str | None:
    """None for one in four; a sentence for most, a page for some; and the planted words."""
    kind = chance.random()
    if kind < 0.25:
        return None
    drawn = words.some(chance, chance.randint(60, 150) if kind < 0.35 else chance.randint(4, 24))
    if age < 0.5 and chance.random() < PLANTED_SHARE * 4 / 3:
        drawn.insert(0, FORMER)
    meeting = chance.random()
    if meeting < TOGETHER:
        drawn[:0] = [EITHER, OTHER]
    elif meeting < 3 * PLANTED_SHARE:
        drawn.insert(0, EITHER if meeting < 1.5 * PLANTED_SHARE else OTHER)
    return " ".join(drawn)[: facts.DESCRIPTION].strip()

"""Postgres and its driver fail in every way we know; nobody ever reads what was meant for somebody else."""

import gc
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dealbrain import access, db
from dealbrain.errors import Unavailable
from dealbrain.identity import Person
from infra.local.issuer import subject
from infra.local.run import System
from tests.makers import Api, refused

ALICE = Person(subject("alice"), "alice")
PARAMETERS_MOST = 65_535
ISOLATIONS = ("READ COMMITTED", "AUTOCOMMIT")


# The driver leaves the socket of a connection that broke to the garbage collector, where it complains.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", autouse=True)
def _collect_broken_sockets() -> Iterator[None]:
    """Let them complain here and not in somebody else's test."""
    yield
    gc.collect()


type Poison = Callable[[sa.Connection], object]


def half_a_letter(connection: sa.Connection) -> object:
    """Half of a surrogate pair, bound past every guard of ours."""
    return connection.scalar(sa.text("SELECT :text ::text"), {"text": "\ud800"})


def too_many_values(connection: sa.Connection) -> object:
    """One parameter more than the protocol can count."""
    return connection.exec_driver_sql("SELECT %s", (1,) * (PARAMETERS_MOST + 1))


POISONS: dict[str, Poison] = {"half a letter": half_a_letter, "too many values": too_many_values}
by_poison = pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
by_isolation = pytest.mark.parametrize("isolation", ISOLATIONS)


@contextmanager
def shared_connection(running: System, isolation: str, *, guarded: bool) -> Iterator[sa.Engine]:
    """An engine with one connection for all, with the product's listener or without."""
    engine = sa.create_engine(
        running.settings.database_url,
        isolation_level=isolation,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.1,
        connect_args={"timeout": 2},
    )
    if guarded:
        event.listen(engine, "handle_error", db.discard_connection_out_of_step)
    try:
        yield engine
    finally:
        engine.dispose()


def poisoned(engine: sa.Engine, poison: Poison) -> None:
    """Let somebody's request go wrong in the driver."""
    with pytest.raises((UnicodeEncodeError, struct.error, SQLAlchemyError)), engine.connect() as connection:
        poison(connection)


def read(engine: sa.Engine, name: str) -> str:
    """Read as somebody; what comes back should be theirs."""
    try:
        with engine.connect() as connection:
            return str(connection.scalar(sa.text("SELECT :name ::text"), {"name": name}))
    except Exception as error:  # noqa: BLE001 - whatever a connection out of step does is counted, not told apart
        return type(error).__name__


def wrong_reads(engine: sa.Engine, times: int) -> list[tuple[str, str]]:
    """Read as so many people; answer who asked and what they got, where it is not their own."""
    names = [f"person-{number}" for number in range(times)]
    return [(name, found) for name in names if (found := read(engine, name)) != name]


@by_poison
@by_isolation
def test_after_a_poison_everybody_reads_their_own(
    running: System, poison: Poison, isolation: str, count: Callable[[int, int], int]
) -> None:
    with shared_connection(running, isolation, guarded=True) as engine:
        for _ in range(count(1, 3)):
            poisoned(engine, poison)
            assert wrong_reads(engine, count(100, 1000)) == []


@by_poison
@by_isolation
def test_without_the_listener_somebody_would_not(running: System, poison: Poison, isolation: str) -> None:
    with shared_connection(running, isolation, guarded=False) as engine:
        poisoned(engine, poison)
        assert wrong_reads(engine, 8)


@by_poison
def test_without_the_listener_rows_of_one_person_would_reach_another(running: System, poison: Poison) -> None:
    """Not only failures: an answer to somebody else's question, and no error anywhere."""
    with shared_connection(running, "AUTOCOMMIT", guarded=False) as engine:
        poisoned(engine, poison)
        assert [found for _, found in wrong_reads(engine, 8) if found.startswith("person-")]


@by_poison
def test_a_poison_in_the_products_own_pool_hurts_nobody(api: Api, poison: Poison) -> None:
    people = {name: api.person(name) for name in ("alice", "bella", "carol")}
    ids = {name: one.collection(f"of {name}")["id"] for name, one in people.items()}
    poisoned(db.engine(), poison)
    asked = [name for name in people for _ in range(10)]
    answers = [people[name].get(f"/collections/{ids[name]}").json()["name"] for name in asked]
    assert answers == [f"of {name}" for name in asked]


@contextmanager
def own_pool(running: System) -> Iterator[sa.Engine]:
    """An engine exactly as the product makes it, with two connections of its own."""
    engine = db.make_engine(running.settings.database_url, pool=2)
    try:
        yield engine
    finally:
        engine.dispose()


BACKEND = sa.text("SELECT pg_backend_pid()")


def test_a_connection_out_of_step_is_thrown_away_alone(running: System) -> None:
    """One request that goes wrong is no reason to cut off everybody else's."""
    with own_pool(running) as engine:
        with engine.connect() as bystander:
            before = bystander.scalar(BACKEND)
            poisoned(engine, half_a_letter)
            assert bystander.scalar(BACKEND) == before
        with engine.connect() as one, engine.connect() as other:
            assert before in {one.scalar(BACKEND), other.scalar(BACKEND)}


# -------------------------------------------------------------------------- connections that are gone


def end_idle_connections(pool: int) -> list[int]:
    """Let the server end connections that wait in the product's pool; which ones."""
    with ExitStack() as several:
        held = [several.enter_context(db.engine().connect()) for _ in range(pool)]
        waiting = [connection.scalar(BACKEND) for connection in held]
    with db.engine().connect() as connection:
        mine = connection.scalar(BACKEND)
        ended = [pid for pid in waiting if pid != mine]
        for pid in ended:
            connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    return ended


def test_connections_ended_by_the_server_are_replaced_unseen(api: Api) -> None:
    assert end_idle_connections(6)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.stranger.get("/listings").status_code, range(16)))
    assert answers == [200] * 16


def test_without_the_ping_a_connection_that_is_gone_would_be_seen(running: System) -> None:
    with shared_connection(running, "READ COMMITTED", guarded=True) as engine:
        with engine.connect() as connection:
            pid = connection.scalar(BACKEND)
        with db.engine().connect() as killer:
            killer.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        assert read(engine, "alice") != "alice"


def lose_the_connection() -> None:
    with db.transaction() as session:
        access.enrol(session, ALICE, datetime.now(UTC))
        session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_a_connection_that_ends_inside_a_transaction_is_unavailable(api: Api) -> None:
    before = api.state()
    with pytest.raises(Unavailable):
        lose_the_connection()
    assert api.state() == before


# ----------------------------------------------------------------------------------------- too busy


def test_when_every_connection_is_taken_the_caller_is_asked_to_come_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.engine().pool, "_timeout", 0.1)
    with ExitStack() as taken:
        for _ in range(api.system.settings.database_pool):
            taken.enter_context(db.engine().connect())
        answer = api.stranger.get("/listings")
    refused(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_once_a_connection_is_free_again_all_is_well(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.engine().pool, "_timeout", 0.1)
    with ExitStack() as taken:
        for _ in range(api.system.settings.database_pool):
            taken.enter_context(db.engine().connect())
        assert api.stranger.get("/listings").status_code == 503
    assert api.stranger.get("/listings").status_code == 200


def wait_for_the_lock(collection_id: int) -> None:
    with db.transaction() as session:
        session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        access.editable(session, ALICE, collection_id)


def test_who_waits_too_long_for_a_lock_is_asked_to_come_back(api: Api) -> None:
    collection_id = api.person("alice").collection()["id"]
    with db.transaction() as holder:
        access.editable(holder, ALICE, collection_id)
        with pytest.raises(Unavailable):
            wait_for_the_lock(collection_id)


def run(*statements: str) -> None:
    with db.transaction() as session:
        for statement in statements:
            session.execute(sa.text(statement))


@pytest.mark.usefixtures("api")
def test_a_statement_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(Unavailable):
        run("SET LOCAL statement_timeout = '50ms'", "SELECT pg_sleep(5)")


@pytest.mark.usefixtures("api")
def test_a_mistake_of_ours_is_not_told_as_a_busy_database() -> None:
    with pytest.raises(DBAPIError):
        run("SELECT nothing FROM nowhere")


def test_a_database_that_is_not_there_is_unavailable(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = db.make_engine(f"postgresql+pg8000://postgres@/postgres?unix_sock={tmp_path}/none", pool=1)
    monkeypatch.setattr(db, "engine", lambda: nowhere)
    refused(api.stranger.get("/listings"), 503, "unavailable")

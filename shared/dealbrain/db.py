"""Postgres: one engine per process, one way to a transaction. The endpoint owns it; verbs only flush."""

import logging
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import pg8000.dbapi
import pg8000.exceptions
import pg8000.legacy
import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from dealbrain import jsontext
from dealbrain.errors import Conflict, Unavailable
from dealbrain.settings import settings

CONNECT_SECONDS = 5
POOL_WAIT_SECONDS = 5
# Enough for the largest import; anything longer is a fault, and waiting for it would fill the pool.
STATEMENT_MILLISECONDS = 15_000
LOCK_MILLISECONDS = 10_000
IDLE_SESSION_MILLISECONDS = 30_000

# The numbers of types in Postgres's catalog (pg_type.oid).
TIMESTAMPTZ = 1184
DATE = 1082
JSON = 114

LOG = logging.getLogger(__name__)
_AFTERWARDS = "afterwards"

# SQLSTATEs that mean "not now": too many connections, starting up or shutting down, a lock or a
# statement that took too long, a serialization failure, a deadlock. pg8000 raises them under several
# classes, so the state decides and not the class (PostgreSQL manual, appendix A).
TRY_AGAIN = frozenset({"53300", "57P01", "57P02", "57P03", "55P03", "57014", "40001", "40P01"})

# A foreign key or a unique key. Everything else was checked before, so a rival came in between.
BROKEN_BY_A_RIVAL = frozenset({"23503", "23505"})


def make_engine(url: str, pool: int, ca: str = "") -> sa.Engine:
    """Make an engine that never hands on a connection whose protocol is out of step.

    Args:
        url: SQLAlchemy address with the pg8000 driver.
        pool: connections kept; none beyond them are made.
        ca: file of the authorities that vouch for the server; with it every connection is encrypted and
            verified, and an address without a password is signed in by IAM.

    Raises:
        FileNotFoundError: there is no such file.
    """
    connect: dict[str, Any] = {
        "timeout": CONNECT_SECONDS + STATEMENT_MILLISECONDS / 1000,
        "startup_params": _STARTUP,
    }
    if ca:
        # pg8000 by itself neither verifies nor insists on encryption.
        connect["ssl_context"] = ssl.create_default_context(cafile=ca)
        connect["startup_params"] = _STARTUP | _FROZEN
    engine = sa.create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        json_serializer=jsontext.dumps,
        connect_args=connect,
    )
    # A connection the server has ended says goodbye with a traceback, though nothing is wrong.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    event.listen(engine, "handle_error", discard_connection_out_of_step)
    event.listen(engine, "connect", _adapt)
    if ca and engine.url.password is None:
        event.listen(engine, "do_connect", _sign)
    return engine


def _numbered(style: str, statement: str, values: Sequence[object]) -> tuple[str, Sequence[object]]:
    """A statement with its places numbered as Postgres wants them, and the values as they are.

    The driver's own way reads a statement letter by letter each time it is sent, which takes a search longer
    than Postgres needs for it; what comes out depends on the text alone.
    """
    return _with_places(style, statement, len(values)), values


@lru_cache(maxsize=512)
def _with_places(style: str, statement: str, count: int) -> str:
    numbered: str = pg8000.dbapi.convert_paramstyle(style, statement, range(count))[0]
    return numbered


def _adapt(connection: Any, _record: object) -> None:  # noqa: ANN401 - pg8000 has no types
    """Let a connection send statements, write arrays and read JSON, dates and times our way.

    pg8000 quotes the word "NULL" but not "null", which Postgres takes for no word at all; and its reading of
    times takes a third of the time a page of listings takes, that of JSON a fifth of an export's.
    """
    pg8000.legacy.convert_paramstyle = _numbered
    connection.register_out_adapter(list, _array)
    connection.register_in_adapter(TIMESTAMPTZ, datetime.fromisoformat)
    connection.register_in_adapter(DATE, date.fromisoformat)
    connection.register_in_adapter(JSON, from_json)


def _array(values: list[str | int]) -> str:
    # As in the PostgreSQL manual, 8.15.6: what is quoted is text, whatever it spells.
    spelled = (str(value).replace("\\", r"\\").replace('"', r"\"") for value in values)
    return "{" + ",".join(f'"{value}"' for value in spelled) + "}"


def _sign(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
    """Give a connection about to be made a password of its own, signed by IAM for a quarter of an hour."""
    import boto3  # noqa: PLC0415 - as expensive as all the rest, and only needed on AWS

    parameters["password"] = boto3.client("rds").generate_db_auth_token(
        DBHostname=parameters["host"], Port=parameters["port"], DBUsername=parameters["user"]
    )


_STARTUP = {
    "statement_timeout": str(STATEMENT_MILLISECONDS),
    "lock_timeout": str(LOCK_MILLISECONDS),
    "timezone": "UTC",
}
# Frozen Lambda environments keep their connections; the server ends them, pre-ping finds out.
_FROZEN = {"idle_session_timeout": str(IDLE_SESSION_MILLISECONDS)}


def discard_connection_out_of_step(context: Any) -> None:  # noqa: ANN401 - SQLAlchemy's context has no public class
    """Throw away a connection when the driver failed outside the protocol.

    pg8000 sends PARSE before it encodes the values. When encoding fails (a lone surrogate, more than
    65,535 parameters), unread answers stay on the socket, SQLAlchemy sees no database error and puts the
    connection back, and the next caller reads somebody else's rows. Marking it as disconnected closes it.
    """
    if not isinstance(context.original_exception, pg8000.exceptions.Error):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


@lru_cache(maxsize=1)
def engine() -> sa.Engine:
    """The process's engine, made at first use."""
    configured = settings()
    return make_engine(configured.database_url, configured.database_pool, configured.database_ca)


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a session in one transaction: leaving the block commits, an exception rolls back.

    What was said to come ``afterwards`` is done once it is committed and the connection is free again.

    Raises:
        Unavailable: the database does not answer, or is too busy; trying again is worth it.
        Conflict: something this builds on was changed by somebody else at the same moment.
    """
    try:
        with Session(engine(), expire_on_commit=False) as session, session.begin():
            yield session
    except PoolTimeout:
        raise Unavailable("The database is busy; please try again in a few seconds.") from None
    except DBAPIError as error:
        if _state(error) in BROKEN_BY_A_RIVAL:
            raise Conflict("Somebody changed this at the same moment; please look again.") from error
        if _worth_another_try(error):
            raise Unavailable("The database does not answer; please try again in a few seconds.") from error
        raise
    for work in session.info.get(_AFTERWARDS, ()):
        _attempt(work)


def afterwards(session: Session, work: Callable[[], None]) -> None:
    """Do something once a transaction is committed, and never if it is not; its failure is only logged."""
    session.info.setdefault(_AFTERWARDS, []).append(work)


def _attempt(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        # The answer is what was committed, whatever became of this.
        LOG.exception("What was to be done after the commit is not done.")


def _worth_another_try(error: DBAPIError) -> bool:
    lost = error.connection_invalidated or isinstance(error.orig, pg8000.exceptions.InterfaceError | OSError)
    return lost or _state(error) in TRY_AGAIN


def _state(error: DBAPIError) -> str | None:
    details = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return details.get("C") if isinstance(details, dict) else None

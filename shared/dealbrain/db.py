"""Postgres: one engine per process, one way to a transaction. The endpoint owns it; verbs only flush."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pg8000.exceptions
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from dealbrain import jsontext
from dealbrain.errors import Unavailable
from dealbrain.settings import settings

CONNECT_SECONDS = 5
POOL_WAIT_SECONDS = 5
# Enough for the largest import; anything longer is a fault, and waiting for it would fill the pool.
STATEMENT_MILLISECONDS = 15_000
LOCK_MILLISECONDS = 10_000
# Frozen Lambda environments keep their connections open; the server ends them.
IDLE_SESSION_MILLISECONDS = 30_000

# SQLSTATEs that mean "not now": too many connections, starting up or shutting down, a lock or a
# statement that took too long, a serialization failure, a deadlock. pg8000 raises them under several
# classes, so the state decides and not the class (PostgreSQL manual, appendix A).
TRY_AGAIN = frozenset({"53300", "57P01", "57P02", "57P03", "55P03", "57014", "40001", "40P01"})


def make_engine(url: str, pool: int) -> sa.Engine:
    """Make an engine that never hands on a connection whose protocol is out of step.

    Args:
        url: SQLAlchemy address with the pg8000 driver.
        pool: connections kept; none beyond them are made.
    """
    engine = sa.create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        json_serializer=jsontext.dumps,
        connect_args={"timeout": CONNECT_SECONDS + STATEMENT_MILLISECONDS / 1000, "startup_params": _STARTUP},
    )
    event.listen(engine, "handle_error", discard_connection_out_of_step)
    return engine


_STARTUP = {
    "statement_timeout": str(STATEMENT_MILLISECONDS),
    "lock_timeout": str(LOCK_MILLISECONDS),
    "idle_session_timeout": str(IDLE_SESSION_MILLISECONDS),
    "timezone": "UTC",
}


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
    return make_engine(settings().database_url, settings().database_pool)


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a session in one transaction: leaving the block commits, an exception rolls back.

    Raises:
        Unavailable: the database does not answer, or is too busy; trying again is worth it.
    """
    try:
        with Session(engine(), expire_on_commit=False) as session, session.begin():
            yield session
    except PoolTimeout:
        raise Unavailable("The database is busy; please try again in a few seconds.") from None
    except DBAPIError as error:
        if _worth_another_try(error):
            raise Unavailable("The database does not answer; please try again in a few seconds.") from error
        raise


def _worth_another_try(error: DBAPIError) -> bool:
    original = error.orig
    if error.connection_invalidated or isinstance(original, pg8000.exceptions.InterfaceError | OSError):
        return True
    details = original.args[0] if original is not None and original.args else None
    return isinstance(details, dict) and details.get("C") in TRY_AGAIN

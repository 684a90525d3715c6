"""The real system for tests: Postgres, S3, DynamoDB, the renderer with Chromium, and the gateway over HTTP.

Handlers run in this process, so that coverage sees them. Every test that asks for ``api`` begins with
empty tables.
"""

import gc
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from botocore import useragent
from hypothesis import HealthCheck
from jwt.api_jws import PyJWS
from sqlalchemy import event

from dealbrain import db
from dealbrain.tables import Table
from infra.local.run import System, system
from tests.makers import Api, Person
from tests.roles import Ledger, roles  # noqa: F401 - a fixture is known by being imported

# Not TRUNCATE, which takes longer than most tests; ids begin at 1 again all the same. One trip for all.
EMPTY = "".join(
    f"DELETE FROM {table.name};"  # noqa: S608 - the names are our own tables'
    + (
        f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), 1, false);"
        if "id" in table.c and table.c.id.identity
        else ""
    )
    for table in reversed(Table.metadata.sorted_tables)
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the same tests with larger numbers")


def pytest_configure(config: pytest.Config) -> None:
    # What a test does not say itself. Each day the same examples, so that a change fails for what it changed;
    # make test-full looks for new ones, and for many more. Nor does a busy machine make anything wrong.
    full = hypothesis.settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis.settings.register_profile("full", full)
    hypothesis.settings.register_profile("daily", full, max_examples=40, derandomize=True)
    hypothesis.settings.load_profile("full" if config.getoption("--full") else "daily")
    config.pluginmanager.register(Ledger(), "roles")
    if config.getoption("cov_source", None):
        _remember(config)


def _remember(config: pytest.Config) -> None:
    """Let what others read letter by letter be read once: tokens, and what boto3 says of itself.

    Coverage follows each of these letters, which were half of all that ran. What comes out depends on nothing
    but what goes in.
    """
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    patch.setattr(PyJWS, "_decode_base64url_segment", staticmethod(cache(PyJWS._decode_base64url_segment)))
    sanitize = "sanitize_user_agent_string_component"
    patch.setattr(useragent, sanitize, cache(getattr(useragent, sanitize)))


def pytest_collection_finish() -> None:
    # What is there by now stays to the end, and need not be searched for garbage again and again.
    gc.freeze()


@pytest.fixture(scope="session")
def count(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """How often to do something: ``count(small, full)`` answers small unless pytest was given --full."""
    is_full = bool(pytestconfig.getoption("--full"))
    return lambda small, full: full if is_full else small


@pytest.fixture(scope="session")
def running(roles: None) -> Iterator[System]:  # noqa: F811, ARG001 - from now on every function has its role
    """One system for all tests. The folder's path is short because a socket's path has to be."""
    with (
        tempfile.TemporaryDirectory(prefix="dealbrain-") as folder,
        system(Path(folder), durable=False, warming=False) as started,
    ):
        yield started


@pytest.fixture
def api(running: System) -> Iterator[Api]:
    """People and strangers talking to a system in which nothing has happened yet."""
    with db.engine().begin() as connection:
        connection.exec_driver_sql(EMPTY)
    with Api(running) as talking:
        yield talking


@pytest.fixture
def alice(api: Api) -> Person:
    return api.person("alice")


@pytest.fixture
def bob(api: Api) -> Person:
    return api.person("bob")


@pytest.fixture
def statements(running: System) -> Iterator[list[str]]:  # noqa: ARG001 - it has the database
    """Every statement sent to the database from now on."""
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    yield sent
    event.remove(db.engine(), "before_cursor_execute", note)

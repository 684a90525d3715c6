"""The real system for tests: Postgres, S3, DynamoDB, the renderer with Chromium, and the gateway over HTTP.

Handlers run in this process, so that coverage sees them. Every test that asks for ``api`` begins with
empty tables.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dealbrain import db
from dealbrain.tables import Table
from infra.local.run import System, system
from tests.makers import Api


@pytest.fixture(scope="session")
def running() -> Iterator[System]:
    """One system for all tests. The folder's path is short because a socket's path has to be."""
    with (
        tempfile.TemporaryDirectory(prefix="dealbrain-") as folder,
        system(Path(folder), durable=False) as started,
    ):
        yield started


@pytest.fixture
def api(running: System) -> Iterator[Api]:
    """People and strangers talking to a system in which nothing has happened yet."""
    with db.engine().begin() as connection:
        names = ", ".join(table.name for table in Table.metadata.sorted_tables)
        connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    with Api(running) as talking:
        yield talking

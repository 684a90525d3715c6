"""The tables' history, and the one way to bring a database up to date."""

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

from dealbrain import browsing, resembling
from dealbrain.db import make_engine

ADVISORY_LOCK = 7_305_061


@dataclass(frozen=True)
class Login:
    """A name and a password, which is never shown."""

    username: str
    password: str = field(repr=False)


# What IAM signs in: it owns the tables. RDS knows it by its membership in rds_iam.
ADMIT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{user}') THEN CREATE ROLE {user} LOGIN; END IF;
END $$;
GRANT rds_iam TO {user};
GRANT CREATE ON DATABASE {database} TO {user};
GRANT ALL ON SCHEMA public TO {user};
"""


def admit(url: str, login: Login, ca: str) -> None:
    """Make the user of a new database that signs in by IAM; a second time changes nothing.

    Args:
        url: SQLAlchemy address naming that user.
        login: the master's, by whom it is made.
        ca: as ``make_engine`` takes it.
    """
    ours = sa.make_url(url)
    master = ours.set(username=login.username, password=login.password)
    engine = make_engine(master.render_as_string(hide_password=False), pool=1, ca=ca)
    with engine.begin() as connection:
        connection.exec_driver_sql(ADMIT.format(user=ours.username, database=ours.database))
    engine.dispose()


def configuration() -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(url: str, ca: str = "") -> None:
    """Migrate the database to the newest version; running it twice, or twice at once, is harmless.

    Args:
        url: SQLAlchemy address with the pg8000 driver.
        ca: as ``make_engine`` takes it.
    """
    engine = make_engine(url, pool=1, ca=ca)
    config = configuration()
    with engine.begin() as connection:
        # A migration may take longer than any request, and two at once wait for each other.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        with Session(connection) as session:
            for searched in (resembling, browsing):
                while searched.index_rest(session):
                    pass
            session.flush()
    engine.dispose()

"""The tables' history, and the one way to bring a database up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from dealbrain.db import make_engine

ADVISORY_LOCK = 7_305_061


def configuration() -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(url: str) -> None:
    """Migrate the database to the newest version; running it twice, or twice at once, is harmless.

    Args:
        url: SQLAlchemy address with the pg8000 driver.
    """
    engine = make_engine(url, pool=1)
    config = configuration()
    with engine.begin() as connection:
        # A migration may take longer than any request, and two at once wait for each other.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()

"""Bring a database up to date: ``DATABASE_URL`` when set, else the one in the data folder."""

import os
import sys

from dealbrain.migrations import upgrade
from infra.local.postgres import postgres, sqlalchemy_url
from infra.local.processes import SetupError
from infra.local.run import DATA, only_one


def main() -> None:
    """Migrate, and say what."""
    if other := os.environ.get("DATABASE_URL"):
        upgrade(sqlalchemy_url(other))
    else:
        with only_one(DATA), postgres(DATA) as url:
            upgrade(url)
    print("The database is up to date.")


if __name__ == "__main__":
    try:
        main()
    except SetupError as missing:
        sys.exit(str(missing))

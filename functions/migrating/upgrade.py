"""Runs at each deployment, without a route: brings the database up to date."""

from typing import Any

from dealbrain import migrations
from dealbrain.migrations import Login
from dealbrain.settings import settings
from dealbrain.web import Needs

NEEDS = Needs(database=True)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Migrate to the newest version; a second time changes nothing.

    The first time ``{"login": {"username", "password"}}`` is the master's; from then on IAM signs in.
    """
    if event.get("warm"):
        return {"warm": True}
    where = settings()
    if "login" in event:
        migrations.admit(where.database_url, Login(**event["login"]), where.database_ca)
    migrations.upgrade(where.database_url, where.database_ca)
    return {"status": "migrated"}

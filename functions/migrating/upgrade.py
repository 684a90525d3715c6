"""Runs at each deployment, without a route: brings the database up to date."""

from typing import Any

from dealbrain import migrations
from dealbrain.settings import settings
from dealbrain.web import Needs

NEEDS = Needs(database=True)


def handler(_event: dict[str, Any], _context: object) -> dict[str, str]:
    """Migrate to the newest version; a second time changes nothing."""
    migrations.upgrade(settings().database_url)
    return {"status": "migrated"}

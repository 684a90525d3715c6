"""Runs by the clock, without a route: removes what expired."""

from datetime import datetime
from typing import Any

from dealbrain import previews
from dealbrain.facts import PREVIEWS
from dealbrain.web import Needs

NEEDS = Needs(deletes=(PREVIEWS,), pending=("scan", "delete"))


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Sweep as of the scheduled time, which the scheduler puts into ``{"now": "2026-11-22T03:00:00Z"}``."""
    if event.get("warm"):
        return {"removed": 0}
    return {"removed": previews.sweep(datetime.fromisoformat(event["now"]))}

"""Runs by the clock, without a route: removes cards that are nobody's or not right any more."""

from datetime import datetime
from typing import Any

from dealbrain import sweeping
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.web import Needs

NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Sweep as of the scheduled time, which the scheduler puts into ``{"now": "2026-11-22T03:00:00Z"}``."""
    if event.get("warm"):
        return {"removed": 0}
    now = datetime.fromisoformat(event["now"])
    with transaction() as session:
        return {"removed": sweeping.sweep_cards(session, now)}

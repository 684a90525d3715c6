"""Runs by the clock, without a route: really removes what was deleted or ran out long ago."""

from datetime import datetime
from typing import Any

from dealbrain import sweeping
from dealbrain.db import transaction
from dealbrain.tables import Table
from dealbrain.web import Needs, log

NEEDS = Needs(database=True)


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Sweep as of the scheduled time, which the scheduler puts into ``{"now": "2026-11-22T03:00:00Z"}``.

    What a run that fails has removed stays removed, and the next one goes on from there.
    """
    if event.get("warm"):
        return {}
    now = datetime.fromisoformat(event["now"])
    removed = {kind.__tablename__: _forget(kind, now) for kind in sweeping.OVER}
    with transaction() as session:
        undos, hits = sweeping.forget_undos(session, now), sweeping.forget_hits(session, now)
        return removed | {"undos": undos, "hits": hits}


def _forget(kind: type[Table], now: datetime) -> int:
    removed = 0
    while batch := _batch(kind, now):
        removed += batch
        log("forgotten", what=kind.__tablename__, so_far=removed)
    return removed


def _batch(kind: type[Table], now: datetime) -> int:
    with transaction() as session:
        return sweeping.forget(session, kind, now)

"""Runs by the clock, without a route: works every offer out anew, as the catalog and the worths are now."""

from datetime import datetime
from typing import Any

from dealbrain import rescoring
from dealbrain.db import transaction
from dealbrain.web import Needs, log

NEEDS = Needs(database=True)


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Go through all offers as of the scheduled time, a batch to a transaction, and say how far it is.

    What a run that is broken off has written stays; the next one finds it as it is and goes on.
    """
    if event.get("warm"):
        return {}
    now = datetime.fromisoformat(event["now"])
    with transaction() as session:
        total = rescoring.total(session)
    looked = changed = last = 0
    while step := _step(last, now):
        last, looked, changed = step.last, looked + step.looked, changed + step.changed
        log("rescored", looked=looked, changed=changed, of=total)
    return {"looked": looked, "changed": changed}


def _step(after: int, now: datetime) -> rescoring.Step | None:
    with transaction() as session:
        return rescoring.step(session, after, now)

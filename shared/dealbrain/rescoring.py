"""All offers worked out anew: when the catalog or the table of worths is another than when they were written.

What was said stays as it is, and so does an offer's revision: nobody has changed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import browsing, offering
from dealbrain.offering import APPRAISED
from dealbrain.tables import Listing

BATCH = 1_000
_READ = [getattr(Listing, name) for name in ("id", "price_usd", "condition", *APPRAISED)]


@dataclass(frozen=True)
class Step:
    """A batch that is done: the last offer's id, how many were looked at, and how many are other now."""

    last: int
    looked: int
    changed: int


def total(session: Session) -> int:
    """How many offers there are to look at."""
    return session.scalars(sa.select(sa.func.count(Listing.id))).one()


def step(session: Session, after: int, now: datetime) -> Step | None:
    """Work out the next offers behind one of this id; None when there are no more.

    What somebody is just changing is left to them: they work it out themselves.
    """
    following = sa.select(*_READ).where(Listing.id > after).order_by(Listing.id).limit(BATCH)
    found = session.execute(following.with_for_update(skip_locked=True)).mappings().all()
    if not found:
        return None
    # Not the session's: it would send what changed row by row.
    rows = [Listing(**before) for before in found]
    offering.appraise_all(session, rows, now)
    changed = [row for row, before in zip(rows, found, strict=True) if _differs(row, before)]
    _write(session, changed)
    browsing.renew(session, [row.id for row in changed])
    return Step(found[-1]["id"], len(found), len(changed))


def _differs(row: Listing, before: Mapping[Any, Any]) -> bool:
    return any(getattr(row, name) != before[name] for name in APPRAISED)


def _write(session: Session, rows: Sequence[Listing]) -> None:
    columns = {name: getattr(Listing, name) for name in ("id", *APPRAISED)}
    new = [{name: _spelled(getattr(row, name)) for name in columns} for row in rows]
    typed = [sa.column(name, column.type) for name, column in columns.items()]
    given = sa.func.json_to_recordset(sa.literal(new, sa.JSON)).table_valued(*typed)
    given = given.render_derived(name="given", with_types=True)
    statement = sa.update(Listing).where(Listing.id == given.c.id)
    session.execute(
        statement.values({columns[name]: given.c[name] for name in APPRAISED}),
        execution_options={"synchronize_session": False},
    )


def _spelled(value: Any) -> Any:  # noqa: ANN401 - a column's value
    """A value as JSON carries it into the database, which reads it by the column's type."""
    return value if value is None or isinstance(value, str | int | float | dict | list) else str(value)

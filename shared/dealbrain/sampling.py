"""How frequent something is, told by one table page in a hundred; and a choice that is left to no planner."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from dealbrain.tables import Table

# One table page in so many is read.
ONE_IN = 100


def sampled[T: Table](table: type[T]) -> type[T]:
    """The rows on some pages of a table, the same at every look; none of a table of few pages, at times."""
    pages = sa.tablesample(table.__table__, sa.func.system(100 / ONE_IN), seed=sa.literal(0))
    return aliased(table, pages)


def rely_on_indexes(session: Session) -> None:
    """Let no statement of this transaction read a whole table.

    Statistics about short terms mislead the planner, which would read every row instead.
    """
    session.execute(sa.text("SET LOCAL enable_seqscan = off"))

"""Pages of a list by keyset: a deep page costs what the first one costs, and inserts do not shift it."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import facts, jsontext
from dealbrain.errors import Invalid, Problem, Refusal


@dataclass(frozen=True)
class Order:
    """An order of a list: by a key that is never null, equals by id, both in one direction.

    ``write`` and ``read`` spell the key in a cursor and read it back; ``read`` raises ValueError or
    TypeError for what ``write`` never wrote.
    """

    name: str
    key: sa.SQLColumnExpression[Any]
    id: sa.SQLColumnExpression[int]
    descending: bool
    write: Callable[[Any], str]
    read: Callable[[str], Any]

    @classmethod
    def by_time(cls, name: str, key: sa.SQLColumnExpression[Any], tie: sa.SQLColumnExpression[int]) -> Self:
        """Newest first."""
        return cls(name, key, tie, descending=True, write=datetime.isoformat, read=datetime.fromisoformat)

    @classmethod
    def by_number(
        cls,
        name: str,
        key: sa.SQLColumnExpression[Any],
        tie: sa.SQLColumnExpression[int],
        *,
        descending: bool,
        kind: Callable[[Decimal], Any] = Decimal,
    ) -> Self:
        """Largest or smallest first; ``kind`` is what Python calls the numbers."""
        return cls(name, key, tie, descending=descending, write=str, read=lambda text: kind(_finite(text)))

    def sorting(self) -> tuple[Any, Any]:
        """What to sort a statement by."""
        direction = sa.desc if self.descending else sa.asc
        return direction(self.key), direction(self.id)

    def beyond(self, cursor: str | None) -> sa.ColumnElement[bool]:
        """Whether a row stands behind a cursor; without one every row does.

        Raises:
            Invalid: the cursor is not one of ours, or of another order.
        """
        if cursor is None:
            return sa.true()
        # With the columns' own types, because another one would keep the index from being used.
        columns: tuple[Any, Any] = (self.key, self.id)
        place = sa.tuple_(*columns)
        last = sa.tuple_(*map(sa.literal, _read(self, cursor), (one.type for one in columns)))
        return place < last if self.descending else place > last

    def cursor(self, key: Any, tie: int) -> str:  # noqa: ANN401 - the order knows its key
        """Spell the place of a row."""
        text = jsontext.dumps([self.name, self.write(key), tie])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page(
    session: Session, statement: sa.Select[Any], order: Order, limit: int, cursor: str | None
) -> tuple[list[Any], str | None]:
    """Fetch one page of rows (entities first in the statement) and the cursor of the next.

    Raises:
        Invalid: the cursor is not one of ours, or of another order.
    """
    statement = statement.where(order.beyond(cursor)).add_columns(order.key, order.id)
    found = session.execute(statement.order_by(*order.sorting()).limit(limit + 1)).all()
    more = order.cursor(*found[limit - 1][-2:]) if len(found) > limit else None
    return [row[0] for row in found[:limit]], more


def _read(order: Order, cursor: str) -> tuple[Any, int]:
    try:
        match jsontext.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))):
            case [order.name, str(key), int(tie)] if 0 < tie <= facts.BIGINT_MOST:
                return order.read(key), tie
    except (Refusal, ValueError, binascii.Error, InvalidOperation):
        pass
    problem = Problem("?cursor", "bad_cursor", "This cursor is not one we gave for this list.")
    raise Invalid("The cursor is not ours.", problems=(problem,))


def _finite(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or abs(value) > facts.SAFE_INTEGER:
        raise ValueError(text)
    return value

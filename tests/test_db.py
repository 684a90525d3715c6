"""The driver as we use it: what it is told to do otherwise comes to the same."""

import pg8000.dbapi
import pytest

from dealbrain import db

STATEMENTS = (
    ("SELECT %s, %s", (1, "two")),
    ("SELECT '%s', \"%s\", 5 %% %s -- %s", (3,)),
    ("SELECT E'it\\'s %s', $$ %s $$, %s::text LIKE 'a%%'", ("x",)),
    ("SELECT 1", ()),
)


@pytest.mark.parametrize(("statement", "values"), STATEMENTS)
def test_a_statement_is_numbered_as_the_driver_numbers_it(statement: str, values: tuple[object, ...]) -> None:
    assert db._numbered("format", statement, values) == pg8000.dbapi.convert_paramstyle(
        "format", statement, values
    )


def test_a_statement_is_read_once_however_often_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    own = pg8000.dbapi.convert_paramstyle

    def counting(style: str, statement: str, values: object) -> object:
        read.append(statement)
        return own(style, statement, values)

    monkeypatch.setattr(pg8000.dbapi, "convert_paramstyle", counting)
    for value in range(3):
        assert db._numbered("format", "SELECT %s AS once", (value,)) == ("SELECT $1 AS once", (value,))
    assert read == ["SELECT %s AS once"]

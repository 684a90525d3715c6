"""The catalog itself: loading it, and choosing among processors of one name. Offers are in test_offering."""

import pytest
import sqlalchemy as sa

from dealbrain import catalog, db
from dealbrain.catalog import Entry, Known
from dealbrain.document import Cpu
from dealbrain.tables import Cpu as Row
from tests.makers import load_catalog, rows

pytestmark = pytest.mark.usefixtures("api")

MODEST = Entry("Intel Xeon E5-2680 v2 @ 2.80GHz", 12_000, 1_700)
STRONG = Entry("Intel Xeon E5-2680 v2 @ 3.10GHz", 13_000, 1_800)


def resolved(name: str, **said: int | str) -> Known:
    with db.transaction() as session:
        return catalog.resolve(session, Cpu.model_validate({"name": name, **said}))


def scores(name: str, **said: int) -> tuple[float | None, float | None]:
    with db.transaction() as session:
        return catalog.scores(session, Cpu.model_validate({"name": name, **said}))


def stored() -> list[tuple[str, int | None]]:
    with db.transaction() as session:
        found = session.execute(sa.select(Row.name, Row.cpu_mark_multi).order_by(Row.name))
        return [(name, multi) for name, multi in found]


def test_loading_twice_changes_nothing() -> None:
    load_catalog(MODEST, STRONG)
    before = stored()
    load_catalog(MODEST, STRONG)
    assert stored() == before


def test_a_newer_list_replaces_the_marks_and_keeps_what_it_does_not_name() -> None:
    load_catalog(MODEST, STRONG)
    load_catalog(Entry(MODEST.name, 12_345))
    assert stored() == [(MODEST.name, 12_345), (STRONG.name, 13_000)]


def test_of_a_name_that_stands_twice_in_a_list_the_last_is_kept() -> None:
    load_catalog(Entry("AMD Ryzen 5 5600G", 1), Entry("AMD Ryzen 5 5600G", 2))
    assert stored() == [("AMD Ryzen 5 5600G", 2)]


def test_an_empty_list_is_none() -> None:
    load_catalog()
    assert stored() == []


def test_the_name_as_written_comes_before_a_more_modest_one() -> None:
    load_catalog(MODEST, STRONG)
    assert resolved(STRONG.name).exact.cpu_mark_multi == 13_000


def test_of_several_of_one_name_the_most_modest_is_taken() -> None:
    load_catalog(STRONG, MODEST)
    assert resolved("Xeon E5-2680 v2").exact.cpu_mark_multi == 12_000


def test_what_was_said_is_kept_though_the_catalog_says_otherwise() -> None:
    load_catalog(MODEST)
    assert resolved(MODEST.name, cpu_mark_multi=1, manufacturer="Me").exact.cpu_mark_multi == 1


def test_a_name_nobody_knows_is_left_as_it_is() -> None:
    load_catalog(MODEST)
    assert resolved("Something Else 3000") == Known(
        Cpu(name="Something Else 3000", manufacturer="Unknown"), None
    )


def test_a_model_the_catalog_knows_without_marks_is_not_estimated_from_its_family() -> None:
    load_catalog(Entry("Intel Core i5-8250U"), Entry("Intel Core i5-8350U", 6_000))
    assert resolved("Core i5-8250U").estimate is None


def test_without_marks_there_is_no_rank() -> None:
    load_catalog(MODEST)
    assert scores("anything") == (None, None)


def test_the_best_of_all_ranks_below_a_hundred_and_the_worst_above_nothing() -> None:
    load_catalog(MODEST, STRONG)
    assert (scores("x", cpu_mark_multi=13_000)[0], scores("x", cpu_mark_multi=12_000)[0]) == (75, 25)


def test_a_real_list_of_more_than_one_batch_is_loaded_and_found_again() -> None:
    lines = [row for row in rows("passmark-cpus.csv") if row["name"].startswith("Intel")]
    assert len(lines) > catalog.BATCH
    load_catalog(*(Entry(row["name"], int(row["cpu_mark_multi"])) for row in lines))
    assert len(stored()) == len({row["name"] for row in lines})
    assert resolved("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz").exact.cpu_mark_multi

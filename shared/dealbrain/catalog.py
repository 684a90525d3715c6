"""The catalog of processors: whose marks an offer's scores are measured against.

Only the operator's loader writes it; no file and no person ever does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from dealbrain import document, hardware, scoring
from dealbrain.tables import Cpu

BATCH = 1_000


@dataclass(frozen=True)
class Entry:
    """A processor as a benchmark list names it."""

    name: str
    cpu_mark_multi: int | None = None
    cpu_mark_single: int | None = None
    tdp_w: int | None = None
    cores: int | None = None
    threads: int | None = None
    release_year: int | None = None


@dataclass(frozen=True)
class Known:
    """What an offer's processor is.

    ``exact`` carries what the person said, completed from the catalog's entry of that name. ``estimate``
    carries, for a family name alone, the family's medians; None when nothing had to be estimated.
    """

    exact: document.Cpu
    estimate: document.Cpu | None

    @property
    def best(self) -> document.Cpu:
        """What to reckon with."""
        return self.estimate or self.exact


def load(session: Session, entries: Iterable[Entry]) -> int:
    """Write a benchmark list into the catalog; a second time changes nothing.

    Returns:
        The number of processors written.
    """
    rows = [_row(entry) for entry in {entry.name: entry for entry in entries}.values()]
    for start in range(0, len(rows), BATCH):
        statement = insert(Cpu).values(rows[start : start + BATCH])
        changes = {name: statement.excluded[name] for name in rows[0] if name != "name"}
        session.execute(statement.on_conflict_do_update(index_elements=[Cpu.name], set_=changes))
    return len(rows)


def _row(entry: Entry) -> dict[str, object]:
    return {
        **vars(entry),
        "key": hardware.cpu_key(entry.name),
        "family": hardware.cpu_family(entry.name),
        "manufacturer": hardware.manufacturer(entry.name) or "Unknown",
    }


def resolve(session: Session, cpu: document.Cpu) -> Known:
    """Complete what a person said of a processor; what they said themselves stays as they said it."""
    exact = cpu
    found = _by_key(session, cpu.name)
    if found is not None:
        exact = _completed(cpu, found)
    if exact.manufacturer is None:
        exact = exact.model_copy(update={"manufacturer": hardware.manufacturer(cpu.name) or "Unknown"})
    needs_marks = exact.cpu_mark_multi is None and exact.cpu_mark_single is None
    return Known(exact, _family_median(session, exact) if needs_marks and found is None else None)


def _by_key(session: Session, name: str) -> Cpu | None:
    key = hardware.cpu_key(name)
    if key is None:
        return None
    # Entries of one key differ in clock or sockets: the name as written first, then the most modest one.
    choice = (
        sa.select(Cpu)
        .where(Cpu.key == key)
        .order_by((Cpu.name == name).desc(), Cpu.cpu_mark_multi.asc().nulls_last(), Cpu.id)
    )
    return session.scalars(choice.limit(1)).one_or_none()


_COMPLETED = (
    "manufacturer",
    "cores",
    "threads",
    "tdp_w",
    "cpu_mark_multi",
    "cpu_mark_single",
    "release_year",
)


def _completed(cpu: document.Cpu, entry: Cpu) -> document.Cpu:
    missing = {name: getattr(entry, name) for name in _COMPLETED if getattr(cpu, name) is None}
    return cpu.model_copy(update=missing)


def _family_median(session: Session, cpu: document.Cpu) -> document.Cpu | None:
    family = hardware.cpu_family(cpu.name)
    if family is None:
        return None
    medians = [
        sa.func.percentile_disc(0.5).within_group(column)
        for column in (Cpu.cpu_mark_multi, Cpu.cpu_mark_single, Cpu.tdp_w)
    ]
    multi, single, tdp = session.execute(sa.select(*medians).where(Cpu.family == family)).one()
    if multi is None and single is None:
        return None
    tdp = cpu.tdp_w if cpu.tdp_w is not None else tdp
    return cpu.model_copy(update={"cpu_mark_multi": multi, "cpu_mark_single": single, "tdp_w": tdp})


def scores(session: Session, cpu: document.Cpu | None) -> tuple[float | None, float | None]:
    """Percent ranks (0-100) of a processor's multi- and single-thread marks in the catalog."""
    if cpu is None:
        return None, None
    return (
        _rank(session, Cpu.cpu_mark_multi, cpu.cpu_mark_multi),
        _rank(session, Cpu.cpu_mark_single, cpu.cpu_mark_single),
    )


def _rank(session: Session, column: InstrumentedAttribute[int | None], mark: int | None) -> float | None:
    if mark is None:
        return None
    total, below, same = session.execute(
        sa.select(
            sa.func.count(column),
            sa.func.count().filter(column < mark),
            sa.func.count().filter(column == mark),
        )
    ).one()
    return scoring.percent_rank(below, same, total)

"""The catalog of processors: whose marks an offer's scores are measured against.

Only the operator's loader writes it; no file and no person ever does.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
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
    return resolve_all(session, [cpu])[0]


def resolve_all(session: Session, cpus: Sequence[document.Cpu]) -> list[Known]:
    """Complete what was said of processors, in two questions however many they are."""
    known = _by_keys(session, {hardware.cpu_key(cpu.name) for cpu in cpus} - {None})
    exact = [_exact(cpu, known.get(hardware.cpu_key(cpu.name), ())) for cpu in cpus]
    unknown = {cpu.name for cpu, (_, is_known) in zip(cpus, exact, strict=True) if not is_known}
    medians = _family_medians(session, {hardware.cpu_family(name) for name in unknown} - {None})
    return [
        Known(cpu, None if is_known else _estimated(cpu, medians.get(hardware.cpu_family(cpu.name))))
        for cpu, is_known in exact
    ]


def _by_keys(session: Session, keys: AbstractSet[str | None]) -> dict[str | None, list[Cpu]]:
    found: dict[str | None, list[Cpu]] = defaultdict(list)
    # Entries of one key differ in clock or sockets; the most modest one comes first.
    choice = (
        sa.select(Cpu).where(Cpu.key == _any_of(keys)).order_by(Cpu.cpu_mark_multi.asc().nulls_last(), Cpu.id)
    )
    for entry in session.scalars(choice) if keys else ():
        found[entry.key].append(entry)
    return found


def _any_of(words: AbstractSet[str | None]) -> sa.CollectionAggregate[Any]:
    return sa.any_(sa.literal([*words], ARRAY(sa.Text)))


def _exact(cpu: document.Cpu, entries: Sequence[Cpu]) -> tuple[document.Cpu, bool]:
    """A processor with what its entry adds: the one of the name as written, else the most modest one."""
    same = [entry for entry in entries if entry.name == cpu.name]
    exact = next((_completed(cpu, entry) for entry in (*same, *entries)), cpu)
    if exact.manufacturer is None:
        exact = exact.model_copy(update={"manufacturer": hardware.manufacturer(cpu.name) or "Unknown"})
    return exact, bool(entries)


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


type _Marks = tuple[int | None, int | None, int | None]
"""Multi- and single-thread mark, and watts."""


def _family_medians(session: Session, families: AbstractSet[str | None]) -> dict[str | None, _Marks]:
    if not families:
        return {}
    medians = [
        sa.func.percentile_disc(0.5).within_group(column)
        for column in (Cpu.cpu_mark_multi, Cpu.cpu_mark_single, Cpu.tdp_w)
    ]
    statement = sa.select(Cpu.family, *medians).where(Cpu.family == _any_of(families)).group_by(Cpu.family)
    return {family: (multi, single, tdp) for family, multi, single, tdp in session.execute(statement)}


def _estimated(cpu: document.Cpu, medians: _Marks | None) -> document.Cpu | None:
    """A processor of a family alone, without marks of its own, with the family's medians."""
    if medians is None or cpu.cpu_mark_multi is not None or cpu.cpu_mark_single is not None:
        return None
    multi, single, tdp = medians
    if multi is None and single is None:
        return None
    tdp = cpu.tdp_w if cpu.tdp_w is not None else tdp
    return cpu.model_copy(update={"cpu_mark_multi": multi, "cpu_mark_single": single, "tdp_w": tdp})


type Scores = tuple[float | None, float | None]


def scores(session: Session, cpu: document.Cpu) -> Scores:
    """Percent ranks (0-100) of a processor's multi- and single-thread marks in the catalog."""
    return scores_all(session, [cpu])[0]


def scores_all(session: Session, cpus: Sequence[document.Cpu | None]) -> list[Scores]:
    """The same of many, in two questions however many they are; of none, none."""
    multi = _ranks(session, Cpu.cpu_mark_multi, {cpu.cpu_mark_multi for cpu in cpus if cpu} - {None})
    single = _ranks(session, Cpu.cpu_mark_single, {cpu.cpu_mark_single for cpu in cpus if cpu} - {None})
    return [
        (multi.get(cpu.cpu_mark_multi), single.get(cpu.cpu_mark_single)) if cpu else (None, None)
        for cpu in cpus
    ]


def _ranks(
    session: Session, column: InstrumentedAttribute[int | None], marks: AbstractSet[int | None]
) -> dict[int | None, float | None]:
    if not marks:
        return {}
    given = sa.func.unnest(sa.literal([*marks], ARRAY(sa.BigInteger)))
    wanted = given.table_valued(sa.column("mark", sa.BigInteger)).render_derived(name="wanted")
    mark = wanted.c.mark
    counted = (
        sa.select(
            mark,
            sa.func.count(column),
            sa.func.count().filter(column < mark),
            sa.func.count().filter(column == mark),
        )
        .select_from(wanted)
        .outerjoin(Cpu, sa.true())
        .group_by(mark)
    )
    return {
        one: scoring.percent_rank(below, same, total) for one, total, below, same in session.execute(counted)
    }

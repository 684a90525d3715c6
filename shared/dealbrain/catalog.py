"""The catalog of processors and graphics cards: whose marks an offer's scores are measured against.

Only the operator's loader writes it; no file and no person ever does.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from dealbrain import document, graphics, hardware, scoring
from dealbrain.tables import Cpu, Gpu

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
class GpuEntry:
    """A graphics card as a benchmark list names it."""

    name: str
    gpu_mark: int | None = None


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
    return _write(session, Cpu, map(_cpu_row, entries))


def load_gpus(session: Session, entries: Iterable[GpuEntry]) -> int:
    """The same with a list of graphics cards."""
    return _write(session, Gpu, map(_gpu_row, entries))


type _Row = dict[str, Any]


def _write(session: Session, table: type[Cpu | Gpu], entries: Iterable[_Row]) -> int:
    rows = [*{entry["name"]: entry for entry in entries}.values()]
    for start in range(0, len(rows), BATCH):
        statement = insert(table).values(rows[start : start + BATCH])
        changes = {name: statement.excluded[name] for name in rows[0] if name != "name"}
        session.execute(statement.on_conflict_do_update(index_elements=[table.name], set_=changes))
    return len(rows)


def _cpu_row(entry: Entry) -> _Row:
    return {
        **vars(entry),
        "key": hardware.cpu_key(entry.name),
        "family": hardware.cpu_family(entry.name),
        "manufacturer": hardware.manufacturer(entry.name) or document.UNKNOWN_MANUFACTURER,
    }


def _gpu_row(entry: GpuEntry) -> _Row:
    return {
        **vars(entry),
        "key": graphics.key(entry.name),
        "manufacturer": graphics.manufacturer(entry.name) or document.UNKNOWN_MANUFACTURER,
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
    alone = {key for key in keys if key and hardware.model_alone(key)}
    wanted = Cpu.key == _any_of(keys)
    if alone:
        wanted |= Cpu.key.like(_any_of({f"% {number}" for number in alone}))
    # Entries of one key differ in clock or sockets; the most modest one comes first.
    choice = sa.select(Cpu).where(wanted).order_by(Cpu.cpu_mark_multi.asc().nulls_last(), Cpu.id)
    for entry in session.scalars(choice) if keys else ():
        found[entry.key].append(entry)
    for number in alone - found.keys():
        lines = [key for key in found if key and key.endswith(f" {number}")]
        # A number that two lines have says neither.
        if len(lines) == 1:
            found[number] = found[lines[0]]
    return found


def _any_of(words: AbstractSet[str | None]) -> sa.CollectionAggregate[Any]:
    return sa.any_(sa.literal([*words], ARRAY(sa.Text)))


def _exact(cpu: document.Cpu, entries: Sequence[Cpu]) -> tuple[document.Cpu, bool]:
    """A processor with what its entry adds: the one of the name as written, else the most modest one."""
    same = [entry for entry in entries if entry.name == cpu.name]
    exact = next((_completed(cpu, entry) for entry in (*same, *entries)), cpu)
    if exact.manufacturer is None:
        maker = hardware.manufacturer(cpu.name) or document.UNKNOWN_MANUFACTURER
        exact = exact.model_copy(update={"manufacturer": maker})
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


def complete_gpus(session: Session, gpus: Sequence[document.Gpu]) -> list[document.Gpu]:
    """Add what was not said of graphics cards: maker and mark, in one question however many they are.

    Of several entries of one name the one written the same is taken, else the most modest.
    """
    known = _gpus_by_keys(session, {graphics.key(gpu.name) for gpu in gpus} - {None})
    return [_completed_gpu(gpu, known.get(graphics.key(gpu.name), ())) for gpu in gpus]


def _gpus_by_keys(session: Session, keys: AbstractSet[str | None]) -> dict[str | None, list[Gpu]]:
    found: dict[str | None, list[Gpu]] = defaultdict(list)
    choice = sa.select(Gpu).where(Gpu.key == _any_of(keys)).order_by(Gpu.gpu_mark.asc().nulls_last(), Gpu.id)
    for entry in session.scalars(choice) if keys else ():
        found[entry.key].append(entry)
    return found


def _completed_gpu(gpu: document.Gpu, entries: Sequence[Gpu]) -> document.Gpu:
    same = [entry for entry in entries if entry.name == gpu.name]
    entry = next((entry for entry in (*same, *entries)), None)
    maker = entry.manufacturer if entry else graphics.manufacturer(gpu.name)
    return gpu.model_copy(
        update={
            "manufacturer": (maker or document.UNKNOWN_MANUFACTURER)
            if gpu.manufacturer is None
            else gpu.manufacturer,
            "gpu_mark": entry.gpu_mark if entry and gpu.gpu_mark is None else gpu.gpu_mark,
        }
    )


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


def gpu_scores(session: Session, gpus: Sequence[document.Gpu | None]) -> list[float | None]:
    """Percent ranks (0-100) of graphics cards' marks in the catalog, in one question; of none, none."""
    ranks = _ranks(session, Gpu.gpu_mark, {gpu.gpu_mark for gpu in gpus if gpu} - {None})
    return [ranks.get(gpu.gpu_mark) if gpu else None for gpu in gpus]


def _ranks(
    session: Session, column: InstrumentedAttribute[int | None], marks: AbstractSet[int | None]
) -> dict[int | None, float | None]:
    if not marks:
        return {}
    # Sorted once, and each mark looked up by halving: how many of the catalog's are at most as high.
    numbers = ARRAY(sa.BigInteger)
    sort = sa.func.array_agg(aggregate_order_by(column, column)).filter(column.is_not(None))
    catalog = sa.select(sa.func.coalesce(sort, sa.literal([], numbers)).label("marks")).subquery("catalog")
    given = sa.func.unnest(sa.literal([*marks], numbers)).table_valued(sa.column("mark", sa.BigInteger))
    mark, sorted_marks = given.render_derived(name="wanted").c.mark, catalog.c.marks
    counted = sa.select(
        mark,
        sa.func.cardinality(sorted_marks),
        sa.func.width_bucket(mark - 1, sorted_marks),
        sa.func.width_bucket(mark, sorted_marks),
    ).join_from(mark.table, catalog, sa.true())
    return {
        one: scoring.percent_rank(below, up_to - below, total)
        for one, total, below, up_to in session.execute(counted)
    }

"""Loads real lists into a running system: processors into the catalog, offers over HTTP, row by row."""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dealbrain import catalog
from dealbrain.catalog import Entry
from dealbrain.db import transaction
from infra.local.client import Client
from infra.local.marketplace import Offer, Remark, UnreadableError, read

# Rows are numbered as a spreadsheet shows them: the header is row 1.
FIRST_ROW = 2
TELL_EVERY = 100

ACCEPTED = "accepted"
WARNED = "accepted with warnings"
REFUSED = "refused"
OUTCOMES = (ACCEPTED, WARNED, REFUSED)


@dataclass(frozen=True)
class Fate:
    """What became of a row: its number, the title it got, and remarks or the reason it was refused."""

    row: int
    outcome: str
    title: str
    remarks: tuple[Remark, ...]


def processors(file: Path) -> int:
    """Write a benchmark list into the catalog, as only an operator may.

    Returns:
        The number of processors written.
    """
    with transaction() as session:
        return catalog.load(session, most_modest(map(processor, _rows(file))))


def processor(row: Mapping[str, str]) -> Entry:
    """Read one row of a benchmark list; watts are rounded up, so that none looks more frugal than it is."""
    watts = row["tdp_w"]
    return Entry(
        name=row["name"],
        cpu_mark_multi=_whole(row["cpu_mark_multi"]),
        cpu_mark_single=_whole(row["cpu_mark_single"]),
        tdp_w=math.ceil(float(watts)) if watts else None,
        cores=_whole(row["cores"]),
        threads=_whole(row["threads"]),
        release_year=_whole(row["first_benchmarked_year"]),
    )


def _whole(text: str) -> int | None:
    return int(text) if text else None


def most_modest(entries: Iterable[Entry]) -> list[Entry]:
    """Keep one entry for each name: the one with the lowest mark.

    A list names a server's processor once for each count of sockets, and an offer is of the fewest.
    """
    found: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda one: one.cpu_mark_multi or 0):
        found.setdefault(entry.name, entry)
    return list(found.values())


def offers(file: Path, person: Client, wanted: int) -> list[Fate]:
    """Add offers of a marketplace's list as a person's listings until enough are accepted.

    Args:
        file: the list, as CSV.
        person: whose listings they become.
        wanted: how many to accept; rows that are refused come on top.

    Returns:
        What became of every row looked at.

    Raises:
        UnkeptError: the API refuses an offer that was read.
    """
    fates: list[Fate] = []
    accepted = 0
    for number, row in enumerate(_rows(file), FIRST_ROW):
        fates.append(_loaded(number, row, person))
        if fates[-1].outcome == REFUSED:
            continue
        accepted += 1
        if accepted % TELL_EVERY == 0:
            print(f"           {accepted} of {wanted} offers (row {number}) …", flush=True)
        if accepted == wanted:
            break
    return fates


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _loaded(number: int, row: Mapping[str, str], person: Client) -> Fate:
    try:
        offer = read(row)
        person.made("/listings", offer.body)
    except UnreadableError as reason:
        return Fate(number, REFUSED, "", (reason.remark,))
    return fate(number, offer)


def fate(number: int, offer: Offer) -> Fate:
    """What became of a row that was taken."""
    return Fate(number, WARNED if offer.remarks else ACCEPTED, offer.body["title"], offer.remarks)


def counted(fates: Sequence[Fate]) -> dict[str, int]:
    """How many rows came to which outcome."""
    found = Counter(one.outcome for one in fates)
    return {outcome: found[outcome] for outcome in OUTCOMES}


def report(fates: Sequence[Fate]) -> str:
    """Spell what became of every row: the sums, how often each remark, then row by row."""
    often = Counter((one.outcome == REFUSED, remark.code) for one in fates for remark in one.remarks)
    lines = [f"{len(fates)} rows read", ""]
    lines += [f"{number:6}  {outcome}" for outcome, number in counted(fates).items()]
    lines += ["", "Reasons and warnings", ""]
    lines += [
        f"{number:6}  {'refused: ' if is_reason else ''}{code}"
        for (is_reason, code), number in sorted(often.items(), key=lambda one: (-one[0][0], -one[1]))
    ]
    lines += ["", "Row by row", ""]
    for one in fates:
        lines.append(f"row {one.row}: {one.outcome}" + (f": {one.title}" if one.title else ""))
        lines += [f"    {remark.column}: {remark.sentence}" for remark in one.remarks]
    return "\n".join(lines) + "\n"

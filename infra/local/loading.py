"""Loads lists into a running system, as its operator: benchmark marks into the catalog, offers as a person's.

``python -m infra.local.loading cpus|gpus FILE`` and ``… offers FILE --owner NAME [--mapping JSON-FILE]``.
"""

import argparse
import csv
import hashlib
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from dealbrain import browsing, catalog, jsontext, offering
from dealbrain.catalog import Entry, GpuEntry
from dealbrain.db import transaction
from dealbrain.identity import Person
from dealbrain.matching import canonical_url
from dealbrain.scalars import problems
from dealbrain.shapes import ListingChange, ListingSort, NewListing
from dealbrain.tables import Listing
from infra.local import marketplace
from infra.local.issuer import subject
from infra.local.marketplace import Offer, Remark, UnreadableError, read
from infra.local.postgres import sqlalchemy_url
from infra.local.processes import SetupError
from infra.local.run import DATA, system

# Rows are numbered as a spreadsheet shows them: the header is row 1.
FIRST_ROW = 2
BATCH = 500
# The owner's own field in which a listing keeps the row it came from.
SOURCE = "loaded_from"

ACCEPTED = "accepted"
WARNED = "accepted with warnings"
REFUSED = "refused"
PRESENT = "there already"
REPRICED = "there already, at another price"
OUTCOMES = (ACCEPTED, WARNED, REFUSED, PRESENT, REPRICED)


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


def graphics_cards(file: Path) -> int:
    """Write a benchmark list of graphics cards into the catalog, as only an operator may.

    Args:
        file: CSV with the columns ``name`` and ``gpu_mark`` (PassMark G3D); others are not read.

    Returns:
        The number of graphics cards written.
    """
    entries = (GpuEntry(row["name"], _whole(row["gpu_mark"])) for row in _rows(file))
    with transaction() as session:
        return catalog.load_gpus(session, entries)


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


def offers(
    file: Path, owner: Person, columns: Mapping[str, str] = marketplace.EBAY, wanted: int | None = None
) -> list[Fate]:
    """Add offers of a marketplace's list as a person's listings.

    Those that are there already stay; one known by its address takes the list's price if that is another.
    A batch is all or nothing, so a load that was broken off is taken up again by the same command.

    Args:
        file: the list, as CSV with a line of headings.
        owner: whose listings they become.
        columns: which column says what, by the names of ``marketplace.FIELDS``.
        wanted: how many to take; rows that are refused come on top. All without it.

    Returns:
        What became of every row looked at.

    Raises:
        MappingError: the mapping names a field or a column that does not exist.
    """
    rows = list(_rows(file))
    _check(columns, rows)
    load = _Load(owner, _present(owner))
    for number, cells in enumerate(rows, FIRST_ROW):
        load.take(number, cells, columns)
        if load.taken == wanted:
            break
        if len(load.waiting) == BATCH:
            load.write(len(rows))
    load.write(len(rows))
    return load.fates


class MappingError(ValueError):
    """A mapping that does not fit the list; the sentence says where."""


def _check(columns: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> None:
    fields = [name for name in columns if name not in marketplace.FIELDS]
    if fields:
        known = ", ".join(marketplace.FIELDS)
        raise MappingError(f"There is no field {', '.join(fields)}; the fields are {known}.")
    missing = [column for column in columns.values() if rows and column not in rows[0]]
    if missing:
        raise MappingError(f"The list has no column {', '.join(missing)}; it has {', '.join(rows[0])}.")


@dataclass
class _Load:
    """A load on its way: what became of rows, and those that wait to be written."""

    owner: Person
    present: dict[str, Listing | None]
    """Listings by what they are known by; None for one of this load."""
    fates: list[Fate] = field(default_factory=list)
    waiting: list[NewListing] = field(default_factory=list)
    taken: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def take(self, number: int, cells: Mapping[str, str], columns: Mapping[str, str]) -> None:
        """Read a row, and let it wait if it is new."""
        try:
            offer = read(cells, columns)
            new = NewListing.model_validate(offer.body)
        except UnreadableError as reason:
            self.fates.append(Fate(number, REFUSED, "", (reason.remark,)))
            return
        except ValidationError as wrong:
            remarks = tuple(Remark(one.pointer, one.code, one.message) for one in problems(wrong.errors()))
            self.fates.append(Fate(number, REFUSED, "", remarks))
            return
        self.taken += 1
        key = self._key(new, [cells.get(column, "") for column in columns.values()])
        if key in self.present:
            self.fates.append(Fate(number, self._again(new, self.present[key]), new.title, ()))
            return
        self.present[key] = None
        self.fates.append(fate(number, offer))
        self.waiting.append(new.model_copy(update={"custom_fields": {SOURCE: key}}))

    def _again(self, new: NewListing, present: Listing | None) -> str:
        """Keep what is there; of an address the price that is asked today, if one is."""
        if present is None or new.listing_url is None or new.price_usd in {None, present.price_usd}:
            return PRESENT
        with transaction() as session:
            change = ListingChange(price_usd=new.price_usd)
            offering.change(session, self.owner, present.id, change, datetime.now(UTC))
        return REPRICED

    def _key(self, new: NewListing, said: Sequence[str]) -> str:
        """What a row is known by: its address, else what it says and the how-manieth to say so it is."""
        address = canonical_url(new.listing_url) if new.listing_url else ""
        key = address or hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
        self.seen[key] += 1
        # An address is one offer however often it stands there.
        return key if address else f"{key} {self.seen[key]}"

    def write(self, total: int) -> None:
        """Store what waits, and say how far it is."""
        if self.waiting:
            with transaction() as session:
                offering.create_all(session, self.owner, self.waiting, datetime.now(UTC))
        self.waiting = []
        told = ", ".join(f"{number} {outcome}" for outcome, number in counted(self.fates).items() if number)
        print(f"           {len(self.fates)} of {total} rows: {told}", flush=True)


def _present(owner: Person) -> dict[str, Listing | None]:
    """The owner's listings by their addresses, and by what the rows that were loaded before are known by."""
    found: dict[str, Listing | None] = {}
    cursor = None
    wanted = browsing.Filter(owner=owner.username)
    while True:
        with transaction() as session:
            rows, cursor = browsing.find(session, wanted, ListingSort.recent, BATCH, cursor)
            found |= {row.url_key: row for row in rows if row.url_key}
            found |= {str(row.custom_fields[SOURCE]): row for row in rows if SOURCE in row.custom_fields}
        if cursor is None:
            return found


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text, restval="")


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


def main(arguments: Sequence[str]) -> int:
    """Load a file into the system in the data folder, or in ``DATABASE_URL``; ``make run`` must not run.

    Returns:
        0, or 1 when the mapping does not fit the list.
    """
    said = _parser().parse_args(arguments)
    other = os.environ.get("DATABASE_URL")
    with system(DATA, database_url=sqlalchemy_url(other) if other else None, warming=False):
        if said.what == "offers":
            return _load_offers(said)
        number = (processors if said.what == "cpus" else graphics_cards)(said.file)
        print(f"{number} in the catalog")
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.loading", description=main.__doc__)
    kinds = parser.add_subparsers(dest="what", required=True)
    for kind in ("cpus", "gpus", "offers"):
        kinds.add_parser(kind).add_argument("file", type=Path)
    listed = kinds.choices["offers"]
    listed.add_argument("--owner", required=True, help="whose listings they become")
    listed.add_argument("--mapping", type=Path, help="JSON that says which column says what")
    listed.add_argument("--report", type=Path, help="a file for what became of every row")
    return parser


def _mapping(file: Path) -> dict[str, str]:
    said = jsontext.loads(file.read_bytes())
    if not isinstance(said, dict):
        raise MappingError("A mapping is a JSON object: {field: column}.")
    return {name: str(column) for name, column in said.items()}


def _load_offers(said: argparse.Namespace) -> int:
    try:
        columns = _mapping(said.mapping) if said.mapping else marketplace.EBAY
        fates = offers(said.file, Person(subject(said.owner), said.owner), columns)
    except MappingError as wrong:
        print(wrong)
        return 1
    if said.report:
        said.report.write_text(report(fates), encoding="utf-8")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "WARNING")
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as missing:
        sys.exit(str(missing))

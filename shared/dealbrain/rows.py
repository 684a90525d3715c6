"""Rows of other kinds of files becoming items of a collection, or refused with their reasons. Pure.

A row is refused alone; the file as a whole only when it has none, or more than a collection takes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dealbrain import facts, reading
from dealbrain.document import CollectionFile, CollectionHead, ItemEntry, Notice, Visibility
from dealbrain.errors import Invalid, Malformed, Problem
from dealbrain.scalars import pointer

type Cells = Mapping[str, str]
"""What a row says, by the names of its cells."""


@dataclass(frozen=True)
class Row:
    """One row of a file, taken apart."""

    cells: Cells
    """As it stands in the file; whoever mends a refused row begins with these."""
    said: Mapping[str, Any] = field(default_factory=dict)
    """What it says of an item, by the place of each value in it (JSON Pointer)."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Which cell says what stands at a place."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with it already; each pointer names a cell."""


@dataclass(frozen=True)
class Refused:
    """A row nobody can import: which one of the file, counted from 0, what it says, and why."""

    index: int
    cells: Cells
    problems: tuple[Problem, ...]


@dataclass
class Gathered:
    """What became of the rows."""

    items: list[ItemEntry] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def collection(self, name: str, now: datetime) -> CollectionFile:
        """Make the file of ours that these items are."""
        head = CollectionHead(id=0, name=name, visibility=Visibility.private, created_at=now, updated_at=now)
        return CollectionFile(head, tuple(self.items), {}, tuple(self.notices))


def gather(rows: Iterable[Row], now: datetime) -> Gathered:
    """Read every row.

    Raises:
        Invalid: there is none, or there are more than a collection takes.
    """
    found = Gathered()
    for index, row in enumerate(rows):
        if index == facts.COLLECTION_ITEMS:
            raise refusal("too_many_rows", f"A file brings at most {facts.COLLECTION_ITEMS} rows; split it.")
        _settle(found, index, row, now)
    if not found.items and not found.refused:
        raise refusal("no_rows", "There is nothing to import in this file.")
    return found


def _settle(found: Gathered, index: int, row: Row, now: datetime) -> None:
    place = len(found.items)
    problems = [Problem(pointer(index) + one.pointer, one.code, one.message) for one in row.problems]
    # Of a row that was found to be none at all, nothing is missing.
    if row.said or not problems:
        try:
            item, notices = reading.item(_tree(row.said, place), place, now=now)
        except Invalid as wrong:
            problems += _told(index, row, wrong.problems)
    if problems:
        kept = {name[: facts.TITLE]: cell[: facts.TEXT] for name, cell in row.cells.items()}
        found.refused.append(Refused(index, kept, tuple(problems)))
    else:
        found.items.append(item)
        found.notices += notices


def _tree(said: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Spell what a row says as an item of a portable file; what no row must say, as a request may omit it."""
    tree: dict[str, Any] = {"status": "undecided", "position": place + 1}
    defaults = {"/listing/listing/condition": "used", "/listing/listing/status": "active"}
    for at, value in {"/listing/listing/id": 0, **defaults, **said}.items():
        *parents, last = at.split("/")[1:]
        inside = tree
        for step in parents:
            inside = inside.setdefault(step, {})
        inside[last] = value
    return tree


def _told(index: int, row: Row, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Name the cells of what is wrong, and not places in a file nobody has seen; each cell once."""
    known = {one.pointer for one in row.problems}
    for problem in problems:
        cell = pointer(row.places.get(problem.pointer, problem.pointer.rpartition("/")[2]))
        if cell not in known:
            known.add(cell)
            yield Problem(pointer(index) + cell, problem.code, problem.message)


def refusal(code: str, sentence: str, **members: Any) -> Invalid:  # noqa: ANN401 - whatever helps a program
    """Refuse a file as a whole."""
    return Invalid(sentence, problems=(Problem("", code, sentence),), members=members)


def name_after(*candidates: str | None) -> str:
    """Name a collection after the first that is a name; letters nobody sees are no part of one."""
    for candidate in candidates:
        clean = "".join(letter if letter.isprintable() else " " for letter in candidate or "")
        name = " ".join(clean.split())[: facts.COLLECTION_NAME].strip()
        if name:
            return name
    return "Imported"


def stem(file_name: str | None) -> str:
    """What a file is called, without folders and ending."""
    name = (file_name or "").replace("\\", "/").rpartition("/")[2]
    return name.rpartition(".")[0] or name


def decoded(raw: bytes) -> str:
    """Take bytes for the text they are; a byte order mark is no part of it.

    Raises:
        Malformed: no UTF-8, or a NUL.
    """
    refuse_nul(raw)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise no_utf8(error) from None


def refuse_nul(raw: bytes) -> None:
    """Refuse what Postgres cannot hold.

    Raises:
        Malformed: there is a NUL.
    """
    if b"\x00" in raw:
        raise Malformed("The file contains a NUL, which is no letter.")


def no_utf8(error: UnicodeDecodeError) -> Malformed:
    """Tell that a file is no text of ours."""
    return Malformed(f"The file is no UTF-8: byte {error.start} cannot be read. Save it as UTF-8.")


def refuse_shapeless(raw: bytes) -> None:
    """Refuse what nobody wrote line by line, before it is looked at closer.

    Raises:
        Invalid: more lines than there may be, or somewhere a whole block of bytes without an end of line.
    """
    if raw.count(b"\n") > facts.TABLE_LINES:
        raise refusal("too_many_lines", f"A file has at most {facts.TABLE_LINES:,} lines.")
    blocks = range(0, len(raw) - facts.LINE_BYTES, facts.LINE_BYTES)
    if any(raw.find(b"\n", start, start + facts.LINE_BYTES) < 0 for start in blocks):
        raise refusal("long_line", f"A line is longer than {facts.LINE_BYTES // 1024:,} KiB.")

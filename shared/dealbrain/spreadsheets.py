"""Tables in and out: CSV with a line of headings. Pure.

A table says less than a portable file; what it says comes back in by the names of its columns. No cell of
ours is taken for a formula by a spreadsheet.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from dealbrain import document, facts, hardware, jsontext, rows
from dealbrain.document import ItemEntry
from dealbrain.errors import Invalid, Malformed, Problem
from dealbrain.rows import Refused, Row
from dealbrain.scalars import pointer, spell_instant

type Value = str | int | float | None
type Reader = Callable[[str], Value]
"""Makes a JSON value of a cell; a ValueError says what is wrong with it."""

# --------------------------------------------------------------------------------------------- cells

# What a spreadsheet takes for a formula, or may once it has taken off what stands before it.
_FORMULA = re.compile(r"'*(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def guarded(text: str) -> str:
    """Mark a cell as text, the way spreadsheets do, where it would be taken for a formula."""
    return f"'{text}" if text and not text[0].isalnum() and _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Take the mark off again."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


_AMOUNT = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_DOLLARS = re.compile(r"^(?:US\s*\$|USD|\$)\s*|\s*(?:US\s*\$|USD|\$)$", re.IGNORECASE)
_CURRENCY = re.compile(r"[^\d\s.,+-]")
_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(gb|gib|tb|tib)?", re.IGNORECASE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _text(cell: str) -> Value:
    return cell


def _trimmed(cell: str) -> Value:
    return cell.strip()


def _word(cell: str) -> Value:
    return re.sub(r"[\s-]+", "_", cell.strip().lower())


def _dollars(cell: str) -> Value:
    amount = _DOLLARS.sub("", cell.strip())
    if _CURRENCY.search(amount):
        raise ValueError("Amounts are in US dollars; convert this one and write the number alone.")
    return _plain_number(amount)


def _plain_number(cell: str) -> Value:
    if not _AMOUNT.fullmatch(cell.strip()):
        raise ValueError("This is no number; write it as 1299.99 or 1,299.99.")
    plain = cell.strip().replace(",", "")
    if len(plain) > jsontext.MAX_INTEGER_DIGITS:
        raise ValueError("This number is too long.")
    return float(plain) if "." in plain else int(plain)


def _whole(cell: str) -> Value:
    number = _plain_number(cell)
    if number != int(number or 0):
        raise ValueError("This should be a whole number.")
    return int(number or 0)


def _gigabytes(cell: str) -> Value:
    found = _SIZE.fullmatch(cell.strip())
    if not found:
        raise ValueError("This is no size; write it as 16, 512 GB or 1 TB.")
    size = float(found[1]) * (1000 if (found[2] or "").lower().startswith("t") else 1)
    if not size.is_integer():
        raise ValueError("This should be whole gigabytes.")
    return int(size)


def _time(cell: str) -> Value:
    text = cell.strip()
    if _DAY.fullmatch(text):
        return f"{text}T00:00:00Z"
    if not _DAY.match(text):
        raise ValueError("This is no date; write it as 2026-01-31, or leave the column out.")
    return text.replace(" ", "T", 1)


# ------------------------------------------------------------------------------------------- columns


@dataclass(frozen=True)
class Column:
    """A column of our tables, and what others call it."""

    name: str
    place: str
    """Where in an item its value stands (JSON Pointer)."""
    read: Reader = _text
    others: tuple[str, ...] = ()


_LISTING, _CPU, _GPU = "/listing/listing", "/listing/performance/cpu", "/listing/performance/gpu"
_FIRST, _SECOND = "/listing/performance/storage_primary", "/listing/performance/storage_secondary"
_RAM, _METRICS = "/listing/performance/ram", "/listing/performance/metrics"

# Parts, and what each is nothing without.
_PARTS = {_CPU: "name", _GPU: "name", _RAM: "total_gb", _FIRST: "capacity_gb", _SECOND: "capacity_gb"}

COLUMNS: Final = (
    Column(
        "title",
        f"{_LISTING}/title",
        others=("name", "item", "product", "product_name", "listing", "offer", "deal"),
    ),
    Column(
        "listing_url",
        f"{_LISTING}/listing_url",
        _trimmed,
        ("url", "link", "shop_url", "address", "web_address", "href"),
    ),
    Column("seller", f"{_LISTING}/seller", others=("shop", "store", "vendor", "merchant", "dealer")),
    Column(
        "price_usd",
        f"{_LISTING}/price_usd",
        _dollars,
        ("price", "cost", "asking_price", "amount", "price_in_usd"),
    ),
    Column("price_date", f"{_LISTING}/price_date", _time, ("date", "price_as_of")),
    Column("condition", f"{_LISTING}/condition", _word, ("state",)),
    Column("listing_status", f"{_LISTING}/status", _word, ("availability",)),
    Column("status", "/status", _word, ("item_status", "decision")),
    Column("notes", "/notes", others=("note", "comment", "comments", "remark", "remarks")),
    Column("private_notes", "/private_notes", others=("private_note",)),
    Column("listing_notes", f"{_LISTING}/notes", others=("description", "details")),
    Column("cpu", f"{_CPU}/name", others=("processor", "cpu_name")),
    Column("cpu_manufacturer", f"{_CPU}/manufacturer"),
    Column("cpu_mark_multi", f"{_CPU}/cpu_mark_multi", _whole, ("cpu_mark", "passmark")),
    Column("cpu_mark_single", f"{_CPU}/cpu_mark_single", _whole),
    Column("tdp_w", f"{_CPU}/tdp_w", _whole, ("tdp",)),
    Column("gpu", f"{_GPU}/name", others=("graphics", "graphics_card", "video_card")),
    Column("gpu_manufacturer", f"{_GPU}/manufacturer"),
    Column("ram_gb", f"{_RAM}/total_gb", _gigabytes, ("ram", "memory", "memory_gb")),
    Column("ram_generation", f"{_RAM}/ddr_generation", _word, ("ram_type", "memory_type")),
    Column(
        "storage_gb", f"{_FIRST}/capacity_gb", _gigabytes, ("storage", "ssd", "disk", "drive", "hard_drive")
    ),
    Column("storage_medium", f"{_FIRST}/medium", _word, ("storage_type", "disk_type")),
    Column("storage_2_gb", f"{_SECOND}/capacity_gb", _gigabytes, ("second_storage",)),
    Column("storage_2_medium", f"{_SECOND}/medium", _word),
    Column("device_model", f"{_LISTING}/device_model", others=("model", "device")),
    Column("manufacturer", "/listing/metadata/manufacturer", others=("brand", "maker")),
    Column("series", "/listing/metadata/series"),
    Column("model_number", "/listing/metadata/model_number"),
    Column("form_factor", "/listing/metadata/form_factor"),
    Column("adjusted_price_usd", "/listing/valuation/adjusted_price_usd", _dollars, ("adjusted_price",)),
    Column("dollar_per_cpu_mark_multi", f"{_METRICS}/dollar_per_cpu_mark_multi", _plain_number),
    Column("score", f"{_METRICS}/score_composite", _plain_number, ("score_composite",)),
    Column("created_at", f"{_LISTING}/created_at", _time),
    Column("updated_at", f"{_LISTING}/updated_at", _time),
    Column("added_at", "/added_at", _time, ("added",)),
)
# What a column may be called whose amounts are in it; no file has a place for either.
CURRENCY = "currency"
TIER = "tier"
_STEPS: Final = [column.place.split("/")[1:] for column in COLUMNS]
_BY_NAME: Final = {column.name: column for column in COLUMNS}
_KNOWN_AS: Final = {other: column for column in COLUMNS for other in column.others}


# ------------------------------------------------------------------------------------------------- out


def write(items: Iterable[ItemEntry], tiers: Iterable[str | None], *, bom: bool = False) -> bytes:
    """Write a table, a line for each item, every cell quoted (RFC 4180).

    Args:
        items: as the reader of the table may see them.
        tiers: of each item, how its price compares.
        bom: whether to begin with a byte order mark, by which some spreadsheets know UTF-8.
    """
    lines = (
        [*map(partial(_cell, entry), _STEPS), tier or ""] for entry, tier in zip(items, tiers, strict=True)
    )
    return _table([[*_BY_NAME, TIER], *lines], bom=bom)


def _table(lines: Iterable[Sequence[str]], *, bom: bool = False) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows(map(guarded, line) for line in lines)
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


def _cell(entry: ItemEntry, steps: Sequence[str]) -> str:
    # What stands in an item's deal is one step further in our values than in a file.
    value: Any = entry.entry.deal if steps[0] == "listing" else entry
    for step in steps[1:] if steps[0] == "listing" else steps:
        value = getattr(value, step, None)
    return _spelled(value)


def _spelled(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, datetime):
        return spell_instant(value)
    # Never 5e-05, which few readers take for a number.
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)


def write_refused(refused: Sequence[Refused]) -> bytes:
    """Write refused rows, their reasons before what they say, so that they can be mended and sent again."""
    names = list(dict.fromkeys(name for row in refused for name in row.cells))
    lines = ([str(row.index), _reasons(row), *(row.cells.get(name, "") for name in names)] for row in refused)
    return _table([["row", "reasons", *names], *lines])


def _reasons(row: Refused) -> str:
    prefix = f"/{row.index}/"
    return " ".join(f"{one.pointer.removeprefix(prefix)}: {one.message}" for one in row.problems)


# -------------------------------------------------------------------------------------------------- in

# Why a table is refused of which nobody can tell what it is about; the refusal carries its headings.
NO_TITLE = "no_title"

type Mapped = Mapping[str, str]
"""For a field of ours, the column of the file."""


def mapping(text: str | None) -> Mapped | None:
    """Read which column says what, as JSON ``{field: column}``; None leaves it to the headings.

    Raises:
        Invalid: no such object, or fields we do not have.
    """
    if text is None:
        return None
    try:
        found = jsontext.loads(text)
    except Malformed as wrong:
        raise _bad_mapping(wrong.detail) from None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise _bad_mapping("A mapping is one JSON object of names: {field: column}.")
    unknown = sorted(found.keys() - _BY_NAME.keys() - {CURRENCY})
    if unknown:
        raise _bad_mapping(f"No such field: {', '.join(unknown)}. There are {', '.join(_BY_NAME)}.")
    if "title" not in found:
        raise _bad_mapping("A row needs a title; name its column.")
    return {field: str(column) for field, column in found.items()}


def _bad_mapping(sentence: str) -> Invalid:
    return Invalid("The mapping is wrong.", problems=(Problem("?mapping", "bad_mapping", sentence[:1_000]),))


def read(raw: bytes, wanted: Mapped | None) -> Iterator[Row]:
    """Read a table: a line of headings, then a row a line; lines without any word are none.

    Raises:
        Malformed: no UTF-8, a NUL, or no CSV.
        Invalid: no headings that say what the title is, or columns that are missing or there twice.
    """
    rows.refuse_nul(raw)
    rows.refuse_shapeless(raw)
    lines = _lines(raw)
    headings = next((line for line in lines if any(line)), [])
    columns = _columns(headings, wanted)
    return (_row(headings, columns, line) for line in lines if any(cell.strip() for cell in line))


def _lines(raw: bytes) -> Iterator[list[str]]:
    text = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8-sig", newline="")
    try:
        for line in csv.reader(text, delimiter=_delimiter(raw), strict=True):
            if len(line) > facts.TABLE_COLUMNS:
                raise rows.refusal("too_many_columns", f"A table has at most {facts.TABLE_COLUMNS} columns.")
            yield [unguarded(cell) for cell in line]
    except UnicodeDecodeError as error:
        raise rows.no_utf8(error) from None
    except csv.Error as error:
        raise Malformed(f"The file is no CSV: {error}.") from None


def _delimiter(raw: bytes) -> str:
    """Find what separates cells: of the three that spreadsheets write, the one the first line has most of."""
    first = raw.lstrip(b"\xef\xbb\xbf\r\n ").partition(b"\n")[0]
    return max(",;\t", key=lambda one: first.count(one.encode()))


def _columns(headings: Sequence[str], wanted: Mapped | None) -> dict[str, int]:
    """For each field that is in the table, the number of its column."""
    if wanted is None:
        found = by_headings(headings)
        if "title" not in found:
            told = 'No column is called title; name it so, or say which one it is: ?mapping={"title": "…"}.'
            raise rows.refusal(NO_TITLE, told, headings=[one[: facts.TITLE] for one in headings])
        return found
    problems = [
        Problem(
            "?mapping",
            "no_column",
            f"The table has {headings.count(column) or 'no'} columns {column[:80]!r}.",
        )
        for column in wanted.values()
        if headings.count(column) != 1
    ]
    if problems:
        raise Invalid("The mapping does not fit the table.", problems=tuple(problems))
    return {field: headings.index(column) for field, column in wanted.items()}


def is_table(text: bytes) -> bool:
    """Whether a text is a table: columns we know by their headings, or cells as spreadsheets copy them."""
    first, _, second = text.partition(b"\n")
    if b"\t" in first and b"\t" in second.partition(b"\n")[0]:
        return True
    headings = first.decode(errors="replace").strip().split(_delimiter(first))
    return len(headings) > 1 and "title" in by_headings([one.strip(' "') for one in headings])


def by_headings(headings: Sequence[str]) -> dict[str, int]:
    """Tell by the headings which columns say something we know: the number of each field's column."""
    plain = [
        re.sub(r"[^a-z0-9]+", "_", heading.lower().replace("$", " usd")).strip("_") for heading in headings
    ]
    found: dict[str, int] = {}
    for number, name in enumerate(plain):
        if name in _BY_NAME or name == CURRENCY:
            found.setdefault(name, number)
    for number, name in enumerate(plain):
        if name in _KNOWN_AS and number not in found.values():
            found.setdefault(_KNOWN_AS[name].name, number)
    return found


def _row(headings: Sequence[str], columns: Mapping[str, int], line: Sequence[str]) -> Row:
    said: dict[str, Value] = {}
    places: dict[str, str] = {}
    problems: list[Problem] = []
    for field, number in columns.items():
        cell = line[number] if number < len(line) else ""
        if field == CURRENCY:
            problems += _other_currency(headings[number], cell)
            continue
        column = _BY_NAME[field]
        places[column.place] = headings[number]
        if cell.strip():
            try:
                said[column.place] = column.read(cell)
            except ValueError as error:
                problems.append(Problem(pointer(headings[number]), "bad_cell", str(error)))
    if len(line) > len(headings):
        problems.append(Problem("", "too_many_cells", "The row has more cells than there are headings."))
    cells = dict(zip(headings, line, strict=False))
    return Row(cells, _with_makers(said), places, tuple(problems))


def _other_currency(heading: str, cell: str) -> Iterator[Problem]:
    if cell.strip().upper() not in {"", "USD", "US$", "$"}:
        yield Problem(pointer(heading), "currency", "Prices are in US dollars; convert them first.")


def _with_makers(said: dict[str, Value]) -> dict[str, Value]:
    """Leave out what is said of parts that are not there, and name who made processor and graphics."""
    for part, needed in _PARTS.items():
        if f"{part}/{needed}" not in said:
            said = {place: value for place, value in said.items() if not place.startswith(f"{part}/")}
    for part in (_CPU, _GPU):
        name = said.get(f"{part}/name")
        if isinstance(name, str):
            maker = hardware.manufacturer(name) or document.UNKNOWN_MANUFACTURER
            said.setdefault(f"{part}/manufacturer", maker)
    return said

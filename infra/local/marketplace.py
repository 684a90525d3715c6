"""Rows of a marketplace's list as offers the API takes. Pure: text in, values out.

Which column says what is told by a mapping; a list without titles gets some composed. Every value that
somebody typed by hand may be missing, a choice ("8 GB 16 GB 32 GB"), a promise ("Up to 1 TB") or nonsense;
what could not be taken as it stood is said beside the offer, column by column.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from dealbrain import amounts, facts, graphics
from dealbrain.document import RamGeneration

# Which column of the list says what; another list has a mapping of its own, with any of these fields.
EBAY: Final[Mapping[str, str]] = {
    "brand": "Brand",
    "model": "Model",
    "price": "Price",
    "condition": "Condition",
    "cpu": "Processor",
    "gpu": "GPU",
    "ram": "Ram Size",
    "ssd": "SSD Capacity",
    "hdd": "Hard Drive Capacity",
    "storage_type": "Storage Type",
}
FIELDS: Final = (*EBAY, "title", "currency", "seller", "listing_url")

# What a column is called when it says nothing.
_NOTHING = re.compile(
    r"\W*(?:(?:does )?not (?:appl\w+|included)|unknown|unbranded(?:/generic)?|n\W?/?a|see \w.*|select .*"
    r"|various.*|different|no|non|none|(?:no|see) (?:hdd|ssd)|ssd(?: only)?)?\W*",
    re.IGNORECASE,
)
_AMOUNT = r"(\d[\d,]*(?:\.\d\d?)?)"
_DOLLARS = r"(?:usd?\s?)?\$\s?|usd\s?"
_PRICE = re.compile(
    rf"(?P<sign>{_DOLLARS})?{_AMOUNT}(?:\s?(?:to|-)\s?(?:{_DOLLARS})?{_AMOUNT})?"
    r"\s?(?P<code>usd|us dollars?)?",
    re.IGNORECASE,
)
_US_DOLLARS = re.compile(r"(?:us)?\s?\$|usd?|us dollars?", re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(tb|gb|mb)", re.IGNORECASE)
_BARE_SIZE = re.compile(r"(\d{1,4})\s*(?:ssd)?", re.IGNORECASE)
_GB = {"tb": Decimal(1_000), "gb": Decimal(1), "mb": Decimal(1) / 1_024}
_GENERATIONS = {str(one) for one in RamGeneration}
_VAGUE = re.compile(r"\bup to\b|\bnot in\b", re.IGNORECASE)
# What laptops have, in GB. Outside it stands what was meant for another column, or for another unit.
_RAM_GB = (1, 128)
_DISK_GB = (8, 16_000)

# The condition stands before a sentence of the marketplace's own, with or without a colon between.
_CONDITIONS: tuple[tuple[str, str, str | None], ...] = (
    (r"(?:certified|excellent|very good|good) - refurbished|seller refurbished", "refurb", None),
    (r"new", "new", None),
    (r"used", "used", None),
    (r"open box", "used", "an open box is neither new nor refurbished; taken as used"),
    (r"for parts or not working", "used", "sold for parts or not working; taken as used"),
)
_MEDIA = (
    (r"nvme", "nvme"),
    (r"emmc", "emmc"),
    (r"\bufs\b", "ufs"),
    (r"sshd|hybrid", "hybrid"),
    (r"ssd|solid state", "sata_ssd"),
    (r"hdd|hard", "hdd"),
)
# 500 GB and 512 GB are two ways to call one disk.
_SAME_DISK = 0.05
_DISKS = ("storage_primary", "storage_secondary")
_MEDIUM_WORDS = {
    "nvme": "NVMe SSD",
    "emmc": "eMMC",
    "ufs": "UFS",
    "hybrid": "SSHD",
    "sata_ssd": "SSD",
    "hdd": "HDD",
}


@dataclass(frozen=True)
class Remark:
    """Something taken otherwise than it was written: in which column, a code to count by, a sentence."""

    column: str
    code: str
    sentence: str


class UnreadableError(ValueError):
    """A row no offer can be made of; the remark says why."""

    def __init__(self, remark: Remark) -> None:
        super().__init__(remark.sentence)
        self.remark = remark


@dataclass(frozen=True)
class Offer:
    """A row as POST /v1/listings takes it, and what was not taken as it stood."""

    body: Mapping[str, Any]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class _Row:
    """A row by fields, and what is remarked on it."""

    cells: Mapping[str, str]
    columns: Mapping[str, str]
    remarks: list[Remark] = field(default_factory=list)

    def said(self, name: str) -> str:
        """What a field says, on one line and without invisible letters; empty when it says nothing."""
        cell = self.cells.get(self.columns.get(name, ""), "")
        visible = "".join(letter for letter in cell if letter.isprintable() or letter.isspace())
        text = " ".join(visible.split())
        return "" if _NOTHING.fullmatch(text) else text

    def about(self, name: str, code: str, sentence: str) -> Remark:
        """A remark on a field, which names the column."""
        return Remark(self.columns.get(name, name), code, sentence)

    def remark(self, name: str, code: str, sentence: str) -> None:
        """Say beside the offer what was not taken as it stood."""
        self.remarks.append(self.about(name, code, sentence))


def read(cells: Mapping[str, str], columns: Mapping[str, str] = EBAY) -> Offer:
    """Read one row.

    Args:
        cells: what stands in it, by column.
        columns: which column says what, by the names of ``FIELDS``.

    Raises:
        UnreadableError: neither title nor brand nor model is named, or the price is no amount in US dollars.
    """
    row = _Row(cells, columns)
    title, brand, model, cpu = (row.said(name) for name in ("title", "brand", "model", "cpu"))
    if not (title or brand or model):
        raise UnreadableError(row.about("model", "no_name", "neither brand nor model is named"))
    if not cpu:
        row.remark("cpu", "no_processor", "no processor is named; there will be no tier")
    performance = _performance(row, cpu)
    if not (title or model or performance):
        row.remark("model", "only_brand", "nothing but the brand is known")
    body = {
        "title": _fitting(row, title or _title(brand, model, performance)),
        "price_usd": _price(row),
        "condition": _condition(row),
        "device_model": model or None,
        "performance": performance,
        "metadata": {"manufacturer": brand} if brand else None,
    }
    more = {name: row.said(name) for name in ("seller", "listing_url")}
    return Offer(body | {name: text for name, text in more.items() if text}, tuple(row.remarks))


def _fitting(row: _Row, title: str) -> str:
    if len(title) <= facts.TITLE:
        return title
    row.remark("title", "title_cut", f"the title is longer than {facts.TITLE} letters; its end was left out")
    return title[: facts.TITLE].rstrip()


def _price(row: _Row) -> float | None:
    text, currency = row.said("price"), row.said("currency")
    if not text:
        row.remark("price", "no_price", "no price is named; taken as unknown")
        return None
    for name, said in (("price", text), ("currency", currency)):
        if other := amounts.other_currency(said):
            sentence = f"{said[:40]!r} is in {other}; only US dollars are taken, and nothing is converted"
            raise UnreadableError(row.about(name, "other_currency", sentence))
    found = _PRICE.fullmatch(text)
    if found is None or not (found["sign"] or found["code"] or _US_DOLLARS.fullmatch(currency)):
        raise UnreadableError(row.about("price", "not_dollars", f"{text[:40]!r} is no amount in dollars"))
    asked = [Decimal(found[place].replace(",", "")) for place in (2, 3) if found[place]]
    if len(asked) > 1:
        row.remark("price", "price_range", f"{text!r} is a range; its low end was taken")
    if not min(asked):
        row.remark("price", "no_price", "nothing costs $0; taken as unknown")
        return None
    return float(min(asked))


def _condition(row: _Row) -> str:
    text = row.said("condition")
    for pattern, condition, doubt in _CONDITIONS:
        if re.match(pattern, text, re.IGNORECASE):
            if doubt:
                row.remark("condition", "condition_mapped", doubt)
            return condition
    doubt = f"{text[:40]!r} is no condition we know" if text else "no condition is named"
    row.remark("condition", "no_condition", f"{doubt}; taken as used")
    return "used"


def _performance(row: _Row, cpu: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if cpu:
        found["cpu"] = {"name": cpu}
    gpu = row.said("gpu")
    # "Integrated" names none.
    if graphics.key(gpu) or graphics.manufacturer(gpu):
        found["gpu"] = {"name": gpu}
    if ram := _ram(row):
        found["ram"] = ram
    return found | dict(zip(_DISKS, _disks(row), strict=False))


def _ram(row: _Row) -> dict[str, Any] | None:
    size = _size(row, "ram", _RAM_GB)
    if size is None:
        return None
    generation = re.search(r"(?:lp)?ddr[345]x?", row.said("ram"), re.IGNORECASE)
    kind = generation[0].lower() if generation else ""
    return {"total_gb": size} | ({"ddr_generation": kind} if kind in _GENERATIONS else {})


def _disks(row: _Row) -> list[dict[str, Any]]:
    """Read the two columns for disks; sellers of one disk often fill both."""
    kind = row.said("storage_type")
    is_both = bool(re.search(r"hdd", kind, re.IGNORECASE) and re.search(r"ssd|nvme", kind, re.IGNORECASE))
    ssd = _size(row, "ssd", _DISK_GB)
    other = _size(row, "hdd", _DISK_GB)
    # A kind that names both says nothing of either.
    told = None if is_both else _medium(kind)
    disks = []
    if ssd:
        own = _medium(row.said("ssd"))
        disks.append({"capacity_gb": ssd, "medium": own or (told if told != "hdd" else None) or "sata_ssd"})
    if other and (is_both or not ssd or not math.isclose(other, ssd, rel_tol=_SAME_DISK)):
        own = _medium(row.said("hdd"))
        disks.append({"capacity_gb": other, "medium": own or (None if ssd else told) or "hdd"})
    return disks


def _medium(text: str) -> str | None:
    return next((medium for pattern, medium in _MEDIA if re.search(pattern, text, re.IGNORECASE)), None)


def _size(row: _Row, name: str, plausible: tuple[int, int]) -> int | None:
    """Read a capacity in whole GB; None when there is none that can be relied on."""
    text = row.said(name)
    sizes = _sizes(text)
    if not text or sizes == {0}:
        return None
    if _VAGUE.search(text):
        row.remark(name, "vague", f"{text!r} does not say what is inside; left out")
        return None
    if not sizes or not plausible[0] <= min(sizes) <= plausible[1]:
        row.remark(name, "implausible", f"{text!r} is no size we believe; left out")
        return None
    if len(sizes) > 1:
        row.remark(name, "choice", f"{text!r} names several sizes; the smallest was taken")
    if _BARE_SIZE.fullmatch(text):
        row.remark(name, "no_unit", f"{text!r} names no unit; taken as GB")
    return round(min(sizes))


def _sizes(text: str) -> set[Decimal]:
    """All capacities a text names, in GB; a bare number is taken as one."""
    if bare := _BARE_SIZE.fullmatch(text):
        return {Decimal(bare[1])}
    return {Decimal(number) * _GB[unit.lower()] for number, unit in _SIZE.findall(text)}


def _title(brand: str, model: str, performance: Mapping[str, Any]) -> str:
    """Compose what the list does not have, as sellers would: "Dell Latitude 7490 i7-8650U 16GB 512GB SSD"."""
    named = model if model.casefold().startswith(brand.casefold()) else f"{brand} {model}".strip()
    memory = performance.get("ram", {}).get("total_gb")
    disks = (performance.get(place) for place in _DISKS)
    parts = [
        named,
        performance.get("cpu", {}).get("name"),
        f"{memory}GB" if memory else None,
        *(f"{_short(disk['capacity_gb'])} {_MEDIUM_WORDS[disk['medium']]}" for disk in disks if disk),
    ]
    return " ".join(filter(None, parts))


def _short(gigabytes: int) -> str:
    return f"{gigabytes // 1_000}TB" if gigabytes % 1_000 == 0 else f"{gigabytes}GB"

"""Rows of a marketplace's laptop list as offers the API takes. Pure: text in, values out.

The list has no title column, so a title is composed. Every value somebody typed by hand may be missing,
a choice ("8 GB 16 GB 32 GB"), a promise ("Up to 1 TB") or nonsense; what could not be taken as it stood
is said beside the offer, column by column.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# What a column is called when it says nothing.
_NOTHING = re.compile(
    r"\W*(?:(?:does )?not (?:appl\w+|included)|unknown|unbranded(?:/generic)?|n\W?/?a|see \w.*|select .*"
    r"|various.*|different|no|non|none|(?:no|see) (?:hdd|ssd)|ssd(?: only)?)?\W*",
    re.IGNORECASE,
)
_PRICE = re.compile(r"\$(\d[\d,]*(?:\.\d\d?)?)(?: to \$(\d[\d,]*(?:\.\d\d?)?))?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(tb|gb|mb)", re.IGNORECASE)
_BARE_SIZE = re.compile(r"(\d{1,4})\s*(?:ssd)?", re.IGNORECASE)
_GB = {"tb": Decimal(1_000), "gb": Decimal(1), "mb": Decimal(1) / 1_024}
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


def read(row: Mapping[str, str]) -> Offer:
    """Read one row.

    Raises:
        UnreadableError: neither brand nor model is named, or the price is no amount in dollars.
    """
    remarks: list[Remark] = []
    brand, model, processor = (_said(row, column) for column in ("Brand", "Model", "Processor"))
    if not (brand or model):
        raise UnreadableError(Remark("Model", "no_name", "neither brand nor model is named"))
    if not processor:
        remarks.append(Remark("Processor", "no_processor", "no processor is named; there will be no tier"))
    performance = _performance(row, processor, remarks)
    if not (model or performance):
        remarks.append(Remark("Model", "only_brand", "nothing but the brand is known"))
    body = {
        "title": _title(brand, model, performance),
        "price_usd": _price(row, remarks),
        "condition": _condition(row, remarks),
        "device_model": model or None,
        "performance": performance,
        "metadata": {"manufacturer": brand} if brand else None,
    }
    return Offer(body, tuple(remarks))


def _said(row: Mapping[str, str], column: str) -> str:
    """What a column says, on one line and without invisible letters; empty when it says nothing."""
    visible = "".join(letter for letter in row[column] if letter.isprintable() or letter.isspace())
    text = " ".join(visible.split())
    return "" if _NOTHING.fullmatch(text) else text


def _price(row: Mapping[str, str], remarks: list[Remark]) -> float | None:
    text = _said(row, "Price")
    if not text:
        remarks.append(Remark("Price", "no_price", "no price is named; taken as unknown"))
        return None
    found = _PRICE.fullmatch(text)
    if found is None:
        sentence = f"{text[:40]!r} is no amount in dollars"
        raise UnreadableError(Remark("Price", "not_dollars", sentence))
    amounts = [Decimal(amount.replace(",", "")) for amount in found.groups() if amount]
    if len(amounts) > 1:
        remarks.append(Remark("Price", "price_range", f"{text!r} is a range; its low end was taken"))
    if not min(amounts):
        remarks.append(Remark("Price", "no_price", "nothing costs $0; taken as unknown"))
        return None
    return float(min(amounts))


def _condition(row: Mapping[str, str], remarks: list[Remark]) -> str:
    text = _said(row, "Condition")
    for pattern, condition, doubt in _CONDITIONS:
        if re.match(pattern, text, re.IGNORECASE):
            if doubt:
                remarks.append(Remark("Condition", "condition_mapped", doubt))
            return condition
    doubt = f"{text[:40]!r} is no condition we know" if text else "no condition is named"
    remarks.append(Remark("Condition", "no_condition", f"{doubt}; taken as used"))
    return "used"


def _performance(row: Mapping[str, str], processor: str, remarks: list[Remark]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if processor:
        found["cpu"] = {"name": processor}
    if ram := _ram(row, remarks):
        found["ram"] = ram
    disks = _disks(row, remarks)
    return found | dict(zip(_DISKS, disks, strict=False))


def _ram(row: Mapping[str, str], remarks: list[Remark]) -> dict[str, Any] | None:
    size = _size(row, "Ram Size", _RAM_GB, remarks)
    if size is None:
        return None
    generation = re.search(r"ddr[345]", _said(row, "Ram Size"), re.IGNORECASE)
    return {"total_gb": size} | ({"ddr_generation": generation[0].lower()} if generation else {})


def _disks(row: Mapping[str, str], remarks: list[Remark]) -> list[dict[str, Any]]:
    """Read the two columns for disks; sellers of one disk often fill both."""
    kind = _said(row, "Storage Type")
    is_both = bool(re.search(r"hdd", kind, re.IGNORECASE) and re.search(r"ssd|nvme", kind, re.IGNORECASE))
    ssd = _size(row, "SSD Capacity", _DISK_GB, remarks)
    other = _size(row, "Hard Drive Capacity", _DISK_GB, remarks)
    # A kind that names both says nothing of either.
    told = None if is_both else _medium(kind)
    disks = []
    if ssd:
        own = _medium(_said(row, "SSD Capacity"))
        disks.append({"capacity_gb": ssd, "medium": own or (told if told != "hdd" else None) or "sata_ssd"})
    if other and (is_both or not ssd or not math.isclose(other, ssd, rel_tol=_SAME_DISK)):
        own = _medium(_said(row, "Hard Drive Capacity"))
        disks.append({"capacity_gb": other, "medium": own or (None if ssd else told) or "hdd"})
    return disks


def _medium(text: str) -> str | None:
    return next((medium for pattern, medium in _MEDIA if re.search(pattern, text, re.IGNORECASE)), None)


def _size(
    row: Mapping[str, str], column: str, plausible: tuple[int, int], remarks: list[Remark]
) -> int | None:
    """Read a capacity in whole GB; None when there is none that can be relied on."""
    text = _said(row, column)
    sizes = _sizes(text)
    if not text or sizes == {0}:
        return None
    if _VAGUE.search(text):
        remarks.append(Remark(column, "vague", f"{text!r} does not say what is inside; left out"))
        return None
    if not sizes or not plausible[0] <= min(sizes) <= plausible[1]:
        remarks.append(Remark(column, "implausible", f"{text!r} is no size we believe; left out"))
        return None
    if len(sizes) > 1:
        remarks.append(Remark(column, "choice", f"{text!r} names several sizes; the smallest was taken"))
    if _BARE_SIZE.fullmatch(text):
        remarks.append(Remark(column, "no_unit", f"{text!r} names no unit; taken as GB"))
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

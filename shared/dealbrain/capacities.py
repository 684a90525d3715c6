"""Sizes of memory and drives in a line of text, each with what it is the size of. Pure.

"16GB DDR4 512GB NVMe" and "RAM: 16 GB, SSD: 512 GB" say the same. A word is about the size it stands
behind, unless that one has another word already, else about the next one. What no word names is guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dealbrain import titles
from dealbrain.document import RamGeneration, StorageMedium


class Role(StrEnum):
    """What a size is the size of; ``other`` is no part of the machine."""

    ram = "ram"
    drive = "drive"
    graphics = "graphics"
    other = "other"


# ASCII: letters of other scripts stand beside a size without a space.
_SIZE = re.compile(
    r"""(?:(?<![a-z0-9.,])|(?<=ssd)|(?<=hdd)|(?<=ram))(?:(?P<count>[2-8])\s?[x\N{MULTIPLICATION SIGN}*]\s?)?
    (?P<number>\d{1,5}(?:\.\d)?)\s?-?(?P<unit>[tg][bo])\b
    (?!\s?/\s?s|\s?ps)(?:\s?[x\N{MULTIPLICATION SIGN}]\s?(?P<times>[2-8])\b(?!\.))?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(
    r"""(?P<other>\bflash\s(?:drive|memory)|\busb\sstick|\bdatatraveler|\b(?:micro|mini)?\s?sd(?:[hx]c)?\b(?:\scard)?|\bmemory\scard
        |\bsecure\sdigital|\bcompactflash|\bcache\b|\bcloud\b|\bonedrive\b)
    |(?P<limit>\b(?:up\sto|max(?:imum|\.)?(?:\sof)?|upgrad\w*(?:\sto)?|expandable(?:\sto)?|supports?|bis\szu|hasta)\b)
    |(?P<graphics>gddr\d\w?|\bvram\b|\b(?:video|graphics)\s(?:memory|card)|\bdedicated\b)
    |(?P<card>\b(?:[rg]tx|gt|rx)\s?\d{3,4}(?:\s?(?:ti|super|xt))*|\bmx\s?\d{3}|\bquadro\s\w+|\bradeon\s(?:\w+\s)?\w*\d\w*)
    |(?P<ram>\b(?:lp)?ddr\d\w?\b|\bs?d?ram(?![a-z])|\bmemory\b|\bso-?dimm\b|\b[ur]?dimm\b|\barbeitsspeicher\b|\bmemoria\b(?!\susb)
        |\bmémoire\b|内存|メモリ|оперативн)
    |(?P<nvme>nvme|\bpcie\b)|(?P<emmc>\bemmc\b)|(?P<ufs>\bufs\b)|(?P<hybrid>\bsshd\b|\bhybrid\b)
    |(?P<sata_ssd>\bssds?(?![a-z])|\bsolid[\s-]state\b)
    |(?P<hdd>\bhdds?(?![a-z])|\bhard\s(?:disk|drive)s?\b|\b(?:5\.4|7\.2|10|15)k\b|\b(?:5400|5900|7200)\s?rpm\b|\bfestplatte\b|\bdisco\sduro\b
        |\bdisque\sdur\b|硬盘)
    |(?P<drive>\bstorage\b|\bdrive\b|\bdisk\b|\bsata\b|\bsas\b|\bscsi\b|\bfc-al\b|\brom\b|\bspeicher\b|\balmacenamiento\b|\bstockage\b
        |ストレージ)""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_ROLES = {"graphics": Role.graphics, "card": Role.graphics, "ram": Role.ram}
_ROLES |= {"other": Role.other, "limit": Role.other}
# The one that says more comes first: an NVMe drive is called an SSD too, and both are called hard drives.
_MEDIA = tuple(StorageMedium(name) for name in ("nvme", "emmc", "ufs", "hybrid", "sata_ssd", "hdd"))
# A word farther from a size is about something else. A card's own memory, and what could be put in, follow
# at once.
_NEAR = 24
_FOLLOWS = {"card": 2, "limit": 6}
# Sizes that a PC's memory has; from the second on an unnamed size is rather a drive's.
_RAM_SIZES = frozenset({2, 4, 6, 8, 12, 16, 20, 24, 32, 36, 48, 64, 96, 128})
_DRIVE_LEAST = 100
_GENERATION = re.compile(r"\b(?:(lp)?ddr([345])(x?)l?\b|pc([34])l?-)", re.IGNORECASE)


@dataclass
class Capacity:
    """A size: gigabytes of one piece, how many pieces, and what the words beside it say."""

    gb: int
    count: int
    start: int
    end: int
    role: Role | None = None
    medium: StorageMedium | None = None
    generation: RamGeneration | None = None
    is_guessed: bool = False

    @property
    def total(self) -> int:
        """Gigabytes of all pieces."""
        return self.gb * self.count


def named(line: str) -> list[Capacity]:
    """The sizes a line names, in order, each with its role."""
    found = [one for one in map(_capacity, _SIZE.finditer(line)) if one.gb]
    labels = list(_LABEL.finditer(line))
    # "RAM: up to 64GB" does not say what is inside.
    for label in sorted(labels, key=lambda one: one.lastgroup != "limit"):
        _bind(found, label)
    _repeat(found)
    _guess(found)
    generation = _generation(line)
    for one in found:
        if one.role is Role.ram:
            one.generation = generation
    return found


def _capacity(match: re.Match[str]) -> Capacity:
    gb = int(titles.gigabytes(match["number"], match["unit"].lower()))
    return Capacity(gb, int(match["count"] or match["times"] or 1), match.start(), match.end())


def _bind(sizes: Sequence[Capacity], label: re.Match[str]) -> None:
    kind = label.lastgroup or ""
    role = _ROLES.get(kind, Role.drive)
    near = _FOLLOWS.get(kind, _NEAR)
    before = next((one for one in reversed(sizes) if 0 <= label.start() - one.end <= near), None)
    after = next((one for one in sizes if 0 <= one.start - label.end() <= near), None)
    beside = (after,) if kind in _FOLLOWS else (before, after)
    fitting = [one for one in beside if one and one.role in {None, role}]
    # In "SSD 256GB HDD 1TB" the second word is about another drive than the first.
    size = next((one for one in fitting if not _is_another(one.medium, kind)), next(iter(fitting), None))
    if size:
        size.role = role
        if kind in _MEDIA:
            size.medium = closer(size.medium, StorageMedium(kind))


def _is_another(medium: StorageMedium | None, kind: str) -> bool:
    is_hdd = medium is StorageMedium.hdd
    return medium is not None and kind in _MEDIA and is_hdd != (kind == StorageMedium.hdd)


def _repeat(sizes: Sequence[Capacity]) -> None:
    """What no word names, but is named elsewhere, is the same: "32GB (2x16GB) DDR4"; other things first."""
    for role in (Role.ram, Role.other):
        known = {gb for one in sizes if one.role is role for gb in (one.gb, one.total)}
        for one in sizes:
            if one.total in known and (one.role is None or role is Role.other):
                one.role = role


def _guess(sizes: Sequence[Capacity]) -> None:
    roles = {one.role for one in sizes}
    unnamed = [one for one in sizes if one.role is None]
    for place, one in enumerate(unnamed):
        is_ram = one.total < _DRIVE_LEAST and place == 0 and Role.ram not in roles
        one.role = Role.ram if is_ram else Role.drive
        # "16GB 512GB SSD": what a machine has besides its drive.
        is_plain = is_ram and Role.drive in roles and len(unnamed) == 1 and one.total in _RAM_SIZES
        one.is_guessed = not is_plain


def closer(one: StorageMedium | None, other: StorageMedium | None) -> StorageMedium | None:
    """Of two words for one drive the one that says more."""
    return min(one, other, key=_MEDIA.index) if one and other else one or other


def _generation(line: str) -> RamGeneration | None:
    """The kind of memory a line names; None if none, or several."""
    kinds = {
        f"{(match[1] or '').lower()}ddr{match[2] or match[4]}{match[3].lower() if match[1] else ''}"
        for match in _GENERATION.finditer(line)
    }
    known = [RamGeneration(one) for one in kinds if one in set(RamGeneration)]
    return known[0] if len(kinds) == 1 and known else None

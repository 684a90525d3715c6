"""A pasted title or shop description as a filled listing form, with what is sure and what is not. Pure.

Nothing is fetched and nothing is converted: what the text does not say stays empty. A value is sure where
the text says it once and names what it is; what is guessed, or said in several ways, stands in the form
beside a reason; what cannot be taken (another currency) is only told.
"""

import itertools
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dealbrain import amounts, capacities, facts, graphics, hardware, jsontext
from dealbrain.capacities import Capacity, Role
from dealbrain.document import StorageMedium
from dealbrain.errors import Invalid, Problem
from dealbrain.jsontext import Json
from dealbrain.scalars import Url

# Lines are looked at in pieces of so many letters, so that no pattern runs on for long.
_PIECE = 400

_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"'`{}|\\^\[\]]+", re.IGNORECASE)
_PUNCTUATION = ".,;:!?)>*_"

_CONDITION_LABEL = re.compile(
    r"\b(?:condition|zustand|estado|état|condizione)\s?:\s?(?P<said>.*)", re.IGNORECASE
)
_NEW_PART = (
    r"(?!\s(?:\w+\s)?(?:batter\w+|ssd|nvme|hdd|keyboard|charger|screen|ram|fan|install\w*|windows|york|egg))"
)
# The first that is found decides; the sentence is a doubt.
_CONDITIONS = tuple(
    (re.compile("|".join(words), re.IGNORECASE), condition, doubt)
    for words, condition, doubt in (
        (
            (r"\bfor parts\b", r"\bnot working\b", r"\bbroken\b", r"\bdefe(?:ct|kt)\w*", r"\bas[- ]is\b"),
            "used",
            "sold for parts, broken or as it is; there is no such condition here",
        ),
        (
            (
                r"\brefurb\w*",
                r"\brenewed\b",
                r"\breconditioned\b",
                r"\bgeneralüberholt\w*",
                "整備済",
                "翻新",
                r"\breacondicionad\w*",
                r"\breconditionné\w*",
                r"\bricondizionat\w*",
            ),
            "refurb",
            "",
        ),
        ((r"\bopen[- ]box",), "used", "an open box is neither new nor refurbished"),
        (
            (
                r"\bused\b",
                r"\bpre-?owned\b",
                r"\bsecond[- ]?hand\b",
                r"\blike new\b",
                r"\bgebraucht\w*",
                r"\busad[oa]s?\b",
                r"\bd?'?occasion\b",
                r"\busat[oa]\b",
                "中古",
                "二手",
                r"\b\u0431/\u0443",
            ),
            "used",
            "",
        ),
        (
            (
                r"\bbrand[- ]new\b",
                r"\bnew in box\b",
                r"\bb?nib\b",
                r"\b(?:factory|still|new) sealed\b",
                r"\bnagelneu\b",
                "新品",
                "全新",
            ),
            "new",
            "",
        ),
        (
            (rf"\bnew\b{_NEW_PART}", r"\bneu\b", r"\bnuev[oa]\b", r"\bnuov[oa]\b", r"\bneuf\b"),
            "new",
            "the word may be about a part or the model",
        ),
    )
)

_CPU_LABEL = re.compile(
    r"\b(?:processor(?:\s(?:model|type|name))?|cpu(?:\smodel)?|prozessor|procesador|processeur|processore)\s?[:=]"
    r"\s?(?P<name>[^,;|•]{2,60})|(?:处理器|プロセッサ|процессор)\s?[::]\s?(?P<other>[^,;|•]{2,60})",
    re.IGNORECASE,
)
# Lines of processors that `hardware` knows by their whole names only.
_OTHER_CPU = re.compile(
    r"""\b(?:(?:intel\s)?xeon\s(?:processor\s|cpu\s)?
        (?:(?:gold|silver|bronze|platinum)\s\d{4}\w?|[ewdxl]\d?-?\d{4}\w{0,2}(?:\sv\d)?)
    |(?:intel\s)?atom\s(?:x\d-)?[a-z]\d{3,4}\w?|intel\s(?:processor\s)?n\d{2,3}|n(?:95|97|100|150|305)
    |(?:amd\s)?athlon\s(?:gold\s|silver\s|ii\s)?(?:x\d\s)?\d{3,4}\w{0,2}|(?:amd\s)?fx[\s-]?\d{4}\w?
    |(?:amd\s)?(?:opteron|phenom)\s\w{1,3}\s?\w*\d\w*
    |(?:qualcomm\s)?snapdragon\s\w{2,5}(?:\sgen\s\d)?|(?:mediatek\s)?mt\d{4}\w?)\b""",
    re.VERBOSE | re.IGNORECASE,
)

# What is larger or smaller is no part of a PC, in GB.
_RAM_MOST = 2_048
_DRIVE = range(8, 100_001)

_GPU = re.compile(
    r"""\b(?:(?:nvidia\s)?(?:geforce\s)?(?:[rg]tx|gts?|mx)\s?\d{3,4}m?(?:\s?(?:ti|super|max-q|laptop\sgpu))*
    |(?:nvidia\s)?quadro\s(?:rtx\s)?[a-z]?\d{3,4}m?|(?:nvidia\s)?geforce\s\d{3}m?|nvidia\s[ptk]\d{3,4}m?
    |(?:amd\s|ati\s)?radeon\s(?:pro\s|rx\s|hd\s|r[579]\s|vega\s){0,2}(?:wx\s)?[a-z]?\d{1,4}[a-z]{0,2}(?:\sxtx?)?
    |(?:amd\s)?rx\s?\d{3,4}m?(?:\sxtx?)?|intel\sarc\s[ab]\d{3}m?|intel\su?hd\s(?:graphics\s)?\d{3,4}
    |intel\siris\s(?:xe|plus|pro)(?:\sgraphics)?(?:\s\d{3,4})?)\b""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Doubt:
    """A value nobody should take unseen: where it belongs, what it is, and why."""

    pointer: str
    value: Json
    reason: str


@dataclass
class Draft:
    """A listing's form: ``fields`` as POST /listings takes them, title always; pointers are into it."""

    fields: dict[str, Any] = field(default_factory=dict)
    sure: list[str] = field(default_factory=list)
    unsure: list[Doubt] = field(default_factory=list)

    def take(self, pointer: str, value: Json, doubt: str = "") -> None:
        """Fill a field in; with a doubt it is not sure."""
        *parents, last = pointer.split("/")[1:]
        inside = self.fields
        for step in parents:
            inside = inside.setdefault(step, {})
        inside[last] = value
        if doubt:
            self.tell(pointer, value, doubt)
        else:
            self.sure.append(pointer)

    def tell(self, pointer: str, value: Json, reason: str) -> None:
        """Tell of a value without filling it in."""
        self.unsure.append(Doubt(pointer, value, reason))


def read(text: str) -> Draft:
    """Read a pasted text.

    Raises:
        Invalid: there is nothing to read in it.
    """
    lines = _lines(text)
    if not lines:
        problem = Problem("/text", "blank", "There is nothing to read in this text.")
        raise Invalid("There is nothing to read.", problems=(problem,))
    draft = Draft()
    _take_address(draft, lines)
    bare = [line for line in (" ".join(_ADDRESS.sub(" ", line).split()) for line in lines) if line]
    _take_title(draft, lines, bare)
    pieces = [piece for line in bare for piece in textwrap.wrap(unicodedata.normalize("NFKC", line), _PIECE)]
    for take in (_take_price, _take_condition, _take_cpu, _take_gpu, _take_sizes):
        take(draft, pieces)
    return draft


def _lines(text: str) -> list[str]:
    """The lines with something visible on them, without the letters nobody sees."""
    found = []
    for line in text.splitlines():
        visible = "".join(one for one in line if one.isspace() or unicodedata.category(one)[0] != "C")
        if clean := " ".join(visible.split()):
            found.append(clean)
    return found


# ------------------------------------------------------------------------------------ address and title


@cache
def _url() -> TypeAdapter[str]:
    return TypeAdapter(Url)


def _is_link(text: str) -> bool:
    try:
        _url().validate_python(text)
    except ValidationError:
        return False
    return True


def _take_address(draft: Draft, lines: Sequence[str]) -> None:
    found = [match[0].rstrip(_PUNCTUATION) for line in lines for match in _ADDRESS.finditer(line)]
    spelled = [one if one[:4].lower() == "http" else f"https://{one}" for one in found]
    links = list(dict.fromkeys(filter(_is_link, spelled)))
    if links:
        several = f"{len(links)} addresses are named; this is the first" if len(links) > 1 else ""
        draft.take("/listing_url", links[0], several or ("" if links[0] in found else "https:// was added"))


def _take_title(draft: Draft, lines: Sequence[str], bare: Sequence[str]) -> None:
    named = next((line for line in bare if sum(map(str.isalpha, line)) > 2), None)
    if named is None:
        draft.take(
            "/title", lines[0][: facts.TITLE].rstrip(), "nothing here looks like a title; nothing is fetched"
        )
    elif len(named) > facts.TITLE:
        short = textwrap.shorten(named, facts.TITLE, placeholder="") or named[: facts.TITLE]
        draft.take("/title", short, f"longer than {facts.TITLE} letters; its end was left out")
    else:
        draft.take("/title", named)


# ------------------------------------------------------------------------------------------------ price


def _take_price(draft: Draft, pieces: Sequence[str]) -> None:
    named = [price for piece in pieces for price in amounts.prices(piece)]
    chosen = [price for price in named if price.is_labelled] or named
    if not chosen:
        for other in itertools.islice(itertools.chain.from_iterable(map(amounts.foreign, pieces)), 1):
            draft.tell("/price_usd", other, "not in US dollars; nothing is converted")
        return
    different = list(dict.fromkeys(price.amount for price in chosen))
    doubt = ""
    if chosen[0].is_range:
        doubt = "the low end of a range"
    elif len(different) > 1:
        doubt = f"one of several amounts: {', '.join(f'${one:,}' for one in different[:5])}"
    draft.take("/price_usd", jsontext.number(different[0]), doubt)


# -------------------------------------------------------------------------------- condition, processor


def _take_condition(draft: Draft, pieces: Sequence[str]) -> None:
    labelled = [match["said"][:60] for piece in pieces if (match := _CONDITION_LABEL.search(piece))]
    for said, is_labelled in ((labelled, True), (pieces, False)):
        found = [
            (condition, doubt)
            for pattern, condition, doubt in _CONDITIONS
            if any(pattern.search(one) for one in said)
        ]
        if found:
            condition, doubt = found[0]
            # Whoever names the condition as such means the whole machine.
            if is_labelled and condition == "new":
                doubt = ""
            rivals = {other for other, weak in found if not weak} - {condition}
            draft.take("/condition", condition, doubt or ("other words say otherwise" if rivals else ""))
            return


def _take_cpu(draft: Draft, pieces: Sequence[str]) -> None:
    names = list(dict.fromkeys(_cpus(pieces)))
    exact = [name for name in names if hardware.cpu_key(name)]
    chosen = (exact or [name for name in names if hardware.cpu_family(name)] or names)[:1]
    if not chosen:
        return
    doubt = ""
    if len(exact) > 1:
        doubt = f"several processors are named: {', '.join(exact[:4])}"
    elif not exact:
        doubt = "the exact model is not named"
    draft.take("/performance/cpu/name", chosen[0], doubt)


def _cpus(pieces: Sequence[str]) -> Iterator[str]:
    # In a name of a CPU an @ ends it; here the text goes on.
    for piece in (one.replace("@", " ") for one in pieces):
        named = [hardware.spelled(one) for one in hardware.find_models(piece)]
        named += [match[0] for match in _OTHER_CPU.finditer(piece)]
        yield from named or _broadly_named(piece)


def _broadly_named(piece: str) -> Iterator[str]:
    """A processor of which only the line is told, or one that stands behind the word for it."""
    found, said = hardware.find_cpu(piece), _CPU_LABEL.search(piece)
    if found:
        yield hardware.spelled(found)
    elif said and hardware.manufacturer(said[0]):
        yield (said["name"] or said["other"]).strip()


def _take_gpu(draft: Draft, pieces: Sequence[str]) -> None:
    found = {graphics.key(match[0]): match[0] for piece in pieces for match in _GPU.finditer(piece)}
    own = {key: name for key, name in found.items() if graphics.manufacturer(name) != "Intel"} or found
    if own:
        doubt = f"several graphics cards are named: {', '.join([*own.values()][:4])}" if len(own) > 1 else ""
        draft.take("/performance/gpu/name", next(iter(own.values())), doubt)


# ------------------------------------------------------------------------------------ memory and drives


def _take_sizes(draft: Draft, pieces: Sequence[str]) -> None:
    named = [capacities.named(piece) for piece in pieces]
    rams = [one for some in named for one in some if one.role is Role.ram and one.total <= _RAM_MOST]
    _take_ram(draft, rams)
    _take_drives(
        draft, [[one for one in some if one.role is Role.drive and one.gb in _DRIVE] for some in named]
    )


def _take_ram(draft: Draft, sizes: Sequence[Capacity]) -> None:
    named = [size for size in sizes if not size.is_guessed] or sizes
    if not named:
        return
    totals = list(dict.fromkeys(size.total for size in named))
    doubt = ""
    if len(totals) > 1:
        doubt = f"several sizes are named: {', '.join(f'{total} GB' for total in totals[:5])}"
    elif named[0].is_guessed:
        doubt = "nothing says that this is memory; taken so by its size"
    draft.take("/performance/ram/total_gb", totals[0], doubt)
    generations = {size.generation for size in named if size.generation}
    if len(generations) == 1:
        draft.take("/performance/ram/ddr_generation", generations.pop().value, doubt)


# Whoever has an NVMe drive mostly says so, but not always.
_ANY_SSD = "it says SSD; whether SATA or NVMe it does not"


def _take_drives(draft: Draft, pieces: Sequence[Sequence[Capacity]]) -> None:
    said = [[size for size in sizes if not size.is_guessed] for sizes in pieces]
    drives = list(_each_once(said if any(said) else pieces))
    for place, size in zip(("storage_primary", "storage_secondary"), drives, strict=False):
        doubt = "nothing says that this is a drive; taken so by its size" if size.is_guessed else ""
        if len(drives) > 2:
            doubt = f"{len(drives)} drives or choices are named"
        draft.take(f"/performance/{place}/capacity_gb", size.gb, doubt)
        if size.medium:
            kind_doubt = _ANY_SSD if size.medium is StorageMedium.sata_ssd else ""
            draft.take(f"/performance/{place}/medium", size.medium.value, doubt or kind_doubt)


def _each_once(pieces: Sequence[Sequence[Capacity]]) -> Iterator[Capacity]:
    """Each drive once, although other lines repeat what the title says; "2x 512GB" is two."""
    seen: list[Capacity] = []
    for sizes in pieces:
        earlier = len(seen)
        for size in sizes:
            same = [
                one
                for place, one in enumerate(seen)
                if one.gb == size.gb and (place < earlier or _may_be_one(one, size))
            ]
            if same:
                same[0].medium = capacities.closer(same[0].medium, size.medium)
            else:
                seen.append(size)
    for size in seen:
        yield from [size] * min(size.count, 2)


def _may_be_one(one: Capacity, other: Capacity) -> bool:
    """Whether two sizes on one line, which are equal, may be of one drive."""
    media = {one.medium, other.medium}
    return None in media or len(media) == 1 or StorageMedium.hdd not in media

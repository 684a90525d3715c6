"""CPU names as people write them: who made it, which exact model, or at least which family.

"Intel(R) Core(TM) i7-7700T CPU @ 2.90GHz", "i7 7700t" and "Core i7-7700T" are one processor. What is
named is read with one pattern per product line; names outside those lines are compared word by word.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

_SIGNS = str.maketrans("", "", "®™©℠")
# No name of a CPU and no title is longer; what stands after it is not looked at.
_LONGEST = 512
_UNSEEN = frozenset({"Mn", "Me", "Cf"})

_NOISE = re.compile(
    r"""\((?:r|tm|c)\)                          # trademark signs spelled out
    | @.*$                                      # PassMark's clock, and whatever a seller adds after it
    | (?:\bwith\b|\bw/)?\s*\bradeon\b.*$        # the graphics inside an AMD processor
    | (?<![\w.])\d+(?:[.,]\d+)?\+?\s*[gm]hz\b
    | \b(?:\d+|single|dual|triple|quad|hexa|six|octa)[\s-]?cores?\b
    """,
    re.VERBOSE,
)
_ORDINAL = re.compile(
    r"\b(\d{1,2})\s?(?:st|nd|rd|th)\b|\b(\d{1,2})[\s-]?gen\b|\bgen(?:eration)?\.?\s?(\d{1,2})\b"
)
_ORDINAL_WORDS = re.compile(r"\b\d{1,2}(?:st|nd|rd|th)(?:\s?gen\w*\.?)?")
_SERIES = re.compile(r"\b(\d)000[\s-]series\b")

# After a number, what shows that it is a size, a resolution or a series and no model.
_NO_MODEL = r"(?![a-z0-9])(?!\s?(?:[gmt]b|go|hz|ssd|hdd|series)\b)"
_NUMBER = (
    r"(?!(?:720|1080|1440|2160)p|20[12]\d(?![a-z0-9])|\d+(?:[gmt]b|go|hz|w|mm)\b)"
    rf"\d{{3,5}}(?:[a-z]{{1,3}}\d?|g\d[a-z]|x3d)?{_NO_MODEL}"
)
_INTEL_CORE = re.compile(
    rf"\bi-?(?P<tier>[3579])(?:\b|(?=\d{{4}}))[\s-]*(?P<model>{_NUMBER}|\dy\d\d\b|l1\dg\d\b|n\d{{3}}\b|[mqul]\s?\d{{3}}\b)?"
)
_CORE_M = re.compile(r"\bcore\s?m(?P<tier>[357])?\b[\s-]*(?P<model>\dy\d\d[a-z]?\b|8100y\b)?")
_CORE_M_SHORT = re.compile(r"\bm(?P<tier>[357])[\s-](?P<model>\dy\d\d[a-z]?\b|8100y\b)")
_CORE_NEW = re.compile(rf"\b(?:core\s)?(?P<line>ultra|core)\s(?P<tier>[3579])\b[\s-]*(?P<model>{_NUMBER})?")
_CORE_2 = re.compile(
    r"\bcore\s?2\s?(?P<tier>duo|quad|solo|extreme)\b[\s-]*(?P<model>[a-z]{1,2}\d{4}[a-z]?\b)?"
)
_CORE_DUO = re.compile(r"\bcore\s(?P<tier>duo|solo)\b[\s-]*(?P<model>[a-z]\d{4}\b)?")
_RYZEN = re.compile(
    rf"\bryzen\s?(?P<tier>[3579])(?:\b|(?=pro))[\s-]*(?P<pro>pro\b)?[\s-]*(?P<model>{_NUMBER})?"
)
_SMALL_INTEL = re.compile(
    rf"\b(?P<line>celeron|pentium)\s(?:(?:gold|silver|processor)\s)*(?P<model>[a-z]\d{{3,4}}[a-z]{{0,2}}\b|{_NUMBER})"
)
_APPLE = re.compile(r"\b(?:apple|mac\w*)\b.*?\b(?P<model>m[1-9](?:\s(?:pro|max|ultra))?)\b")

# How the first generation's mobile letter, once written before the number, is written after it.
_LETTER_FIRST = {"m": "m", "q": "qm", "u": "um", "l": "lm"}
# Lines so narrow that the line itself is a family.
_NARROW = frozenset({"core 2 duo", "core 2 quad", "core duo", "pentium 4"})
_FILLERS = frozenset(
    {"intel", "amd", "mediatek", "microsoft", "qualcomm", "samsung", "rockchip", "arm"}
    | {"apu", "cpu", "processor", "soc", "vpro", "inside"}
)
_MAKERS = (
    ("Intel", r"intel|core|i[3579]|celeron|pentium|xeon|atom"),
    ("AMD", r"amd|ryzen|athlon|epyc|threadripper|opteron|phenom|sempron|turion"),
    ("Apple", r"apple"),
    ("Qualcomm", r"qualcomm|snapdragon"),
    ("Microsoft", r"microsoft|sq[123]"),
    ("MediaTek", r"mediatek|mt\d{4}\w*"),
    ("Rockchip", r"rockchip|rk\d{4}\w*"),
    ("Samsung", r"samsung|exynos"),
    ("VIA", r"via"),
)
_MAKER_PATTERNS = tuple((maker, re.compile(rf"\b(?:{words})\b")) for maker, words in _MAKERS)


@dataclass(frozen=True)
class CpuName:
    """What a text says about a CPU, from broad to exact; what it does not say is None."""

    line: str
    """The product line: "core i5", "ryzen 7", "celeron"."""
    generation: str | None
    """Within the line: "8" for an eighth generation Core, "5000" for a Ryzen series."""
    model: str | None
    """The model number without line: "8350u", "pro 4650u"."""


def fold(text: str) -> str:
    """Spell a text so that equal looks are equal strings.

    Compatibility forms, letter case, trademark signs, combining marks and invisible controls (bidi
    controls among them) make no difference afterwards. It follows Unicode's NFKC_Casefold, except that
    marks go altogether: a stack of them must not make a title look new.
    """
    spread = unicodedata.normalize("NFKD", text.translate(_SIGNS)).casefold()
    spread = unicodedata.normalize("NFKD", spread)
    kept = "".join(letter for letter in spread if unicodedata.category(letter) not in _UNSEEN)
    return unicodedata.normalize("NFKC", kept)


def find_cpu(text: str) -> CpuName | None:
    """Find the first CPU of a known product line in a name or a whole title; exact beats broad."""
    clean = _clean(text)
    found = next((cpu for reader in _READERS for cpu in reader(clean) if cpu.model), None)
    return found or next((cpu for reader in _READERS for cpu in reader(clean)), None)


def cpu_key(name: str) -> str | None:
    """Key under which all spellings of one CPU model meet; None if no exact model is named.

    Different catalog entries may share a key (one and two sockets, variants by core count).
    """
    clean = _clean(name)
    if "virtual" in clean:  # a guest's share of a processor is not that processor
        return None
    cpu = find_cpu(name)
    if cpu is not None:
        return f"{cpu.line} {cpu.model}" if cpu.model else None
    words = [
        word
        for word in re.split(r"[^\w.+]+", _ORDINAL_WORDS.sub(" ", clean))
        if word and word not in _FILLERS
    ]
    return " ".join(dict.fromkeys(words)) if any(re.search(r"\d", word) for word in words) else None


def cpu_family(name: str) -> str | None:
    """Line and generation ("core i5 gen 8"), for buyers' names and catalog names alike.

    None where a name says too little for a median over the family to mean anything ("Intel Core i5").
    """
    cpu = find_cpu(name)
    if cpu is None:
        return None
    if cpu.generation:
        return f"{cpu.line} gen {cpu.generation}"
    return cpu.line if cpu.line in _NARROW else None


def manufacturer(name: str) -> str | None:
    """Who makes a CPU of this name, spelled as they do; None if the name does not tell."""
    clean = _clean(name)
    return next((maker for maker, pattern in _MAKER_PATTERNS if pattern.search(clean)), None)


def _clean(text: str) -> str:
    # Long texts and long runs of spaces would make the patterns slow.
    return " ".join(_NOISE.sub(" ", " ".join(fold(text[:_LONGEST]).split())).split())


def _intel_core(text: str) -> Iterator[CpuName]:
    for match in _INTEL_CORE.finditer(text):
        model = _number_first(match["model"])
        yield CpuName(f"core i{match['tier']}", _core_generation(model) if model else _ordinal(text), model)


def _number_first(model: str | None) -> str | None:
    # "M520" and "M 520" are today's "520M".
    if model and model[0] in _LETTER_FIRST and not model.startswith("l1"):
        return model[1:].strip() + _LETTER_FIRST[model[0]]
    return model


def _core_generation(model: str) -> str | None:
    digits = "".join(takewhile(str.isdigit, model))
    if len(digits) == 5 or (len(digits) == 4 and digits[0] == "1"):
        return digits[:2]
    if len(digits) == 3:
        return "1"
    return digits[:1] or None


def _ordinal(text: str) -> str | None:
    named = {next(filter(None, groups)) for groups in _ORDINAL.findall(text)}
    return named.pop() if len(named) == 1 else None  # "6th till 12th gen" names none


def _core_m(text: str) -> Iterator[CpuName]:
    for pattern in (_CORE_M, _CORE_M_SHORT):
        for match in pattern.finditer(text):
            model = match["model"]
            yield CpuName(f"core m{match['tier'] or ''}", model[0] if model else _ordinal(text), model)


def _core_new(text: str) -> Iterator[CpuName]:
    for match in _CORE_NEW.finditer(text):
        line = "core ultra" if match["line"] == "ultra" else "core"
        model = match["model"]
        if model or line == "core ultra":
            yield CpuName(f"{line} {match['tier']}", model[0] if model else None, model)


def _ryzen(text: str) -> Iterator[CpuName]:
    for match in _RYZEN.finditer(text):
        number = match["model"]
        model = f"pro {number}" if number and match["pro"] else number
        yield CpuName(f"ryzen {match['tier']}", _ryzen_series(number, text), model)


def _ryzen_series(number: str | None, text: str) -> str | None:
    if number:
        # The 200 series has three digits, the 4000 series four.
        digits = "".join(takewhile(str.isdigit, number))
        return digits[0] + "0" * (len(digits) - 1)
    named = _SERIES.search(text)
    return f"{named[1]}000" if named else None


def _plain(pattern: re.Pattern[str], line: str) -> Callable[[str], Iterator[CpuName]]:
    # Lines without generations: what is matched is the line and the model.
    def read(text: str) -> Iterator[CpuName]:
        for match in pattern.finditer(text):
            yield CpuName(line.format(**match.groupdict()), None, match["model"])

    return read


_READERS: tuple[Callable[[str], Iterator[CpuName]], ...] = (
    _intel_core,
    _core_m,
    _core_new,
    _ryzen,
    _plain(_CORE_2, "core 2 {tier}"),
    _plain(_CORE_DUO, "core {tier}"),
    _plain(_SMALL_INTEL, "{line}"),
    _plain(re.compile(r"\bpentium\s?4\b(?P<model>(?!))?"), "pentium 4"),
    _plain(_APPLE, "apple"),
)

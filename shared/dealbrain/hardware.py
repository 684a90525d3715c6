"""CPU names as people write them: who made it, which exact model, or at least which family.

"Intel(R) Core(TM) i7-7700T CPU @ 2.90GHz", "i7 7700t" and "Core i7-7700T" are one processor. What is
named is read with one pattern per product line; names outside those lines are compared word by word.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
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
# "8th", "8ª generación", "8. Generation", "gen 8", "第8世代".
_ORDINAL = re.compile(
    r"\b(\d{1,2})\s?(?:st|nd|rd|th)\b|\b(\d{1,2})(?:\.|[aeo]|eme|va|na|ma|ta)?[\s-]?g[ei]n"
    r"|\bgen(?:era[a-z]+)?\.?\s?(\d{1,2})\b|第?\s?(\d{1,2})\s?(?:世代|代)"
)
_ORDINAL_NEXT = re.compile(rf"[\s,(-]*(?:{_ORDINAL.pattern})(?!\s?(?:till|to|or|and|[-/&])\s?\d)")
_ORDINAL_WORDS = re.compile(r"\b\d{1,2}(?:st|nd|rd|th)(?:\s?gen\w*\.?)?")
_SERIES = re.compile(r"\b(\d)000[\s-]series\b")

# After a number, what shows that it is a size, a resolution or a series and no model.
_NO_MODEL = r"(?![a-z0-9])(?!\s?(?:[gmt]b|go|hz|ssd|hdd|series)\b)"
_NUMBER = (
    r"(?!(?:720|1080|1440|2160)p|20[12]\d(?![a-z0-9])|\d+(?:[gmt]b|go|hz|w|mm)\b)"
    rf"\d{{3,5}}(?:[a-z]{{1,3}}\d?|g\d[a-z]|x3d)?{_NO_MODEL}"
)
# What may stand between a line and its model: "i5 8th Gen. 8250U".
_BETWEEN = r"(?:(?:\d{1,2}(?:st|nd|rd|th)|gen(?:eration)?|vpro|processor|cpu)\b[.,]?\s?){1,3}"
_INTEL_CORE = re.compile(
    rf"\b(?:core)?i-?(?P<tier>[3579])(?:\b|(?=\d{{4}}))[\s-]*(?:(?:{_BETWEEN})?"
    rf"(?P<model>{_NUMBER}|\dy\d\d\b|l1\dg\d\b|n\d{{3}}\b|[mqul]\s?\d{{3}}\b))?",
    re.ASCII,
)
# ASCII throughout: letters of other scripts stand beside a name without a space.
# A model number as no other line has them; with the line after it, or alone.
_MOBILE_NUMBER = r"\d{4,5}(?:u|y|h[qkx]?|mq|g[147])"
_INTEL_CORE_AFTER = re.compile(
    rf"\b(?P<model>{_MOBILE_NUMBER}),?\s(?:intel\s)?(?:core\s)?i(?P<tier>[3579])\b(?![\s-]?\d{{4}})", re.ASCII
)
_MODEL_ALONE = re.compile(_MOBILE_NUMBER)
_CORE_M = re.compile(r"\bcore\s?m(?P<tier>[357])?\b[\s-]*(?P<model>\dy\d\d[a-z]?\b|8100y\b)?", re.ASCII)
_CORE_M_SHORT = re.compile(r"\bm(?P<tier>[357])[\s-](?P<model>\dy\d\d[a-z]?\b|8100y\b)", re.ASCII)
_CORE_NEW = re.compile(
    rf"\b(?:core\s)?(?P<line>ultra|core)\s(?P<tier>[3579])\b[\s-]*(?P<model>{_NUMBER})?", re.ASCII
)
_CORE_2 = re.compile(
    r"\bcore\s?2\s?(?P<tier>duo|quad|solo|extreme)\b[\s-]*(?P<model>[a-z]{1,2}\d{4}[a-z]?\b)?", re.ASCII
)
_CORE_DUO = re.compile(r"\bcore\s(?P<tier>duo|solo)\b[\s-]*(?P<model>[a-z]\d{4}\b)?", re.ASCII)
_RYZEN = re.compile(
    rf"\bryzen\s?(?P<tier>[3579])(?:\b|(?=pro))[\s-]*(?P<pro>pro\b)?[\s-]*(?P<model>{_NUMBER})?", re.ASCII
)
_SMALL_INTEL = re.compile(
    r"\b(?P<line>celeron|pentium)\s(?:(?:(?P<series>gold|silver)|processor)\b\s?)*"
    rf"(?P<model>[a-z]\d{{3,4}}[a-z]{{0,2}}\b|{_NUMBER})?",
    re.ASCII,
)
_AMD_A = re.compile(
    r"\b(?P<maker>amd\s)?(?P<pro>pro\s)?a(?P<tier>[4689]|1[02])\b"
    rf"(?:(?P<dash>\s?-\s?|\s)(?P<edition>(?:pro|micro)[\s-])?(?P<model>{_NUMBER}))?",
    re.ASCII,
)
_ROCKCHIP = re.compile(r"\brk\s?(?P<model>\d{4})(?!\d)", re.ASCII)
_APPLE = re.compile(r"\b(?:apple|mac\w*)\b.*?\b(?P<model>m[1-9](?:\s(?:pro|max|ultra))?)\b", re.ASCII)

# How the first generation's mobile letter, once written before the number, is written after it.
_LETTER_FIRST = {"m": "m", "q": "qm", "u": "um", "l": "lm"}
# Lines so narrow that the line itself is a family.
_NARROW = frozenset(
    {"core 2 duo", "core 2 quad", "core duo", "pentium 4"} | {f"a{tier}" for tier in (4, 6, 8, 9, 10, 12)}
)
# Lines of which there was one generation only.
_ONLY_GENERATION = {"core m5": "6", "core m7": "6"}
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
    """Within the line: "8" for an eighth generation Core, "5000" for a Ryzen series, "gold" for a Pentium."""
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


@lru_cache(maxsize=4096)
def find_cpu(text: str) -> CpuName | None:
    """Find the first CPU of a known product line in a name or a whole title; exact beats broad."""
    clean = _clean(text)
    found = next((cpu for reader in _READERS for cpu in reader(clean) if cpu.model), None)
    return found or next((cpu for reader in _READERS for cpu in reader(clean)), None)


def find_models(text: str) -> list[CpuName]:
    """Find every exact CPU model of a known product line that a text names, each once."""
    clean = _clean(text)
    return list(dict.fromkeys(cpu for reader in _READERS for cpu in reader(clean) if cpu.model))


def spelled(cpu: CpuName) -> str:
    """A CPU's name as its maker spells it: "AMD Ryzen 5 PRO 4650U", "Intel Core i5 8th Gen"."""
    line = f"{manufacturer(cpu.line) or 'AMD'} " if cpu.line not in {"apple", "rk"} else ""
    line += " ".join(word if re.match(r"i\d", word) else _capital(word) for word in cpu.line.split())
    if cpu.model:
        is_dashed = re.match(r"core i|a\d", cpu.line) and " " not in cpu.model
        if cpu.line == "apple":
            return f"{line} {' '.join(map(_capital, cpu.model.split()))}"
        return f"{line}{'-' if is_dashed else ' '}{cpu.model.upper()}"
    if cpu.generation is None:
        return line
    if cpu.generation.isalpha():
        return f"{line} {cpu.generation.capitalize()}"
    if len(cpu.generation) > 2:
        return f"{line} {cpu.generation} Series"
    ending = {"1": "st", "2": "nd", "3": "rd"}.get(cpu.generation, "th")
    return f"{line} {cpu.generation}{ending} Gen"


def _capital(word: str) -> str:
    return word.upper() if word[:2] in {"rk", "a1"} or word[1:].isdigit() else word.capitalize()


@lru_cache(maxsize=4096)
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


def model_alone(key: str) -> bool:
    """Whether a key is a model number of which only a catalog can tell the line ("8365u")."""
    return _MODEL_ALONE.fullmatch(key) is not None


@lru_cache(maxsize=4096)
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


@lru_cache(maxsize=4096)
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
        generation = _core_generation(model) if model else _ordinal_after(text, match.end()) or _ordinal(text)
        yield CpuName(f"core i{match['tier']}", generation, model)
    for match in _INTEL_CORE_AFTER.finditer(text):
        yield CpuName(f"core i{match['tier']}", _core_generation(match["model"]), match["model"])


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


def _ordinal_after(text: str, place: int) -> str | None:
    """The generation named right behind a line, whatever other generations the text names of other things."""
    found = _ORDINAL_NEXT.match(text, place)
    return next(filter(None, found.groups()), None) if found else None


@lru_cache(maxsize=16)
def _ordinal(text: str) -> str | None:
    named = {next(filter(None, groups)) for groups in _ORDINAL.findall(text)}
    return named.pop() if len(named) == 1 else None  # "6th till 12th gen" names none


def _core_m(text: str) -> Iterator[CpuName]:
    for pattern in (_CORE_M, _CORE_M_SHORT):
        for match in pattern.finditer(text):
            line, model = f"core m{match['tier'] or ''}", match["model"]
            generation = model[0] if model else _ordinal(text) or _ONLY_GENERATION.get(line)
            yield CpuName(line, generation, model)


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


def _small_intel(text: str) -> Iterator[CpuName]:
    for match in _SMALL_INTEL.finditer(text):
        if match["model"] or match["series"]:
            yield CpuName(match["line"], match["series"], match["model"])


def _amd_a(text: str) -> Iterator[CpuName]:
    for match in _AMD_A.finditer(text):
        # "A4" is also paper, and "A6 2000" a car.
        if match["maker"] or "-" in (match["dash"] or ""):
            edition = (match["edition"] or match["pro"] or "").strip(" -")
            model = match["model"] and f"{edition} {match['model']}".strip()
            yield CpuName(f"a{match['tier']}", None, model)


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
    _small_intel,
    _amd_a,
    _plain(_ROCKCHIP, "rk"),
    _plain(re.compile(r"\bpentium\s?4\b(?P<model>(?!))?"), "pentium 4"),
    _plain(_APPLE, "apple"),
)

"""A title as a set of weighted words: what two titles have in common is measured in these.

Every word has a whole number as its weight, the same in every title: a part number tells products
apart, "wholesale" tells nothing. The weights are a table with a date, learned from labelled pairs of
titles (``infra/local/weighing.py``) and never from what happens to be stored, so whether two titles
match depends on the two alone.
"""

import pkgutil
import re
from decimal import Decimal
from functools import cache, lru_cache

from dealbrain.hardware import fold

# With other weights other titles match, and what is stored of titles has to be stored anew.
WEIGHTS = "weights-2026-11-22.txt"
# No word weighs more.
HEAVIEST = 100

_LONG_UNITS = r"gb|tb|mb|go|ghz|mhz|hz|wh|mah|mm|cm|kg|pin|rpm"
_UNITS = rf"{_LONG_UNITS}|w|v"
_SPELLINGS = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"\bhewlett[\s-]packard(?:\senterprise)?\b|\bhpe\b", "hp"),
        (r"\bwestern\sdigital\b", "wd"),
        (r"\bsolid[\s-]state\s(?:hard\s)?(?:drive|disk)s?\b|\bssds\b", "ssd"),
        (r"\bhard\s(?:disk\s)?(?:drive|disk)s?\b|\bdiscos?\sduros?\b|\bhdds\b", "hdd"),
        # "i77700k", also within Intel's order number BX80677I77700K; "gtx1070ti".
        (r"\b(?:bx\d{5})?(i[3579])(\d{4,5}[a-z]{0,2})\b", r"\1 \2"),
        (r"\b(gtx|rtx|gt|rx|wx)\s?(\d{3,4})\s?(ti|xt)?\b", r"\1 \2 \3"),
        (rf"(?<![\w.])(\d+(?:[.,]\d+)?)[\s-]+({_UNITS})\b", r"\1\2"),
    )
)
_WORD = re.compile(r"\d+[.,]\d+[^\W_]*|[^\W_]+")
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([tgm])[bo]")
_CLOCK = re.compile(r"(\d+\.\d*?)0+(ghz)")
_GB = {"t": Decimal(1000), "g": Decimal(1), "m": Decimal("0.001")}

_DIGIT = re.compile(r"\d")
_MEASURE = re.compile(
    rf"""\d+(?:\.\d+)?(?:{_LONG_UNITS}|to|mo|inch|in|zoll|pa?c?k|[gm]b(?:ps|s|it)|x\d+\w*|x
    |st|nd|rd|th|gen|fps|dpi|mp|ms|ports?|bit|core)
    |\d{{1,3}}[wvp] | \d{{1,2}}(?:\.\d+)?[kgclm]""",
    re.VERBOSE,
)


def spelled(title: str) -> str:
    """A title folded, with one spelling for what has several: "Hewlett-Packard", "16 GB", "i77700k"."""
    text = fold(title)
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    return text


@lru_cache(maxsize=4096)
def words(title: str) -> tuple[str, ...]:
    """A title's normalised words in order; "16 GB" and "16GB" are one word, "1TB" and "1000 GB" too."""
    found = tuple(_one_measure(word.replace(",", ".")) for word in _WORD.findall(spelled(title)))
    # A title of signs only ("★★★") is one word, lest all such titles look the same.
    return found or tuple("".join(fold(title).split()).split())


def _one_measure(word: str) -> str:
    if size := _SIZE.fullmatch(word):
        return spell_gigabytes(gigabytes(size[1], size[2])).replace(" ", "").lower()
    if clock := _CLOCK.fullmatch(word):
        return clock[1].rstrip(".") + clock[2]
    return word


def gigabytes(number: str, unit: str) -> Decimal:
    """A size in GB; the unit by its first letter. Of 1024 and 1000 to the next unit, 1000 is meant."""
    size = Decimal(number) * _GB[unit[0]]
    whole = size * 1000 if unit.startswith("m") else size
    return size / 1024 * 1000 if whole % 1024 == 0 else size


def spell_gigabytes(size: Decimal) -> str:
    """A size as a person writes it: "512 MB", "256 GB", "1 TB"."""
    if size >= 1000:
        return f"{(size / 1000).normalize():f} TB"
    if size < 1:
        return f"{(size * 1000).normalize():f} MB"
    return f"{size.normalize():f} GB"


def kind(word: str) -> str:
    """What sort of word it is: "measure", "code", "mixed", "number", "small" or "word".

    A code has three digits or more among letters, or five ("8350u", "637414"), a number three or four
    ("7490"). Small are numbers of fewer digits or with a point, and single letters.
    """
    digits = len(_DIGIT.findall(word))
    if len(word) == 1:
        return "small"
    if not digits:
        return "word"
    if is_measure(word):
        return "measure"
    if "." in word or digits == len(word) < 3:
        return "small"
    if digits == len(word):
        return "number" if digits < 5 else "code"
    return "mixed" if digits < 3 else "code"


def is_measure(word: str) -> bool:
    """Whether a word is a number with its unit: "16gb", "2.4ghz", "14inch"."""
    return _MEASURE.fullmatch(word) is not None


@lru_cache(maxsize=16_384)
def weight(word: str) -> int:
    """How much a word tells products apart, at least 1; a word not in the table weighs what its kind does."""
    table = _table()
    return table.get(word) or table[f"*{kind(word)}"]


@cache
def _table() -> dict[str, int]:
    text = (pkgutil.get_data("dealbrain", WEIGHTS) or b"").decode()
    pairs = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {word: int(weighs) for word, weighs in pairs}

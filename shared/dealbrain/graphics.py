"""GPU names as people write them: who made it, and which it is.

"NVIDIA GeForce RTX 3050 Ti", "RTX3050Ti 4GB GDDR6" and "Carte graphique RTX 3050 Ti" are one. Names of
CPUs are read with a pattern per line; here the words and numbers that tell are few, so all others go.
"""

import re
from functools import lru_cache

from dealbrain.hardware import fold

# No name is longer; what stands after it is not looked at.
_LONGEST = 512
_NOISE = re.compile(r"\b\d+(?:\.\d+)?\s?[gm](?:b|hz|o)\b|\bg?ddr\d\w?\b|\((?:r|tm)\)", re.ASCII)
# "RTX3050Ti" is three words.
_GLUED = re.compile(
    r"\b(rtx|gtx|gts|gt|mx|rx|uhd|hd|wx)(?=[a-z]?\d)|(?<=\d)(?=(?:ti|xtx?|super)\b)", re.ASCII
)
_WORD = re.compile(r"[a-z0-9]+")
_MODEL = re.compile(r"[a-z]{0,2}\d{1,4}[a-z]{0,2}")
_SERIES = frozenset(
    {"rtx", "gtx", "gts", "gt", "mx", "rx", "uhd", "hd", "iris", "xe", "plus", "pro", "vega", "nvs", "gma"}
    | {"arc", "wx", "titan", "adreno", "mali", "ti", "super", "xt", "xtx", "gre", "ada", "mobile"}
)
_LINES = frozenset({"geforce", "radeon", "quadro", "firepro"})
_SAME = {"laptop": "mobile", "notebook": "mobile", "mobility": "mobile", "ati": "radeon"}
_MAKERS = re.compile(
    r"""\b(?:(?P<NVIDIA>nvidia|geforce|quadro|[rg]tx|nvs|mx\s?\d)|(?P<AMD>amd|ati|radeon|firepro|rx\s?\d|vega)
    |(?P<Intel>intel|u?hd\b|iris|arc\b|gma)|(?P<Apple>apple)|(?P<Qualcomm>qualcomm|adreno)|(?P<ARM>mali))""",
    re.VERBOSE | re.ASCII,
)


@lru_cache(maxsize=4096)
def key(name: str) -> str | None:
    """Key under which all spellings of one GPU meet; None if no model is named.

    The size of its memory is no part of it: lists name one without where sellers say it, and the other way
    round.
    """
    words = [
        _SAME.get(word, word) for word in _WORD.findall(_GLUED.sub(r"\1 ", _NOISE.sub(" ", _clean(name))))
    ]
    kept = [word for word in words if word in _SERIES or _MODEL.fullmatch(word)]
    if "vega" in kept and "rx" in kept:
        kept.remove("rx")
    lines = sorted(_LINES.intersection(words))
    if kept == ["iris", "xe"]:
        return "iris xe"
    if not any(_MODEL.fullmatch(word) for word in kept):
        return None
    if len(kept) == 1 and kept[0][0].isdigit():
        # "GeForce 320M" and "Radeon 320M" are two, and "320" alone is neither.
        return " ".join([*lines, *kept]) if lines else None
    # Intel has an HD 4600 and so has AMD.
    return " ".join(["radeon", *kept] if kept[0] == "hd" and "radeon" in lines else kept)


@lru_cache(maxsize=4096)
def manufacturer(name: str) -> str | None:
    """Who makes a GPU of this name, spelled as they do; None if the name does not tell."""
    found = _MAKERS.search(_clean(name))
    return found and found.lastgroup


def _clean(name: str) -> str:
    return " ".join(fold(name[:_LONGEST]).split())

"""Is this the offer we already have? Every judgement about duplicates and variants.

Pure: two offers in, a judgement out. ``similarity`` decides; ``canonical_url``, ``title_key``,
``seller_key``, ``tokens`` and ``prefix`` are what a database stores and searches so that it finds
every pair ``similarity`` would match, without looking at the others.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from dealbrain.hardware import CpuName, find_cpu, fold

# Two titles are similar from this share of common words on, inclusive; in tenths to stay in integers.
THRESHOLD_TENTHS = 7

_TRACKING = re.compile(
    r"""utm_.*|pk_.*|mtm_.*|gclid|gclsrc|gbraid|wbraid|dclid|fbclid|msclkid|yclid|ttclid|twclid|igshid|srsltid
    |mc_[ce]id|_ga|_gl|_hs(?:enc|mi)|_trk(?:parms|sid)|mk(?:cid|evt|rid)|campid|toolid|ref|ref_|ref_src|referrer
    |aff(?:id|_id|iliate)?|spm|scm""",
    re.VERBOSE | re.IGNORECASE,
)
_EBAY_HOST = re.compile(r"(?:[a-z0-9-]+\.)*ebay\.(?:com|[a-z]{2}|com?\.[a-z]{2})")
_EBAY_ITEM = re.compile(r"/itm/(?:[^/]+/)?(\d+)/?")
_AMAZON_HOST = re.compile(r"(?:[a-z0-9-]+\.)*amazon\.(?:com|[a-z]{2}|com?\.[a-z]{2})")
_AMAZON_ITEM = re.compile(r"/(?:dp|gp/product|gp/aw/d)/([A-Z0-9]{10})(?:/|$)", re.IGNORECASE)
_DEFAULT_PORTS = frozenset({None, 80, 443})
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")

_UNITS = r"gb|tb|mb|go|ghz|mhz|hz|wh|mah|mm|cm|kg|w|v"
_SPLIT_UNIT = re.compile(rf"(?<![\w.])(\d+(?:[.,]\d+)?)[\s-]+({_UNITS})\b")
_WORD = re.compile(r"\d+[.,]\d+[^\W_]*|[^\W_]+")
_MEASURE = re.compile(rf"\d+(?:[.,]\d+)?(?:{_UNITS}|inch|in|zoll|p|k|x\d+\w*|x|st|nd|rd|th|gen)")

_NO_SELLER = frozenset({"unknown", "none", "n a", "na", "null", "does not apply", "not applicable"})

_PACKS = re.compile(r"\b(\d{1,2})\s?x\s?(\d{1,4})\s?(?=[gmt]b\b)")
_CAPACITY = re.compile(
    r"""(?:\b(?P<before>ram|memory|ssd|hdd|nvme|emmc)[\s:]*)?
    (?<![\w.])(?P<size>\d{1,6}(?:[.,]\d{1,3})?)[\s-]?(?P<unit>gb|tb|mb|go)\b
    (?(before)|(?:[\s,/-]*(?:of\s|m\.2\s|sata\s|pcie\s)*
       (?P<after>gddr\w*|vram|cache|(?:lp)?ddr\w*|ram|memory|ssd|hdd|nvme|emmc|storage|hard\sdrive|flash))?)""",
    re.VERBOSE,
)
_ROLES = (
    (r"gddr|vram", "graphics"),
    (r"cache", "cache"),
    (r"(?:lp)?ddr|ram|memory", "ram"),
    (r"", "disk"),
)
_GB = {"tb": Decimal(1000), "gb": Decimal(1), "go": Decimal(1), "mb": Decimal("0.001")}
# Below this a size without a label is hardly a disk, above it hardly memory.
_SMALLEST_DISK_GB = 100

# Words after which a short number is a version of something else than the machine.
_NO_MODEL_WORDS = frozenset(
    {"windows", "win", "office", "os", "wi", "fi", "wifi", "bluetooth", "bt", "usb", "hdmi", "ddr", "ssd"}
    | {"ram", "gen", "generation", "grade", "lot", "of", "pack", "x"},
)
_HAS_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"20[012]\d")
# Sizes of connectors and the like, which look like short model numbers.
_NO_MODEL_TOKEN = re.compile(
    r"(?:lp|g)?ddr\d\w*|win(?:dows)?\d+|w1[01]|usb\d|wifi\d\w*|[2345]g|[48]k|i[3579]|mp[34]|m2|y\d{2}"
)


@dataclass(frozen=True)
class Offer:
    """What judging takes of a listing; the price in US dollars, None if unknown."""

    title: str
    listing_url: str | None = None
    seller: str | None = None
    price_usd: Decimal | None = None


@dataclass(frozen=True)
class Match:
    """A judgement: how alike (0 to 1), the same or a variant of it, and why in words."""

    score: float
    kind: Literal["duplicate", "variant"]
    reason: str


@dataclass(frozen=True)
class _Capacity:
    gb: Decimal
    role: str | None  # "ram", "disk", "graphics", "cache", or None where no word says which


def similarity(a: Offer, b: Offer) -> Match | None:
    """Judge two offers; None if they are not alike. The order of the two makes no difference.

    The same shop address or the same title and known seller decide alone; else the Jaccard similarity
    of the titles' words, 0.70 inclusive, where a different capacity, CPU or model number makes a
    variant. The price explains and orders, it is never a condition.
    """
    if _same(_address(a), _address(b)):
        return Match(1.0, "duplicate", "the same shop address")
    if _same(title_key(a.title), title_key(b.title)) and _same(seller_key(a.seller), seller_key(b.seller)):
        return Match(1.0, "duplicate", f"the same title and seller, {_prices(a, b)}")
    words_a, words_b = tokens(a.title), tokens(b.title)
    if not jaccard_reaches(words_a, words_b):
        return None
    shared, all_words = len(words_a & words_b), len(words_a | words_b)
    alike = f"{shared} of {all_words} words, {_prices(a, b)}"
    veto = variant_reason(a.title, b.title)
    if veto:
        return Match(_share(shared, all_words), "variant", f"a variant, not a duplicate: {veto} ({alike})")
    return Match(_share(shared, all_words), "duplicate", alike)


def price_gap(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    """How far two prices are apart as a share of the higher one, 0 to 1; None if one is unknown or 0."""
    if not a or not b:
        return None
    return abs(a - b) / max(a, b)


def collection_similarity(name_a: str, name_b: str) -> Match | None:
    """Judge two collections of one owner by their names: equal after normalisation, or similar words."""
    if _same(title_key(name_a), title_key(name_b)):
        return Match(1.0, "duplicate", "the same name")
    words_a, words_b = tokens(name_a), tokens(name_b)
    if not jaccard_reaches(words_a, words_b):
        return None
    shared, all_words = len(words_a & words_b), len(words_a | words_b)
    return Match(_share(shared, all_words), "duplicate", f"{shared} of {all_words} words of the name")


def canonical_url(url: str) -> str:
    """Spell a shop address so that the same offer has the same address; "" for none.

    Scheme, letter case of the host, "www.", default port, fragment, trailing slash, tracking parameters
    and the order of the others make no difference. An eBay item becomes "ebay:<number>" (with the chosen
    variation, which is an offer of its own), an Amazon one "amazon:<ASIN>". What is no address is
    returned as it is, trimmed.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip(".").removeprefix("www."), parts.port
    except ValueError:
        return url.strip()
    if not host or parts.scheme not in {"http", "https"}:
        return url.strip()
    item = _marketplace_item(host, parts)
    return item or _plain_address(host, port, parts)


def title_key(title: str) -> str:
    """The title's words in order, normalised: equal keys are the same title."""
    return " ".join(_words(title))


def seller_key(seller: str | None) -> str | None:
    """The seller's name normalised; None for nobody, "unknown" and the like."""
    key = " ".join(_words(seller or ""))
    named = any(map(str.isalnum, key)) and key not in _NO_SELLER
    return key if named else None


def tokens(title: str) -> frozenset[str]:
    """The set of a title's normalised words; "16 GB" and "16GB" are one word."""
    return frozenset(_words(title))


def prefix(words: AbstractSet[str]) -> tuple[str, ...]:
    """The words of which any title at 0.70 or more must contain at least one.

    Prefix filtering (Chaudhuri, Ganti, Kaushik 2006): a title with Jaccard similarity of at least t shares
    at least ceil(t n) of these n words, so it cannot miss all of any n - ceil(t n) + 1 of them. Those
    which are probably rare are chosen, so that a search over them finds few candidates. Exact for any
    choice, and one-sided: compare with all words of the other title.
    """
    needed = _ceil_share(len(words))
    return tuple(sorted(words, key=_commonness)[: len(words) - needed + 1])


def size_bounds(count: int) -> tuple[int, int]:
    """How few and how many words a title may have to be similar to one of so many, both inclusive."""
    return _ceil_share(count), count * 10 // THRESHOLD_TENTHS


def jaccard_reaches(a: AbstractSet[str], b: AbstractSet[str]) -> bool:
    """Whether the Jaccard similarity is at least 0.70, in integers; nothing is similar to no words."""
    union = len(a | b)
    return union > 0 and 10 * len(a & b) >= THRESHOLD_TENTHS * union


def variant_reason(title_a: str, title_b: str) -> str | None:
    """Why two similar titles are two things: capacity, CPU or model number differ; else None.

    A difference counts only where both titles name one of that kind. The sentence is the same whichever
    title comes first.
    """
    a, b = _joined(title_a), _joined(title_b)
    return _capacity_differs(a, b) or _cpu_differs(a, b) or _model_differs(a, b)


def _same(a: str | None, b: str | None) -> bool:
    return bool(a) and a == b


def _address(offer: Offer) -> str:
    return canonical_url(offer.listing_url or "")


def _share(shared: int, all_words: int) -> float:
    return round(shared / all_words, 4)


def _prices(a: Offer, b: Offer) -> str:
    gap = price_gap(a.price_usd, b.price_usd)
    if gap is None:
        return "price unknown"
    return "same price" if gap == 0 else f"prices {max(gap * 100, Decimal(1)):.0f} % apart"


def _marketplace_item(host: str, parts: SplitResult) -> str | None:
    if _EBAY_HOST.fullmatch(host) and (found := _EBAY_ITEM.fullmatch(parts.path)):
        variation = dict(parse_qsl(parts.query)).get("var", "0")
        return f"ebay:{found[1]}" + (f":{variation}" if variation.strip("0") else "")
    if _AMAZON_HOST.fullmatch(host) and (found := _AMAZON_ITEM.search(parts.path)):
        return f"amazon:{found[1].upper()}"
    return None


def _plain_address(host: str, port: int | None, parts: SplitResult) -> str:
    kept = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.fullmatch(pair[0])
    ]
    place = host if port in _DEFAULT_PORTS else f"{host}:{port}"
    path = _ESCAPE.sub(_escape, parts.path).rstrip("/")
    query = f"?{urlencode(sorted(kept))}" if kept else ""
    return f"https://{place}{path}{query}"


def _escape(match: re.Match[str]) -> str:
    # RFC 3986, 6.2.2: escapes of unreserved letters are the letters, the others are upper case.
    letter = unquote(match[0], errors="replace")
    return letter if _UNRESERVED.fullmatch(letter) else match[0].upper()


def _joined(title: str) -> str:
    return _SPLIT_UNIT.sub(r"\1\2", fold(title))


@lru_cache(maxsize=4096)
def _words(title: str) -> tuple[str, ...]:
    text = _joined(title)
    words = tuple(word.replace(",", ".") for word in _WORD.findall(text))
    # A title of signs only ("★★★") is one word, lest all such titles look the same.
    return words or tuple("".join(text.split()).split())


def _ceil_share(count: int) -> int:
    return -(-THRESHOLD_TENTHS * count // 10)


def _commonness(word: str) -> tuple[bool, int, str]:
    # Model numbers are the rarest words, then long words; sizes and short words stand in every title.
    mixed = any(map(str.isdigit, word)) and any(map(str.isalpha, word))
    return _MEASURE.fullmatch(word) is not None, -len(word) - 3 * mixed, word


def _capacity_differs(a: str, b: str) -> str | None:
    in_a, in_b = _capacities(a), _capacities(b)
    only_a = [x for x in in_a if not any(_equal(x, y) for y in in_b)]
    only_b = [y for y in in_b if not any(_equal(x, y) for x in in_a)]
    rivals = [sorted((x.gb, y.gb)) for x in only_a for y in only_b if _compete(x, y)]
    return " and ".join(map(_spell_gb, min(rivals))) if rivals else None


def _capacities(text: str) -> list[_Capacity]:
    single = _PACKS.sub(lambda pack: str(int(pack[1]) * int(pack[2])), text)
    return [
        _Capacity(_gigabytes(found["size"], found["unit"]), _role(found["before"] or found["after"]))
        for found in _CAPACITY.finditer(single)
    ]


def _gigabytes(size: str, unit: str) -> Decimal:
    gigabytes = Decimal(size.replace(",", ".")) * _GB[unit]
    # Some sellers write a terabyte as 1024 GB.
    return gigabytes / 1024 * 1000 if gigabytes % 1024 == 0 else gigabytes


def _role(label: str | None) -> str | None:
    if not label:
        return None
    return next(role for pattern, role in _ROLES if re.match(pattern, label))


def _equal(x: _Capacity, y: _Capacity) -> bool:
    return x.gb == y.gb and (x.role == y.role or None in {x.role, y.role})


def _compete(x: _Capacity, y: _Capacity) -> bool:
    """Whether two sizes may describe the same part; an unlabelled one is guessed from its size."""
    if x.role == y.role:
        return True
    unlabelled, role = (x, y.role) if x.role is None else (y, x.role)
    if unlabelled.role is not None:
        return False
    return (role == "disk") == (unlabelled.gb >= _SMALLEST_DISK_GB) and role in {"disk", "ram"}


def _spell_gb(gigabytes: Decimal) -> str:
    if gigabytes >= 1000:
        return f"{(gigabytes / 1000).normalize():f} TB"
    if gigabytes < 1:
        return f"{(gigabytes * 1000).normalize():f} MB"
    return f"{gigabytes.normalize():f} GB"


def _cpu_differs(a: str, b: str) -> str | None:
    cpu_a, cpu_b = find_cpu(a), find_cpu(b)
    if cpu_a is None or cpu_b is None or not _cpus_differ(cpu_a, cpu_b):
        return None
    return " and ".join(sorted((_spell_cpu(cpu_a), _spell_cpu(cpu_b))))


def _cpus_differ(a: CpuName, b: CpuName) -> bool:
    if a.line != b.line:
        return True
    if a.model and b.model:
        return not _same_model(a.model.removeprefix("pro "), b.model.removeprefix("pro "))
    return None not in {a.generation, b.generation} and a.generation != b.generation


def _same_model(a: str, b: str) -> bool:
    # "i5-8350" is a sloppy "i5-8350U"; "M1" is not "M1 Pro".
    short, long = sorted((a, b), key=len)
    return a == b or (short.isdigit() and long.startswith(short))


def _spell_cpu(cpu: CpuName) -> str:
    if cpu.model:
        return f"{cpu.line} {cpu.model}"
    return f"{cpu.line} generation {cpu.generation}" if cpu.generation else cpu.line


def _model_differs(a: str, b: str) -> str | None:
    in_a, in_b = _model_words(a), _model_words(b)
    rivals = [sorted((x, y)) for x in in_a - in_b for y in in_b - in_a if _rival(x, y)]
    return " and ".join(min(rivals)) if rivals else None


def _model_words(text: str) -> set[str]:
    words = _words(text)
    cpu = find_cpu(text)
    skipped = set((cpu.model or "").split()) if cpu else set()
    numbered = {f"{before} {word}" for before, word in pairwise(words) if _is_numbered(before, word)}
    return {word for word in words if word not in skipped and _is_model(word)} | numbered


def _is_model(word: str) -> bool:
    """A number of three digits or more, or letters with digits: "7490", "t470s", "g3"."""
    if not _HAS_DIGIT.search(word) or _MEASURE.fullmatch(word) or _NO_MODEL_TOKEN.fullmatch(word):
        return False
    return not word.isdigit() or len(word) >= 3


def _is_numbered(before: str, word: str) -> bool:
    # "iPhone 7", "Surface Pro 6": a short number says nothing without the word before it.
    return word.isdigit() and len(word) < 3 and before.isalpha() and before not in _NO_MODEL_WORDS


def _rival(x: str, y: str) -> bool:
    # Long numbers are model or part numbers whatever their letters; short ones must look alike ("g3", "g5").
    return _shape(x) == _shape(y) or (_long(x) and _long(y))


def _long(word: str) -> bool:
    return len(_HAS_DIGIT.findall(word)) >= 3 and not _YEAR.fullmatch(word)


def _shape(word: str) -> str:
    return "year" if _YEAR.fullmatch(word) else _HAS_DIGIT.sub("9", word)

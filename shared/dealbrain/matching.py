"""Is this the offer we already have? Every judgement about duplicates and variants.

Pure: two offers in, a judgement out. ``similarity`` decides; ``canonical_url``, ``title_key``,
``seller_key``, ``tokens`` and ``weight`` are what a database stores and searches (``postings``) so that it
finds every pair ``similarity`` would match, without looking at the others.
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from dealbrain import titles
from dealbrain.hardware import CpuName, find_cpu

# Two titles are similar from this share of common weight on, inclusive; in tenths to stay in integers.
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

_NO_SELLER = frozenset({"unknown", "none", "n a", "na", "null", "does not apply", "not applicable"})

_PACKS = re.compile(r"\b(\d{1,2})\s?x\s?(\d{1,4})(?=[tgm][bo]\b)")
_CAPACITY = re.compile(
    r"""(?:\b(?P<before>ram|memory|ssd|hdd|nvme|emmc)[\s:]*)?
    (?<![\w.])(?P<size>\d{1,6}(?:[.,]\d{1,3})?)(?P<unit>[tgm][bo])\b(?!\s?/\s?s)
    (?(before)|(?:[\s,/-]*(?:of\s|m\.2\s|sata\s|pcie\s)*
       (?P<after>gddr\w*|vram|cache|(?:lp)?ddr\w*|ram|memory|ssd|hdd|nvme|emmc|storage|flash))?)""",
    re.VERBOSE,
)
_ROLES = (
    (r"gddr|vram", "graphics"),
    (r"cache", "cache"),
    (r"(?:lp)?ddr|ram|memory", "ram"),
    (r"", "disk"),
)
# Below this a size without a label is hardly a disk, above it hardly memory.
_SMALLEST_DISK_GB = 100

# Words after which a short number is a version of something else than the machine.
_NO_MODEL_WORDS = frozenset(
    {"windows", "win", "office", "os", "wi", "fi", "wifi", "bluetooth", "bt", "usb", "hdmi", "ddr", "ssd"}
    | {"ram", "gen", "generation", "grade", "lot", "of", "pack", "x"},
)
_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"20[012]\d")
# Standards, sockets, timings and speeds, which look like model numbers.
_NO_MODEL_TOKEN = re.compile(
    r"""(?:lp|g)?ddr\d\w*|win(?:dows)?\d+|w(?:7|8|1[01])(?:pro)?|usb\d|wifi\d\w*|[2345]g|[48]k|i[3579]|mp[34]|m2|y\d{2}
    |hd\d{3,4}|c?l?\d\d|1000?(?:base|mb?)?|2280|pc\dl?|x\d+|\d+t|[rw]\d+mb|\d+mh|\d+c\d\d|ln\d{5}
    |(?:lga|s|sk|skt|fclga)?(?:775|115[0-6x]|1366|20(?:11|66))
    |(?:pc)?(?:8500|106(?:00|66)|12800|14900|17000|19200|2(?:13|40|56|88|92)00|5300|6400)[pru]?|\d+p
    |1066|1333|1600|1866|2133|2400|2666|3000|3200|1080|1440|2160""",
    re.VERBOSE,
)
# So long a code is an order number, and sharing it says more than all other numbers.
_ORDER_NUMBER = 6


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

    The same shop address or the same title and known seller decide alone; else the weighted Jaccard
    similarity of the titles' words, 0.70 inclusive, where a different capacity, CPU or model number makes
    a variant. The price explains and orders, it is never a condition.
    """
    if _same(_address(a), _address(b)):
        return Match(1.0, "duplicate", "the same shop address")
    if _same(title_key(a.title), title_key(b.title)) and _same(seller_key(a.seller), seller_key(b.seller)):
        return Match(1.0, "duplicate", f"the same title and seller, {_prices(a, b)}")
    words_a, words_b = tokens(a.title), tokens(b.title)
    shared, union = _weights(words_a, words_b)
    if not _reaches(shared, union):
        return None
    score = _share(shared, union)
    alike = ", ".join(filter(None, (_words_shared(words_a, words_b), _prices(a, b), _cpu_shared(a, b))))
    veto = variant_reason(a.title, b.title)
    if veto:
        return Match(score, "variant", f"a variant, not a duplicate: {veto} ({alike})")
    return Match(score, "duplicate", alike)


def price_gap(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    """How far two prices are apart as a share of the higher one, 0 to 1; None if one is unknown or 0."""
    if not a or not b:
        return None
    return abs(a - b) / max(a, b)


def collection_similarity(name_a: str, name_b: str) -> Match | None:
    """Judge two collections of one owner by their names: equal after normalisation, or 0.70 of the words."""
    if _same(title_key(name_a), title_key(name_b)):
        return Match(1.0, "duplicate", "the same name")
    words_a, words_b = tokens(name_a), tokens(name_b)
    shared, all_words = len(words_a & words_b), len(words_a | words_b)
    if not _reaches(shared, all_words):
        return None
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
    return " ".join(titles.words(title))


def seller_key(seller: str | None) -> str | None:
    """The seller's name normalised; None for nobody, "unknown" and the like."""
    key = " ".join(titles.words(seller or ""))
    named = any(map(str.isalnum, key)) and key not in _NO_SELLER
    return key if named else None


@lru_cache(maxsize=4096)
def tokens(title: str) -> frozenset[str]:
    """The set of a title's normalised words; "16 GB" and "16GB" are one word."""
    return frozenset(titles.words(title))


weight = titles.weight


def weight_of(words: Iterable[str]) -> int:
    """What words weigh together."""
    return sum(map(weight, words))


def jaccard_reaches(a: AbstractSet[str], b: AbstractSet[str]) -> bool:
    """Whether the weighted Jaccard similarity is at least 0.70, in integers; none is similar to no words."""
    return _reaches(*_weights(a, b))


def variant_reason(title_a: str, title_b: str) -> str | None:
    """Why two similar titles are two things: capacity, CPU or model number differ; else None.

    A difference counts only where both titles name one of that kind, and what both say is none. The
    sentence is the same whichever title comes first.
    """
    if tokens(title_a) == tokens(title_b):
        return None
    pair = title_a, title_b
    return _capacity_differs(*pair) or _cpu_differs(*pair) or _model_differs(*pair)


def _same(a: str | None, b: str | None) -> bool:
    return bool(a) and a == b


def _address(offer: Offer) -> str:
    return canonical_url(offer.listing_url or "")


def _heaviest_first(word: str) -> tuple[int, str]:
    return -weight(word), word


def _weights(a: AbstractSet[str], b: AbstractSet[str]) -> tuple[int, int]:
    shared = weight_of(a & b)
    return shared, weight_of(a) + weight_of(b) - shared


def _reaches(shared: int, union: int) -> bool:
    return union > 0 and 10 * shared >= THRESHOLD_TENTHS * union


def _share(shared: int, union: int) -> float:
    return round(shared / union, 4)


def _words_shared(a: AbstractSet[str], b: AbstractSet[str]) -> str:
    shared, union = a & b, a | b
    said = f"{len(shared)} of {len(union)} words"
    if _reaches(len(shared), len(union)):
        return said
    # A few words can weigh more than the many others, and then they are the reason.
    return f"{said}, but the telling ones ({', '.join(sorted(shared, key=_heaviest_first)[:3])})"


def _cpu_shared(a: Offer, b: Offer) -> str | None:
    cpu = _cpu(a.title)
    return "same CPU" if cpu and cpu.model and cpu == _cpu(b.title) else None


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


def _capacity_differs(a: str, b: str) -> str | None:
    in_a, in_b = _capacities(a), _capacities(b)
    only_a = [x for x in in_a if not any(_equal(x, y) for y in in_b)]
    only_b = [y for y in in_b if not any(_equal(x, y) for x in in_a)]
    rivals = [sorted((x.gb, y.gb)) for x in only_a for y in only_b if _compete(x, y)]
    return " and ".join(map(titles.spell_gigabytes, min(rivals))) if rivals else None


@lru_cache(maxsize=4096)
def _capacities(title: str) -> list[_Capacity]:
    single = _PACKS.sub(lambda pack: str(int(pack[1]) * int(pack[2])), titles.spelled(title))
    return [
        _Capacity(
            titles.gigabytes(found["size"].replace(",", "."), found["unit"]),
            _role(found["before"] or found["after"]),
        )
        for found in _CAPACITY.finditer(single)
    ]


def _role(label: str | None) -> str | None:
    if not label:
        return None
    return next(role for pattern, role in _ROLES if re.match(pattern, label))


def _equal(x: _Capacity, y: _Capacity) -> bool:
    # "36.4 GB" is also called 36 GB. Which part has the size, an order of words may leave open.
    return abs(x.gb - y.gb) * 50 <= max(x.gb, y.gb)


def _compete(x: _Capacity, y: _Capacity) -> bool:
    """Whether two sizes may describe the same part; an unlabelled one is guessed from its size."""
    if (x.gb < 1) != (y.gb < 1):
        return False
    if x.role == y.role:
        return True
    unlabelled, role = (x, y.role) if x.role is None else (y, x.role)
    if unlabelled.role is not None:
        return False
    return (role == "disk") == (unlabelled.gb >= _SMALLEST_DISK_GB) and role in {"disk", "ram"}


def _cpu_differs(a: str, b: str) -> str | None:
    cpu_a, cpu_b = _cpu(a), _cpu(b)
    if cpu_a is None or cpu_b is None or not _cpus_differ(cpu_a, cpu_b):
        return None
    return " and ".join(sorted((_spell_cpu(cpu_a), _spell_cpu(cpu_b))))


@lru_cache(maxsize=4096)
def _cpu(title: str) -> CpuName | None:
    return find_cpu(titles.spelled(title))


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
    in_a, in_b = model_words(a), model_words(b)
    long_a, long_b = set(filter(_is_long, in_a)), set(filter(_is_long, in_b))
    if any(_same_order_number(x, y) for x in long_a for y in long_b):
        return None
    rivals = [sorted((x, y)) for x in in_a - in_b for y in in_b - in_a if _shape(x) == _shape(y)]
    if not rivals and long_a.isdisjoint(long_b):
        rivals = [sorted((x, y)) for x in long_a for y in long_b]
    return " and ".join(min(rivals)) if rivals else None


@lru_cache(maxsize=4096)
def model_words(title: str) -> frozenset[str]:
    """The words of a title that name a model or its version, except its CPU's: "7490", "g3", "iphone 7"."""
    words, cpu = titles.words(title), _cpu(title)
    skipped = set((cpu.model or "").split()) if cpu else set()
    numbered = {f"{before} {word}" for before, word in pairwise(words) if _is_numbered(before, word)}
    return frozenset({word for word in words if word not in skipped and _is_model(word)} | numbered)


def _is_model(word: str) -> bool:
    """A number of three digits or more, or letters with digits: "7490", "t470s", "g3"."""
    return titles.kind(word) in {"code", "mixed", "number"} and not _NO_MODEL_TOKEN.fullmatch(word)


def _is_long(word: str) -> bool:
    # Numbers of three digits are model or order numbers whatever their letters.
    return len(_DIGIT.findall(word)) >= 3 and not _YEAR.fullmatch(word)


def _same_order_number(x: str, y: str) -> bool:
    # Shops cut titles short, and the number stands at the end.
    short, long = sorted((x, y), key=len)
    return len(short) >= _ORDER_NUMBER and long.startswith(short)


def _is_numbered(before: str, word: str) -> bool:
    # "iPhone 7", "Surface Pro 6": a short number says nothing without the word before it.
    return word.isdigit() and len(word) < 3 and before.isalpha() and before not in _NO_MODEL_WORDS


def _shape(word: str) -> str:
    return "year" if _YEAR.fullmatch(word) else _DIGIT.sub("9", word)

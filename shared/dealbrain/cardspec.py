"""What a card shows, as finished text and classes; and what its files are called.

A card's address carries a hash of everything drawn, so two cards that would look the same have one
address and an outdated picture has none. Nothing in here draws, stores or asks the time.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from itertools import product
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from dealbrain import facts, jsontext

# To be raised whenever card.html or the wording below changes what is seen: it is part of every address.
TEMPLATE_VERSION = 3

TEXT_MOST = 300
MARKS_MOST = 8

_DIGEST_LETTERS = 32
_CENT = Decimal("0.01")


class Style(StrEnum):
    """The two colour schemes."""

    light = "light"
    dark = "dark"


class Size(StrEnum):
    """Where a card is posted; ``PIXELS`` says how large that is."""

    social = "social"
    instagram = "instagram"
    story = "story"


class Format(StrEnum):
    """How the picture is encoded."""

    png = "png"
    jpeg = "jpeg"


PIXELS = {Size.social: (1200, 630), Size.instagram: (1080, 1080), Size.story: (1080, 1920)}
"""Width and height."""
EXTENSION = {Format.png: "png", Format.jpeg: "jpg"}
MEDIA_TYPE = {Format.png: "image/png", Format.jpeg: "image/jpeg"}

_FORMAT_OF = {extension: kind for kind, extension in EXTENSION.items()}
_NAME = re.compile(
    rf"(?P<style>{'|'.join(Style)})-(?P<size>{'|'.join(Size)})"
    rf"-(?P<digest>[0-9a-f]{{{_DIGEST_LETTERS}}})\.(?P<extension>{'|'.join(_FORMAT_OF)})",
    re.ASCII,
)
# The numbers of things are bigints; a nonce is 128 bits.
_COLLECTIONS = "collections/"
_PLACE = re.compile(rf"\d{{1,19}}|{_COLLECTIONS}\d{{1,19}}/[0-9a-f]{{32}}", re.ASCII)

_DASH = "\u2013"
TIERS = {"great": "Great deal", "good": "Good deal", "fair": "Fair price", "premium": "Premium price"}
_SCORE_CLASSES: tuple[tuple[int, Literal["good", "fair", "low"]], ...] = (
    (75, "good"),
    (50, "fair"),
    (0, "low"),
)
MEDIA = {
    "nvme": "NVMe SSD",
    "sata_ssd": "SATA SSD",
    "hdd": "HDD",
    "hybrid": "Hybrid drive",
    "emmc": "eMMC",
    "ufs": "UFS",
}

# Letters that reorder what stands around them; a title must not turn the price behind it around.
_BIDI_CONTROLS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def calm(text: str) -> str:
    """Make anybody's text safe to show, whole: nothing reorders its surroundings, no letter towers."""
    return text if text.isascii() else _bounded_marks(text.translate(_BIDI_CONTROLS))


def clean(text: str) -> str:
    """Make anybody's text safe to lay out: one line, NFC, bounded, nothing invisible that acts.

    At most 300 code points and at most 8 combining marks on one letter: correctly escaped text with
    50,000 marks on one letter stops Chromium for longer than a card may take.
    """
    # No text whose first 300 composed letters matter needs more than four times as many code points.
    text = text[: 4 * TEXT_MOST].translate(_BIDI_CONTROLS)
    text = "".join(
        " " if unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} else letter for letter in text
    )
    text = _bounded_marks(" ".join(unicodedata.normalize("NFC", text).split()))
    if len(text) > TEXT_MOST:
        text = text[: TEXT_MOST - 1].rstrip(" \u200d") + "…"
    return text


def _bounded_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for letter in text:
        # Format characters (joiners, tags) count too, or marks could be stacked with joiners in between.
        marks = marks + 1 if unicodedata.category(letter) in {"Mn", "Mc", "Me", "Cf"} else 0
        if marks <= MARKS_MOST:
            kept.append(letter)
    return "".join(kept)


Text = Annotated[str, AfterValidator(clean)]


@dataclass(frozen=True)
class Source:
    """What is known of a listing that its card may show. Memory in GB, money in US dollars, score 0-100."""

    title: str
    price_usd: Decimal | None
    adjusted_price_usd: Decimal | None
    cpu: str | None
    ram_gb: int | None
    ram_generation: str | None
    storage_gb: int | None
    storage_medium: str | None
    score: float | None
    tier: str | None
    verdict: str
    as_of: date
    link: str
    """The short link as people read it: without a scheme."""
    manufacturer: str | None
    series: str | None


@dataclass(frozen=True)
class TopItem:
    """One of a collection's best: price in US dollars, score 0-100."""

    title: str
    price_usd: Decimal | None
    score: float | None


@dataclass(frozen=True)
class CollectionSource:
    """What is known of a collection that its card may show. Prices in US dollars."""

    name: str
    owner: str
    count: int
    cheapest_usd: Decimal | None
    dearest_usd: Decimal | None
    top: tuple[TopItem, ...]
    """The four with the best scores, the best first."""
    as_of: date
    link: str
    """As people read it, without a scheme; empty where it would open nothing."""


class _Drawn(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class SpecLine(_Drawn):
    """One piece of hardware: what it is and its value."""

    label: Text
    value: Text


class CardSpec(_Drawn):
    """Everything drawn. An empty text is not drawn and leaves no hole; an empty class means: absent."""

    title: Text
    maker: Text
    price: Text
    price_class: Literal["known", "unknown", "range"]
    """``range`` is a collection's, whose ``specs`` are its best offers: label the score, value the rest."""
    adjusted: Text
    tier: Text
    tier_class: Literal["great", "good", "fair", "premium", ""]
    score: Text
    score_class: Literal["good", "fair", "low", ""]
    specs: tuple[SpecLine, ...]
    verdict: Text
    as_of: Text
    link: Text


class OutdatedSpecError(ValueError):
    """A stored spec of another template: what it describes can no longer be drawn as promised."""


def of(source: Source) -> CardSpec:
    """Decide what the card of a listing shows.

    Raises:
        pydantic.ValidationError: a text is no text or the tier is none we know.
    """
    price = dollars(source.price_usd)
    adjusted = dollars(source.adjusted_price_usd)
    score = "" if source.score is None else str(int(source.score))
    return CardSpec(
        title=source.title,
        maker=_joined(" · ", source.manufacturer, source.series),
        price=price or "Price unknown",
        price_class="known" if price else "unknown",
        adjusted=f"{adjusted} adjusted" if price and adjusted and adjusted != price else "",
        tier=TIERS.get(source.tier or "", ""),
        tier_class=source.tier or "",  # pydantic refuses what is no tier
        score=score,
        score_class=score_class(int(score)) if score else "",
        specs=tuple(SpecLine(label=label, value=value) for label, value in _spec_lines(source) if value),
        verdict=source.verdict,
        as_of=_as_of(source.as_of),
        link=source.link,
    )


def of_collection(source: CollectionSource) -> CardSpec:
    """Decide what the card of a collection shows.

    Raises:
        pydantic.ValidationError: a text is no text.
    """
    return CardSpec(
        title=source.name,
        maker=_joined(" · ", _counted(source.count), f"by {source.owner}"),
        price=_range(source),
        price_class="range",
        adjusted="",
        tier="",
        tier_class="",
        score="",
        score_class="",
        specs=tuple(_top_line(one) for one in source.top),
        verdict=_ranking(source),
        as_of=_as_of(source.as_of),
        link=source.link,
    )


def _counted(count: int) -> str:
    return "1 listing" if count == 1 else f"{count} listings"


def _range(source: CollectionSource) -> str:
    if not source.count:
        return ""
    ends = dict.fromkeys((dollars(source.cheapest_usd), dollars(source.dearest_usd)))
    return _joined(f" {_DASH} ", *ends) or "Prices unknown"


def _top_line(item: TopItem) -> SpecLine:
    label = _DASH if item.score is None else str(int(item.score))
    return SpecLine(label=label, value=_joined(" · ", dollars(item.price_usd), item.title))


def _ranking(source: CollectionSource) -> str:
    if not source.count:
        return "Nothing is in here yet."
    if source.count > len(source.top):
        return f"The best {len(source.top)} of {source.count}, by their score of 100."
    return "By their score of 100." if source.count > 1 else ""


def _as_of(day: date) -> str:
    return f"as of {day.day} {day:%b %Y}"


def dollars(amount: Decimal | None) -> str:
    """Spell an amount for people; empty where there is none."""
    if amount is None:
        return ""
    amount = amount.quantize(_CENT, ROUND_HALF_UP)
    return f"${amount:,.0f}" if amount == amount.to_integral_value() else f"${amount:,.2f}"


def score_class(score: int) -> Literal["good", "fair", "low"]:
    """The colour of a score of 100, cut to a whole number."""
    # The score is cut, not rounded, so that the number seen and its colour never disagree.
    return next(name for least, name in _SCORE_CLASSES if score >= least)


def _spec_lines(source: Source) -> tuple[tuple[str, str], ...]:
    generation = (source.ram_generation or "").upper()
    return (
        ("CPU", source.cpu or ""),
        ("RAM", _joined(" ", capacity(source.ram_gb), "" if generation == "UNKNOWN" else generation)),
        ("Storage", _joined(" ", capacity(source.storage_gb), MEDIA.get(source.storage_medium or ""))),
    )


def capacity(gigabytes: int | None) -> str:
    """Spell a size in GB as shops do; empty where it is not known."""
    if not gigabytes:
        return ""
    for terabyte in (1024, 1000):
        if gigabytes % terabyte == 0:
            return f"{gigabytes // terabyte} TB"
    return f"{gigabytes} GB"


def _joined(between: str, *parts: str | None) -> str:
    return between.join(part for part in parts if part)


def to_bytes(spec: CardSpec) -> bytes:
    """Write a spec as it is stored; the template's version is part of it."""
    return jsontext.dumps({"template": TEMPLATE_VERSION, "card": spec.model_dump(mode="json")}).encode()


def from_bytes(body: bytes) -> CardSpec:
    """Read a stored spec; the inverse of ``to_bytes``.

    Raises:
        Malformed: not JSON.
        OutdatedSpecError: written for another template.
    """
    stored = jsontext.loads(body)
    if not isinstance(stored, dict) or stored.get("template") != TEMPLATE_VERSION:
        raise OutdatedSpecError(
            "The spec was written for another template; ask card-image for the current one."
        )
    try:
        return CardSpec.model_validate(stored.get("card"))
    except ValidationError as error:
        raise OutdatedSpecError(
            f"The spec has {error.error_count()} places this template does not know."
        ) from None


def digest(spec: CardSpec) -> str:
    """Name everything drawn and the template: 32 hexadecimal digits of SHA-256 (128 bits)."""
    return hashlib.sha256(to_bytes(spec)).hexdigest()[:_DIGEST_LETTERS]


@dataclass(frozen=True)
class Variant:
    """One of a spec's twelve pictures."""

    style: Style
    size: Size
    format: Format
    digest: str

    @property
    def name(self) -> str:
        """The last part of its address and of its key; ``parse_name`` reads it."""
        return f"{self.style}-{self.size}-{self.digest}.{EXTENSION[self.format]}"


def parse_name(name: str) -> Variant | None:
    """Read ``{style}-{size}-{digest}.{extension}``; None when it is no name of ours."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return Variant(
        Style(found["style"]), Size(found["size"]), _FORMAT_OF[found["extension"]], found["digest"]
    )


def placeholder_name(style: Style, size: Size, kind: Format) -> str:
    """The file in functions/carding/placeholders shown instead of a picture that could not be drawn."""
    return f"{style}-{size}.{EXTENSION[kind]}"


# ---------------------------------------------------------------------------------- places, addresses, keys

# A place is whose cards something is about, as addresses and keys spell it.


def listing_place(listing_id: int) -> str:
    """The place of a listing's cards."""
    return str(listing_id)


def collection_place(collection_id: int, nonce: str) -> str:
    """The place of a collection's cards, until its visibility falls and it gets another nonce."""
    return f"{_COLLECTIONS}{collection_id}/{nonce}"


@dataclass(frozen=True)
class Card:
    """One picture: whose it is, and which."""

    place: str
    variant: Variant

    @property
    def name(self) -> str:
        """What it is ordered by; ``parse_card`` reads it."""
        return f"{self.place}/{self.variant.name}"

    @property
    def spec_key(self) -> str:
        """Where its licence is stored in the bucket of generated files."""
        return spec_key(self.place, self.variant.digest)

    @property
    def picture_key(self) -> str:
        """Where it is stored there once it is drawn."""
        return f"{facts.CARDS}{self.name}"


def address(card: Card) -> str:
    """The path a picture is read at; whoever knows it may have it drawn while its spec is there."""
    if card.place.isdecimal():
        return f"/v1/cards/{card.name}"
    return f"/v1/collection-cards/{card.name.removeprefix(_COLLECTIONS)}"


def parse_card(name: str) -> Card | None:
    """Read ``{place}/{style}-{size}-{digest}.{extension}``; None when it is no name of ours."""
    place, _, picture = name.rpartition("/")
    variant = parse_name(picture)
    return Card(place, variant) if variant and _PLACE.fullmatch(place) else None


def spec_key(place: str, digest: str) -> str:
    """Where a spec is stored in the bucket of generated files."""
    return f"{facts.SPECS}{place}/{digest}.json"


def parse_spec_key(key: str) -> tuple[str, str]:
    """The place and the digest of a stored spec; the inverse of ``spec_key``."""
    place, _, file = key.removeprefix(facts.SPECS).rpartition("/")
    return place, file.removesuffix(".json")


def keys(place: str, digest: str) -> list[str]:
    """All there may be of a spec: itself first, since without it no address is open, and twelve pictures."""
    variants = (Variant(*one, digest) for one in product(Style, Size, Format))
    return [spec_key(place, digest), *(Card(place, one).picture_key for one in variants)]

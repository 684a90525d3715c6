"""The tolerant reader of the portable format: bytes in; a file, or every problem with its place, out. Pure.

Files come from many programs. One walk along the models' fields sets unknown keys aside and mends what
is known to differ in the wild, each time with a warning; then the strict models of ``document`` decide.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, TypeAliasType, get_args, get_origin

from pydantic import BaseModel, ValidationError

from dealbrain import document, facts, jsontext, scalars
from dealbrain.document import (
    ArtifactType,
    CollectionDocument,
    CollectionFile,
    DealDocument,
    DealEntry,
    DealFile,
    Extra,
    Item,
    ItemEntry,
    Notice,
)
from dealbrain.errors import Invalid, Problem
from dealbrain.jsontext import Json
from dealbrain.scalars import pointer

# Enough for a person to mend a file, few enough for one answer.
LISTED_MOST = 1_000
# Where a component read as misc keeps the kind its file gave it.
ORIGINAL_TYPE = "original_component_type"

_ENVELOPE = "deal_brain_export"

# Words other programs write, by the enum they stand for; looked up in lower case.
ALIASES: Final[dict[type[StrEnum], dict[str, StrEnum]]] = {
    document.Condition: {
        "like_new": document.Condition.used,
        "good": document.Condition.used,
        "fair": document.Condition.used,
        "poor": document.Condition.used,
        "refurbished": document.Condition.refurb,
    },
    document.ListingStatus: {
        "sold": document.ListingStatus.archived,
        "removed": document.ListingStatus.archived,
        "draft": document.ListingStatus.pending,
    },
    document.ItemStatus: {
        "active": document.ItemStatus.undecided,
        "archived": document.ItemStatus.rejected,
        "removed": document.ItemStatus.rejected,
    },
    document.StorageMedium: {"ssd": document.StorageMedium.sata_ssd},
    document.PortType: {"ethernet": document.PortType.rj45_1g},
    document.ComponentType: {
        "psu": document.ComponentType.misc,
        "cooler": document.ComponentType.misc,
        "case": document.ComponentType.misc,
        "motherboard": document.ComponentType.misc,
    },
}


def read(raw: bytes, *, now: datetime) -> DealFile | CollectionFile:
    """Read a file of any version 1.x; ``now`` stands in for times it does not say.

    Raises:
        Malformed: the bytes are no JSON we accept.
        Invalid: the file is not of the format; carries every problem, each with its place in the file.
    """
    whole = jsontext.loads(raw)
    if not isinstance(whole, dict):
        raise _refusal([Problem("", "object_type", "A portable file is one JSON object.")])
    walk = _Walk(now)
    whole = walk.hoist(whole)
    kind = _kind(whole, walk.place)
    model = DealDocument if kind is ArtifactType.deal else CollectionDocument
    tree = walk.part(model, whole, "")
    try:
        made = model.model_validate(tree)
    except ValidationError as error:
        walk.problems += (
            Problem(walk.place(one.pointer), one.code, one.message)
            for one in scalars.problems(error.errors(include_url=False))
        )
    if walk.problems:
        raise _refusal(walk.problems)
    warnings = walk.listed()
    if isinstance(made, DealDocument):
        return _deal_file(made, walk.extra, warnings)
    return _collection_file(made, walk.extra, warnings)


def item(tree: dict[str, Json], place: int, *, now: datetime) -> tuple[ItemEntry, list[Notice]]:
    """Read one item that was put together from another kind of file, as the item at this place of ours.

    Raises:
        Invalid: it is none; the places of its problems begin at the item.
    """
    walk = _Walk(now)
    at = f"/data/items/{place}"
    known = walk.part(Item, tree, at)
    try:
        made = Item.model_validate(known)
    except ValidationError as error:
        walk.problems += scalars.problems(error.errors(include_url=False), at=at)
    if walk.problems:
        found = (Problem(one.pointer.removeprefix(at), one.code, one.message) for one in walk.problems)
        raise _refusal(list(found))
    return _entry(made, {}, {}), walk.notices


def _refusal(problems: list[Problem]) -> Invalid:
    count = "one problem" if len(problems) == 1 else f"{len(problems):,} problems"
    return Invalid(f"The file has {count}.", problems=tuple(problems[:LISTED_MOST]))


def _kind(whole: dict[str, Json], place: Callable[[str], str]) -> ArtifactType:
    """Find out what the file should carry, and refuse at once what no further look could mend."""
    envelope = whole.get(_ENVELOPE)
    said = envelope if isinstance(envelope, dict) else {}
    version = said.get("version")
    if isinstance(version, str) and not re.fullmatch(document.VERSIONS_READ, version):
        told = f"This reads versions 1.x, and the file says {version[:40]!r}."
        raise _refusal([Problem(f"/{_ENVELOPE}/version", "unsupported_version", told)])
    kind, looks = said.get("type"), _looks_like(whole.get("data"))
    known = kind.lower() if isinstance(kind, str) else None
    if known not in set(ArtifactType):
        return looks or ArtifactType.deal
    if looks and known != looks:
        told = f"The file says it carries a {known}, but its data is a {looks}."
        raise _refusal([Problem(place("/data"), "wrong_data", told)])
    return ArtifactType(known)


def _looks_like(data: Json) -> ArtifactType | None:
    if not isinstance(data, dict):
        return None
    deal, collection = "listing" in data, "collection" in data or "items" in data
    if deal == collection:
        return None
    return ArtifactType.deal if deal else ArtifactType.collection


class _Walk:
    """One pass along the models' fields: what was set aside, what was mended, what is wrong."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.extra: Extra = {}
        self.notices: list[Notice] = []
        self.unlisted = 0
        self.problems: list[Problem] = []
        self._data = "/data"

    def place(self, at: str) -> str:
        """Say where in the file as it was given something stands."""
        inside = at == "/data" or at.startswith("/data/")
        return self._data + at.removeprefix("/data") if inside else at

    def hoist(self, whole: dict[str, Json]) -> dict[str, Json]:
        """Take ``data`` out of the envelope, where an older dialect has it."""
        envelope = whole.get(_ENVELOPE)
        if not isinstance(envelope, dict) or "data" not in envelope:
            return whole
        inner = envelope["data"]
        whole = whole | {_ENVELOPE: {name: value for name, value in envelope.items() if name != "data"}}
        if inner is None:
            return whole
        nested = f"/{_ENVELOPE}/data"
        self._notice(nested, "legacy_nested_data", "The data stands in the envelope, as in an older dialect.")
        if whole.get("data") is None:
            self._data = nested
            return whole | {"data": inner}
        if whole["data"] != inner:
            told = "The data stands in the envelope and beside it, and the two differ."
            self.problems.append(Problem(nested, "data_twice", told))
        return whole

    def part(self, model: type[BaseModel], value: Json, at: str) -> Json:
        """Walk one object: known keys with a value stay, null is absent, unknown keys are set aside."""
        if not isinstance(value, dict):
            return value
        known: dict[str, Any] = {}
        for key, inside in value.items():
            here = at + pointer(key)
            if key not in model.model_fields:
                self._set_aside(here, inside)
            elif inside is not None:
                field: Any = model.model_fields[key]
                core, most = _core(field.annotation), _most(model, key)
                if most is not None and isinstance(inside, list) and len(inside) > most:
                    told = f"There are at most {most} here, not {len(inside):,}."
                    self.problems.append(Problem(self.place(here), "too_long", told))
                    known[key] = []
                else:
                    known[key] = self._field(core, inside, here)
        for name in document.NOW_WHEN_ABSENT.get(model, ()):
            known.setdefault(name, self.now)
        mend = _MENDED.get(model)
        if mend:
            mend(self, known, value, at)
        return known

    def _field(self, core: Any, value: Json, at: str) -> Any:  # noqa: ANN401 - a type of any kind, its value
        if get_origin(core) is tuple and isinstance(value, list):
            element = _core(get_args(core)[0])
            return [self._field(element, one, at + pointer(index)) for index, one in enumerate(value)]
        if not isinstance(core, type):
            return value
        if issubclass(core, BaseModel):
            return self.part(core, value, at)
        if issubclass(core, StrEnum):
            return self._word(core, value, at)
        if issubclass(core, datetime):
            return self._time(value, at)
        return self._money(value, at) if issubclass(core, Decimal) else value

    def _word(self, words: type[StrEnum], value: Json, at: str) -> Json:
        if not isinstance(value, str) or value in set(words):
            return value
        lower = value.lower()
        meant = lower if lower in set(words) else ALIASES.get(words, {}).get(lower)
        if meant is None:
            return value
        self._notice(at, "alias", f"“{value}” is read as “{meant}”.")
        return str(meant)

    def _time(self, value: Json, at: str) -> Json:
        if not isinstance(value, str) or not scalars.is_naive(value):
            return value
        self._notice(at, "naive_timestamp", "This time says no offset; it is taken as UTC.")
        return f"{value}Z"

    def _money(self, value: Json, at: str) -> Json | Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 2 * facts.MONEY_MOST:
            return value  # No amount at all; validation says so.
        amount = scalars.exact(value)
        cents = round(amount, 2)
        if cents == amount:
            return value
        self._notice(at, "rounded_money", f"{amount:f} is rounded to {cents:f}.")
        return cents

    def _set_aside(self, at: str, value: Json) -> None:
        self.extra[at] = value
        self._notice(at, "unknown_key", "This key is unknown here; it is kept and written again.")
        if scalars.depth(value) > scalars.FREE_DEPTH:
            told = f"Unknown keys nest at most {scalars.FREE_DEPTH} levels."
            self.problems.append(Problem(self.place(at), "too_deep", told))

    def _notice(self, at: str, code: str, message: str) -> None:
        if len(self.notices) < LISTED_MOST:
            self.notices.append(Notice(self.place(at), code, message))
        else:
            self.unlisted += 1

    def listed(self) -> tuple[Notice, ...]:
        """The warnings, as many as anybody reads, and how many there are besides."""
        if not self.unlisted:
            return tuple(self.notices)
        left = Notice("", "more_warnings", f"{self.unlisted:,} more warnings are not listed.")
        return (*self.notices, left)

    def named_maker(self, known: dict[str, Any], _: dict[str, Json], at: str) -> None:
        """Demand of a file what a request may leave to the catalog."""
        if "manufacturer" not in known:
            self.problems.append(Problem(self.place(f"{at}/manufacturer"), "missing", "This is required."))

    def component(self, known: dict[str, Any], given: dict[str, Json], _: str) -> None:
        """Keep the kind of a part that the format has no word for."""
        kind = given.get("component_type")
        metadata = known.get("metadata", {})
        if (
            isinstance(kind, str)
            and kind.lower() in ALIASES[document.ComponentType]
            and isinstance(metadata, dict)
        ):
            known["metadata"] = {ORIGINAL_TYPE: kind} | metadata

    def breakdown(self, known: dict[str, Any], _: dict[str, Json], at: str) -> None:
        """Set aside what a breakdown holds beyond the format's own keys."""
        found = known.get("valuation_breakdown")
        if not isinstance(found, dict):
            return
        known["valuation_breakdown"] = {}
        for key, value in found.items():
            if key in document.BREAKDOWN_KEYS:
                known["valuation_breakdown"][key] = value
            else:
                self._set_aside(at + pointer("valuation_breakdown", key), value)

    def price(self, known: dict[str, Any], _: dict[str, Json], at: str) -> None:
        """Honour the flag that says a price of 0 is an unknown one; a real price wins over it."""
        custom = known.get("custom_fields")
        if not isinstance(custom, dict) or document.PRICE_UNKNOWN not in custom:
            return
        known["custom_fields"] = {
            key: value for key, value in custom.items() if key != document.PRICE_UNKNOWN
        }
        price = known.get("price_usd")
        if custom[document.PRICE_UNKNOWN] is True and (price is None or _is_zero(price)):
            known.pop("price_usd", None)
            return
        flag = f"{at}/custom_fields/{document.PRICE_UNKNOWN}"
        self._notice(
            flag, "price_flag_ignored", "The flag says nothing the price does not say; it is dropped."
        )

    def base_price(self, known: dict[str, Any], _: dict[str, Json], __: str) -> None:
        """Begin a valuation that does not say its base at the price."""
        valuation, listing = known.get("valuation"), known.get("listing")
        if isinstance(valuation, dict) and isinstance(listing, dict):
            price = listing.get("price_usd")
            valuation.setdefault("base_price_usd", price if _is_amount(price) else 0)

    def positions(self, known: dict[str, Any], _: dict[str, Json], __: str) -> None:
        """Give items that say no position their place in the file, from 1."""
        items = known.get("items")
        for place, item in enumerate(items if isinstance(items, list) else [], start=1):
            if isinstance(item, dict):
                item.setdefault("position", place)


# What is mended or demanded beyond single fields, by the object it is about.
_MENDED: Final[dict[type[BaseModel], Callable[[_Walk, dict[str, Any], dict[str, Json], str], None]]] = {
    document.Cpu: _Walk.named_maker,
    document.Gpu: _Walk.named_maker,
    document.Component: _Walk.component,
    document.Valuation: _Walk.breakdown,
    document.Listing: _Walk.price,
    document.Deal: _Walk.base_price,
    document.CollectionData: _Walk.positions,
}


@cache
def _core(annotation: Any) -> Any:  # noqa: ANN401 - types have no common type
    """Find what a field holds, without its constraints and without None."""
    if isinstance(annotation, TypeAliasType):
        return _core(annotation.__value__)
    if get_origin(annotation) is Annotated:
        return _core(get_args(annotation)[0])
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return _core(kinds[0]) if type(None) in get_args(annotation) else annotation


@cache
def _most(model: type[BaseModel], key: str) -> int | None:
    """How long a list may be; longer ones are not even looked through."""
    bounds = (getattr(one, "max_length", None) for one in model.model_fields[key].metadata)
    return next((bound for bound in bounds if bound is not None), None)


def _is_zero(value: object) -> bool:
    return _is_amount(value) and value == 0


def _is_amount(value: object) -> bool:
    return (
        not isinstance(value, bool)
        and isinstance(value, int | float | Decimal)
        and 0 <= value <= facts.MONEY_MOST
    )


# An unknown key of an item, or of the deal in it.
_IN_ITEM = re.compile(r"/data/items/([0-9]+)(/listing(?=/))?(/.*)", re.DOTALL)


def _deal_file(made: DealDocument, extra: Extra, warnings: tuple[Notice, ...]) -> DealFile:
    deal, outside = {}, {}
    for place, value in extra.items():
        if place.startswith("/data/"):
            deal[place.removeprefix("/data")] = value
        else:
            outside[place] = value
    return DealFile(DealEntry(made.data, deal), outside, warnings)


def _collection_file(made: CollectionDocument, extra: Extra, warnings: tuple[Notice, ...]) -> CollectionFile:
    count = len(made.data.items)
    outside: Extra = {}
    items: list[Extra] = [{} for _ in range(count)]
    deals: list[Extra] = [{} for _ in range(count)]
    for place, value in extra.items():
        found = _IN_ITEM.fullmatch(place)
        if found:
            whose = deals if found[2] else items
            whose[int(found[1])][found[3]] = value
        else:
            outside[place] = value
    entries = tuple(map(_entry, made.data.items, deals, items))
    return CollectionFile(made.data.collection, entries, outside, warnings)


def _entry(item: Item, deal: Extra, extra: Extra) -> ItemEntry:
    return ItemEntry(
        entry=DealEntry(item.listing, deal),
        status=item.status,
        notes=item.notes,
        private_notes=item.private_notes,
        position=item.position,
        added_at=item.added_at,
        extra=extra,
    )

"""The portable format v1.0.0 as values: its models, its writer and its published schema. Pure.

The same models serve the API, so that a field cannot mean two things. They know only the format's own
fields; what a file holds beyond them stands beside the models as ``Extra`` and is grafted back by the
writer. The tolerant reader is ``dealbrain.reading``.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from dealbrain import facts, jsontext
from dealbrain.jsontext import Json
from dealbrain.scalars import (
    Count,
    FreeObject,
    Instant,
    Money,
    Number,
    Position,
    Reference,
    SignedMoney,
    Text,
    Url,
    Whole,
    text,
)

VERSION = "1.0.0"
# Later minor versions only add optional fields.
VERSIONS_READ = r"^1(\.[0-9]+){0,2}$"
# Set in custom_fields when the price is not known, because strict readers demand a number.
PRICE_UNKNOWN = "_price_unknown"
UNKNOWN_MANUFACTURER = "Unknown"
# The format's own keys of a valuation's breakdown; every other key is an unknown one.
BREAKDOWN_KEYS = frozenset({"base_price", "adjustments", "final_price"})

type Extra = dict[str, Json]
"""Unknown keys: JSON Pointer, relative to the deal, the item or the whole file, to the value."""


class Visibility(StrEnum):
    """Who may see a collection."""

    private = "private"
    unlisted = "unlisted"
    public = "public"


class ItemStatus(StrEnum):
    """What its collector thinks of an item."""

    undecided = "undecided"
    shortlisted = "shortlisted"
    rejected = "rejected"
    bought = "bought"


class Condition(StrEnum):
    """The state a machine is sold in."""

    new = "new"
    refurb = "refurb"
    used = "used"


class ListingStatus(StrEnum):
    """Whether an offer still stands."""

    active = "active"
    archived = "archived"
    pending = "pending"


class RamGeneration(StrEnum):
    """Kinds of memory."""

    ddr3 = "ddr3"
    ddr4 = "ddr4"
    ddr5 = "ddr5"
    lpddr4 = "lpddr4"
    lpddr4x = "lpddr4x"
    lpddr5 = "lpddr5"
    lpddr5x = "lpddr5x"
    hbm2 = "hbm2"
    hbm3 = "hbm3"
    unknown = "unknown"


class StorageMedium(StrEnum):
    """Kinds of drives."""

    nvme = "nvme"
    sata_ssd = "sata_ssd"
    hdd = "hdd"
    hybrid = "hybrid"
    emmc = "emmc"
    ufs = "ufs"
    unknown = "unknown"


class PortType(StrEnum):
    """Kinds of sockets, slots and bays."""

    usb_a = "usb_a"
    usb_c = "usb_c"
    thunderbolt = "thunderbolt"
    hdmi = "hdmi"
    displayport = "displayport"
    rj45_1g = "rj45_1g"
    rj45_2_5g = "rj45_2_5g"
    rj45_10g = "rj45_10g"
    audio = "audio"
    sdxc = "sdxc"
    pcie_x16 = "pcie_x16"
    pcie_x8 = "pcie_x8"
    m2_slot = "m2_slot"
    sata_bay = "sata_bay"
    other = "other"


class ComponentType(StrEnum):
    """Kinds of parts that come with a machine."""

    ram = "ram"
    ssd = "ssd"
    hdd = "hdd"
    os_license = "os_license"
    wifi = "wifi"
    gpu = "gpu"
    misc = "misc"


class ArtifactType(StrEnum):
    """What a file carries."""

    deal = "deal"
    collection = "collection"


class Part(BaseModel):
    """What every object of the format shares: it does not change, and it knows only its own fields."""

    # Built when first used: most functions never read a file, and their cold starts do not wait for it.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Link(Part):
    """Another address of the same offer."""

    url: Url
    label: Text | None = None


class Cpu(Part):
    """A processor with its benchmark marks (PassMark) and its power in watts.

    A file names the manufacturer always; a request may leave it to the catalog.
    """

    name: Text
    manufacturer: Text | None = None
    cores: Whole | None = None
    threads: Whole | None = None
    tdp_w: Whole | None = None
    igpu_model: Text | None = None
    cpu_mark_multi: Whole | None = None
    cpu_mark_single: Whole | None = None
    igpu_mark: Whole | None = None
    release_year: Whole | None = None


class Gpu(Part):
    """A graphics card with its benchmark marks; the manufacturer as for a processor."""

    name: Text
    manufacturer: Text | None = None
    gpu_mark: Whole | None = None
    metal_score: Whole | None = None


class Ram(Part):
    """Memory: gigabytes and megahertz."""

    total_gb: Whole
    ddr_generation: RamGeneration | None = None
    speed_mhz: Whole | None = None
    module_count: Whole | None = None
    capacity_per_module_gb: Whole | None = None
    notes: Text | None = None


class Storage(Part):
    """A drive; its capacity in gigabytes."""

    capacity_gb: Whole
    medium: StorageMedium | None = None
    interface: Text | None = None
    form_factor: Text | None = None
    performance_tier: Text | None = None


class Metrics(Part):
    """Numbers computed by whoever wrote them; scores from 0 to 100."""

    dollar_per_cpu_mark_single: Number | None = None
    dollar_per_cpu_mark_single_adjusted: Number | None = None
    dollar_per_cpu_mark_multi: Number | None = None
    dollar_per_cpu_mark_multi_adjusted: Number | None = None
    score_cpu_multi: Number | None = None
    score_cpu_single: Number | None = None
    score_gpu: Number | None = None
    score_composite: Number | None = None
    perf_per_watt: Number | None = None


class Port(Part):
    """So many sockets of one kind."""

    type: PortType
    count: Count
    spec_notes: Text | None = None


class Ports(Part):
    """The sockets of a machine."""

    profile_name: Text | None = None
    ports: Annotated[tuple[Port, ...], Field(max_length=facts.LIST_MOST)] = ()


class Component(Part):
    """A part that comes with the machine, and what it adds to the price in dollars."""

    component_type: ComponentType
    name: Text | None = None
    quantity: Count = 1
    metadata: FreeObject | None = None
    adjustment_value_usd: SignedMoney | None = None


class Performance(Part):
    """The hardware."""

    cpu: Cpu | None = None
    gpu: Gpu | None = None
    ram: Ram | None = None
    storage_primary: Storage | None = None
    storage_secondary: Storage | None = None
    metrics: Metrics | None = None
    ports: Ports | None = None
    components: Annotated[tuple[Component, ...], Field(max_length=facts.LIST_MOST)] = ()


class Metadata(Part):
    """What the maker calls the machine."""

    manufacturer: Annotated[str, text(64)] | None = None
    series: Annotated[str, text(128)] | None = None
    model_number: Annotated[str, text(128)] | None = None
    form_factor: Annotated[str, text(32)] | None = None


class Valuation(Part):
    """The way from the price to the adjusted price, in dollars."""

    base_price_usd: Money
    adjusted_price_usd: SignedMoney | None = None
    valuation_breakdown: FreeObject | None = None
    ruleset_name: Text | None = None


class Listing(Part):
    """One offer. A price of None is unknown, which is not a price of 0."""

    id: Reference
    title: Annotated[str, text(facts.TITLE, least=1)]
    listing_url: Url | None = None
    other_urls: Annotated[tuple[Link, ...], Field(max_length=facts.LIST_MOST)] = ()
    seller: Annotated[str, text(facts.SELLER)] | None = None
    price_usd: Money | None = None
    price_date: Instant | None = None
    condition: Condition
    status: ListingStatus
    device_model: Annotated[str, text(facts.DEVICE_MODEL)] | None = None
    notes: Text | None = None
    custom_fields: FreeObject = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant


class Deal(Part):
    """An offer with its hardware and its valuation."""

    listing: Listing
    valuation: Valuation | None = None
    performance: Performance | None = None
    metadata: Metadata | None = None


class CollectionHead(Part):
    """A collection without its items."""

    id: Reference
    name: Annotated[str, text(facts.COLLECTION_NAME, least=1)]
    description: Annotated[str, text(facts.DESCRIPTION)] | None = None
    visibility: Visibility
    created_at: Instant
    updated_at: Instant


class Item(Part):
    """A deal in a collection; ``notes`` are public, ``private_notes`` stand in the owner's file only."""

    listing: Deal
    status: ItemStatus
    notes: Annotated[str, text(facts.ITEM_NOTE)] | None = None
    private_notes: Annotated[str, text(facts.ITEM_NOTE)] | None = None
    position: Position
    added_at: Instant


class CollectionData(Part):
    """What a file of type collection carries."""

    collection: CollectionHead
    items: Annotated[tuple[Item, ...], Field(max_length=facts.COLLECTION_ITEMS)]


class Envelope(Part):
    """Which format, when, by whom and what."""

    version: Annotated[str, Field(strict=True, pattern=VERSIONS_READ)]
    exported_at: Instant
    exported_by: UUID | None = None
    type: ArtifactType


class DealDocument(Part):
    """A whole file of type deal."""

    deal_brain_export: Envelope
    data: Deal


class CollectionDocument(Part):
    """A whole file of type collection."""

    deal_brain_export: Envelope
    data: CollectionData


@dataclass(frozen=True)
class Notice:
    """Something read otherwise than it stands in the file: where (RFC 6901), what, and a sentence."""

    pointer: str
    code: str
    message: str


@dataclass(frozen=True)
class DealEntry:
    """A deal and its unknown keys, relative to the deal."""

    deal: Deal
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True)
class ItemEntry:
    """An item and its unknown keys, relative to the item; those of its deal are in ``entry``."""

    entry: DealEntry
    status: ItemStatus
    notes: str | None
    private_notes: str | None
    position: int
    added_at: datetime
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True)
class DealFile:
    """A file of type deal; ``extra`` are the unknown keys outside of the deal."""

    entry: DealEntry
    extra: Extra = field(default_factory=dict)
    warnings: tuple[Notice, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class CollectionFile:
    """A file of type collection; ``extra`` are the unknown keys outside of the items."""

    head: CollectionHead
    items: tuple[ItemEntry, ...]
    extra: Extra = field(default_factory=dict)
    warnings: tuple[Notice, ...] = field(default=(), compare=False)


def write(file: DealFile | CollectionFile, *, exported_at: datetime, exported_by: UUID | None) -> bytes:
    """Write a file any strict v1.0.0 reader accepts: UTF-8 JSON, two spaces, absent fields left out."""
    if isinstance(file, DealFile):
        kind, data = ArtifactType.deal, _deal(file.entry)
    else:
        kind, data = ArtifactType.collection, _collection(file)
    envelope = Envelope(version=VERSION, exported_at=exported_at, exported_by=exported_by, type=kind)
    return enclosed(envelope, data, file.extra)


def enclosed(envelope: Envelope, data: Json, extra: Extra) -> bytes:
    """Write a whole file, given what it carries as JSON."""
    whole: dict[str, Json] = {"deal_brain_export": _dumped(envelope), "data": data}
    graft(whole, extra)
    return jsontext.dumps(whole, indent=2).encode()


# Objects the format allows to be empty but for what stands here. They are made again when all that is
# left in them is an unknown key; an object with a required field is not, and its unknown keys go with it.
_MAY_BE_EMPTY: Final[dict[str, dict[str, Json]]] = {
    "/metadata": {},
    "/performance": {"components": []},
    "/performance/metrics": {},
    "/performance/ports": {"ports": []},
    "/valuation": {},
    "/valuation/valuation_breakdown": {},
}


def graft(whole: dict[str, Json], extra: Extra) -> None:
    """Put unknown keys back into ``whole``, in place, where the object they stood in still exists."""
    for place, value in extra.items():
        *parents, key = _steps(place)
        parent = _descend(whole, parents)
        if isinstance(parent, dict):
            parent.setdefault(key, value)


def _steps(place: str) -> Iterator[str]:
    return (step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:])


def _descend(whole: dict[str, Json], steps: list[str]) -> Json:
    here: Json = whole
    place = ""
    for step in steps:
        place += f"/{step}"
        if isinstance(here, dict):
            if place in _MAY_BE_EMPTY:
                here.setdefault(step, deepcopy(_MAY_BE_EMPTY[place]))
            here = here.get(step)
        elif isinstance(here, list) and int(step) < len(here):
            here = here[int(step)]
        else:
            return None
    return here


def _dumped(part: Part, *, apart: set[str] | None = None) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_none=True, exclude=apart)


def _collection(file: CollectionFile) -> Json:
    return {"collection": _dumped(file.head), "items": [_item(item) for item in file.items]}


def _item(item: ItemEntry) -> Json:
    made = Item(
        listing=item.entry.deal,
        status=item.status,
        notes=item.notes,
        private_notes=item.private_notes,
        position=item.position,
        added_at=item.added_at,
    )
    whole: dict[str, Json] = {"listing": _deal(item.entry), **_dumped(made, apart={"listing"})}
    graft(whole, item.extra)
    return cast("Json", whole)


def _deal(entry: DealEntry) -> Json:
    return finished(_dumped(entry.deal), entry.extra)


def finished(whole: dict[str, Any], extra: Extra) -> Json:
    """Let a deal as JSON say what strict readers demand and what is unknown of it, in place."""
    graft(whole, extra)
    _name_manufacturers(whole)
    _spell_price(whole)
    return cast("Json", whole)


def _name_manufacturers(deal: dict[str, Any]) -> None:
    performance = deal.get("performance", {})
    for name in ("cpu", "gpu"):
        if name in performance:
            performance[name].setdefault("manufacturer", UNKNOWN_MANUFACTURER)


def _spell_price(deal: dict[str, Any]) -> None:
    """Say an unknown price so that strict readers take it and nobody believes it."""
    listing = deal["listing"]
    valuation = deal.get("valuation", {})
    listing["custom_fields"].pop(PRICE_UNKNOWN, None)
    if "price_usd" not in listing:
        listing["price_usd"] = 0
        listing["custom_fields"][PRICE_UNKNOWN] = True
        _forget_prices(deal)
    if "valuation" in deal:
        valuation.setdefault("base_price_usd", listing["price_usd"])
    if valuation.get("adjusted_price_usd", 0) < 0:
        del valuation["adjusted_price_usd"]


def _forget_prices(deal: dict[str, Any]) -> None:
    """Leave out what can only have been computed from a price."""
    valuation = deal.get("valuation", {})
    for name in ("base_price_usd", "adjusted_price_usd"):
        valuation.pop(name, None)
    metrics = deal.get("performance", {}).get("metrics", {})
    for name in [name for name in metrics if name in Metrics.model_fields and name.startswith("dollar_per_")]:
        del metrics[name]


# What a file may leave out although our values always have it: the reader fills it in.
NOW_WHEN_ABSENT: Final[dict[type[BaseModel], tuple[str, ...]]] = {
    Listing: ("created_at", "updated_at"),
    CollectionHead: ("created_at", "updated_at"),
    Item: ("added_at",),
}


def schema() -> dict[str, Any]:
    """Make the JSON Schema (2020-12) of the format from the models.

    It describes what a file of any version 1.x holds: unknown keys are allowed, and everything that is
    not required may also be null.
    """
    made = CollectionDocument.model_json_schema(ref_template="#/$defs/{model}")
    definitions = made["$defs"]
    for name, definition in definitions.items():
        if definition["type"] == "object":
            _open(name, definition)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Deal Brain portable file {VERSION}",
        "type": "object",
        "required": ["deal_brain_export", "data"],
        "properties": {"deal_brain_export": {"$ref": "#/$defs/Envelope"}, "data": {"type": "object"}},
        "oneOf": [_typed(ArtifactType.deal, "Deal"), _typed(ArtifactType.collection, "CollectionData")],
        "$defs": definitions,
    }


def _typed(kind: ArtifactType, data: str) -> dict[str, Any]:
    return {
        "properties": {
            "deal_brain_export": {"properties": {"type": {"const": kind.value}}},
            "data": {"$ref": f"#/$defs/{data}"},
        }
    }


_FILLED = {model.__name__: names for model, names in NOW_WHEN_ABSENT.items()}
_FILLED["Valuation"] = ("base_price_usd",)
_FILLED["Item"] = ("position", "added_at")
_NAMED = {"Cpu": ["manufacturer"], "Gpu": ["manufacturer"]}


def _open(name: str, definition: dict[str, Any]) -> None:
    """Say of one object what a file may hold: other keys, null for what is not required."""
    definition["additionalProperties"] = True
    filled = _FILLED.get(name, ())
    required = [one for one in definition.get("required", []) if one not in filled] + _NAMED.get(name, [])
    definition["required"] = required
    for one, value in definition["properties"].items():
        if one in required:
            definition["properties"][one] = _without_null(value)
        elif {"type": "null"} not in value.get("anyOf", []):
            definition["properties"][one] = {"anyOf": [value, {"type": "null"}]}


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in value.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if kinds else value

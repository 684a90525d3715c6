"""The portable format: what is read, what is refused and where, and that nothing is lost on the way."""

import copy
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError

from dealbrain import document, facts, jsontext, reading, scalars
from dealbrain.document import CollectionFile, DealEntry, DealFile, ItemEntry
from dealbrain.errors import Invalid, Malformed, Refusal

# JSON that a test takes apart by hand: its shape is what is being tested.
type Tree = Any

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = sorted((GOLDEN / "samples").glob("*.json"))
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SOMEBODY = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


def sample(name: str) -> Tree:
    return jsontext.loads((GOLDEN / "samples" / f"{name}.json").read_bytes())


def read(whole: Tree) -> DealFile | CollectionFile:
    raw = whole if isinstance(whole, bytes) else jsontext.dumps(whole).encode()
    return reading.read(raw, now=NOW)


def read_deal(whole: Tree) -> DealFile:
    file = read(whole)
    assert isinstance(file, DealFile)
    return file


def read_collection(whole: Tree) -> CollectionFile:
    file = read(whole)
    assert isinstance(file, CollectionFile)
    return file


def write(file: DealFile | CollectionFile) -> bytes:
    return document.write(file, exported_at=NOW, exported_by=SOMEBODY)


def written(file: DealFile | CollectionFile) -> Tree:
    return jsontext.loads(write(file))


def at(whole: Tree, place: str) -> Tree:
    for step in place.split("/")[1:]:
        whole = whole[int(step)] if isinstance(whole, list) else whole[step]
    return whole


def put(whole: Tree, place: str, value: Tree) -> Tree:
    """A copy with the value at the place."""
    made = copy.deepcopy(whole)
    parent, _, key = place.rpartition("/")
    inside = at(made, parent)
    inside[int(key) if isinstance(inside, list) else key] = value
    return made


def without(whole: Tree, place: str) -> Tree:
    made = copy.deepcopy(whole)
    parent, _, key = place.rpartition("/")
    del at(made, parent)[key]
    return made


def refused(whole: Tree) -> set[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        read(whole)
    assert all(one.message.endswith(".") for one in caught.value.problems)
    return {(one.pointer, one.code) for one in caught.value.problems}


def warned(file: DealFile | CollectionFile) -> set[tuple[str, str]]:
    return {(one.pointer, one.code) for one in file.warnings}


# ------------------------------------------------------------------------------------- the contract


def test_the_published_schema_is_the_golden_one() -> None:
    golden = jsontext.loads((GOLDEN / "export-1.0.0.schema.json").read_bytes())
    assert document.schema() == golden, "a change of the format cannot be an accident"


def test_the_published_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(document.schema())


CANONICAL = ["full-deal", "minimal-deal", "full-collection", "unknown-keys"]


SCHEMA = Draft202012Validator(document.schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def valid(whole: Tree) -> bool:
    return SCHEMA.is_valid(whole)


@pytest.mark.parametrize("name", CANONICAL)
def test_a_sample_is_valid_under_the_schema(name: str) -> None:
    assert valid(sample(name))


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("full-deal", "/data/listing/price_usd", "249.5"),
        ("full-deal", "/data/listing/price_usd", -1),
        ("full-deal", "/data/performance/cpu/manufacturer", None),
        ("full-deal", "/data/performance/ram/ddr_generation", "DDR4"),
        ("full-deal", "/deal_brain_export/type", "collection"),
        ("full-deal", "/deal_brain_export/version", "2.0.0"),
        ("full-collection", "/data/items/0/listing", {"title": "flat"}),
        ("full-collection", "/data/collection/visibility", "secret"),
    ],
)
def test_the_schema_refuses_what_the_format_forbids(name: str, place: str, value: Tree) -> None:
    assert not valid(put(sample(name), place, value))


@pytest.mark.parametrize("name", ["seller", "price_usd", "custom_fields", "other_urls", "created_at"])
def test_the_schema_allows_null_for_what_is_not_required(name: str) -> None:
    assert valid(put(sample("full-deal"), f"/data/listing/{name}", None))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_read_and_what_is_written_is_valid(path: Path) -> None:
    assert valid(written(read(path.read_bytes())))


@pytest.mark.parametrize("name", ["full-deal", "full-collection", "unknown-keys"])
def test_a_sample_in_our_own_spelling_comes_out_as_it_went_in(name: str) -> None:
    given, made = sample(name), written(read(sample(name)))
    for whole in (given, made):
        for member in ("exported_at", "exported_by", "version"):
            whole["deal_brain_export"].pop(member, None)
    assert made == given


def test_free_objects_keep_the_order_of_their_keys() -> None:
    made = written(read(sample("full-deal")))
    assert list(made["data"]["listing"]["custom_fields"]) == ["zeta", "alpha", "10"]


# ----------------------------------------------------------------------------------- generated files

EXOTIC = [
    "שלום",
    "مرحبا \u200fx",
    "👩🏽\u200d💻",
    "e\u0301",
    "\u202eevil",
    'quote " and \\',
    "line\nbreak",
    "a/b~c",
    "",
]
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def texts(most: int = 12, least: int = 0) -> st.SearchStrategy[str]:
    fitting = [text for text in EXOTIC if least <= len(text) <= most]
    return st.sampled_from(fitting) | st.text(LETTERS, min_size=least, max_size=most)


def maybe(some: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.none() | some


WHOLES = st.integers(0, 2**53)
COUNTS = st.integers(1, 2**53)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 10**20)
MOST = Decimal("9999999.99")
MONEY = st.decimals(0, MOST, places=2, allow_nan=False)
SIGNED = st.decimals(-MOST, MOST, places=2, allow_nan=False)
TIMES = st.datetimes(timezones=st.just(UTC)) | st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis wants it so and adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(timezone(timedelta(hours=5, minutes=45))),
)
URLS = st.sampled_from(["https://shop.example", "http://a.example:81/ü?q=%20#x", "HTTPS://[2001:db8::1]/"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-(2**53), 2**53, allow_nan=False)
    | texts()
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts(), inside, max_size=3),
    max_leaves=6,
)
FREE = st.dictionaries(texts().filter(lambda key: key != document.PRICE_UNKNOWN), ANYTHING, max_size=3)
KNOWN: set[str] = {
    name
    for model in vars(document).values()
    if isinstance(model, type) and issubclass(model, BaseModel)
    for name in model.model_fields
} | set(document.BREAKDOWN_KEYS)
KEYS = st.sampled_from(["x_vendor", "a/b", "~", "", "0", "Listing"]) | texts().filter(
    lambda key: key not in KNOWN
)


def parts(model: type[BaseModel], **fields: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.fixed_dictionaries(fields).map(model.model_validate)


LINKS = parts(document.Link, url=URLS, label=maybe(texts()))
CPUS = parts(
    document.Cpu,
    name=texts(),
    manufacturer=texts(),
    cores=maybe(WHOLES),
    tdp_w=maybe(WHOLES),
    cpu_mark_multi=maybe(WHOLES),
    release_year=maybe(WHOLES),
)
GPUS = parts(document.Gpu, name=texts(), manufacturer=texts(), gpu_mark=maybe(WHOLES))
RAMS = parts(
    document.Ram,
    total_gb=WHOLES,
    ddr_generation=maybe(st.sampled_from(document.RamGeneration)),
    notes=maybe(texts()),
)
STORAGES = parts(document.Storage, capacity_gb=WHOLES, medium=maybe(st.sampled_from(document.StorageMedium)))
PORTS = parts(
    document.Ports,
    profile_name=maybe(texts()),
    ports=st.lists(
        parts(
            document.Port, type=st.sampled_from(document.PortType), count=COUNTS, spec_notes=maybe(texts())
        ),
        max_size=2,
    ),
)
COMPONENTS = parts(
    document.Component,
    component_type=st.sampled_from(document.ComponentType),
    name=maybe(texts()),
    quantity=COUNTS,
    metadata=maybe(FREE),
    adjustment_value_usd=maybe(SIGNED),
)
METADATA = parts(document.Metadata, manufacturer=maybe(texts(64)), form_factor=maybe(texts(32)))


@st.composite
def deals(draw: st.DrawFn) -> DealEntry:
    price = draw(maybe(MONEY))
    known = price is not None
    metrics = parts(
        document.Metrics,
        score_gpu=maybe(NUMBERS),
        perf_per_watt=maybe(NUMBERS),
        **({"dollar_per_cpu_mark_multi": maybe(NUMBERS)} if known else {}),
    )
    performance = parts(
        document.Performance,
        cpu=maybe(CPUS),
        gpu=maybe(GPUS),
        ram=maybe(RAMS),
        storage_primary=maybe(STORAGES),
        metrics=maybe(metrics),
        ports=maybe(PORTS),
        components=st.lists(COMPONENTS, max_size=2),
    )
    valuation = parts(
        document.Valuation,
        base_price_usd=MONEY if known else st.just(0),
        adjusted_price_usd=maybe(MONEY) if known else st.none(),
        valuation_breakdown=maybe(
            st.fixed_dictionaries({}, optional={"base_price": st.integers(0, 9), "adjustments": ANYTHING})
        ),
        ruleset_name=maybe(texts()),
    )
    listing = parts(
        document.Listing,
        id=st.integers(-(2**63) + 1, 2**63 - 1),
        title=texts(255, least=1),
        listing_url=maybe(URLS),
        other_urls=st.lists(LINKS, max_size=2),
        seller=maybe(texts()),
        price_usd=st.just(price),
        price_date=maybe(TIMES),
        condition=st.sampled_from(document.Condition),
        status=st.sampled_from(document.ListingStatus),
        notes=maybe(texts()),
        custom_fields=FREE,
        created_at=TIMES,
        updated_at=TIMES,
    )
    deal = draw(
        parts(
            document.Deal,
            listing=listing,
            valuation=maybe(valuation),
            performance=maybe(performance),
            metadata=maybe(METADATA),
        )
    )
    return DealEntry(deal, draw(extras(places(deal))))


def places(part: Tree, place: str = "") -> list[str]:
    """Where in a deal unknown keys can stand."""
    if isinstance(part, tuple):
        return [found for index, one in enumerate(part) for found in places(one, f"{place}/{index}")]
    if not isinstance(part, BaseModel):
        return [place] if place == "/valuation/valuation_breakdown" and part is not None else []
    inside = (found for name, value in part for found in places(value, f"{place}/{name}"))
    return [place, *inside]


def extras(parents: list[str]) -> st.SearchStrategy[dict[str, Tree]]:
    pointers = st.builds(lambda parent, key: parent + scalars.pointer(key), st.sampled_from(parents), KEYS)
    return st.dictionaries(pointers, ANYTHING, max_size=3)


ITEMS = st.builds(
    ItemEntry,
    entry=deals(),
    status=st.sampled_from(document.ItemStatus),
    notes=maybe(texts()),
    private_notes=maybe(texts()),
    position=st.integers(-(2**53), 2**53),
    added_at=TIMES,
    extra=extras([""]),
)
HEADS = parts(
    document.CollectionHead,
    id=st.integers(1, 2**63 - 1),
    name=texts(100, least=1),
    description=maybe(texts()),
    visibility=st.sampled_from(document.Visibility),
    created_at=TIMES,
    updated_at=TIMES,
)
DEAL_FILES = st.builds(DealFile, deals(), extras(["", "/deal_brain_export"]))
COLLECTION_FILES = st.builds(
    CollectionFile,
    HEADS,
    st.lists(ITEMS, max_size=2).map(tuple),
    extras(["", "/deal_brain_export", "/data", "/data/collection"]),
)
FILES = DEAL_FILES | COLLECTION_FILES

# What a strict reader elsewhere counts on, said here again by hand.
BOLD = {
    "": {"deal_brain_export", "data"},
    "deal_brain_export": {"version", "exported_at", "type"},
    "deal": {"listing"},
    "listing": {
        "id", "title", "other_urls", "price_usd", "condition", "status", "custom_fields",
        "created_at", "updated_at",
    },
    "valuation": {"base_price_usd"},
    "performance": {"components"},
    "cpu": {"name", "manufacturer"},
    "gpu": {"name", "manufacturer"},
    "ports": {"ports"},
}  # fmt: skip


def missing(deal: Tree) -> list[str]:
    performance = deal.get("performance", {})
    objects = {"deal": deal} | {
        name: deal[name] for name in ("listing", "valuation", "performance") if name in deal
    }
    objects |= {name: performance[name] for name in ("cpu", "gpu", "ports") if name in performance}
    lost = [f"{name}.{key}" for name, found in objects.items() for key in BOLD[name] - found.keys()]
    return lost + ["quantity" for one in performance.get("components", []) if "quantity" not in one]


@given(FILES)
def test_what_is_written_is_read_back_equal(file: DealFile | CollectionFile) -> None:
    assert read(write(file)) == file


@given(FILES)
def test_writing_what_was_read_gives_the_same_bytes(file: DealFile | CollectionFile) -> None:
    raw = write(file)
    assert write(read(raw)) == raw


@given(FILES)
def test_every_file_written_is_valid_under_the_schema(file: DealFile | CollectionFile) -> None:
    errors = list(SCHEMA.iter_errors(written(file)))
    assert errors == []


@given(FILES)
def test_every_file_written_has_the_fields_strict_readers_count_on(file: DealFile | CollectionFile) -> None:
    data = written(file)["data"]
    found = [data] if isinstance(file, DealFile) else [item["listing"] for item in data["items"]]
    assert [lost for deal in found for lost in missing(deal)] == []


@given(st.sampled_from(["full-deal", "full-collection", "unknown-keys"]), st.data())
def test_a_file_with_anything_anywhere_is_read_or_refused(name: str, data: st.DataObject) -> None:
    whole = sample(name)
    place = data.draw(st.sampled_from(sorted(spots(whole))))
    broken = put(whole, place, data.draw(ANYTHING | st.sampled_from([1e300, 10**39, -0.0, [[]], {"a": {}}])))
    try:
        file = read(broken)
    except Refusal as refusal:
        assert refusal.detail  # noqa: PT017 - either outcome is right; a refusal says a sentence
    else:
        assert valid(written(file))


def spots(whole: Tree, place: str = "") -> set[str]:
    pairs = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    # These helpers walk by unescaped names, so names with a slash are left out.
    inside = {f"{place}/{key}": value for key, value in pairs if "/" not in str(key)}
    return set(inside).union(*(spots(value, at_) for at_, value in inside.items()))


# -------------------------------------------------------------------------------- what is read kindly

MINIMAL = sample("minimal-deal")
FULL = sample("full-deal")
COLLECTION = sample("full-collection")


def listing(file: DealFile) -> document.Listing:
    return file.entry.deal.listing


def part(file: DealFile) -> document.Performance:
    assert file.entry.deal.performance is not None
    return file.entry.deal.performance


def test_the_old_dialect_is_read_with_a_warning() -> None:
    file = read_deal(sample("nested-data-old-dialect"))
    assert ("/deal_brain_export/data", "legacy_nested_data") in warned(file)


def test_a_problem_in_the_old_dialect_is_shown_where_it_stands_in_the_file() -> None:
    broken = put(sample("nested-data-old-dialect"), "/deal_brain_export/data/listing/title", 3)
    assert refused(broken) == {("/deal_brain_export/data/listing/title", "string_type")}


def test_unknown_keys_of_the_old_dialect_are_written_beside_the_envelope() -> None:
    file = read_deal(put(sample("nested-data-old-dialect"), "/deal_brain_export/data/x", 1))
    assert written(file)["data"]["x"] == 1


def test_the_same_data_in_both_places_is_read_once() -> None:
    both = put(MINIMAL, "/deal_brain_export/data", MINIMAL["data"])
    assert read(both) == read(MINIMAL)


def test_different_data_in_both_places_is_refused() -> None:
    other = put(MINIMAL["data"], "/listing/title", "another")
    both = put(MINIMAL, "/deal_brain_export/data", other)
    assert refused(both) == {("/deal_brain_export/data", "data_twice")}


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0", "1.1", "1.12.3"])
def test_any_version_1_is_read(version: str) -> None:
    assert read(put(MINIMAL, "/deal_brain_export/version", version))


@pytest.mark.parametrize("version", ["2.0.0", "0.9", "10.0.0", "", "1.0.0-rc", "v1", "1.0.0\n"])
def test_another_version_is_one_precise_problem(version: str) -> None:
    broken = put(put(MINIMAL, "/deal_brain_export/version", version), "/data/listing/title", 3)
    assert refused(broken) == {("/deal_brain_export/version", "unsupported_version")}


@pytest.mark.parametrize(("whole", "kind"), [(COLLECTION, "deal"), (MINIMAL, "collection")])
def test_the_wrong_pair_of_type_and_data_is_one_precise_problem(whole: Tree, kind: str) -> None:
    assert refused(put(whole, "/deal_brain_export/type", kind)) == {("/data", "wrong_data")}


def test_a_file_without_a_type_still_has_its_data_looked_at() -> None:
    broken = put(without(COLLECTION, "/deal_brain_export/type"), "/data/items/1/status", 7)
    assert refused(broken) == {("/deal_brain_export/type", "missing"), ("/data/items/1/status", "enum")}


ALIASES = [
    ("/data/listing/condition", "like_new", "used"),
    ("/data/listing/condition", "good", "used"),
    ("/data/listing/condition", "fair", "used"),
    ("/data/listing/condition", "poor", "used"),
    ("/data/listing/condition", "refurbished", "refurb"),
    ("/data/listing/condition", "Refurbished", "refurb"),
    ("/data/listing/condition", "NEW", "new"),
    ("/data/listing/status", "sold", "archived"),
    ("/data/listing/status", "removed", "archived"),
    ("/data/listing/status", "draft", "pending"),
    ("/data/performance/ram/ddr_generation", "DDR4", "ddr4"),
    ("/data/performance/ram/ddr_generation", "LPDDR5X", "lpddr5x"),
    ("/data/performance/storage_primary/medium", "ssd", "sata_ssd"),
    ("/data/performance/storage_secondary/medium", "HDD", "hdd"),
    ("/data/performance/ports/ports/0/type", "ethernet", "rj45_1g"),
    ("/data/performance/ports/ports/0/type", "USB_C", "usb_c"),
    ("/data/performance/components/0/component_type", "psu", "misc"),
    ("/data/performance/components/0/component_type", "cooler", "misc"),
    ("/data/performance/components/0/component_type", "case", "misc"),
    ("/data/performance/components/0/component_type", "motherboard", "misc"),
    ("/data/performance/components/0/component_type", "WiFi", "wifi"),
    ("/deal_brain_export/type", "Deal", "deal"),
]


@pytest.mark.parametrize(("place", "alias", "meant"), ALIASES)
def test_an_alias_is_mapped_and_never_written(place: str, alias: str, meant: str) -> None:
    assert at(written(read(put(FULL, place, alias))), place) == meant


@pytest.mark.parametrize(("place", "alias", "_"), ALIASES)
def test_an_alias_is_warned_about(place: str, alias: str, _: str) -> None:
    assert warned(read(put(FULL, place, alias))) == {(place, "alias")}


@pytest.mark.parametrize(
    ("alias", "meant"), [("active", "undecided"), ("archived", "rejected"), ("removed", "rejected")]
)
def test_an_alias_of_an_item_status_is_mapped(alias: str, meant: str) -> None:
    assert read_collection(put(COLLECTION, "/data/items/0/status", alias)).items[0].status == meant


def test_the_right_words_are_read_without_a_warning() -> None:
    assert read(FULL).warnings == ()


@pytest.mark.parametrize("word", ["mint", "like new", "", " used"])
def test_a_word_nobody_knows_is_refused(word: str) -> None:
    assert refused(put(FULL, "/data/listing/condition", word)) == {("/data/listing/condition", "enum")}


def test_an_alias_of_one_enum_is_none_of_another() -> None:
    place = "/data/performance/storage_primary/medium"
    assert refused(put(FULL, place, "sold")) == {(place, "enum")}


def test_a_component_the_format_has_no_word_for_keeps_its_kind_in_its_metadata() -> None:
    (component,) = part(read_deal(sample("nested-data-old-dialect"))).components
    assert component.metadata == {reading.ORIGINAL_TYPE: "PSU", "watts": 300}


TIMES_WITH_PLACES = [
    "/deal_brain_export/exported_at",
    "/data/listing/created_at",
    "/data/listing/updated_at",
    "/data/listing/price_date",
]


@pytest.mark.parametrize("place", TIMES_WITH_PLACES)
def test_a_naive_time_is_read_as_utc_with_a_warning(place: str) -> None:
    assert warned(read(put(FULL, place, "2026-01-01T10:00:00"))) == {(place, "naive_timestamp")}


def test_an_offset_is_turned_into_utc() -> None:
    file = read_deal(put(FULL, "/data/listing/created_at", "2026-01-01T00:30:00+02:00"))
    assert listing(file).created_at == datetime(2025, 12, 31, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize("place", ["/data/listing/created_at", "/data/listing/updated_at"])
def test_a_time_of_a_listing_that_is_not_said_is_now(place: str) -> None:
    assert at(written(read(without(FULL, place))), place) == "2026-03-02T10:00:00Z"


@pytest.mark.parametrize(
    "place", ["/data/collection/created_at", "/data/collection/updated_at", "/data/items/1/added_at"]
)
def test_a_time_of_a_collection_that_is_not_said_is_now(place: str) -> None:
    assert at(written(read(without(COLLECTION, place))), place) == "2026-03-02T10:00:00Z"


def test_a_missing_base_price_is_the_price() -> None:
    valuation = read_deal(without(FULL, "/data/valuation/base_price_usd")).entry.deal.valuation
    assert valuation is not None
    assert valuation.base_price_usd == Decimal("249.50")


def test_a_missing_base_price_beside_a_wrong_price_is_no_second_problem() -> None:
    broken = put(without(FULL, "/data/valuation/base_price_usd"), "/data/listing/price_usd", -3)
    assert refused(broken) == {("/data/listing/price_usd", "money_range")}


def test_a_missing_quantity_is_one() -> None:
    file = read_deal(without(FULL, "/data/performance/components/1/quantity"))
    assert part(file).components[1].quantity == 1


@pytest.mark.parametrize(
    "place",
    [
        "/deal_brain_export/exported_by",
        "/data/listing/listing_url",
        "/data/listing/other_urls",
        "/data/listing/custom_fields",
        "/data/listing/created_at",
        "/data/valuation",
        "/data/valuation/base_price_usd",
        "/data/performance/cpu",
        "/data/performance/components",
        "/data/performance/components/0/quantity",
        "/data/performance/ports/ports",
        "/data/metadata/series",
    ],
)
def test_null_for_what_is_optional_is_absence(place: str) -> None:
    assert read(put(FULL, place, None)) == read(without(FULL, place))


def test_null_in_a_free_object_stays() -> None:
    assert listing(read_deal(FULL)).custom_fields["zeta"] is None


def test_positions_are_stored_as_read_and_absent_ones_get_the_order_of_the_file() -> None:
    file = read_collection(without(put(COLLECTION, "/data/items/0/position", -7), "/data/items/1/position"))
    assert [item.position for item in file.items] == [-7, 2]


# ------------------------------------------------------------------------------------------- prices


def test_the_flag_makes_a_price_of_0_unknown() -> None:
    assert read_collection(COLLECTION).items[0].entry.deal.listing.price_usd is None


def test_the_flag_leaves_the_custom_fields() -> None:
    assert read_collection(COLLECTION).items[0].entry.deal.listing.custom_fields == {}


def test_a_price_of_0_without_the_flag_is_a_price() -> None:
    assert listing(read_deal(put(FULL, "/data/listing/price_usd", 0))).price_usd == 0


@pytest.mark.parametrize(
    "change", [without(FULL, "/data/listing/price_usd"), put(FULL, "/data/listing/price_usd", None)]
)
def test_a_price_that_is_not_said_is_unknown(change: Tree) -> None:
    assert listing(read_deal(change)).price_usd is None


FLAG = "/data/listing/custom_fields/_price_unknown"


def test_a_real_price_wins_over_the_flag() -> None:
    file = read_deal(put(FULL, FLAG, True))  # noqa: FBT003 - the value in the file
    assert listing(file).price_usd == Decimal("249.5")


@pytest.mark.parametrize("flag", [True, False, "yes", 1, None])
def test_a_flag_that_says_nothing_is_dropped_with_a_warning(flag: Tree) -> None:
    file = read_deal(put(FULL, FLAG, flag))
    assert (warned(file), document.PRICE_UNKNOWN in listing(file).custom_fields) == (
        {(FLAG, "price_flag_ignored")},
        False,
    )


UNKNOWN_PRICE = written(read_deal(put(FULL, "/data/listing/price_usd", None)))["data"]


def test_an_unknown_price_is_written_as_0_with_the_flag() -> None:
    said = UNKNOWN_PRICE["listing"]
    assert (said["price_usd"], said["custom_fields"]["_price_unknown"]) == (0, True)


def test_an_unknown_price_is_written_with_a_base_price_of_0_and_no_adjusted_one() -> None:
    said = UNKNOWN_PRICE["valuation"]
    assert (said["base_price_usd"], "adjusted_price_usd" in said) == (0, False)


def test_an_unknown_price_is_written_without_metrics_made_from_a_price() -> None:
    metrics = UNKNOWN_PRICE["performance"]["metrics"]
    assert sorted(metrics) == [
        "perf_per_watt",
        "score_composite",
        "score_cpu_multi",
        "score_cpu_single",
        "score_gpu",
    ]


def test_a_negative_adjusted_price_is_left_out() -> None:
    file = read_deal(put(FULL, "/data/valuation/adjusted_price_usd", -3.5))
    assert "adjusted_price_usd" not in written(file)["data"]["valuation"]


@pytest.mark.parametrize(
    ("given", "cents"), [(0.125, "0.12"), (0.135, "0.14"), (399.005, "399"), (9_999_999.994, "9999999.99")]
)
def test_money_with_more_than_two_decimals_is_rounded_half_even(given: float, cents: str) -> None:
    assert listing(read_deal(put(FULL, "/data/listing/price_usd", given))).price_usd == Decimal(cents)


@pytest.mark.parametrize(
    "place",
    [
        "/data/listing/price_usd",
        "/data/valuation/base_price_usd",
        "/data/valuation/adjusted_price_usd",
        "/data/performance/components/0/adjustment_value_usd",
    ],
)
def test_rounded_money_is_warned_about(place: str) -> None:
    assert warned(read(put(FULL, place, 12.3456))) == {(place, "rounded_money")}


@pytest.mark.parametrize("price", [10_000_000, 9_999_999.995, 1e300, 10**39, -0.01, -1])
def test_an_amount_outside_the_range_is_refused(price: float) -> None:
    assert refused(put(FULL, "/data/listing/price_usd", price)) == {
        ("/data/listing/price_usd", "money_range")
    }


@pytest.mark.parametrize(
    ("amount", "spelled"), [(399, b"399,"), (399.5, b"399.5,"), (0.1, b"0.1,"), (-0.0, b"0,")]
)
def test_money_is_spelled_as_a_plain_number(amount: float, spelled: bytes) -> None:
    assert b'"price_usd": ' + spelled in write(read(put(FULL, "/data/listing/price_usd", amount)))


# ------------------------------------------------------------------------------------- unknown keys


def test_unknown_keys_are_kept_relative_to_their_deal() -> None:
    assert read_collection(sample("unknown-keys")).items[0].entry.extra == {
        "/listing/other_urls/0/checked_at": None,
        "/listing/warranty": {"months": 12},
        "/valuation/valuation_breakdown/engine": "v7",
        "/valuation/confidence": 0.8,
        "/performance/cpu/socket~1stepping": "LGA1200",
        "/performance/metrics/score_noise": 12,
        "/performance/components/0/~0serial": "A-1",
        "/metadata/weight_kg": 1.25,
        "/history": [1, 2],
    }


def test_unknown_keys_of_an_item_stay_with_the_item() -> None:
    assert read_collection(sample("unknown-keys")).items[0].extra == {"/starred": True}


def test_unknown_keys_of_the_file_stay_with_the_file() -> None:
    assert read_collection(sample("unknown-keys")).extra == {
        "/deal_brain_export/generator": "another program 9.1",
        "/data/collection/colour": "teal",
        "/data/cover": None,
        "/signature": "none",
    }


def test_every_unknown_key_is_a_warning() -> None:
    file = read_collection(sample("unknown-keys"))
    kept = len(file.extra) + len(file.items[0].extra) + len(file.items[0].entry.extra)
    assert [one.code for one in file.warnings] == ["unknown_key"] * kept


def test_unknown_keys_of_an_object_that_is_gone_go_with_it() -> None:
    entry = read_deal(put(FULL, "/data/performance/ram/x", 1)).entry
    kept = entry.deal.model_copy(update={"performance": document.Performance()})
    assert written(DealFile(DealEntry(kept, entry.extra)))["data"]["performance"] == {"components": []}


def test_unknown_keys_survive_that_nothing_else_is_left_of_an_object_without_required_fields() -> None:
    extra: document.Extra = {
        "/metadata/x": 1,
        "/performance/metrics/y": 2,
        "/performance/ports/z": 3,
        "/valuation/valuation_breakdown/w": 4,
    }
    bare = read_deal(put(MINIMAL, "/data/listing/price_usd", 5)).entry.deal
    made = written(DealFile(DealEntry(bare, extra)))["data"]
    del made["listing"]
    assert made == {
        "metadata": {"x": 1},
        "performance": {"components": [], "metrics": {"y": 2}, "ports": {"ports": [], "z": 3}},
        "valuation": {"valuation_breakdown": {"w": 4}, "base_price_usd": 5},
    }


def test_a_known_field_is_never_overwritten_by_an_unknown_key() -> None:
    whole: dict[str, Tree] = {"title": "ours"}
    document.graft(whole, {"/title": "theirs"})
    assert whole == {"title": "ours"}


def test_only_so_many_warnings_are_listed() -> None:
    crowd = {f"x{number}": 0 for number in range(reading.LISTED_MOST + 5)}
    last = read(put(MINIMAL, "/data", MINIMAL["data"] | crowd)).warnings[-1]
    assert (last.code, last.message) == ("more_warnings", "5 more warnings are not listed.")


# -------------------------------------------------------------------------------------- what is refused

STARRED = [
    (FULL, "/deal_brain_export"),
    (FULL, "/deal_brain_export/version"),
    (FULL, "/deal_brain_export/exported_at"),
    (FULL, "/deal_brain_export/type"),
    (FULL, "/data"),
    (FULL, "/data/listing"),
    (FULL, "/data/listing/id"),
    (FULL, "/data/listing/title"),
    (FULL, "/data/listing/condition"),
    (FULL, "/data/listing/status"),
    (FULL, "/data/listing/other_urls/0/url"),
    (FULL, "/data/performance/cpu/name"),
    (FULL, "/data/performance/cpu/manufacturer"),
    (FULL, "/data/performance/gpu/name"),
    (FULL, "/data/performance/gpu/manufacturer"),
    (FULL, "/data/performance/ram/total_gb"),
    (FULL, "/data/performance/storage_primary/capacity_gb"),
    (FULL, "/data/performance/ports/ports/0/type"),
    (FULL, "/data/performance/ports/ports/0/count"),
    (FULL, "/data/performance/components/0/component_type"),
    (COLLECTION, "/data/collection"),
    (COLLECTION, "/data/collection/id"),
    (COLLECTION, "/data/collection/name"),
    (COLLECTION, "/data/collection/visibility"),
    (COLLECTION, "/data/items"),
    (COLLECTION, "/data/items/0/listing"),
    (COLLECTION, "/data/items/1/status"),
    (COLLECTION, "/data/items/1/listing/listing"),
]


@pytest.mark.parametrize(("whole", "place"), STARRED)
def test_a_file_without_a_required_field_is_refused_at_its_place(whole: Tree, place: str) -> None:
    assert refused(without(whole, place)) == {(place, "missing")}


@pytest.mark.parametrize(("whole", "place"), STARRED)
def test_null_for_a_required_field_is_its_absence(whole: Tree, place: str) -> None:
    assert refused(put(whole, place, None)) == {(place, "missing")}


WRONG = [
    ("/data/listing/id", "4711", "int_type"),
    ("/data/listing/id", True, "int_type"),
    ("/data/listing/id", 1.5, "int_type"),
    ("/data/listing/title", "", "string_too_short"),
    ("/data/listing/title", "x" * 256, "string_too_long"),
    ("/data/listing/title", 5, "string_type"),
    ("/data/listing/seller", "x" * 129, "string_too_long"),
    ("/data/listing/device_model", "x" * 256, "string_too_long"),
    ("/data/listing/notes", "x" * 10_001, "string_too_long"),
    ("/data/listing/price_usd", "249.5", "number_type"),
    ("/data/listing/price_usd", True, "number_type"),
    ("/data/listing/price_usd", [], "number_type"),
    ("/data/listing/price_date", "2026-02-27", "instant_format"),
    ("/data/listing/price_date", "2026-02-30T00:00:00Z", "instant_value"),
    ("/data/listing/price_date", "2026-02-30T00:00:00", "instant_value"),
    ("/data/listing/price_date", "0001-01-01T00:00:00+01:00", "instant_value"),
    ("/data/listing/price_date", "٢٠٢٦-02-27T00:00:00Z", "instant_format"),
    ("/data/listing/price_date", "1772000000", "instant_format"),
    ("/data/listing/price_date", 1_772_000_000, "instant_format"),
    ("/data/listing/condition", 1, "enum"),
    ("/data/listing/custom_fields", [], "object_type"),
    ("/data/listing/other_urls", {}, "list_type"),
    ("/data/listing/other_urls/0", "https://shop.example", "object_type"),
    ("/data/listing/other_urls", [{"url": "https://a.example"}] * 65, "too_long"),
    ("/data/performance", [], "object_type"),
    ("/data/performance/components", [{"component_type": "misc"}] * 65, "too_long"),
    ("/data/performance/ports/ports", [{"type": "hdmi", "count": 1}] * 65, "too_long"),
    ("/data/performance/ports/ports/0/count", 0, "greater_than_equal"),
    ("/data/performance/components/0/quantity", 0, "greater_than_equal"),
    ("/data/performance/components/0/quantity", 1.0, "int_type"),
    ("/data/performance/cpu/cores", "6", "int_type"),
    ("/data/performance/cpu/cores", False, "int_type"),
    ("/data/performance/cpu/cores", -1, "greater_than_equal"),
    ("/data/performance/cpu/cores", 2**53 + 1, "less_than_equal"),
    ("/data/performance/metrics/score_gpu", "20", "number_type"),
    ("/data/performance/metrics/score_gpu", True, "number_type"),
    ("/data/metadata/form_factor", "x" * 33, "string_too_long"),
    ("/data/metadata/manufacturer", "x" * 65, "string_too_long"),
    ("/data/valuation/valuation_breakdown", "none", "object_type"),
    ("/data/valuation/base_price_usd", -1, "money_range"),
    ("/deal_brain_export/exported_by", "me", "uuid_parsing"),
    ("/deal_brain_export/version", 1, "string_type"),
    ("/deal_brain_export/type", "cards", "enum"),
    ("/data/listing/listing_url", "javascript:alert(1)", "url_scheme"),
    ("/data/listing/listing_url", "JavaScript://shop.example/%0aalert(1)", "url_scheme"),
    ("/data/listing/listing_url", "data:text/html,x", "url_scheme"),
    ("/data/listing/listing_url", "//shop.example", "url_scheme"),
    ("/data/listing/listing_url", "shop.example", "url_scheme"),
    ("/data/listing/listing_url", "", "url_scheme"),
    ("/data/listing/listing_url", "java\nscript:alert(1)", "url_letters"),
    ("/data/listing/listing_url", " https://shop.example", "url_letters"),
    ("/data/listing/listing_url", "https://shop.example/\u0085", "url_letters"),
    ("/data/listing/listing_url", "https://", "url_host"),
    ("/data/listing/listing_url", "https:///path", "url_host"),
    ("/data/listing/listing_url", "https://evil.example\\.shop.example", "url_host"),
    ("/data/listing/listing_url", "https://shop.example:pass@evil.example", "url_credentials"),
    ("/data/listing/listing_url", "https://[::1", "url_syntax"),
    ("/data/listing/listing_url", "https://shop.example:99999", "url_syntax"),
    ("/data/listing/listing_url", "https://shop.example/" + "x" * 2048, "string_too_long"),
    ("/data/listing/other_urls/1/url", "vbscript:x", "url_scheme"),
]


@pytest.mark.parametrize(("place", "value", "code"), WRONG)
def test_a_wrong_value_is_refused_at_its_place(place: str, value: Tree, code: str) -> None:
    assert refused(put(FULL, place, value)) == {(place, code)}


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("/data/collection/name", "", "string_too_short"),
        ("/data/collection/name", "x" * 101, "string_too_long"),
        ("/data/collection/description", "x" * 1001, "string_too_long"),
        ("/data/items/0/notes", "x" * 501, "string_too_long"),
        ("/data/items/0/private_notes", "x" * 501, "string_too_long"),
        ("/data/items/0/position", "1", "int_type"),
        ("/data/items", {}, "list_type"),
        ("/data/items/0", "x", "object_type"),
    ],
)
def test_a_wrong_value_of_a_collection_is_refused_at_its_place(place: str, value: Tree, code: str) -> None:
    assert refused(put(COLLECTION, place, value)) == {(place, code)}


def test_500_items_are_read() -> None:
    items = [COLLECTION["data"]["items"][1]] * facts.COLLECTION_ITEMS
    assert len(read_collection(put(COLLECTION, "/data/items", items)).items) == 500


def test_501_items_are_refused() -> None:
    items = [COLLECTION["data"]["items"][1]] * (facts.COLLECTION_ITEMS + 1)
    assert refused(put(COLLECTION, "/data/items", items)) == {("/data/items", "too_long")}


def test_lengths_count_letters_and_not_bytes() -> None:
    assert read(put(FULL, "/data/listing/title", "🖥" * 255))


def test_every_problem_is_reported_at_once() -> None:
    broken = without(FULL, "/data/listing/condition")
    for place in ("/data/listing/title", "/data/performance/ram/total_gb", "/data/metadata/series"):
        broken = put(broken, place, [])
    broken = without(broken, "/data/performance/gpu/manufacturer")
    assert refused(broken) == {
        ("/data/listing/condition", "missing"),
        ("/data/listing/title", "string_type"),
        ("/data/performance/ram/total_gb", "int_type"),
        ("/data/metadata/series", "string_type"),
        ("/data/performance/gpu/manufacturer", "missing"),
    }


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 1e300, 10**39])
def test_a_number_a_free_object_cannot_hold_is_refused_at_its_place(number: float) -> None:
    broken = put(FULL, "/data/listing/custom_fields", {"a/b": [0, number], "c": number})
    place = "/data/listing/custom_fields"
    assert refused(broken) == {(f"{place}/a~1b/1", "number_range"), (f"{place}/c", "number_range")}


@pytest.mark.parametrize("number", [2**53, -(2**53), 0.1, -0.0])
def test_a_number_a_free_object_can_hold_keeps_its_spelling(number: float) -> None:
    made = written(read(put(FULL, "/data/listing/custom_fields", {"n": number})))
    assert repr(made["data"]["listing"]["custom_fields"]["n"]) == repr(number)


def nested(levels: int) -> Tree:
    value: Tree = 1
    for _ in range(levels):
        value = {"x": value}
    return value


def test_the_deepest_free_object_of_a_deal_fits_into_a_collection_too() -> None:
    entry = read_deal(put(FULL, "/data/performance/components/0/metadata", nested(scalars.FREE_DEPTH))).entry
    item = ItemEntry(entry, document.ItemStatus.undecided, None, None, 1, NOW)
    file = CollectionFile(read_collection(COLLECTION).head, (item,))
    assert read(write(file)) == file


@pytest.mark.parametrize("key", ["custom_fields", "unknown"])
def test_what_nests_deeper_is_refused(key: str) -> None:
    problems = refused(put(FULL, f"/data/listing/{key}", nested(scalars.FREE_DEPTH + 1)))
    assert {code for _, code in problems} == {"too_deep"}


def test_what_is_no_object_is_refused() -> None:
    assert refused([]) == {("", "object_type")}


def hostile(old: bytes, new: bytes) -> bytes:
    raw = jsontext.dumps(MINIMAL).encode()
    assert old in raw
    return raw.replace(old, new)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        hostile(b'"id":1', b'"id":NaN'),
        hostile(b'"id":1', b'"price_usd":Infinity,"id":1'),
        hostile(b'"id":1', b'"price_usd":1e999,"id":1'),
        hostile(b'"id":1', b'"id":1,"id":2'),
        hostile(b'"id":1', b'"id":' + b"1" * 5000),
        hostile(b'"PC"', b'"\\ud800"'),
        hostile(b'"PC"', b'"a\\u0000b"'),
        hostile(b'"PC"', b"[" * 100_000 + b"]" * 100_000),
        hostile(b'"data"', b'"\\ud800":1,"data"'),
    ],
    ids=range(13),
)
def test_bytes_that_are_no_json_we_accept_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        reading.read(raw, now=NOW)


def test_the_file_the_hostile_ones_are_made_from_is_read() -> None:
    assert read(hostile(b'"PC"', b'"\\ud83d\\ude00"'))


# ------------------------------------------------------------------------------------------- writing


def test_a_file_is_indented_by_two_spaces_and_keeps_letters_as_they_are() -> None:
    assert write(read(sample("full-collection"))).decode().splitlines()[1:3] == [
        '  "deal_brain_export": {',
        '    "version": "1.0.0",',
    ]


def test_a_file_says_when_and_by_whom_it_was_made() -> None:
    assert written(read(MINIMAL))["deal_brain_export"] == {
        "version": "1.0.0",
        "exported_at": "2026-03-02T10:00:00Z",
        "exported_by": str(SOMEBODY),
        "type": "deal",
    }


def test_a_file_of_nobody_says_nobody() -> None:
    raw = document.write(read(MINIMAL), exported_at=NOW, exported_by=None)
    assert b"exported_by" not in raw


def test_a_file_read_from_a_later_version_is_written_as_ours() -> None:
    assert written(read(sample("unknown-keys")))["deal_brain_export"]["version"] == "1.0.0"


def test_absent_fields_are_left_out_and_never_null() -> None:
    assert b"null" not in write(read(MINIMAL))


def test_a_processor_without_a_manufacturer_is_written_with_an_unknown_one() -> None:
    deal = read_deal(MINIMAL).entry.deal
    bare = deal.model_copy(update={"performance": document.Performance(cpu=document.Cpu(name="i5"))})
    made = written(DealFile(DealEntry(bare)))
    assert made["data"]["performance"]["cpu"] == {"name": "i5", "manufacturer": "Unknown"}


@given(TIMES)
def test_a_time_is_spelled_in_utc_with_z(moment: datetime) -> None:
    spelled = scalars.spell_instant(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", spelled)


# ------------------------------------------------------------------ scalars where Python values come in


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (scalars.Money, "12"),
        (scalars.Money, True),
        (scalars.Money, None),
        (scalars.Money, float("nan")),
        (scalars.Money, float("inf")),
        (scalars.Money, Decimal("NaN")),
        (scalars.Money, 0.001),
        (scalars.Money, -0.01),
        (scalars.Whole, "12"),
        (scalars.Whole, True),
        (scalars.Whole, 12.0),
        (scalars.Number, "1"),
        (scalars.Number, False),
        (scalars.Number, float("-inf")),
        (scalars.Instant, "2026-01-01T00:00:00"),
        (scalars.Instant, datetime(2026, 1, 1)),  # noqa: DTZ001 - the naive one is the point
        (scalars.Instant, 1_700_000_000),
        (scalars.Text, 5),
        (scalars.Text, b"bytes"),
        (scalars.FreeObject, {"a": float("nan")}),
        (scalars.FreeObject, {"a": object()}),
    ],
)
def test_a_scalar_refuses_what_lax_validation_takes(scalar: Tree, value: Tree) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(scalar).validate_python(value)


@pytest.mark.parametrize(
    ("scalar", "value", "kept"),
    [
        (scalars.Money, 12, Decimal(12)),
        (scalars.Money, 0.1, Decimal("0.10")),
        (scalars.Money, Decimal("9999999.99"), Decimal("9999999.99")),
        (scalars.SignedMoney, -1.5, Decimal("-1.50")),
        (scalars.Whole, 2**53, 2**53),
        (scalars.Number, 3, 3.0),
        (scalars.Instant, "2026-01-01t00:00:00.123456789z", datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)),
        (scalars.Instant, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (scalars.FreeObject, {"a": [None, {"b": 1.5}]}, {"a": [None, {"b": 1.5}]}),
    ],
)
def test_a_scalar_takes_what_it_means(scalar: Tree, value: Tree, kept: Tree) -> None:
    assert TypeAdapter(scalar).validate_python(value) == kept


def test_money_of_three_decimals_has_its_own_code() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(scalars.Money).validate_python(1.005)
    assert scalars.problems(caught.value.errors(), at="/price_usd")[0].code == "money_decimals"


@pytest.mark.parametrize(("steps", "spelled"), [((), ""), (("a/b", "~", 0, ""), "/a~1b/~0/0/")])
def test_a_pointer_is_spelled_as_rfc_6901_says(steps: tuple[str | int, ...], spelled: str) -> None:
    assert scalars.pointer(*steps) == spelled


def test_money_knows_no_negative_zero() -> None:
    assert not TypeAdapter(scalars.Money).validate_python(-0.0).is_signed()

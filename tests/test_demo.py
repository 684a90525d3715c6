"""What a newcomer meets first: the demo set, the rows of a real marketplace, and the walk over them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from infra.local import demo, seed
from infra.local.client import Client, UnkeptError
from infra.local.loading import Fate, most_modest, processor, report
from infra.local.marketplace import Offer, UnreadableError, read
from infra.local.visitor import Visitor
from tests.makers import Api, rows

# A row that holds no trap: what every other made-up row differs from in one place.
PLAIN = {
    "Brand": "Dell",
    "Price": "$175.00 ",
    "Condition": "UsedAn item that has been used before.",
    "Processor": "Intel Core i5-6300U",
    "Model": "Dell Latitude E5470",
    "Ram Size": "16 GB",
    "SSD Capacity": "500 GB",
    "Hard Drive Capacity": "",
    "Storage Type": "SSD (Solid State Drive)",
    "GPU": "",
}
MARK = {
    "name": "Intel Made-up 1000",
    "cpu_mark_multi": "4400",
    "cpu_mark_single": "1700",
    "tdp_w": "35",
    "cores": "4",
    "threads": "4",
    "first_benchmarked_year": "2015",
}


def taken(**columns: str) -> Offer:
    return read(PLAIN | {name.replace("_", " "): value for name, value in columns.items()})


def codes(offer: Offer) -> set[str]:
    return {remark.code for remark in offer.remarks}


def sizes(offer: Offer) -> list[tuple[int, str]]:
    disks = (offer.body["performance"].get(place) for place in ("storage_primary", "storage_secondary"))
    return [(disk["capacity_gb"], disk["medium"]) for disk in disks if disk]


# ------------------------------------------------------------------------------- rows of a marketplace


def test_a_row_without_traps_is_taken_as_it_stands() -> None:
    assert taken() == Offer(
        {
            "title": "Dell Latitude E5470 Intel Core i5-6300U 16GB 500GB SSD",
            "price_usd": 175.0,
            "condition": "used",
            "device_model": "Dell Latitude E5470",
            "performance": {
                "cpu": {"name": "Intel Core i5-6300U"},
                "ram": {"total_gb": 16},
                "storage_primary": {"capacity_gb": 500, "medium": "sata_ssd"},
            },
            "metadata": {"manufacturer": "Dell"},
        },
        (),
    )


@pytest.mark.parametrize(
    ("brand", "model", "begins"),
    [
        ("Dell", "Latitude 7490", "Dell Latitude 7490 Intel"),
        ("DELL", "Dell Latitude 7490", "Dell Latitude 7490 Intel"),
        ("Dell", "Does not apply", "Dell Intel"),
        ("Unbranded", "Yoga 3", "Yoga 3 Intel"),
    ],
)
def test_a_title_names_the_brand_once(brand: str, model: str, begins: str) -> None:
    assert taken(Brand=brand, Model=model).body["title"].startswith(begins)


@pytest.mark.parametrize(
    "nothing", ["", "Does not apply", "See Title/Description", "?", "N/A", "Various Models"]
)
def test_a_row_that_names_neither_brand_nor_model_is_refused_with_its_reason(nothing: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        taken(Brand=nothing, Model=nothing)
    assert refused.value.remark.code == "no_name"


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("$1,299.00", 1299.0),
        ("$399.99 to $634.99", 399.99),
        ("$1,050.00 to $999.00", 999.0),
        ("$0.00", None),
        ("", None),
    ],
)
def test_a_price_is_its_low_end_and_nothing_costs_nothing(text: str, price: float | None) -> None:
    assert taken(Price=text).body["price_usd"] == price


def test_a_price_range_is_warned_about() -> None:
    assert codes(taken(Price="$399.99 to $634.99")) == {"price_range"}


@pytest.mark.parametrize(
    ("text", "price"),
    [("US $1,299.00", 1299.0), ("USD 300", 300.0), ("300 USD", 300.0), ("$10.50 - $12", 10.5)],
)
def test_dollars_are_known_by_their_other_names(text: str, price: float) -> None:
    assert taken(Price=text).body["price_usd"] == price


@pytest.mark.parametrize(
    "text", ["EUR 300", "300 €", "£250", "C $399.00", "AU $50", "CA$10", "¥30,000", "1.200 zł", "250 CHF"]
)
def test_a_price_in_another_currency_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(UnreadableError, match="only US dollars are taken") as refused:
        taken(Price=text)
    assert (refused.value.remark.column, refused.value.remark.code) == ("Price", "other_currency")


@pytest.mark.parametrize("text", ["300", "$3.0.0", "$12.345", "make an offer"])
def test_a_price_that_is_no_amount_in_dollars_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        taken(Price=text)
    assert refused.value.remark.code == "not_dollars"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("New: A brand-new, unused, unopened item", "new"),
        ("Used: An item that has been used", "used"),
        ("UsedAn item that may be a new arrival or refurbished", "used"),
        ("Excellent - Refurbished: The item is in like-new condition", "refurb"),
        ("Very Good - RefurbishedThe item shows minimal wear", "refurb"),
        ("Certified - RefurbishedThe item is in pristine condition", "refurb"),
        ("Seller refurbished: The item has been restored", "refurb"),
    ],
)
def test_a_condition_is_read_before_the_sentence_behind_it(text: str, condition: str) -> None:
    offer = taken(Condition=text)
    assert (offer.body["condition"], codes(offer)) == (condition, set())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Open boxAn item in excellent, new condition", "condition_mapped"),
        ("For parts or not working: An item that does not function", "condition_mapped"),
        ("", "no_condition"),
        ("Gently loved", "no_condition"),
    ],
)
def test_a_condition_we_do_not_have_is_used_with_a_warning(text: str, code: str) -> None:
    offer = taken(Condition=text)
    assert (offer.body["condition"], codes(offer)) == ("used", {code})


@pytest.mark.parametrize(
    ("text", "ram", "code"),
    [
        ("8GB", {"total_gb": 8}, None),
        ("16 GB DDR4", {"total_gb": 16, "ddr_generation": "ddr4"}, None),
        ("16GB LPDDR4X", {"total_gb": 16, "ddr_generation": "lpddr4x"}, None),
        ("8192MB", {"total_gb": 8}, None),
        ("8", {"total_gb": 8}, "no_unit"),
        ("8 GB 16 GB 32 GB", {"total_gb": 8}, "choice"),
        ("Up to 32 GB", None, "vague"),
        ("4 MB", None, "implausible"),
        ("512 GB", None, "implausible"),
        ("plenty", None, "implausible"),
        ("Not Included", None, None),
        ("0 GB", None, None),
    ],
)
def test_memory_is_read_or_left_out_with_a_warning(
    text: str, ram: dict[str, object] | None, code: str | None
) -> None:
    offer = taken(Ram_Size=text)
    assert (offer.body["performance"].get("ram"), codes(offer)) == (ram, {code} - {None})


@pytest.mark.parametrize(
    ("ssd", "hdd", "kind", "disks"),
    [
        ("256GB", "", "", [(256, "sata_ssd")]),
        ("", "1 TB", "", [(1000, "hdd")]),
        ("", "2 TB", "SSD (Solid State Drive)", [(2000, "sata_ssd")]),
        ("64GB", "64 GB", "eMMC", [(64, "emmc")]),
        ("512 GB", "500 GB", "SSD", [(512, "sata_ssd")]),
        ("120 GB", "120 GB", "HDD + SSD", [(120, "sata_ssd"), (120, "hdd")]),
        ("256 GB", "1 TB", "HDD + SSD", [(256, "sata_ssd"), (1000, "hdd")]),
        ("", "512 GB NVMe M.2 SSD Solid State Drive", "", [(512, "nvme")]),
        ("256 GB", "NO HDD", "M.2 NVMe", [(256, "nvme")]),
        ("FROM 120GB TILL 1TB", "SSD only", "", [(120, "sata_ssd")]),
        ("1 TB(not in)", "", "", []),
        ("", "1", "", []),
    ],
)
def test_two_columns_for_disks_tell_of_the_disks_there_are(
    ssd: str, hdd: str, kind: str, disks: list[tuple[int, str]]
) -> None:
    assert sizes(taken(SSD_Capacity=ssd, Hard_Drive_Capacity=hdd, Storage_Type=kind)) == disks


@pytest.mark.parametrize("text", ["", "Does not apply", "?"])
def test_an_offer_without_a_processor_is_taken_with_a_warning(text: str) -> None:
    offer = taken(Processor=text)
    assert "cpu" not in offer.body["performance"]
    assert codes(offer) == {"no_processor"}


@pytest.mark.parametrize(
    ("text", "gpu"),
    [("Nvidia GeForce GT720M", {"name": "Nvidia GeForce GT720M"}), ("Integrated", None), ("", None)],
)
def test_a_graphics_card_is_taken_where_one_is_named(text: str, gpu: dict[str, str] | None) -> None:
    assert taken(GPU=text).body["performance"].get("gpu") == gpu


def test_invisible_letters_in_a_processor_are_dropped() -> None:
    offer = taken(Processor="Intel Core i5 \u200b\u200b12th Generation")
    assert offer.body["performance"]["cpu"]["name"] == "Intel Core i5 12th Generation"


def test_an_offer_of_which_only_the_brand_is_known_says_so() -> None:
    bare = dict.fromkeys(PLAIN, "") | {"Brand": "LG", "Price": "$70.00", "Condition": "New: unused"}
    assert codes(read(bare)) == {"no_processor", "only_brand"}


# ---------------------------------------------------------------------------------------- real rows


def outcomes(number: int) -> Iterator[Offer | UnreadableError]:
    for row in islice(rows("ebay-laptop-listings.csv"), number):
        try:
            yield read(row)
        except UnreadableError as refused:
            yield refused


def test_every_real_row_is_read_or_refused_for_want_of_a_name() -> None:
    refused = {one.remark.code for one in outcomes(10_000) if isinstance(one, UnreadableError)}
    assert refused == {"no_name"}


def test_the_first_real_row_is_a_range_read_at_its_low_end() -> None:
    first = next(outcomes(1))
    assert isinstance(first, Offer)
    assert (first.body["price_usd"], codes(first)) == (399.99, {"price_range"})


def test_a_third_of_the_first_500_real_offers_name_no_processor() -> None:
    offers = [one for one in outcomes(2_000) if isinstance(one, Offer)][:500]
    without = sum("no_processor" in codes(one) for one in offers)
    assert 140 <= without <= 190


def test_all_real_marks_are_read() -> None:
    entries = [processor(row) for row in rows("passmark-cpus.csv")]
    assert len(entries) > 6_000
    assert all(entry.cpu_mark_multi for entry in entries)


# ------------------------------------------------------------------------------------- benchmark rows


def test_a_fraction_of_a_watt_is_rounded_up() -> None:
    assert processor(MARK | {"tdp_w": "4.5"}).tdp_w == 5


def test_blank_figures_of_a_processor_are_unknown() -> None:
    entry = processor(MARK | {"tdp_w": "", "cpu_mark_single": "", "first_benchmarked_year": ""})
    assert (entry.tdp_w, entry.cpu_mark_single, entry.release_year) == (None, None, None)


def test_of_one_name_the_entry_with_the_fewest_sockets_is_kept() -> None:
    marks = ("21000", "11000", "40000")
    kept = most_modest(processor(MARK | {"cpu_mark_multi": mark}) for mark in marks)
    assert [entry.cpu_mark_multi for entry in kept] == [11_000]


# --------------------------------------------------------------------------------- report and client


def test_the_report_counts_outcomes_and_names_each_row_with_its_reason() -> None:
    with pytest.raises(UnreadableError) as refused:
        taken(Price="three")
    told = report(
        [
            Fate(2, "accepted", "Dell Latitude", ()),
            Fate(3, "refused", "", (refused.value.remark,)),
        ]
    )
    assert "     1  accepted\n     0  accepted with warnings\n     1  refused\n" in told
    assert "row 3: refused\n    Price: 'three' is no amount in dollars\n" in told


def test_an_answer_with_another_status_than_promised_is_told(api: Api) -> None:
    with Client(api.system.url) as stranger, pytest.raises(UnkeptError, match="answered 404 instead of 200"):
        stranger.read("/listings/1")


def test_a_page_answered_with_another_status_than_promised_is_told(api: Api) -> None:
    with Visitor(api.system.url) as stranger, pytest.raises(UnkeptError, match="answered 303 instead of 200"):
        stranger.open("/collections")


# -------------------------------------------------------------------------------- demo set and walk


def test_the_demo_set_loaded_twice_is_there_once(api: Api) -> None:
    seed.load(api.system.url)
    seed.load(api.system.url)
    with Client(api.system.url) as stranger:
        listings = stranger.read("/listings", limit=100)["items"]
        shelves = stranger.read("/collections/discover")["items"]
    assert len(listings) == len(seed.OFFERS)
    assert [one["item_count"] for one in shelves] == [len(shelf.items) for shelf in reversed(seed.SHELVES)]


def test_the_demo_set_shows_every_tier_and_offers_without_one(api: Api) -> None:
    seed.load(api.system.url)
    with Client(api.system.url) as stranger:
        listings = stranger.read("/listings", limit=100)["items"]
    assert {one["tier"] for one in listings} == {"great", "good", "fair", "premium", None}


def test_without_the_real_lists_the_whole_walk_goes_over_the_demo_set(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("MARKS", "OFFERS"):
        monkeypatch.setattr(demo, name, tmp_path / "nowhere" / f"{name}.csv")
    demo.walk(api.system.url, tmp_path)
    assert "put MARKS.csv and OFFERS.csv into" in capsys.readouterr().out
    assert {one.name for one in tmp_path.iterdir()} >= {"cards", "collection.json", "preview.json"}

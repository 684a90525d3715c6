"""A pasted text as a listing's form: what is found, what is doubted, what is only told."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import drafting, facts
from dealbrain.drafting import Draft
from dealbrain.errors import Invalid
from dealbrain.hardware import CpuName, cpu_family, cpu_key, find_cpu, spelled
from dealbrain.shapes import NewListing
from infra.local import marketplace
from tests.makers import Api, made, refused, rows

DESCRIPTION = """
★ Dell OptiPlex 7060 Micro, clean, from an office ★
https://shop.example/offers/7060?color=black
Condition: Seller refurbished
Processor: Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz
Memory: 16 GB DDR4 (2x8GB), up to 32 GB
Hard Drive: 256 GB M.2 NVMe SSD
Graphics: Intel UHD Graphics 630
Price: $189.00 (was $249.00), + $15 shipping
"""


def performance(text: str) -> dict[str, Any]:
    found: dict[str, Any] = drafting.read(text).fields.get("performance", {})
    return found


def drives(text: str) -> list[tuple[int, str | None]]:
    found = performance(text)
    places = (found.get(place) for place in ("storage_primary", "storage_secondary"))
    return [(one["capacity_gb"], one.get("medium")) for one in places if one]


def doubts(draft: Draft) -> dict[str, str]:
    return {one.pointer: one.reason for one in draft.unsure}


def leaves(form: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in form.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{at}/{name}")
        else:
            yield f"{at}/{name}", value


# --------------------------------------------------------------------------------------- the whole form


def test_a_whole_description_becomes_a_whole_form() -> None:
    draft = drafting.read(DESCRIPTION)
    assert draft.fields == {
        "title": "★ Dell OptiPlex 7060 Micro, clean, from an office ★",
        "listing_url": "https://shop.example/offers/7060?color=black",
        "condition": "refurb",
        "price_usd": 189,
        "performance": {
            "cpu": {"name": "Intel Core i5-8500T"},
            "gpu": {"name": "Intel UHD Graphics 630"},
            "ram": {"total_gb": 16, "ddr_generation": "ddr4"},
            "storage_primary": {"capacity_gb": 256, "medium": "nvme"},
        },
    }
    assert draft.unsure == []


def test_whether_an_ssd_is_sata_or_nvme_is_not_sure_unless_it_is_said() -> None:
    pointer = "/performance/storage_primary/medium"
    ssd, nvme = drafting.read("Dell 512GB SSD"), drafting.read("Dell 512GB NVMe SSD")
    assert pointer in doubts(ssd)
    assert pointer in nvme.sure


def test_a_title_says_nothing_that_it_does_not_say() -> None:
    assert drafting.read("ThinkPad, good battery").fields == {"title": "ThinkPad, good battery"}


def test_a_title_in_another_script_is_read_as_any_other() -> None:
    found = drafting.read("レノボ ThinkCentre M75q Ryzen 5 PRO 4650GE搭載 メモリ16GB SSD256GB 中古 ＄249")  # noqa: RUF001 - as shops write
    assert found.fields["performance"] == {
        "cpu": {"name": "AMD Ryzen 5 PRO 4650GE"},
        "ram": {"total_gb": 16},
        "storage_primary": {"capacity_gb": 256, "medium": "sata_ssd"},
    }
    assert (found.fields["condition"], found.fields["price_usd"]) == ("used", 249)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("  Dell\t Latitude \n more", "Dell Latitude"),
        ("$300\nDell Latitude", "Dell Latitude"),
        ("https://a.example/x Dell Latitude", "Dell Latitude"),
        ("\u202eDell\u202c Lati\u200btude", "Dell Latitude"),
    ],
)
def test_the_title_is_the_first_line_that_reads_like_one(text: str, title: str) -> None:
    draft = drafting.read(text)
    assert draft.fields["title"] == title
    assert "/title" in draft.sure


def test_a_long_title_is_cut_between_words_and_that_is_told() -> None:
    draft = drafting.read("Dell Latitude " * 100)
    assert len(draft.fields["title"]) <= facts.TITLE
    assert draft.fields["title"].endswith(("Dell", "Latitude"))
    assert "/title" in doubts(draft)


def test_an_address_alone_is_no_title_and_is_not_fetched() -> None:
    draft = drafting.read("https://www.ebay.com/itm/1234")
    assert draft.fields == {
        "listing_url": "https://www.ebay.com/itm/1234",
        "title": "https://www.ebay.com/itm/1234",
    }
    assert "nothing is fetched" in doubts(draft)["/title"]


@pytest.mark.parametrize("text", ["\u200b\u202e", "\u2060\n\u200b"])
def test_letters_nobody_sees_are_nothing_to_read(text: str) -> None:
    with pytest.raises(Invalid) as found:
        drafting.read(text)
    assert [one.pointer for one in found.value.problems] == ["/text"]


# ----------------------------------------------------------------------------------------- its address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Dell (https://a.example/x?y=1).", "https://a.example/x?y=1"),
        ("Dell www.shop.example/x", "https://www.shop.example/x"),
        ("Dell javascript:alert(1)", None),
        ("Dell https://user:secret@a.example/", None),
        ("Dell ftp://a.example/x", None),
    ],
)
def test_only_what_people_can_follow_is_an_address(text: str, address: str | None) -> None:
    assert drafting.read(text).fields.get("listing_url") == address


def test_of_several_addresses_the_first_is_taken_and_doubted() -> None:
    draft = drafting.read("Dell https://a.example/1 https://b.example/2")
    assert draft.fields["listing_url"] == "https://a.example/1"
    assert "2 addresses" in doubts(draft)["/listing_url"]


# ------------------------------------------------------------------------------------------------ price


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("Dell $1,299.99", 1299.99),
        ("Dell US $399", 399),
        ("Dell USD 399", 399),
        ("Dell 399 USD", 399),
        ("Dell 399$ shipped", 399),
        ("Dell a $300 laptop", 300),
        ("Dell $300, was $450, save $150", 300),
        ("Dell $300 + $25 shipping", 300),
        ("Dell $300 ($20 off)", 300),
        ("MSRP $999. Price: $300 or $30/mo", 300),
        ("Dell $400, now $300", 300),
    ],
)
def test_the_price_is_told_from_other_amounts(text: str, price: float) -> None:
    draft = drafting.read(text)
    assert draft.fields["price_usd"] == price
    assert "/price_usd" in draft.sure


@pytest.mark.parametrize(
    ("text", "price", "reason"),
    [
        ("Dell $399.99 to $634.99", 399.99, "low end of a range"),
        ("Dell $300 or $350 with a dock", 300, "$300, $350"),
    ],
)
def test_a_range_and_a_choice_are_doubted(text: str, price: float, reason: str) -> None:
    draft = drafting.read(text)
    assert draft.fields["price_usd"] == price
    assert reason in doubts(draft)["/price_usd"]


@pytest.mark.parametrize(
    "amount",
    ["1.299,00 €", "EUR 300", "£250", "C $300", "CA$300", "AU $300", "A$300", "$12,999 MXN", "3万円 30000円"],
)
def test_another_currency_is_told_and_not_taken(amount: str) -> None:
    draft = drafting.read(f"Dell {amount}")
    assert "price_usd" not in draft.fields
    assert "not in US dollars" in doubts(draft)["/price_usd"]


@pytest.mark.parametrize("text", ["Dell 300", "Dell $0.00", "Dell $1.299", "Dell $1.2k", "Dell $99999999"])
def test_what_is_no_amount_in_dollars_is_no_price(text: str) -> None:
    assert "price_usd" not in drafting.read(text).fields


# -------------------------------------------------------------------------------------------- condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("Dell, used", "used"),
        ("Dell, like new", "used"),
        ("Dell gebraucht", "used"),
        ("Dell Refurbished Grade A", "refurb"),
        ("Dell brand new sealed", "new"),
        ("Condition: New\nDell", "new"),
        ("Dell 翻新", "refurb"),
        ("Dell, new battery", None),
        ("Dell with new 512GB SSD", None),
    ],
)
def test_the_condition_is_the_machines(text: str, condition: str | None) -> None:
    draft = drafting.read(text)
    assert draft.fields.get("condition") == condition
    assert ("/condition" in draft.sure) == (condition is not None)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("Dell for parts, not working", "used"),
        ("Dell\nCondition: Open box, as new", "used"),
        ("Dell new", "new"),
        ("refurbished, used once", "refurb"),
    ],
)
def test_a_condition_that_may_be_meant_otherwise_is_doubted(text: str, condition: str) -> None:
    draft = drafting.read(text)
    assert draft.fields["condition"] == condition
    assert "/condition" in doubts(draft)


# --------------------------------------------------------------------------------------------- hardware


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Dell i5 8350u 16GB", "Intel Core i5-8350U"),
        ("HP Ryzen 5 PRO 4650U laptop", "AMD Ryzen 5 PRO 4650U"),
        ("Lenovo Celeron N4020", "Intel Celeron N4020"),
        ("Mini PC N100 16GB", "N100"),
        ("HP Z2 Xeon E-2176M", "Xeon E-2176M"),
        ("Apple MacBook Air M1 8GB", "Apple M1"),
        ("Dell\nProcessor: Intel Core i7-8650U, fast", "Intel Core i7-8650U"),
        ("Asus\nCPU: Intel Pentium Dual T2390", "Intel Pentium Dual T2390"),
    ],
)
def test_the_processor_is_found_and_spelled_as_its_maker_does(text: str, name: str) -> None:
    draft = drafting.read(text)
    assert draft.fields["performance"]["cpu"]["name"] == name
    assert "/performance/cpu/name" in draft.sure


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("HP Core i5 8th Gen", "Intel Core i5 8th Gen", "exact model is not named"),
        ("Surface 2nd Gen, Core i7 8th generation", "Intel Core i7 8th Gen", "exact model is not named"),
        ("HP i5", "Intel Core i5", "exact model is not named"),
        ("HP AMD Ryzen 5 7000 Series", "AMD Ryzen 5 7000 Series", "exact model is not named"),
        ("i5-8250U laptop\nor i7-8550U", "Intel Core i5-8250U", "several processors"),
        ("Xeon E3-1505M or i7-7500U", "Intel Core i7-7500U", "several processors"),
        ("i5-8250U @ 1.6GHz or Ryzen 5 3500U", "Intel Core i5-8250U", "several processors"),
    ],
)
def test_a_processor_that_is_not_one_model_is_doubted(text: str, name: str, reason: str) -> None:
    draft = drafting.read(text)
    assert draft.fields["performance"]["cpu"]["name"] == name
    assert reason in doubts(draft)["/performance/cpu/name"]


@pytest.mark.parametrize(
    ("text", "ram"),
    [
        ("Dell 16GB RAM", {"total_gb": 16}),
        ("Dell RAM: 16 GB SSD: 512 GB", {"total_gb": 16}),
        ("Dell 16GB 512GB SSD", {"total_gb": 16}),
        ("Dell 8GB/256GB SSD", {"total_gb": 8}),
        ("Dell 2x8GB DDR4-2666", {"total_gb": 16, "ddr_generation": "ddr4"}),
        ("Dell 16GB (2 x 8GB) DDR3L memory", {"total_gb": 16, "ddr_generation": "ddr3"}),
        ("Dell 16 GB LPDDR4X", {"total_gb": 16, "ddr_generation": "lpddr4x"}),
        ("Dell RTX 3060 6GB 16GB RAM", {"total_gb": 16}),
        ("Dell 8GB RAM, up to 32GB", {"total_gb": 8}),
        ("Dell\nRAM: up to 64GB", None),
        ("Dell Arbeitsspeicher: 16 GB", {"total_gb": 16}),
        ("Kingston 32GB DataTraveler USB 3.0", None),
        ("Intel 8MB cache, 64GB SD card", None),
    ],
)
def test_memory_is_told_from_everything_else_that_has_a_size(text: str, ram: dict[str, Any] | None) -> None:
    draft = drafting.read(text)
    assert draft.fields.get("performance", {}).get("ram") == ram
    assert ("/performance/ram/total_gb" in draft.sure) == (ram is not None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dell 16GB 512GB SSD", [(512, "sata_ssd")]),
        ("Dell 512GB NVMe SSD", [(512, "nvme")]),
        ("Dell 512GB NVMe + 1TB HDD", [(512, "nvme"), (1000, "hdd")]),
        ("Dell SSD 256GB HDD 1TB", [(256, "sata_ssd"), (1000, "hdd")]),
        ("Dell 2x 512GB SSD", [(512, "sata_ssd"), (512, "sata_ssd")]),
        ("Dell 512GB SSD 512GB HDD", [(512, "sata_ssd"), (512, "hdd")]),
        ("Dell 64GB eMMC", [(64, "emmc")]),
        ("Dell 512GB SSD\nHard Drive: 512 GB NVMe", [(512, "nvme")]),
        ("Dell\nSSD Capacity: 256 GB\nHard Drive Capacity: 256 GB", [(256, "sata_ssd")]),
        ("Dell 1024GB SSD", [(1000, "sata_ssd")]),
        ("Latitude 5400 8GB RAM", []),
        ("Kit of 32GB (2 x 16GB) DDR4 memory", []),
        ("Kingston 128GB DataTraveler, drive DT/128GB", []),
        ("Dell\nHard Drive Capacity: 4 GB", []),
    ],
)
def test_drives_are_found_each_once_with_their_kind(text: str, found: list[tuple[int, str | None]]) -> None:
    assert drives(text) == found


@pytest.mark.parametrize(
    ("text", "pointer", "reason"),
    [
        ("Dell 16GB", "/performance/ram/total_gb", "nothing says that this is memory"),
        ("Dell 512GB", "/performance/storage_primary/capacity_gb", "nothing says that this is a drive"),
        ("Dell 8GB RAM or 16GB RAM", "/performance/ram/total_gb", "several sizes are named: 8 GB, 16 GB"),
        (
            "Dell 128GB SSD, 256GB SSD, 512GB SSD",
            "/performance/storage_primary/capacity_gb",
            "3 drives or choices",
        ),
    ],
)
def test_a_guess_and_a_choice_are_doubted(text: str, pointer: str, reason: str) -> None:
    assert reason in doubts(drafting.read(text))[pointer]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Legion NVIDIA GeForce RTX 3060 6GB", "NVIDIA GeForce RTX 3060"),
        ("Intel HD Graphics 630, Quadro P1000", "Quadro P1000"),
        ("AMD Radeon RX 6600 XT", "AMD Radeon RX 6600 XT"),
        ("Intel UHD Graphics 620", "Intel UHD Graphics 620"),
        ("integrated graphics", None),
    ],
)
def test_a_graphics_card_comes_before_what_is_built_in(text: str, name: str | None) -> None:
    assert performance(f"Dell {text}").get("gpu", {}).get("name") == name


# --------------------------------------------------------------------------------- whatever is pasted

# Words and signs that mean something to the reader, in any order.
PIECES = st.sampled_from(
    (
        *(
            "$",
            "300",
            "1,299.99",
            "€",
            "to",
            "-",
            "16",
            "GB",
            "512GB",
            "2x8GB",
            "TB",
            "SSD",
            "RAM",
            "NVMe",
            "DDR4",
        ),
        *("i5-8350U", "Core", "i7", "8th Gen", "Ryzen 5", "RTX 3060", "CPU:", "Condition:", "new", "used"),
        *(
            "https://a.example/",
            "www.",
            "\n",
            "price",
            "+",
            "was",
            "up to",
            "(",
            "\u202e",
            "\u0301",
            "第8世代",
            "N100",
        ),
        *("refurbished", "HDD", "1TB", "for parts", "x", "MXN"),
    )
)
TEXTS = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map(" ".join))


@given(TEXTS)
def test_every_draft_can_be_sent_as_it_is(text: str) -> None:
    try:
        draft = drafting.read(text)
    except Invalid:
        return
    NewListing.model_validate(draft.fields)


@given(TEXTS)
def test_every_filled_field_is_sure_or_doubted_and_never_both(text: str) -> None:
    try:
        draft = drafting.read(text)
    except Invalid:
        return
    told = Counter(draft.sure + [one.pointer for one in draft.unsure])
    filled = dict(leaves(draft.fields))
    assert set(told.values()) <= {1}
    assert filled.keys() <= told.keys()
    assert set(draft.sure) <= filled.keys()
    assert all(filled.get(one.pointer, one.value) == one.value for one in draft.unsure)


@pytest.mark.parametrize(
    "hostile",
    [
        "$" * facts.PASTED,
        "1" * facts.PASTED,
        "$1," * (facts.PASTED // 3),
        "16GB " * (facts.PASTED // 5),
        "i5 " * (facts.PASTED // 3),
        "condition: " * (facts.PASTED // 11),
        "https://a.example/" * (facts.PASTED // 18),
        " \n" * (facts.PASTED // 2 - 1) + "x",
        "е́" * (facts.PASTED // 2),  # noqa: RUF001 - Cyrillic with a mark on it
        "core i5 8th gen " * (facts.PASTED // 16),
        "<script>alert('$5')</script>" * (facts.PASTED // 30),
    ],
    ids=lambda text: text[:12].strip(),
)
def test_a_text_made_to_be_slow_is_read_to_its_end(hostile: str) -> None:
    assert NewListing.model_validate(drafting.read(hostile).fields).title


# --------------------------------------------------------------------------------------------- the API


def test_a_draft_is_answered_and_can_be_sent_as_it_is(api: Api) -> None:
    alice = api.person("alice")
    answer = alice.post("/listings/draft", {"text": DESCRIPTION})
    assert answer.status_code == 200
    said = answer.json()
    assert said.keys() == {"draft", "sure", "unsure"}
    assert said["draft"] == drafting.read(DESCRIPTION).fields
    listing = made(alice.post("/listings", said["draft"]))
    assert listing["performance"]["ram"] == {"total_gb": 16, "ddr_generation": "ddr4"}


def test_a_doubt_says_where_what_and_why(api: Api) -> None:
    said = api.person("alice").post("/listings/draft", {"text": "Dell 300 €"}).json()
    assert said["unsure"] == [
        {"pointer": "/price_usd", "value": "300 €", "reason": "not in US dollars; nothing is converted"}
    ]


def test_a_draft_writes_nothing(api: Api) -> None:
    alice = api.person("alice")
    before = api.state()
    assert alice.post("/listings/draft", {"text": DESCRIPTION}).status_code == 200
    assert api.state() == before


def test_a_stranger_gets_no_draft(api: Api) -> None:
    refused(api.stranger.post("/listings/draft", {"text": "Dell"}), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/text"),
        ({"text": None}, "/text"),
        ({"text": " \n "}, "/text"),
        ({"text": "\u200b"}, "/text"),
        ({"text": 5}, "/text"),
        ({"text": "x" * (facts.PASTED + 1)}, "/text"),
        ({"text": "Dell", "url": "https://a.example"}, "/url"),
    ],
)
def test_what_is_no_text_is_refused_at_its_place(api: Api, body: dict[str, Any], pointer: str) -> None:
    problem = refused(api.person("alice").post("/listings/draft", body), 422, "invalid")
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


def test_a_text_of_the_largest_size_is_read(api: Api) -> None:
    answer = api.person("alice").post("/listings/draft", {"text": "Dell " + "x" * (facts.PASTED - 5)})
    assert answer.status_code == 200


# ------------------------------------------------------------------------------------------- real texts


def test_every_processor_of_the_real_list_keeps_its_key_when_it_is_spelled_as_its_maker_does() -> None:
    names = [row["name"] for row in rows("passmark-cpus.csv") if "virtual" not in row["name"].lower()]
    read = [(name, cpu) for name in names if (cpu := find_cpu(name)) and cpu.model]
    assert len(read) > 2_000
    assert [name for name, cpu in read if cpu_key(spelled(cpu)) != cpu_key(name)] == []


@pytest.mark.parametrize(
    ("cpu", "name"),
    [
        (CpuName("core i5", "2", None), "Intel Core i5 2nd Gen"),
        (CpuName("core i3", "11", None), "Intel Core i3 11th Gen"),
        (CpuName("pentium", "gold", None), "Intel Pentium Gold"),
        (CpuName("a10", None, None), "AMD A10"),
        (CpuName("core 2 duo", None, "t6600"), "Intel Core 2 Duo T6600"),
    ],
)
def test_a_family_is_spelled_as_people_say_it(cpu: CpuName, name: str) -> None:
    assert spelled(cpu) == name


def offers() -> Iterator[tuple[dict[str, str], Mapping[str, Any]]]:
    """Real offers: the row, and what the loader makes of its columns."""
    for row in rows("ebay-laptop-listings.csv"):
        try:
            yield row, marketplace.read(row).body
        except marketplace.UnreadableError:
            continue


def sheet(row: Mapping[str, str]) -> str:
    """A row as a shop's page shows it: the name, and a line for each thing said."""
    said = [f"{name}: {value.strip()}" for name, value in row.items() if value.strip()]
    return "\n".join([f"{row['Brand']} {row['Model']}", *said])


PLACES: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "price": lambda form: form.get("price_usd"),
    "memory": lambda form: form.get("performance", {}).get("ram", {}).get("total_gb"),
    "drives": lambda form: sorted(
        form["performance"][one]["capacity_gb"]
        for one in ("storage_primary", "storage_secondary")
        if one in form.get("performance", {})
    ),
    "processor": lambda form: model(form.get("performance", {}).get("cpu", {}).get("name", "")),
}


def model(name: str) -> str | None:
    cpu = find_cpu(name)
    return cpu_key(name) if cpu and cpu.model else cpu_family(name)


def share_right(texts: Iterator[tuple[str, Mapping[str, Any]]]) -> dict[str, float]:
    """Of the offers of which the loader knows a thing, how many drafts say the same."""
    known, right = Counter[str](), Counter[str]()
    for text, body in texts:
        form = drafting.read(text).fields
        for name, value in PLACES.items():
            if wanted := value(body):
                known[name] += 1
                right[name] += value(form) == wanted
    return {name: right[name] / number for name, number in known.items()}


def test_titles_of_real_offers_give_back_what_they_were_composed_of() -> None:
    found = share_right((body["title"], {"performance": body["performance"]}) for _, body in offers())
    # Measured: 0.995, 0.999 and 0.993. The titles are ours; of two processors in one the exact is taken.
    assert found.keys() == {"memory", "drives", "processor"}
    assert min(found.values()) >= 0.99, found


def test_sheets_of_real_offers_give_what_the_loader_reads_in_their_columns(
    count: Callable[[int, int], int],
) -> None:
    found = share_right((sheet(row), body) for row, body in islice(offers(), None, None, count(7, 1)))
    # Measured: price 1.000, memory 0.998, drives 0.990, processor 0.984.
    assert found.keys() == PLACES.keys()
    assert min(found.values()) >= 0.97, found
    assert found["price"] == 1


def test_titles_of_other_shops_become_drafts_that_can_be_sent(count: Callable[[int, int], int]) -> None:
    titles = {title for row in rows("product-title-pairs.csv") for title in (row["title_a"], row["title_b"])}
    for title in sorted(titles)[:: count(10, 1)]:
        NewListing.model_validate(drafting.read(title).fields)

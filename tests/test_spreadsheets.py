"""Tables: what comes out goes in again, nothing is a formula, and each row is judged alone."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import facts, rows, spreadsheets
from dealbrain.document import ItemEntry
from dealbrain.errors import Invalid, Malformed
from dealbrain.rows import Gathered
from tests.makers import rows as real_rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def gathered(text: str | bytes, mapping: str | None = None) -> Gathered:
    raw = text.encode() if isinstance(text, str) else text
    return rows.gather(spreadsheets.read(raw, spreadsheets.mapping(mapping)), NOW)


def one(text: str) -> ItemEntry:
    found = gathered(text)
    assert found.refused == []
    (item,) = found.items
    return item


def told(found: Gathered) -> set[tuple[str, str]]:
    """Place and code of everything that was refused."""
    return {(problem.pointer, problem.code) for row in found.refused for problem in row.problems}


def lines(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


# ------------------------------------------------------------------------------------------- formulas

FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "=cmd|' /C calc'!A0",
    " =1",
    "\uff1d1",
    "'=1",
    "''=1",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_nothing_that_a_spreadsheet_takes_for_a_formula_begins_a_cell(text: str) -> None:
    guarded = spreadsheets.guarded(text)
    assert guarded.startswith("'")
    assert spreadsheets.unguarded(guarded) == text


@pytest.mark.parametrize("text", ["Dell", "'tis", "5'", "", "1-2", "a=b", "'"])
def test_other_cells_are_left_alone(text: str) -> None:
    assert spreadsheets.guarded(text) == text
    assert spreadsheets.unguarded(text) == text


@given(st.text())
def test_taking_the_mark_off_gives_every_text_back(text: str) -> None:
    assert spreadsheets.unguarded(spreadsheets.guarded(text)) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_a_title_that_looks_like_a_formula_comes_back_as_it_was(text: str) -> None:
    item = one(f'title,seller\n"{text}x","{text}"\n')
    (again,) = gathered(spreadsheets.write([item], [None])).items
    assert again.entry.deal.listing.title == item.entry.deal.listing.title
    for line in lines(spreadsheets.write([item], [None]))[1:]:
        assert not any(cell.strip().startswith(tuple("=+-@\uff1d")) for cell in line)


# ------------------------------------------------------------------------------------------ round trip

FULL = """title,listing_url,seller,price_usd,price_date,condition,listing_status,status,notes,private_notes,\
listing_notes,cpu,cpu_mark_multi,gpu,gpu_manufacturer,ram_gb,ram_generation,storage_gb,storage_medium,storage_2_gb,\
device_model,manufacturer,series,added_at,score
"ThinkPad, ""T480"" new",https://shop.example/1?a=1&b=2,PC Shop,"1,299.99",2026-01-02T03:04:05Z,refurb,\
pending,shortlisted,"two
lines",mine,ask,Intel Core i5-8350U,6200,GeForce MX150,NVIDIA,16 GB,DDR4,1 TB,NVMe,500,T480,Lenovo,ThinkPad,\
2026-02-03,61.5
"""


def test_a_table_says_what_its_columns_say() -> None:
    item = one(FULL)
    listing, hardware = item.entry.deal.listing, item.entry.deal.performance
    assert hardware is not None
    assert (listing.title, listing.seller, str(listing.price_usd)) == (
        'ThinkPad, "T480" new',
        "PC Shop",
        "1299.99",
    )
    assert (listing.condition, listing.status, listing.notes) == ("refurb", "pending", "ask")
    assert (item.status, item.notes, item.private_notes) == ("shortlisted", "two\nlines", "mine")
    assert item.added_at == datetime(2026, 2, 3, tzinfo=UTC)
    assert hardware.cpu is not None
    assert (hardware.cpu.manufacturer, hardware.cpu.cpu_mark_multi) == ("Intel", 6200)
    assert hardware.ram is not None
    assert (hardware.ram.total_gb, hardware.ram.ddr_generation) == (16, "ddr4")
    assert hardware.storage_primary is not None
    assert (hardware.storage_primary.capacity_gb, hardware.storage_primary.medium) == (1000, "nvme")
    assert hardware.metrics is not None
    assert hardware.metrics.score_composite == 61.5


def test_what_was_written_is_read_again_without_a_mapping() -> None:
    items = gathered(FULL + "Another,,,,,,,,,,,,,,,,,,,,,,,,\n").items
    assert gathered(spreadsheets.write(items, ["great", None])).items == items


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


@given(st.lists(st.tuples(CELLS.filter(str.strip), CELLS, CELLS), min_size=1, max_size=5))
def test_any_text_survives_a_table(texts: list[tuple[str, str, str]]) -> None:
    said = io.StringIO(newline="")
    csv.writer(said, quoting=csv.QUOTE_ALL).writerows(
        [("title", "seller", "notes"), *(map(spreadsheets.guarded, line) for line in texts)]
    )
    items = gathered(said.getvalue()).items
    assert [item.entry.deal.listing.title for item in items] == [title for title, _, _ in texts]
    assert gathered(spreadsheets.write(items, [None] * len(items))).items == items


def test_a_byte_order_mark_is_written_when_wanted_and_never_read_as_text() -> None:
    item = one("\ufefftitle\nDell\n")
    assert spreadsheets.write([item], [None], bom=True).startswith(b"\xef\xbb\xbf")
    assert not spreadsheets.write([item], [None]).startswith(b"\xef")
    assert gathered(spreadsheets.write([item], [None], bom=True)).items == [item]


def test_a_small_number_is_spelled_so_that_it_can_be_read() -> None:
    (item,) = gathered("title,dollar_per_cpu_mark_multi\nDell,0.00005\n").items
    written = spreadsheets.write([item], [None])
    assert b"e-05" not in written
    assert gathered(written).items == [item]


def test_real_names_of_offers_survive_a_table() -> None:
    titles = [
        row["title_a"] for row, _ in zip(real_rows("product-title-pairs.csv"), range(400), strict=False)
    ]
    fitting = [title for title in titles if title.strip() and len(title) <= facts.TITLE]
    said = io.StringIO(newline="")
    csv.writer(said).writerows([["Name"], *([spreadsheets.guarded(title)] for title in fitting)])
    items = gathered(said.getvalue()).items
    assert [item.entry.deal.listing.title for item in items] == fitting
    assert gathered(spreadsheets.write(items, [None] * len(items))).items == items


# -------------------------------------------------------------------------------------------- headings


def test_headings_other_people_write_are_understood() -> None:
    item = one(
        "Product Name;Link;Price ($);Condition;Memory;Processor;Comments\n"
        "Dell;https://a.example/;5;Like New;8;i5;hm\n"
    )
    listing = item.entry.deal.listing
    assert (listing.title, listing.listing_url) == ("Dell", "https://a.example/")
    assert (str(listing.price_usd), str(listing.condition)) == ("5.00", "used")
    assert item.notes == "hm"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    assert one(f"title{delimiter}seller\nDell{delimiter}Shop\n").entry.deal.listing.seller == "Shop"


def test_our_own_name_of_a_column_comes_before_what_else_it_may_be_called() -> None:
    assert one("name,title\nwrong,right\n").entry.deal.listing.title == "right"


def test_a_mapping_says_which_column_is_read_and_no_other_is() -> None:
    found = gathered("a,b,price\nDell,Shop,x\n", '{"title": "a", "seller": "b"}')
    listing = found.items[0].entry.deal.listing
    assert (listing.title, listing.seller, listing.price_usd) == ("Dell", "Shop", None)


@pytest.mark.parametrize("mapping", ['{"title": "c"}', '{"title": "a", "seller": "c"}', '{"title": "d"}'])
def test_a_mapping_names_one_column_that_is_there(mapping: str) -> None:
    with pytest.raises(Invalid) as refused:
        gathered("a,d,d\nDell,1,2\n", mapping)
    assert {problem.pointer for problem in refused.value.problems} == {"?mapping"}


def test_a_row_without_any_word_is_none() -> None:
    assert len(gathered("\n\ntitle,seller\n\n , \nDell,\n,,\n").items) == 1


def test_a_table_without_a_title_says_what_to_do() -> None:
    with pytest.raises(Invalid) as refused:
        gathered("price,shop\n1,2\n")
    assert refused.value.problems[0].code == "no_title"


# -------------------------------------------------------------------------------------- rows judged alone

WRONG: Mapping[str, tuple[str, str, str]] = {
    "no title": ("title,seller\n,Shop\n", "/0/title", "missing"),
    "nothing but a currency": ("title,Currency\n,USD\n", "/0/title", "missing"),
    "parts of nothing": ("title,ram_type\n,DDR4\n", "/0/title", "missing"),
    "a title too long": (f"title\n{'x' * 256}\n", "/0/title", "string_too_long"),
    "no dollars": ("title,Price\nDell,€5\n", "/0/Price", "bad_cell"),
    "no dollars by their name": ("title,Price\nDell,5 EUR\n", "/0/Price", "bad_cell"),
    "no dollars by another column": ("title,price,Currency\nDell,5,GBP\n", "/0/Currency", "currency"),
    "a decimal comma": ("title;price\nDell;1.299,99\n", "/0/price", "bad_cell"),
    "no number": ("title,price\nDell,cheap\n", "/0/price", "bad_cell"),
    "a negative amount": ("title,price\nDell,-5\n", "/0/price", "bad_cell"),
    "too much": ("title,price\nDell,99999999\n", "/0/price", "money_range"),
    "no date": ("title,price_date\nDell,01/02/2026\n", "/0/price_date", "bad_cell"),
    "a day that never was": ("title,price_date\nDell,2026-02-30\n", "/0/price_date", "instant_value"),
    "a script": ("title,url\nDell,javascript:alert(1)\n", "/0/url", "url_scheme"),
    "no condition": ("title,condition\nDell,broken\n", "/0/condition", "enum"),
    "half a gigabyte": ("title,ram\nDell,0.5 GB\n", "/0/ram", "bad_cell"),
    "more cells than headings": ("title\nDell,1\n", "/0", "too_many_cells"),
    "a note too long": (f"title,notes\nDell,{'n' * 501}\n", "/0/notes", "string_too_long"),
}


@pytest.mark.parametrize(("text", "place", "code"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_row_is_told_by_its_cell(text: str, place: str, code: str) -> None:
    found = gathered(text + "Fine\n")
    assert told(found) == {(place, code)}
    assert [item.entry.deal.listing.title for item in found.items] == ["Fine"]


def test_everything_that_is_wrong_with_a_row_is_told_at_once() -> None:
    found = gathered("title,price,url,ram\n,x,ftp://a,y\n")
    assert {place for place, _ in told(found)} == {"/0/title", "/0/price", "/0/url", "/0/ram"}


def test_a_refused_row_keeps_its_place_in_the_file() -> None:
    found = gathered("title\na\n\n" + "x" * 256 + "\nb\n")
    assert [row.index for row in found.refused] == [1]
    assert [item.position for item in found.items] == [1, 2]


@pytest.mark.parametrize("price", ["$1,299.99", "1299.99 USD", "US$ 1299.99", "usd1,299.99", " 1299.99 "])
def test_dollars_are_understood_as_people_write_them(price: str) -> None:
    assert str(one(f'title,price\nDell,"{price}"\n').entry.deal.listing.price_usd) == "1299.99"


def test_what_is_read_otherwise_is_a_warning_of_its_row() -> None:
    found = gathered("title,condition,price\na,used,1\nb,Like New,1.005\n")
    assert {(notice.pointer, notice.code) for notice in found.notices} == {
        ("/data/items/1/listing/listing/condition", "alias"),
        ("/data/items/1/listing/listing/price_usd", "rounded_money"),
    }


def test_refused_rows_can_be_mended_and_sent_again() -> None:
    found = gathered("Name,Price,Remark\nDell,€5,=1+1\nHP,7,\n,8,x\n")
    raw = spreadsheets.write_refused(found.refused)
    head, first, second = lines(raw)
    assert head == ["row", "reasons", "Name", "Price", "Remark"]
    assert (first[0], first[2:], second[0]) == ("0", ["Dell", "€5", "'=1+1"], "2")
    assert "Price: Amounts are in US dollars" in first[1]
    mended = raw.replace("€5".encode(), b"5").replace(b'"","8"', b'"Acer","8"')
    again = gathered(mended)
    assert [item.entry.deal.listing.title for item in again.items] == ["Dell", "Acer"]
    assert again.items[0].notes == "=1+1"


# ----------------------------------------------------------------------------------------- the whole file


def test_as_many_rows_as_a_collection_takes_are_read_and_no_more() -> None:
    most = "title\n" + "Dell\n" * facts.COLLECTION_ITEMS
    assert len(gathered(most).items) == facts.COLLECTION_ITEMS
    with pytest.raises(Invalid) as refused:
        gathered(most + "Dell\n")
    assert refused.value.problems[0].code == "too_many_rows"


@pytest.mark.parametrize("raw", [b"title\n", b"", b"\n\n", b"title"])
def test_a_table_without_rows_is_none(raw: bytes) -> None:
    with pytest.raises(Invalid):
        gathered(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"title\n\xff\n",
        "title\nDell\n".encode("utf-16"),
        b"title\nDe\x00ll\n",
        b'title\n"Dell\n',
        b'title\n"De"ll\n',
        b"title\n" + b"x" * 200_000,
    ],
)
def test_what_is_no_table_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        gathered(raw)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"title\n" + b"\n" * (facts.TABLE_LINES + 1), "too_many_lines"),
        (b"title\n" + b"," * 2 * facts.LINE_BYTES, "long_line"),
        (b"title" + b"," * facts.TABLE_COLUMNS, "too_many_columns"),
        (b"title\n" + b"," * facts.TABLE_COLUMNS, "too_many_columns"),
    ],
)
def test_what_nobody_wrote_is_refused_before_it_is_read(raw: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        gathered(raw)
    assert refused.value.problems[0].code == code


def test_a_line_below_the_limit_is_read() -> None:
    cells = ",".join(["x" * 5_000] * (facts.TABLE_COLUMNS - 1))
    assert len(cells) < facts.LINE_BYTES
    head = "title" + ",c" * (facts.TABLE_COLUMNS - 1)
    assert len(gathered(f"{head}\nDell,{cells}\n").items) == 1


def test_every_column_of_ours_is_read_by_its_own_name() -> None:
    seen: dict[str, Any] = {}
    for column in spreadsheets.COLUMNS:
        assert column.name not in seen
        seen[column.name] = column.place
    others = [other for column in spreadsheets.COLUMNS for other in column.others]
    assert len(set(others)) == len(others)
    assert set(others).isdisjoint(seen)

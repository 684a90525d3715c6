"""Files of every kind, sent in every way: one preview, and one way on from there."""

import csv
import io
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import document, facts, forms, jsontext, reading
from dealbrain.document import CollectionFile, DealFile
from dealbrain.errors import Invalid, Malformed, UnsupportedType
from dealbrain.forms import Sent
from tests.makers import LATITUDE, Api, Person, collection_file, deal_data, deal_file, made, pointers, refused
from tests.test_document import FILES

SAMPLES = Path(__file__).parent / "golden" / "samples"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

CSV = "title,price,notes\nDell Latitude,199.50,fine\n,6,no title\nHP EliteDesk,€7,=1+1\n"
HTML = '<H1>My links</H1><DL><DT><A HREF="https://shop.example/1">Dell</A><DT><A HREF="x:y">No</A></DL>'
LINKS = "Dell https://shop.example/1\nnothing\n"
KINDS = {"text/csv": CSV, "text/html": HTML, "text/plain": LINKS}


def sent(
    person: Person, content: str | bytes, kind: str, path: str = "/collections/import"
) -> httpx.Response:
    raw = content.encode() if isinstance(content, str) else content
    return person.post(path, content=raw, headers={"Content-Type": kind})


def form(
    person: Person, content: str | bytes, kind: str | None, name: str = "x", path: str = "/collections/import"
) -> httpx.Response:
    raw = content.encode() if isinstance(content, str) else content
    return person.post(path, files={"file": (name, raw, kind)})


def confirmed(person: Person, shown: dict[str, Any], **more: Any) -> Any:
    body = {"preview_id": shown["preview_id"], "merge_strategy": "create_new", **more}
    done = made(person.post("/collections/import/confirm", body))
    return done, person.get(f"/collections/{done['id']}").json()


# ------------------------------------------------------------------------------------------ every kind


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_imported_is_shown_and_what_cannot_is_told(alice: Person, kind: str) -> None:
    shown = made(sent(alice, KINDS[kind], f"{kind}; charset=utf-8"))
    assert shown["type"] == "collection"
    assert [row["outcome"] for row in shown["rows"]] == ["new"]
    assert shown["rows"][0]["title"].startswith("Dell")
    assert [row["index"] for row in shown["refused"]] == ([1, 2] if kind == "text/csv" else [1])
    assert all(
        row["errors"] and {"pointer", "code", "message"} == row["errors"][0].keys()
        for row in shown["refused"]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_confirmed_as_a_portable_file_is(alice: Person, kind: str) -> None:
    shown = made(sent(alice, KINDS[kind], kind))
    done, collection = confirmed(alice, shown)
    assert done["counts"] == {"created": 1, "updated": 0, "used": 0, "skipped": 0}
    assert collection["visibility"] == "private"
    assert [item["listing"]["title"] for item in collection["items"]] == [
        row["title"] for row in shown["rows"]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_file_again_changes_nothing(alice: Person, kind: str) -> None:
    content = KINDS[kind].replace("Dell Latitude,199.50", "Dell Latitude https://a.example/9,199.50")
    if kind == "text/csv":
        content = "title,url\nDell,https://shop.example/1\n"
    _, collection = confirmed(alice, made(sent(alice, content, kind)))
    shown = made(sent(alice, content, kind))
    assert (shown["suggested_strategy"], shown["rows"][0]["suggested"]) == ("merge_items", "use_existing")
    body = {
        "preview_id": shown["preview_id"],
        "merge_strategy": "merge_items",
        "target_collection_id": collection["id"],
    }
    made(alice.post("/collections/import/confirm", body))
    assert alice.get(f"/collections/{collection['id']}").json() == collection


def test_a_collection_goes_out_as_a_table_and_comes_in_again(alice: Person) -> None:
    collection = alice.collection("Quiet")
    for title in ("=cmd|' /C calc'!A0", 'a "quoted", one', "日本語 🔥"):
        listing = alice.listing(title=title, listing_url=f"https://shop.example/{len(title)}", notes="ask")
        alice.item(collection, listing, status="bought", notes="two\nlines", private_notes="mine")
    raw = alice.get(f"/collections/{collection['id']}/export?format=csv").content
    shown = made(form(alice, raw, "text/csv", "Quiet.csv"))
    assert shown["refused"] == []
    assert [row["suggested"] for row in shown["rows"]] == ["use_existing"] * 3
    assert [row["duplicates"][0]["differences"] for row in shown["rows"]] == [[], [], []]
    create = [{"index": index, "decision": "create"} for index in range(3)]
    _, again = confirmed(alice, shown, decisions=create)
    same = ("status", "notes", "private_notes", "added_at")
    before = alice.get(f"/collections/{collection['id']}").json()["items"]
    assert [[item[name] for name in same] for item in again["items"]] == [
        [item[name] for name in same] for item in before
    ]
    ours = (
        "title",
        "price_usd",
        "listing_url",
        "seller",
        "condition",
        "notes",
        "tier",
        "created_at",
        "performance",
    )
    assert [[item["listing"][name] for name in ours] for item in again["items"]] == [
        [item["listing"][name] for name in ours] for item in before
    ]


def test_a_collection_goes_out_as_bookmarks_and_comes_in_again(alice: Person) -> None:
    collection = alice.collection("Quiet <b>")
    alice.item(collection, alice.listing(), notes="note & more")
    raw = alice.get(f"/collections/{collection['id']}/export?format=html").content
    shown = made(sent(alice, raw, "text/html"))
    assert shown["collection"]["name"] == "Quiet <b>"
    assert [row["suggested"] for row in shown["rows"]] == ["use_existing"]


def test_what_a_table_calls_a_duplicate_is_found_as_in_any_file(alice: Person) -> None:
    ours = alice.listing(title="Dell Latitude 7490", listing_url="https://www.ebay.com/itm/256123456789")
    shown = made(
        sent(
            alice,
            "title,url\nX,https://ebay.com/itm/256123456789?x=1\nX,https://ebay.com/itm/256123456789\n",
            "text/csv",
        )
    )
    assert [row["outcome"] for row in shown["rows"]] == ["duplicate", "repeat"]
    assert shown["rows"][0]["duplicates"][0]["entity_id"] == ours["id"]


def test_a_file_of_which_nothing_can_be_imported_says_why_of_every_row(alice: Person) -> None:
    shown = made(sent(alice, "title\n" + "x" * 256 + "\n", "text/csv"))
    assert (shown["rows"], [row["index"] for row in shown["refused"]]) == ([], [0])


# --------------------------------------------------------------------------------------------- mappings


def test_a_mapping_says_which_column_is_which(alice: Person) -> None:
    table, mapping = "Was;Kosten;Seller\nDell;7;S\n", '{"title": "Was", "price_usd": "Kosten"}'
    refused(sent(alice, table, "text/csv"), 422, "invalid")
    (row,) = made(sent(alice, table, "text/csv", f"/collections/import?mapping={quote(mapping)}"))["rows"]
    assert row["title"] == "Dell"


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/json"])
def test_a_mapping_goes_with_tables_only(alice: Person, kind: str) -> None:
    answer = alice.call(
        "POST",
        "/collections/import",
        params={"mapping": '{"title":"a"}'},
        content=b"{}",
        headers={"Content-Type": kind},
    )
    assert pointers(refused(answer, 422, "invalid")) == {"?mapping"}


# ---------------------------------------------------------------------------------------------- forms


@pytest.mark.parametrize("kind", [*KINDS, "application/json"])
def test_a_form_brings_every_kind(alice: Person, kind: str) -> None:
    content = KINDS.get(kind) or jsontext.dumps(collection_file(deal_data()))
    assert len(made(form(alice, content, kind))["rows"]) == 1


def test_a_form_brings_a_listing(alice: Person) -> None:
    shown = made(form(alice, jsontext.dumps(deal_file()), "application/json", path="/listings/import"))
    assert shown["type"] == "deal"


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/vnd.ms-excel"])
def test_where_the_type_says_nothing_the_name_is_a_hint(alice: Person, kind: str) -> None:
    assert len(made(form(alice, CSV, kind, "my list.CSV"))["rows"]) == 1
    refused(form(alice, CSV, kind, "my list.xls"), 415, "unsupported_type")


def test_a_type_that_says_something_is_believed_whatever_the_name(alice: Person) -> None:
    made(form(alice, CSV, "text/csv", "x.json"))
    refused(form(alice, CSV, "application/json", "x.csv"), 400, "malformed_json")
    refused(form(alice, CSV, "image/png", "x.csv"), 415, "unsupported_type")


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("My PCs.csv", "My PCs"),
        ("../../etc/x.csv", "x"),
        ("日本.csv", "日本"),
        ("\u202e.csv", "Imported table"),
    ],
)
def test_a_collection_is_called_after_the_file(alice: Person, name: str, called: str) -> None:
    assert made(form(alice, CSV, "text/csv", name))["collection"]["name"] == called


def test_a_form_carries_one_file_and_nothing_else(api: Api, alice: Person) -> None:
    one = ("x.csv", CSV.encode(), "text/csv")
    before = api.state()
    for files, places in (
        ([("other", one)], {"/other", "/file"}),
        ([("file", one), ("file", one)], {"/file"}),
        ([("file", one), ("x", one)], {"/x"}),
    ):
        answer = alice.post("/collections/import", files=files)
        assert pointers(refused(answer, 422, "invalid")) == places
    assert api.state() == before


BROKEN = {
    "no boundary": ("multipart/form-data", b"x"),
    "another boundary": ("multipart/form-data; boundary=a", b"--b\r\n\r\n--b--"),
    "cut short": (
        "multipart/form-data; boundary=a",
        b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nx',
    ),
    "nothing": ("multipart/form-data; boundary=a", b"--a--"),
    "no name": ("multipart/form-data; boundary=a", b"--a\r\nContent-Type: text/csv\r\n\r\nx\r\n--a--"),
    "a line break in the boundary": ('multipart/form-data; boundary="a\\\nb"', b"x"),
    "many parts": (
        "multipart/form-data; boundary=a",
        b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n' * 50 + b"--a--",
    ),
    "endless headers": ("multipart/form-data; boundary=a", b"--a\r\n" + b"X: y\r\n" * 50 + b"\r\nx\r\n--a--"),
}


@pytest.mark.parametrize(("kind", "body"), BROKEN.values(), ids=BROKEN)
def test_a_form_that_is_none_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises((Malformed, Invalid)):
        forms.file_in(body, kind)


# ------------------------------------------------------------------------------- what is not taken at all


def test_a_listing_comes_as_a_portable_file_only(alice: Person) -> None:
    for kind, content in KINDS.items():
        refused(sent(alice, content, kind, "/listings/import"), 415, "unsupported_type")
        refused(form(alice, content, kind, path="/listings/import"), 415, "unsupported_type")


@pytest.mark.parametrize("path", ["/listings/import", "/collections/import"])
def test_what_is_too_large_is_told_where_to_go(alice: Person, path: str) -> None:
    answer = sent(alice, b" " * (facts.IMPORT_BYTES + 1), "application/json", path)
    assert "POST /v1/uploads" in refused(answer, 413, "too_large")["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, identity"])
def test_an_encoded_body_is_refused(alice: Person, encoding: str) -> None:
    headers = {"Content-Type": "text/csv", "Content-Encoding": encoding}
    refused(alice.post("/collections/import", content=CSV.encode(), headers=headers), 415, "unsupported_type")


def test_a_body_encoded_as_it_is_is_taken(alice: Person) -> None:
    headers = {"Content-Type": "text/csv", "Content-Encoding": "identity"}
    made(alice.post("/collections/import", content=CSV.encode(), headers=headers))


@pytest.mark.parametrize("begin", [b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"])
def test_a_compressed_file_is_refused_however_it_comes(begin: bytes) -> None:
    boundary = b'--a\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: text/csv\r\n\r\n'
    for body, kind in (
        (begin, "text/csv"),
        (boundary + begin + b"\r\n--a--", "multipart/form-data; boundary=a"),
    ):
        with pytest.raises(UnsupportedType, match="compressed"):
            forms.file_in(body, kind)
    assert forms.file_in(b"x" + begin, "text/csv") == Sent(b"x" + begin, "text/csv")


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"1,", b'"",'])
def test_more_values_than_anybody_means_are_refused_before_they_are_read(alice: Person, unit: bytes) -> None:
    # Twice as many brackets as commas.
    within = facts.JSON_VALUES // (1 if unit in {b"1,", b'"",'} else 2) - 2
    for count, code in ((within, 422), (within + 4, 400)):
        answer = sent(alice, b"[" + unit * count + b"1]", "application/json", "/listings/import")
        assert answer.status_code == code, answer.text


def test_brackets_and_commas_in_a_text_are_no_values(alice: Person) -> None:
    whole = deal_file(title='a, [b] {c} "quoted" \\')
    whole["x_note"] = '[{,"' * (facts.JSON_VALUES // 2)
    made(alice.post("/listings/import", whole))


@pytest.mark.parametrize(("length", "status"), [(1_000_000, 201), (2_000_000, 400)])
def test_a_text_longer_than_anybody_means_is_refused(alice: Person, length: int, status: int) -> None:
    whole = deal_file()
    whole["x_note"] = "x" * (length - 1)
    assert alice.post("/listings/import", whole).status_code == status


# ---------------------------------------------------------------------------------------- refused rows


def lines(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode(), newline="")))


def test_the_refused_rows_can_be_carried_away_with_their_reasons(alice: Person) -> None:
    shown = made(sent(alice, CSV, "text/csv"))
    answer = alice.get(f"/imports/{shown['preview_id']}/refused")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="refused rows.csv"')
    head, first, second = lines(answer.content)
    assert head == ["row", "reasons", "title", "price", "notes"]
    assert (first[0], first[2:]) == ("1", ["", "6", "no title"])
    assert (second[0], second[2:]) == ("2", ["HP EliteDesk", "€7", "'=1+1"])
    assert all(line[1] for line in (first, second))


def test_where_nothing_was_refused_the_table_is_empty(alice: Person) -> None:
    shown = alice.preview("listings", jsontext.dumps(deal_file()).encode())
    assert lines(alice.get(f"/imports/{shown['preview_id']}/refused").content) == [["row", "reasons"]]


def test_the_refused_rows_are_their_owners(api: Api, alice: Person) -> None:
    shown = made(sent(alice, CSV, "text/csv"))
    path = f"/imports/{shown['preview_id']}/refused"
    refused(api.person("bob").get(path), 404, "not_found")
    refused(api.stranger.get(path), 401, "unauthenticated")
    refused(api.later("alice", facts.PREVIEW_LIFE).get(path), 410, "expired")


def test_a_fresh_preview_still_tells_what_was_refused(api: Api, alice: Person) -> None:
    bob = api.person("bob")
    bob.listing(title="Dell", listing_url="https://shop.example/1")
    shown = made(sent(alice, LINKS, "text/plain"))
    bob.patch("/listings/1", {"price_usd": 1})
    body = {"preview_id": shown["preview_id"], "merge_strategy": "create_new"}
    fresh = refused(alice.post("/collections/import/confirm", body), 409, "target_changed")["preview"]
    assert fresh["refused"] == shown["refused"] != []
    answer = alice.get(f"/imports/{fresh['preview_id']}/refused")
    assert len(lines(answer.content)) == 2


# ---------------------------------------------------------------------------- the file says, we compute


def recomputed(row: dict[str, Any]) -> list[str]:
    return [one["message"] for one in row["warnings"] if one["code"] == "recomputed"]


def test_where_a_file_reckons_otherwise_both_numbers_are_shown(alice: Person) -> None:
    whole = deal_file(price_usd=100)
    whole["data"]["valuation"] = {"base_price_usd": 100, "adjusted_price_usd": 1}
    cpu = {"name": "i7-8650U", "manufacturer": "Intel", "cpu_mark_multi": 6000, "tdp_w": 15}
    whole["data"]["performance"] = {"cpu": cpu, "metrics": {"perf_per_watt": 1, "score_gpu": 99}}
    (row,) = alice.preview("listings", jsontext.dumps(whole).encode())["rows"]
    assert set(recomputed(row)) == {
        "The file says 1 for perf_per_watt; we compute 400.",
        "The file says 99 for score_gpu; we compute nothing.",
        "The file says 1 for adjusted_price_usd; we compute 100.",
    }


def test_a_file_of_ours_reckons_as_we_do(alice: Person) -> None:
    file = alice.get(f"/listings/{alice.listing(**LATITUDE)['id']}/export")
    assert b'"metrics"' in file.content
    (row,) = alice.preview("listings", file.content)["rows"]
    assert recomputed(row) == []


def test_a_score_in_a_table_is_compared_too(alice: Person) -> None:
    (row,) = made(sent(alice, "title,score\nDell,61.5\n", "text/csv"))["rows"]
    assert recomputed(row) == ["The file says 61.5 for score_composite; we compute nothing."]


# ---------------------------------------------------------------------------------------------- queries


def test_a_file_asks_the_catalog_as_often_as_one_row_does(alice: Person, statements: list[str]) -> None:
    def asked(count: int) -> int:
        cpus = [
            {"name": f"Intel Core i5-{number}", "manufacturer": "Intel"}
            for number in range(8000, 8000 + count)
        ]
        deals = [{**deal_data(title=f"machine {cpu['name']}"), "performance": {"cpu": cpu}} for cpu in cpus]
        statements.clear()
        alice.preview("collections", jsontext.dumps(collection_file(*deals)).encode())
        return sum("FROM cpus" in one or "cpus ON" in one for one in statements)

    assert asked(1) == asked(60) > 0


@pytest.mark.parametrize("path", ["/listings/import", "/collections/import", "/listings"])
def test_a_compressed_body_that_is_called_json_is_told_what_it_is(alice: Person, path: str) -> None:
    for begin in facts.COMPRESSED:
        problem = refused(sent(alice, begin + b"{}", "application/json", path), 400, "malformed_json")
        assert "compressed" in problem["detail"]


def test_a_compressed_part_that_is_called_json_is_refused_too(alice: Person) -> None:
    problem = refused(form(alice, b"\x1f\x8b{}", "application/json"), 415, "unsupported_type")
    assert "compressed" in problem["detail"]


# --------------------------------------------------------------------------- as other programs write them

# Words other programs have for ours, by the kind of word.
OTHER_WORDS = {
    "Condition": {"used": "Good", "refurb": "refurbished"},
    "ListingStatus": {"archived": "sold", "pending": "draft"},
    "ItemStatus": {"undecided": "active", "rejected": "archived"},
    "StorageMedium": {"sata_ssd": "ssd"},
    "PortType": {"rj45_1g": "Ethernet"},
}
DEFINITIONS: Any = document.schema()["$defs"]


def respelled(value: Any, shape: Any, chance: random.Random) -> Any:
    """A part of a file as another program may write it; ``shape`` is what the schema says of it."""
    name = shape.get("$ref", "").rpartition("/")[2]
    shape = DEFINITIONS.get(name, shape)
    if chance.random() < 0.5 and shape.get("format") == "date-time":
        return value.removesuffix("Z")
    if chance.random() < 0.5 and "enum" in shape:
        return OTHER_WORDS.get(name, {}).get(value, value.upper())
    if isinstance(value, list) and "items" in shape:
        return [respelled(one, shape["items"], chance) for one in value]
    if isinstance(value, dict) and "properties" in shape:
        return _respelled_object(value, shape, chance)
    return value


def _respelled_object(value: dict[str, Any], shape: Any, chance: random.Random) -> dict[str, Any]:
    said = dict(value)
    for name, inside in shape["properties"].items():
        kinds = [one for one in inside.get("anyOf", [inside]) if one != {"type": "null"}]
        if name in said:
            said[name] = respelled(said[name], kinds[0], chance)
        elif name not in shape.get("required", ()) and chance.random() < 0.5:
            said[name] = None
    return said


def as_another_writes(file: bytes, chance: random.Random) -> bytes:
    """The same file with nulls, other words and letter case, times without a zone, or a level further in."""
    whole: Any = jsontext.loads(file)
    envelope, data = whole.pop("deal_brain_export"), whole.pop("data")
    kind = "Deal" if envelope["type"] == "deal" else "CollectionData"
    data = respelled(data, {"$ref": f"#/$defs/{kind}"}, chance)
    envelope = respelled(envelope, {"$ref": "#/$defs/Envelope"}, chance)
    if chance.random() < 0.5:
        return jsontext.dumps({"deal_brain_export": {**envelope, "data": data}, **whole}).encode()
    return jsontext.dumps({"deal_brain_export": envelope, "data": data, **whole}).encode()


@given(FILES, st.randoms(use_true_random=False))
def test_a_file_as_another_program_writes_it_holds_the_same(
    file: DealFile | CollectionFile, chance: random.Random
) -> None:
    ours = document.write(file, exported_at=NOW, exported_by=None)
    theirs = as_another_writes(ours, chance)
    assert reading.read(theirs, now=NOW) == reading.read(ours, now=NOW)


def test_what_another_program_writes_differs_from_what_we_write() -> None:
    full = (SAMPLES / "full-collection.json").read_bytes()
    theirs = as_another_writes(full, random.Random(1))  # noqa: S311 - any will do
    warned = {one.code for one in reading.read(theirs, now=NOW).warnings}
    assert {"alias", "naive_timestamp", "legacy_nested_data"} <= warned
    assert b"null" in theirs

"""The pages where files come in: what is taken, what a preview shows and lets decide, what became of it."""

import csv
import io
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import islice
from typing import Any

import httpx
import pytest

from dealbrain import cardspec, deciding, facts, files, forms, intake, pending, uploading
from dealbrain.errors import Malformed
from dealbrain.facts import CARDS, PREVIEWS, SPECS, Bucket, Media
from dealbrain.forms import Sent
from dealbrain.pending import READING, UPLOAD
from dealbrain.shapes import Difference
from infra.local.issuer import subject
from tests.makers import LATITUDE, Api, Person, fill, made, refused, rows

LINK = LATITUDE["listing_url"]
TABLE = f"title,price,url\n{LATITUDE['title']},249,{LINK}\nHP EliteDesk 800 G4,175,\n,9,\n"
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def ann(api: Api) -> Person:
    """Alice at her browser."""
    return api.browser("alice")


def bring(person: Person, content: str | bytes, name: str = "picks.csv", **fields: str) -> httpx.Response:
    """Send the form with a file chosen."""
    sent = {**{key: (None, value) for key, value in fields.items()}, "file": (name, content)}
    return person.submit("/import", files=sent)


def paste(person: Person, text: str, **fields: str) -> httpx.Response:
    """Send the form with something pasted, and no file chosen, as browsers do."""
    said = {key: (None, value) for key, value in {"text": text, **fields}.items()}
    return person.submit("/import", files={**said, "file": ("", b"", "application/octet-stream")})


def led(answer: httpx.Response) -> str:
    """Where a form led to."""
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def shown(person: Person, address: str, status: int = 200) -> str:
    answer = person.open(address)
    assert answer.status_code == status, answer.text
    return answer.text


def words(html: str) -> str:
    """What a page says, without its markup."""
    main = html.partition("<main")[2].partition(">")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def preselected(html: str) -> dict[int, str]:
    """The decision each row begins with."""
    found = {}
    for index, options in re.findall(r'<select id="choice-(\d+)".*?>(<option.*?)</select>', html):
        (found[int(index)],) = re.findall(r'value="([^"]*)" selected', options)
    return found


def suggested(html: str, **others: str) -> dict[str, str]:
    """The form of a preview as it stands, but for these choices."""
    said = {f"row-{index}": value for index, value in preselected(html).items()}
    top = re.findall(r'name="top" value="([^"]*)" checked', html)
    return {**said, **({"top": top[0]} if top else {}), **{k.replace("_", "-"): v for k, v in others.items()}}


def confirmed(person: Person, address: str, **others: str) -> str:
    """Confirm a preview as it stands, but for these choices; answers the page of the result."""
    assert led(person.submit(address, suggested(shown(person, address), **others))) == address
    return shown(person, address)


# ------------------------------------------------------------------------------------- where it comes in


def test_a_stranger_is_led_to_where_one_signs_in(api: Api) -> None:
    assert led(api.browser().open("/import")) == "/sign-in?next=/import"


def test_the_page_says_where_a_script_may_send_large_files(ann: Person) -> None:
    policy = ann.open("/import").headers["content-security-policy"]
    assert f"connect-src 'self' {uploading.origin()};" in policy


def test_uploads_are_sent_to_where_the_page_may_send(ann: Person, alice: Person) -> None:
    wanted = {"file_name": "a.csv", "size": 5, "content_type": "text/csv"}
    url = made(alice.post("/uploads", wanted))["url"]
    assert ann.open("/import").status_code == 200
    assert url.startswith(f"{uploading.origin()}/")


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_uploads_are_sent_to_where_the_page_may_send_on_aws_too(
    api: Api, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    assert api
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    monkeypatch.setenv("AWS_REGION", region)
    files._client.cache_clear()
    try:
        url, _ = files.form(Bucket.private, "uploads/x", "text/csv", most=1, life=AN_HOUR)
        assert url.rstrip("/") == uploading.origin()
        assert "amazonaws.com" in url
    finally:
        files._client.cache_clear()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"deal_brain_export": {}}', Media.json),
        ("\ufeff  [1]", Media.json),
        ("<!DOCTYPE NETSCAPE-Bookmark-file-1>", Media.html),
        ("title,price\nDell,5", Media.csv),
        ('"Name";"Price"\n"Dell";5', Media.csv),
        ("Bezeichnung\tPreis\nDell\t5", Media.csv),
        ("https://example.com/a", Media.text),
        ("Dell: https://example.com/a\nand\nHP: https://example.com/b", Media.text),
        ("Dell OptiPlex 7050\nIntel Core i5, 16 GB\nhttps://example.com/a", None),
        ("Dell OptiPlex 7050, barely used, $120", None),
    ],
)
def test_what_is_pasted_is_recognized_by_how_it_begins(text: str, kind: Media | None) -> None:
    assert intake.recognized(text.encode()) == kind


@pytest.mark.parametrize(
    ("said", "content", "kind"),
    [
        ("text/csv", b"{}", "text/csv"),
        ("text/plain", b"{}", "application/json"),
        ("text/plain", b"nothing", "text/plain"),
        ("text/tab-separated-values", b"title\tprice\nDell\t5", "text/csv"),
        ("image/png", b"\x89PNG", "image/png"),
    ],
)
def test_a_file_is_what_it_says_and_else_what_it_looks_like(said: str, content: bytes, kind: str) -> None:
    assert intake.kind_said(Sent(content, said)) == kind


def test_a_form_that_is_none_is_malformed() -> None:
    with pytest.raises(Malformed):
        forms.filled(b"x", "multipart/form-data; boundary=a", 8)


def test_a_dropped_table_leads_to_its_preview(ann: Person) -> None:
    page = words(shown(ann, led(bring(ann, TABLE))))
    assert "picks A preview: nothing is written yet." in page
    assert "2 new" in page


def test_pasted_links_lead_to_their_preview(ann: Person) -> None:
    page = words(shown(ann, led(paste(ann, "https://example.com/a quiet mini\nhttps://example.com/b"))))
    assert "quiet mini" in page
    assert "2 new" in page


def test_a_listing_we_exported_leads_to_its_preview(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    file = alice.get(f"/listings/{listing['id']}/export").content
    page = shown(ann, led(bring(ann, file, "deal.json")))
    assert preselected(page) == {0: "skip"}
    assert "the same shop address Nothing differs." in words(page)


def test_one_pasted_offer_is_handed_to_the_form_for_offers(ann: Person) -> None:
    answer = paste(ann, "Dell OptiPlex 7050\n<b>16 GB</b>")
    assert answer.status_code == 200
    form = answer.text.partition('action="/listings/new"')[2].partition("</form>")[0]
    assert '<textarea name="text" hidden>\nDell OptiPlex 7050\n&lt;b&gt;16 GB&lt;/b&gt;</textarea>' in form


@pytest.mark.parametrize(
    ("content", "name", "status", "told"),
    [
        ("", "picks.csv", 422, "This file is empty."),
        (b"title\n\xff", "picks.csv", 400, "The file is no UTF-8: byte 6 cannot be read."),
        (b"PK\x03\x04", "picks.xlsx", 415, "A spreadsheet can be saved as CSV"),
        (b"\x89PNG", "picture.png", 415, "not 'image/png'"),
        ('{"a": 1, "a": 2}', "x.json", 400, "The key 'a' stands twice"),
    ],
)
def test_a_refused_file_is_answered_with_the_page_and_the_reason(
    ann: Person, content: str | bytes, name: str, status: int, told: str
) -> None:
    answer = bring(ann, content, name)
    assert answer.status_code == status
    assert told in words(answer.text)
    assert 'id="bring"' in answer.text


def test_every_problem_of_a_file_is_told_with_its_place(ann: Person) -> None:
    head = '{"version": "1.0.0", "exported_at": "2026-03-01T12:00:00Z", "type": "collection"}'
    file = f'{{"deal_brain_export": {head}, "data": {{"collection": {{}}, "items": [{{"status": "lost"}}]}}}}'
    page = words(bring(ann, file, "x.json").text)
    assert "collection, name : This is required." in page
    assert "items, 1, listing : This is required." in page
    assert "items, 1, status :" in page


def test_nothing_sent_is_told(ann: Person) -> None:
    answer = paste(ann, "  ")
    assert (answer.status_code, "Choose a file, or paste something." in words(answer.text)) == (422, True)


def test_a_form_of_another_kind_is_refused(ann: Person) -> None:
    assert ann.submit("/import", {"text": "https://example.com"}).status_code == 415


def test_a_form_with_nothing_in_it_is_refused(ann: Person) -> None:
    assert ann.submit("/import").status_code == 400


def test_what_is_too_large_is_refused_with_what_can_be_done(ann: Person) -> None:
    answer = bring(ann, b"x" * facts.IMPORT_BYTES)
    assert answer.status_code == 413
    assert "Where scripts may run, larger files are taken as well; or split it." in words(answer.text)


# ------------------------------------------------------------------------------------------ what is what

FOREIGN = "Bezeichnung,Preis,Price\nDell Latitude,5,249\n"


def test_a_table_nobody_understands_is_asked_about(ann: Person) -> None:
    answer = bring(ann, FOREIGN)
    assert answer.status_code == 422
    assert "No column is called title . Say below what each column is" in words(answer.text)
    assert '<option value="price_usd" selected>' in answer.text


def test_a_program_is_told_the_headings_to_ask_about(alice: Person) -> None:
    answer = alice.post("/collections/import", content=FOREIGN, headers={"Content-Type": "text/csv"})
    assert refused(answer, 422, "invalid")["headings"] == ["Bezeichnung", "Preis", "Price"]


def test_what_was_asked_is_read_as_it_was_said(ann: Person) -> None:
    answer = bring(ann, FOREIGN)
    form = answer.text.partition('id="mapping"')[2].partition("</form>")[0]
    said = dict(re.findall(r'name="(heading-\d+|name)" value="([^"]*)"', form))
    (text,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", form, re.DOTALL)
    address = led(paste(ann, unescape(text), **said, **{"column-0": "title", "column-2": "price_usd"}))
    page = words(shown(ann, address))
    assert page.startswith("picks A preview")
    assert "Dell Latitude" in page


def test_columns_are_what_was_said_beside_a_heading_that_is_missing_or_there_twice(ann: Person) -> None:
    answer = bring(ann, ",Bezeichnung,Notiz,Notiz,Preis\n0,Dell Latitude,a,b,249\n")
    form = answer.text.partition('id="mapping"')[2].partition("</form>")[0]
    said = dict(re.findall(r'name="(heading-\d+|name)" value="([^"]*)"', form))
    (text,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", form, re.DOTALL)
    chosen = {"column-1": "title", "column-4": "price_usd"}
    address = led(paste(ann, unescape(text), **said, **chosen))
    led(ann.submit(address, suggested(shown(ann, address))))
    (found,) = ann.get("/listings?owner=alice").json()["items"]
    assert (found["title"], found["price_usd"]) == ("Dell Latitude", 249)


def test_two_columns_that_say_the_same_are_told(ann: Person) -> None:
    columns = {"heading-0": "a", "column-0": "title", "heading-1": "b", "column-1": "title"}
    answer = paste(ann, "a,b\n1,2", **columns)
    assert answer.status_code == 422
    assert "Two columns cannot both be the title." in words(answer.text)


def test_a_table_whose_title_was_left_out_is_asked_about_again(ann: Person) -> None:
    answer = paste(ann, "a\tb\n1\t2", **{"heading-0": "a", "column-0": "seller"})
    assert "A row needs a title; name its column." in words(answer.text)
    assert '<option value="seller" selected>' in answer.text


# --------------------------------------------------------------------------------------------- a preview


def test_a_duplicate_stands_beside_what_is_here_with_what_differs(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    page = shown(ann, led(bring(ann, TABLE)))
    assert f'<a href="/listings/{listing["id"]}"><bdi>{LATITUDE["title"]}</bdi></a>' in page
    assert "1 new 1 here already 1 refused" in words(page)
    assert "the same shop address" in words(page)
    assert "price $249 $299.99" in words(page)
    assert "seller nothing AAA PCs" in words(page)


def test_a_row_says_what_was_read_of_it(ann: Person) -> None:
    table = "title,price,seller,cpu,ram,ssd\nA quiet mini,1175.50,PC World,Intel Core i7-8650U,16,512\n"
    html = words(shown(ann, led(bring(ann, table))))
    assert "A quiet mini $1,175.50 · PC World Intel Core i7-8650U 16 GB RAM 512 GB" in html


def test_a_row_whose_price_was_not_found_says_so(ann: Person) -> None:
    assert "A quiet mini Price unknown" in words(shown(ann, led(bring(ann, "title,seller\nA quiet mini,\n"))))


def test_a_preview_that_an_older_version_made_is_shown_without_it(ann: Person) -> None:
    address = led(bring(ann, "title,price\nA quiet mini,1175.50\n"))
    key = f"{PREVIEWS}{address.rpartition('/')[2]}.json"
    body = json.loads(files.get(Bucket.private, key) or b"")
    del body["read"]
    files.put(Bucket.private, key, json.dumps(body).encode(), Media.json)
    html = words(shown(ann, address))
    assert "A quiet mini" in html
    assert "1,175.50" not in html


def test_of_anothers_offer_the_owner_is_not_offered_to_change_it(
    ann: Person, alice: Person, bob: Person
) -> None:
    theirs = bob.listing()
    assert f'value="update-{theirs["id"]}"' not in shown(ann, led(bring(ann, TABLE)))
    alice.listing(listing_url=f"{LINK}?x=1", title="My own Latitude")
    assert 'value="update-' in shown(ann, led(bring(ann, TABLE)))


def test_a_variant_is_called_one_and_never_used_instead(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    text = "title,price\nDell Latitude 7490 i7-8650U 16GB 256GB SSD,229\n"
    page = shown(ann, led(bring(ann, text)))
    assert "a variant, not a duplicate: 256 GB and 512 GB" in words(page)
    assert f'"use-{listing["id"]}"' not in page


def test_a_refused_row_is_told_and_can_be_downloaded(ann: Person) -> None:
    address = led(bring(ann, TABLE))
    page = shown(ann, address)
    assert "1 row cannot be imported Row 3 · title : This is required." in words(page)
    file = f"/v1/imports/{address.removeprefix('/import/')}/refused"
    assert f'href="{file}"' in page
    assert ann.open(file).text.count("\r\n") == 2


def test_a_hostile_title_is_text(ann: Person) -> None:
    page = shown(ann, led(bring(ann, "title\n<script>alert(1)</script><img src=x onerror=alert(2)>\n")))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "<img" not in page


def test_a_foreign_preview_is_nothing_to_others(api: Api, ann: Person) -> None:
    address = led(bring(ann, TABLE))
    ben = api.browser("bob")
    assert shown(ann, address)
    shown(ben, address, 404)
    for answer in (ben.submit(address, {}), ben.submit(f"{address}/cancel"), ben.submit(f"{address}/undo")):
        assert answer.status_code == 404
    assert shown(ann, address)


def test_an_expired_preview_says_so_and_leads_back(api: Api, ann: Person) -> None:
    address = led(bring(ann, TABLE))
    page = api.later("alice", facts.PREVIEW_LIFE).open(address)
    assert page.status_code == 410
    assert "Its time is over" in words(page.text)
    assert 'href="/import"' in page.text


@pytest.mark.parametrize("number", ["0f8b6c1e-5d2a-4b7e-9c3f-2a1d4e6b8c90", "x", "1"])
def test_an_unknown_preview_is_nothing(ann: Person, number: str) -> None:
    shown(ann, f"/import/{number}", 404)


def test_a_cancelled_preview_is_gone(ann: Person) -> None:
    address = led(bring(ann, TABLE))
    assert led(ann.submit(f"{address}/cancel")) == "/import"
    shown(ann, address, 404)


def test_a_preview_of_500_rows_is_light(ann: Person, alice: Person) -> None:
    alice.listing()
    text = "title,price\n" + "".join(
        f"Dell Latitude 7490 number {n} 16GB 512GB SSD,{n}\n" for n in range(500)
    )
    answer = ann.open(led(bring(ann, text)))
    assert len(preselected(answer.text)) == 500
    assert int(answer.headers["content-length"]) < 60 * 1024


# --------------------------------------------------------------------------------------------- deciding


def test_what_is_confirmed_as_suggested_uses_what_is_here(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    page = confirmed(ann, led(bring(ann, TABLE)))
    assert "Imported: picks" in words(page)
    assert "1 added, 1 here already" in words(page)
    assert f'<a href="/listings/{listing["id"]}"><bdi>{LATITUDE["title"]}</bdi></a>' in page
    (number,) = re.findall(r'href="/collections/(\d+)"', page)
    assert alice.get(f"/collections/{number}").json()["name"] == "picks"


def test_a_row_is_updated_where_that_was_chosen(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    page = confirmed(ann, led(bring(ann, TABLE)), row_0=f"update-{listing['id']}", row_1="skip")
    assert "1 updated, 1 skipped" in words(page)
    assert alice.get(f"/listings/{listing['id']}").json()["price_usd"] == 249


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("create", "2 added"),
        ("use", "1 added, 1 here already"),
        ("update", "1 added, 1 updated"),
        ("skip", "2 skipped"),
        ("suggested", "1 added, 1 here already"),
    ],
)
def test_one_choice_for_all_rows_holds_where_a_row_has_it(
    ann: Person, alice: Person, choice: str, told: str
) -> None:
    alice.listing()
    page = confirmed(ann, led(bring(ann, TABLE)), row_0="skip", row_1="skip", all=choice)
    assert f"· {told} " in words(page)


def test_every_choice_for_all_rows_is_one_that_can_be_sent(ann: Person) -> None:
    page = shown(ann, led(bring(ann, TABLE)))
    options = page.partition('<select id="all"')[2].partition("</select>")[0]
    assert re.findall(r'value="([^"]+)"', options) == list(deciding.FOR_ALL)


def test_a_collection_of_the_same_name_is_offered_first(ann: Person, alice: Person) -> None:
    mine = alice.collection("picks")
    address = led(bring(ann, TABLE))
    page = shown(ann, address)
    assert "Into my collection “picks” the same name; has 0 of the 2 listings in the file" in words(page)
    assert suggested(page)["top"] == f"merge-{mine['id']}"
    assert f'href="/collections/{mine["id"]}"' in confirmed(ann, address)


def test_what_is_not_the_same_is_not_shown_beside_it_again(ann: Person, alice: Person) -> None:
    listing = alice.listing(listing_url=None)
    text = f"title\n{LATITUDE['title']} Laptop\n"
    address = led(bring(ann, text))
    assert f'name="apart-0" value="{listing["id"]}"' in shown(ann, address)
    confirmed(ann, address, row_0="create", apart_0=str(listing["id"]))
    assert f'name="apart-0" value="{listing["id"]}"' not in shown(ann, led(bring(ann, text)))


def test_a_decision_that_contradicts_itself_is_told_beside_its_row(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    address = led(bring(ann, TABLE))
    form = suggested(shown(ann, address), apart_0=str(listing["id"]), row_1="skip")
    answer = ann.submit(address, form)
    assert answer.status_code == 422
    assert '<p class="wrong" id="wrong-0">is what the row is to be</p>' in answer.text
    assert preselected(answer.text)[1] == "skip"
    assert " checked" in answer.text.partition('name="apart-0"')[2].partition(">")[0]


@pytest.mark.parametrize("value", ["use-x", "update-", "marry", f"use-{2**70}"])
def test_a_decision_nobody_offered_is_refused(ann: Person, value: str) -> None:
    address = led(bring(ann, TABLE))
    answer = ann.submit(address, suggested(shown(ann, address), row_0=value))
    assert answer.status_code == 422
    assert "Nothing was written" in words(answer.text)


def test_somebody_elses_collection_is_no_place_for_it(ann: Person, bob: Person) -> None:
    theirs = bob.collection("picks")
    address = led(bring(ann, TABLE))
    form = suggested(shown(ann, address), top=f"merge-{theirs['id']}")
    answer = ann.submit(address, form)
    assert answer.status_code == 422
    assert theirs["name"] not in words(answer.text).replace("picks A preview", "")


def test_a_collection_that_is_gone_meanwhile_is_told_and_every_decision_is_kept(
    ann: Person, alice: Person
) -> None:
    mine = alice.collection("picks")
    address = led(bring(ann, TABLE))
    form = suggested(shown(ann, address), top=f"merge-{mine['id']}", row_0="skip")
    alice.delete(f"/collections/{mine['id']}")
    answer = ann.submit(address, form)
    assert answer.status_code == 422
    assert "Something chosen here is gone meanwhile" in words(answer.text)
    assert preselected(answer.text)[0] == "skip"


def test_a_collection_that_would_be_too_large_is_told(ann: Person, alice: Person) -> None:
    mine = alice.collection("picks")
    fill(mine, alice.listing(title="Something else", listing_url=None), facts.COLLECTION_ITEMS)
    address = led(bring(ann, TABLE))
    answer = ann.submit(address, suggested(shown(ann, address), top=f"merge-{mine['id']}"))
    assert answer.status_code == 422
    assert f"A collection holds at most {facts.COLLECTION_ITEMS} items." in words(answer.text)


def test_rows_can_go_into_any_collection_of_ones_own(ann: Person, alice: Person) -> None:
    mine = alice.collection("Called otherwise")
    address = led(bring(ann, TABLE))
    html = shown(ann, address)
    assert "Into another of mine Into my collection “Called otherwise”" in words(html)
    assert led(ann.submit(address, suggested(html, top=f"merge-{mine['id']}"))) == address
    assert alice.get(f"/collections/{mine['id']}").json()["item_count"] == 2


def test_what_changed_since_leads_to_a_fresh_preview_that_says_so(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    address = led(bring(ann, TABLE))
    form = suggested(shown(ann, address))
    alice.patch(f"/listings/{listing['id']}", {"price_usd": 280})
    fresh = led(ann.submit(address, form))
    assert fresh != address
    page = shown(ann, fresh)
    assert "Something this import builds on has changed since you looked" in words(page)
    assert "price $249 $280" in words(page)


def test_confirming_again_leads_to_what_was_done(ann: Person, alice: Person) -> None:
    address = led(bring(ann, TABLE))
    confirmed(ann, address)
    assert led(ann.submit(address, {"top": "create_new", "all": "skip"})) == address
    assert len(alice.get("/imports").json()["items"]) == 1


def test_two_confirms_at_once_import_once(api: Api, ann: Person, alice: Person) -> None:
    address = led(bring(ann, TABLE))
    form = suggested(shown(ann, address))
    with ThreadPoolExecutor(4) as at_once:
        answers = list(at_once.map(lambda _: api.browser("alice").submit(address, form), range(4)))
    assert {led(one) for one in answers} == {address}
    assert len(alice.get("/collections").json()["items"]) == 1
    assert len(alice.get("/listings?owner=alice").json()["items"]) == 2


def test_one_offer_is_updated_where_that_was_chosen(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    file = alice.get(f"/listings/{listing['id']}/export").content
    alice.patch(f"/listings/{listing['id']}", {"price_usd": 199})
    address = led(bring(ann, file, "deal.json"))
    assert preselected(shown(ann, address)) == {0: f"update-{listing['id']}"}
    assert f'href="/listings/{listing["id"]}"' in confirmed(ann, address)
    assert alice.get(f"/listings/{listing['id']}").json()["price_usd"] == 299.99


def test_what_is_suggested_to_be_updated_is_the_persons_own(ann: Person, alice: Person, bob: Person) -> None:
    theirs, mine = bob.listing(), alice.listing()
    file = alice.get(f"/listings/{mine['id']}/export").content
    alice.patch(f"/listings/{mine['id']}", {"price_usd": 199})
    page = shown(ann, led(bring(ann, file, "deal.json")))
    assert page.index(f'href="/listings/{theirs["id"]}"') < page.index(f'href="/listings/{mine["id"]}"')
    assert preselected(page) == {0: f"update-{mine['id']}"}


def test_an_offer_that_is_skipped_writes_nothing(api: Api, ann: Person, alice: Person) -> None:
    listing = alice.listing()
    address = led(bring(ann, alice.get(f"/listings/{listing['id']}/export").content, "deal.json"))
    before = api.state()
    assert led(ann.submit(address, {"row-0": "skip"})) == "/import"
    assert api.state() == before


def test_a_form_from_another_site_does_nothing(api: Api, ann: Person) -> None:
    address = led(bring(ann, TABLE))
    form = suggested(shown(ann, address))
    before = api.state()
    foreign = {"Origin": "https://evil.example"}
    assert ann.submit(address, form, headers=foreign).status_code == 403
    assert api.state() == before


def card_of(person: Person, listing_id: int) -> list[str]:
    """Let a listing have a card; answers the keys of all there is of it."""
    person.get(f"/listings/{listing_id}/card-image")
    (spec,) = cards_of(listing_id)
    picture = next(key for key in cardspec.keys(*cardspec.parse_spec_key(spec)) if key.startswith(CARDS))
    files.put(Bucket.generated, picture, b"x", "image/png")
    return cards_of(listing_id)


def cards_of(listing_id: int) -> list[str]:
    return [
        key for prefix in (SPECS, CARDS) for key in files.keys(Bucket.generated, f"{prefix}{listing_id}/")
    ]


def test_what_is_updated_and_taken_back_takes_its_old_cards(ann: Person, alice: Person) -> None:
    listing = alice.listing()
    # Listings of other tests had the same number.
    files.delete(Bucket.generated, cards_of(listing["id"]))
    address = led(bring(ann, TABLE))
    assert len(card_of(alice, listing["id"])) == 2
    confirmed(ann, address, row_0=f"update-{listing['id']}")
    assert cards_of(listing["id"]) == []
    assert len(card_of(alice, listing["id"])) == 2
    led(ann.submit(f"{address}/undo"))
    assert cards_of(listing["id"]) == []


# ------------------------------------------------------------------------------------------- afterwards


def test_a_result_stays_when_its_preview_is_long_gone(api: Api, ann: Person) -> None:
    address = led(bring(ann, TABLE))
    confirmed(ann, address)
    later = api.later("alice", timedelta(days=3)).open(address)
    assert later.status_code == 200
    assert "Imported: picks" in words(later.text)
    assert f'action="{address}/undo"' in later.text


def test_after_thirty_days_undoing_is_offered_no_more(api: Api, ann: Person) -> None:
    address = led(bring(ann, TABLE))
    confirmed(ann, address)
    late = api.later("alice", facts.UNDOABLE + AN_HOUR)
    assert f'action="{address}/undo"' not in late.open(address).text
    assert late.submit(f"{address}/undo").status_code == 410


def test_undone_is_what_nobody_edited_since_and_the_rest_is_told(ann: Person, alice: Person) -> None:
    address = led(bring(ann, "title\nDell Latitude\nHP EliteDesk\n"))
    confirmed(ann, address)
    first = alice.get("/imports").json()["items"][0]["listing_ids"][0]
    alice.patch(f"/listings/{first}", {"price_usd": 1})
    assert led(ann.submit(f"{address}/undo")) == address
    page = words(shown(ann, address))
    assert "1 offer is as before the import; 1 offer stays" in page
    assert "Dell Latitude It was edited since the import." in page


def test_past_imports_are_listed_and_can_be_undone_there(ann: Person) -> None:
    address = led(bring(ann, TABLE))
    confirmed(ann, address)
    page = shown(ann, "/import")
    assert f'<a href="{address}"><bdi>picks</bdi></a>' in page
    assert f'action="{address}/undo"' in page
    led(ann.submit(f"{address}/undo"))
    page = shown(ann, "/import")
    assert "Undone" in words(page)
    assert f'action="{address}/undo"' not in page


def test_past_imports_come_in_pages(ann: Person) -> None:
    addresses = [led(paste(ann, f"https://example.com/{number}")) for number in range(facts.PAGE + 1)]
    for address in addresses:
        confirmed(ann, address)
    first = shown(ann, "/import")
    (older,) = re.findall(r'href="(/import\?cursor=[^"#]*)', first)
    second = shown(ann, unescape(older))
    assert addresses[0] not in first
    assert addresses[0] in second


def test_an_import_that_was_confirmed_cannot_be_cancelled(ann: Person) -> None:
    address = led(bring(ann, TABLE))
    confirmed(ann, address)
    assert led(ann.submit(f"{address}/cancel")) == address
    assert "Imported: picks" in words(shown(ann, address))


# -------------------------------------------------------------------------------------------- large files


def uploaded(person: Person, content: bytes, **other: Any) -> str:
    """Send a file to the store, as a page's script does; answers its number."""
    wanted = {"file_name": "large.csv", "size": len(content), "content_type": "text/csv", **other}
    upload = made(person.post("/uploads", wanted))
    assert httpx.post(upload["url"], data=upload["fields"], files={"file": ("x", content)}).is_success
    return str(upload["upload_id"])


def read(person: Person, upload_id: str, **fields: str) -> httpx.Response:
    return person.submit(
        "/import", files={"upload_id": (None, upload_id), **{k: (None, v) for k, v in fields.items()}}
    )


def test_an_upload_is_previewed_under_its_own_number(ann: Person) -> None:
    upload_id = uploaded(ann, TABLE.encode())
    assert led(read(ann, upload_id)) == f"/import/{upload_id}"
    assert "large A preview" in words(shown(ann, f"/import/{upload_id}"))


def test_an_upload_nobody_reads_can_be_read(ann: Person) -> None:
    upload_id = uploaded(ann, TABLE.encode())
    page = shown(ann, f"/import/{upload_id}")
    assert "This file has not been read" in words(page)
    assert f'name="upload_id" value="{upload_id}"' in page


def test_an_upload_that_was_never_sent_cannot_be_read(ann: Person) -> None:
    wanted = {"file_name": "large.csv", "size": 5, "content_type": "text/csv"}
    answer = read(ann, made(ann.post("/uploads", wanted))["upload_id"])
    assert answer.status_code == 409
    assert "Nothing was uploaded yet" in words(answer.text)


def test_an_upload_is_nothing_to_others(api: Api, ann: Person) -> None:
    upload_id = uploaded(ann, TABLE.encode())
    ben = api.browser("bob")
    shown(ben, f"/import/{upload_id}", 404)
    assert read(ben, upload_id).status_code == 404


type HalfRead = tuple[str, Callable[[timedelta, str, str], None]]


@pytest.fixture
def half_read(ann: Person) -> HalfRead:
    """An upload somebody reads, and what changes how far they are."""
    upload_id = uploaded(ann, TABLE.encode())
    found = pending.get(upload_id, subject("alice"), datetime.now(UTC))
    assert found.kind == UPLOAD

    def put(until: timedelta, done: str, total: str) -> None:
        about = {"type": "collection", "until": (datetime.now(UTC) + until).isoformat()}
        pending.put(replace(found, kind=READING, about=found.about | about | {"done": done, "total": total}))

    return upload_id, put


def test_how_far_reading_is_shows_and_is_asked_again(ann: Person, half_read: HalfRead) -> None:
    upload_id, put = half_read
    put(AN_HOUR, "100", "500")
    page = shown(ann, f"/import/{upload_id}")
    assert "100 of 500 rows compared" in words(page)
    assert '<progress aria-label="Progress" value="100" max="500">' in page
    assert f'hx-get="/import/{upload_id}" hx-trigger="every 1s"' in page
    assert led(ann.submit(f"/import/{upload_id}", {"all": "skip"})) == f"/import/{upload_id}"


def test_reading_that_was_cut_off_can_be_begun_again(ann: Person, half_read: HalfRead) -> None:
    upload_id, put = half_read
    put(-AN_HOUR, "100", "500")
    assert "This file has not been read" in words(shown(ann, f"/import/{upload_id}"))
    assert led(read(ann, upload_id)) == f"/import/{upload_id}"


def test_an_uploaded_table_nobody_understands_is_asked_about_without_sending_it_again(ann: Person) -> None:
    upload_id = uploaded(ann, FOREIGN.encode())
    answer = read(ann, upload_id)
    assert answer.status_code == 422
    form = answer.text.partition('id="mapping"')[2].partition("</form>")[0]
    assert f'name="upload_id" value="{upload_id}"' in form
    said = {"heading-0": "Bezeichnung", "column-0": "title"}
    assert led(read(ann, upload_id, **said)) == f"/import/{upload_id}"


# ---------------------------------------------------------------------------------------------- real data


def real_table(count: int) -> str:
    """A table of so many real offers."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["title", "price", "condition"])
    for row in islice(rows("ebay-laptop-listings.csv"), count):
        title = " ".join(row[name] for name in ("Brand", "Model", "Processor", "Ram Size", "SSD Capacity"))
        table.writerow([title, row["Price"], "used"])
    return text.getvalue()


def test_real_offers_come_in_and_are_all_here_when_they_come_again(ann: Person) -> None:
    text = real_table(30)
    address = led(bring(ann, text))
    before = preselected(shown(ann, address))
    confirmed(ann, address, all="create")
    again = shown(ann, led(bring(ann, text)))
    assert len(before) > 20
    assert preselected(again).keys() == before.keys()
    assert not {"create", "update"} & {choice.split("-")[0] for choice in preselected(again).values()}


# --------------------------------------------------------------------------------- what differs, in words


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (Difference(field="price_usd", file=1249.5, ours=None), [("price", "$1,249.50", None)]),
        (
            Difference(
                field="performance.cpu", file={"name": "a", "tdp_w": 1}, ours={"name": "b", "tdp_w": 1}
            ),
            [("cpu name", "a", "b")],
        ),
        (
            Difference(field="performance.cpu", file={"cpu_mark_multi": 5}, ours={"cpu_mark_multi": 6}),
            [("cpu mark multi", "5", "6")],
        ),
        (Difference(field="performance.gpu", file={"name": "a"}, ours=None), [("gpu", '{"name":"a"}', None)]),
        (Difference(field="metadata.series", file=None, ours="X"), [("series", None, "X")]),
    ],
)
def test_what_differs_is_told_in_words(
    one: Difference, told: list[tuple[str, str | None, str | None]]
) -> None:
    assert list(deciding.spread([one])) == told

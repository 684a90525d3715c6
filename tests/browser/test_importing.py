"""Files coming in, as people bring them: chosen, dropped, pasted, large; with scripts and without."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Route, expect

from dealbrain import facts, pending
from dealbrain.pending import READING, Pending
from infra.local.issuer import subject
from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.makers import LATITUDE, Api, Person, made

TITLE = LATITUDE["title"]
TABLE = f"title,price,url\n{TITLE},249,{LATITUDE['listing_url']}\nHP EliteDesk 800 G4,175,\n,9,\n"
OFFLINE = "We cannot be reached. Please try again when you are online."
HOSTILE = "<img src=x onerror=window.ran=1><script>window.ran=1</script>"
# What the place that tells how far sending is said, one after the other.
LISTEN = """
window.told = [];
new MutationObserver(() => {
  const place = document.getElementById("sending");
  if (place && !place.hidden && place.innerText) window.told.push(place.innerText.trim());
}).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
"""


def choose(page: Page, content: str | bytes, name: str = "picks.csv") -> None:
    """Choose a file and have it read."""
    page.goto("/import")
    content = content.encode() if isinstance(content, str) else content
    page.set_input_files("#file", {"name": name, "mimeType": "", "buffer": content})
    page.get_by_role("button", name="Preview").click()


def rows_of(page: Page) -> list[str]:
    """The titles of the rows of the preview that is open."""
    # It stands behind them all.
    expect(page.locator(".confirm")).to_be_visible()
    return page.locator(".row h3").all_inner_texts()


def large(count: int = 320, heading: str = "title") -> str:
    """A table of three megabytes."""
    return f"{heading},listing_notes\n" + "".join(f"Mini number {n},{'x' * 9_900}\n" for n in range(count))


def width(page: Page) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found


def test_what_was_exported_comes_back_as_duplicates_and_is_undone(visit: Visit, alice: Person) -> None:
    listing = alice.listing()
    collection = alice.collection("Quiet minis")
    alice.item(collection, listing)
    file = alice.get(f"/collections/{collection['id']}/export").content
    alice.patch(f"/listings/{listing['id']}", {"price_usd": 199})
    page = visit("alice")
    choose(page, file, "quiet.json")
    assert rows_of(page) == [TITLE]
    assert page.locator(".differs tbody tr").all_inner_texts() == ["price\t$299.99\t$199"]
    page.get_by_label(f"Decision for {TITLE}").select_option("Update mine")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("1 updated")).to_be_visible()
    assert alice.get(f"/listings/{listing['id']}").json()["price_usd"] == 299.99
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Undone: Quiet minis")).to_be_visible()
    assert alice.get(f"/listings/{listing['id']}").json()["price_usd"] == 199


def test_a_file_is_dropped_anywhere_on_the_page(visit: Visit, api: Api) -> None:
    assert api
    page = visit("alice")
    page.goto("/import")
    files = page.evaluate_handle(
        """text => {
          const files = new DataTransfer();
          files.items.add(new File([text], "dropped.csv", {type: "text/csv"}));
          return files;
        }""",
        TABLE,
    )
    page.dispatch_event("h1", "drop", {"dataTransfer": files})
    expect(page.get_by_role("heading", name="dropped")).to_be_visible()


def test_links_are_pasted_and_imported(visit: Visit, alice: Person) -> None:
    page = visit("alice")
    page.goto("/import")
    page.get_by_label("… or paste").fill("https://example.com/a quiet mini\nhttps://example.com/b loud tower")
    page.get_by_role("button", name="Preview").click()
    assert rows_of(page) == ["quiet mini", "loud tower"]
    page.get_by_role("button", name="Import as decided").click()
    expect(page.get_by_text("2 added")).to_be_visible()
    assert len(alice.get("/listings?owner=alice").json()["items"]) == 2


def test_one_button_decides_all_rows(visit: Visit, alice: Person) -> None:
    listing = alice.listing()
    page = visit("alice")
    choose(page, TABLE)
    expect(page.locator(".confirm")).to_be_visible()
    page.wait_for_load_state()
    decisions = page.locator("#decide select[data-suggested]")
    found = {}
    for name in ("All new", "Use what is here", "Update mine", "Skip all", "As suggested"):
        page.get_by_role("button", name=name).click()
        found[name] = [one.input_value() for one in decisions.all()]
    assert found == {
        "All new": ["create", "create"],
        "Use what is here": [f"use-{listing['id']}", "create"],
        "Update mine": [f"update-{listing['id']}", "create"],
        "Skip all": ["skip", "skip"],
        "As suggested": [f"use-{listing['id']}", "create"],
    }


def test_a_hostile_file_is_only_text(visit: Visit, api: Api) -> None:
    assert api
    page = visit("alice")
    choose(page, f'title,seller\n"{HOSTILE}",x\n,"{HOSTILE}"\n', f"{HOSTILE}.csv".replace("/", ""))
    assert rows_of(page) == [HOSTILE]
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("1 added")).to_be_visible()
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.ran") is None


def test_everything_works_by_keyboard(visit: Visit, alice: Person) -> None:
    page = visit("alice")
    page.goto("/import")
    page.get_by_label("… or paste").focus()
    page.keyboard.type("https://example.com/a quiet mini")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".confirm")).to_be_visible()
    page.get_by_label("Decision for quiet mini").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 added")).to_be_visible()
    assert len(alice.get("/imports").json()["items"]) == 1


# ------------------------------------------------------------------------------------------ large files


def test_a_large_file_is_sent_to_the_store_and_read_from_there(visit: Visit, api: Api) -> None:
    assert api
    page = visit("alice")
    page.add_init_script(LISTEN)
    addresses: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            addresses.append(request.url)

    page.on("request", note)
    page.goto("/import")
    page.evaluate("sessionStorage.told = ''")
    page.evaluate("addEventListener('pagehide', () => sessionStorage.told = window.told.join('|'))")
    page.set_input_files("#file", {"name": "large.csv", "mimeType": "text/csv", "buffer": large().encode()})
    page.get_by_role("button", name="Preview").click()
    assert len(rows_of(page)) == 320
    told = page.evaluate("sessionStorage.told").split("|")
    assert told[0] == "Sending …"
    assert "Reading …" in told
    assert [one.rpartition("/")[2] for one in addresses][0::2] == ["uploads", "import"]
    assert not addresses[1].startswith(api.system.url)


def test_a_large_file_is_sent_once_however_often_it_is_asked_for(
    visit: Visit, api: Api, complaints: list[str]
) -> None:
    assert api
    page = visit("alice")
    held: list[Route] = []
    asked: list[str] = []
    page.route("**/v1/uploads", lambda route: held.append(route))  # noqa: PLW0108 - it has to be a function
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith("/v1/uploads") else None)
    with page.expect_request("**/v1/uploads"):
        choose(page, large(), "large.csv")
    page.get_by_role("button", name="Preview").click()
    held[0].abort()
    expect(page.locator("#told")).to_have_text(OFFLINE)
    # What could not be sent may be sent again.
    with page.expect_request("**/v1/uploads"):
        page.get_by_role("button", name="Preview").click()
    assert len(asked) == 2
    assert complaints == []


def test_a_large_table_nobody_understands_is_asked_about(
    visit: Visit, api: Api, complaints: list[str]
) -> None:
    assert api
    page = visit("alice")
    choose(page, large(heading="Bezeichnung"), "large.csv")
    page.get_by_label("Bezeichnung").select_option("title")
    assert [one.split()[0] for one in complaints] == ["422", "422"]
    complaints.clear()
    page.get_by_role("button", name="Read the table").click()
    assert len(rows_of(page)) == 320


def test_a_file_larger_than_any_upload_is_told_so_at_once(visit: Visit, tmp_path: Path, api: Api) -> None:
    assert api
    file = tmp_path / "huge.csv"
    file.write_bytes(b"x" * (facts.UPLOAD_BYTES + 1))
    page = visit("alice")
    page.goto("/import")
    page.set_input_files("#file", file)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("This file is larger than 20 MB.")).to_be_visible()


@pytest.fixture
def waiting(alice: Person) -> Pending:
    """A file that is there and has not been read."""
    wanted = {"file_name": "large.csv", "size": len(TABLE), "content_type": "text/csv"}
    upload = made(alice.post("/uploads", wanted))
    assert httpx.post(upload["url"], data=upload["fields"], files={"file": ("x", TABLE)}).is_success
    return pending.get(upload["upload_id"], subject("alice"), datetime.now(UTC))


def read_so_far(waiting: Pending, done: int) -> None:
    """Say of a file that so many of its rows are read."""
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    about = {"type": "collection", "until": until, "done": str(done), "total": "500"}
    pending.put(replace(waiting, kind=READING, about=waiting.about | about))


def test_how_far_reading_is_shows_until_the_preview_is_there(
    visit: Visit, alice: Person, waiting: Pending
) -> None:
    read_so_far(waiting, 100)
    page = visit("alice")
    page.goto(f"/import/{waiting.id}")
    expect(page.get_by_text("100 of 500 rows compared")).to_be_visible()
    read_so_far(waiting, 200)
    expect(page.get_by_text("200 of 500 rows compared")).to_be_visible()

    def read(next_question: Route) -> None:
        # Reading begins and ends between two questions; who asks in between is told that nobody reads it.
        pending.put(waiting)
        made(alice.post("/collections/import", {"upload_id": waiting.id}))
        next_question.continue_()

    page.route(f"**/import/{waiting.id}", read, times=1)
    assert len(rows_of(page)) == 2


def test_a_file_cancelled_elsewhere_while_it_is_read_is_told_to_be_gone(
    visit: Visit, waiting: Pending, complaints: list[str]
) -> None:
    read_so_far(waiting, 100)
    page = visit("alice")
    page.goto(f"/import/{waiting.id}")
    expect(page.get_by_text("100 of 500 rows compared")).to_be_visible()
    pending.delete(waiting.id)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")
    assert {one.partition(" ")[0] for one in complaints} == {"404"}
    complaints.clear()


# ----------------------------------------------------------------------------------------- without scripts


def test_without_scripts_a_file_is_imported_and_undone(visit: Visit, alice: Person) -> None:
    alice.listing()
    page = visit("alice", scripts=False)
    choose(page, TABLE)
    expect(page.get_by_text("1 row cannot be imported")).to_be_visible()
    page.locator("#all").select_option("All new")
    page.get_by_role("button", name="Import as decided").click()
    expect(page.get_by_text("2 added")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 offers are as before the import.")).to_be_visible()


def test_without_scripts_a_large_file_is_refused_with_what_can_be_done(
    visit: Visit, api: Api, complaints: list[str]
) -> None:
    assert api
    page = visit("alice", scripts=False)
    choose(page, large(), "large.csv")
    expect(page.get_by_text("Where scripts may run, larger files are taken as well")).to_be_visible()
    assert [one.split()[0] for one in complaints] == ["413"]
    complaints.clear()


# --------------------------------------------------------------------------------------------- how it looks


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_no_page_scrolls_sideways_or_shuts_anybody_out(
    visit: Visit, alice: Person, size: tuple[int, int], theme: str
) -> None:
    alice.listing(title=f"{TITLE} {'W' * 150}", seller="W" * 100)
    alice.listing()
    page = visit("alice", size=size, theme=theme)
    page.goto("/import")
    check(page, size)
    choose(page, TABLE.replace("HP EliteDesk", "コンピューター" * 20), f"{'W' * 90}.csv")
    assert len(rows_of(page)) == 2
    check(page, size)
    page.get_by_role("button", name="Import as decided").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    check(page, size)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("as before the import")).to_be_visible()
    check(page, size)


def check(page: Page, size: tuple[int, int]) -> None:
    assert width(page) <= size[0]
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []


def test_500_rows_fit_a_phone(visit: Visit, api: Api) -> None:
    assert api
    page = visit("alice", size=PHONE)
    choose(page, "title,price\n" + "".join(f"Mini number {n} of many,{n}\n" for n in range(500)))
    assert len(rows_of(page)) == 500
    assert width(page) <= PHONE[0]
    expect(page.get_by_role("button", name="Import as decided")).to_be_in_viewport()

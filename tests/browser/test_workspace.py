"""The workspace as its owner uses it: by mouse, by keys, in two windows."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Dialog, Locator, Page, Request, Route, expect

from infra.local.processes import wait_until
from tests.browser.conftest import PHONE, Visit
from tests.makers import Person

TITLES = ("First box", "Second box", "Third box")


@pytest.fixture
def picks(alice: Person) -> Mapping[str, Any]:
    """A collection of three offers."""
    collection = alice.collection("My picks")
    for number, title in enumerate(TITLES):
        alice.item(collection, alice.listing(title=title, price_usd=100 + 50 * number, listing_url=None))
    return collection


@pytest.fixture
def page(visit: Visit, picks: Mapping[str, Any]) -> Page:
    opened = visit("alice")
    opened.goto(f"/collections/{picks['id']}")
    return opened


def items(alice: Person, picks: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = alice.get(f"/collections/{picks['id']}").json()["items"]
    return found


def titles(page: Page) -> list[str]:
    return page.locator("#items h3").all_inner_texts()


def answered(page: Page, part: str) -> Any:
    """What waits until a form with this in its address or in what it sends is answered."""
    return page.expect_response(
        lambda one: (
            one.request.method == "POST" and part in f"{one.request.url} {one.request.post_data or ''}"
        )
    )


def asked(page: Page, method: str, part: str) -> list[str]:
    """What a page asks for from now on by this method and with this in its address or what it sends."""
    found: list[str] = []

    def note(request: Request) -> None:
        said = f"{request.url} {request.post_data or ''}"
        if request.method == method and part in said:
            found.append(said)

    page.on("request", note)
    return found


def questions(page: Page) -> list[str]:
    """The questions a browser asks before a page is left; each is answered by staying."""
    found: list[str] = []

    def stay(question: Dialog) -> None:
        found.append(question.type)
        question.dismiss()

    page.on("dialog", stay)
    return found


def hold(page: Page, pattern: str) -> list[Route]:
    """Hold the first that is sent there until the test lets it go."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(pattern, keep)
    return held


def test_each_paragraph_of_a_description_begins_where_its_script_does(visit: Visit, alice: Person) -> None:
    collection = alice.collection(description="A small machine.\n\nמחשב קטן")
    page = visit("alice")
    page.goto(f"/collections/{collection['id']}")
    gaps = page.locator(".description p").evaluate_all("""all => all.map((one, at) => {
        const [outer, inner] = [one.getBoundingClientRect(), new Range()];
        inner.selectNodeContents(one);
        const text = inner.getBoundingClientRect();
        return at === 0 ? text.left - outer.left : outer.right - text.right;
    })""")
    assert gaps == pytest.approx([0, 0], abs=1)


# ------------------------------------------------------------------------------------- status and notes


def test_a_status_is_set_with_one_click(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    page.locator(".item").first.get_by_role("button", name="Shortlisted").click()
    expect(page.locator(".item").first.get_by_role("button", name="Shortlisted")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert [one["status"] for one in items(alice, picks)] == ["shortlisted", "undecided", "undecided"]


def test_keys_go_from_one_to_the_next_and_set_its_status(
    page: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    with answered(page, "/items/"):
        page.keyboard.press("3")
    assert [one["status"] for one in items(alice, picks)] == ["undecided", "rejected", "undecided"]


def test_a_number_that_is_held_sets_a_status_once(page: Page) -> None:
    sent = asked(page, "POST", "/items/")
    page.keyboard.press("j")
    for _ in range(3):
        page.keyboard.down("2")
    page.keyboard.up("2")
    with answered(page, "/items/"):
        page.keyboard.press("4")
    expect(page.locator(".item").first.get_by_role("button", name="Bought")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert [one.partition("status=")[2].partition("&")[0] for one in sent] == ["shortlisted", "bought"]


def test_keys_typed_into_a_field_are_letters(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    page.locator(".notes summary").first.click()
    with answered(page, "jk+1234+x"):
        page.get_by_label("Private note").first.press_sequentially("jk 1234 x")
    found = items(alice, picks)[0]
    assert (found["status"], found["private_notes"]) == ("undecided", "jk 1234 x")


def test_notes_save_themselves(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    page.locator(".notes summary").first.click()
    page.get_by_label("Public note").first.fill("Ask for the charger.")
    expect(page.locator(".saved").first).to_have_text("Saved")
    assert items(alice, picks)[0]["notes"] == "Ask for the charger."


def test_leaving_a_note_that_has_saved_itself_saves_nothing_again(page: Page) -> None:
    sent = asked(page, "POST", "charger")
    page.locator(".notes summary").first.click()
    page.get_by_label("Public note").first.fill("Ask for the charger.")
    expect(page.locator(".saved").first).to_have_text("Saved")
    page.get_by_label("Public note").first.blur()
    # A status waits for the notes before it.
    with page.expect_response(lambda one: "status=bought" in (one.request.post_data or "")):
        page.locator(".item").first.get_by_role("button", name="Bought").click()
    assert len(sent) == 1


def test_opening_the_notes_leaves_the_page_its_title(page: Page) -> None:
    page.locator(".notes summary").first.click()
    expect(page.get_by_label("Public note").first).to_be_focused()
    assert page.title() == "My picks · Deal Brain"


def test_a_note_that_begins_with_an_empty_line_keeps_it(page: Page) -> None:
    page.locator(".notes summary").first.click()
    page.get_by_label("Public note").first.fill("\nsecond line")
    expect(page.locator(".saved").first).to_have_text("Saved")
    page.reload()
    page.locator(".notes summary").first.click()
    assert page.get_by_label("Public note").first.input_value() == "\nsecond line"


def test_a_note_that_is_saved_stands_in_the_row(page: Page) -> None:
    page.locator(".notes summary").first.click()
    page.get_by_label("Public note").first.fill("Ask for the charger.")
    expect(page.locator(".notes summary").first).to_have_text("Ask for the charger.")
    page.get_by_label("Public note").first.fill("")
    expect(page.locator(".notes summary").first).to_have_text("Add a note")


def test_who_opens_the_notes_may_write_at_once(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    page.locator(".notes summary").first.click()
    expect(page.get_by_label("Public note").first).to_be_focused()
    with answered(page, "By+keys."):
        page.keyboard.type("By keys.")
    assert items(alice, picks)[0]["notes"] == "By keys."


def test_notes_save_themselves_on_their_own_page_too(
    page: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    page.goto(f"/collections/{picks['id']}/items/1")
    for note in ("Ask for the charger.", "Ask for the charger, and the manual."):
        with answered(page, "/items/"):
            page.get_by_label("Public note").fill(note)
        expect(page.locator(".saved")).to_have_text("Saved")
    assert items(alice, picks)[0]["notes"] == note


# ------------------------------------------------------------------------------------------ two windows


def test_a_status_and_a_note_set_in_two_windows_both_stay(
    visit: Visit, page: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    other = visit("alice")
    other.goto(f"/collections/{picks['id']}")
    other.locator(".notes summary").first.click()
    with answered(page, "/items/"):
        page.locator(".item").first.get_by_role("button", name="Bought").click()
    other.get_by_label("Public note").first.fill("From the other window.")
    expect(other.locator(".saved").first).to_have_text("Saved")
    found = items(alice, picks)[0]
    assert (found["status"], found["notes"]) == ("bought", "From the other window.")


def test_a_note_written_in_another_window_is_not_written_over(
    visit: Visit, page: Page, alice: Person, picks: Mapping[str, Any], complaints: list[str]
) -> None:
    other = visit("alice")
    other.goto(f"/collections/{picks['id']}")
    for one in (page, other):
        one.locator(".notes summary").first.click()
        expect(one.get_by_label("Public note").first).to_be_visible()
    page.get_by_label("Public note").first.fill("Mine.")
    expect(page.locator(".saved").first).to_have_text("Saved")
    other.get_by_label("Public note").first.fill("Theirs.")
    expect(other.locator("#told")).to_contain_text("changed in another window")
    assert [one.partition(" ")[0] for one in complaints] == ["409"]
    complaints.clear()
    assert items(alice, picks)[0]["notes"] == "Mine."
    assert other.get_by_label("Public note").first.input_value() == "Theirs."


@pytest.fixture
def both(page: Page, alice: Person, picks: Mapping[str, Any], complaints: list[str]) -> Iterator[Page]:
    """A window that shows a note of its own beside another window's."""
    page.locator(".notes summary").first.click()
    expect(page.get_by_label("Public note").first).to_be_focused()
    alice.patch(f"/collections/{picks['id']}/items/1", {"notes": "Theirs."})
    page.get_by_label("Public note").first.fill("Mine.")
    page.get_by_role("button", name="See both").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet")
    yield page
    assert {one.partition(" ")[0] for one in complaints} == {"409"}
    complaints.clear()


def test_who_is_refused_a_note_sees_both_and_saves_theirs(
    both: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    expect(both.get_by_text("Now: Theirs.")).to_be_visible()
    expect(both.get_by_label("Public note")).to_have_value("Mine.")
    both.get_by_role("button", name="Save the notes").click()
    both.wait_for_url(f"**/collections/{picks['id']}#item-1")
    assert items(alice, picks)[0]["notes"] == "Mine."


def test_who_sees_both_writes_over_neither_by_typing_or_leaving(
    both: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    sent = asked(both, "POST", "/items/")
    both.get_by_label("Public note").fill("Mine, and more.")
    both.get_by_label("Public note").blur()
    both.get_by_role("link", name="Back to the collection").click()
    expect(both.locator("#items h3")).to_have_count(3)
    assert sent == []
    assert items(alice, picks)[0]["notes"] == "Theirs."


def test_an_order_from_a_window_that_missed_one_is_refused_and_shown_anew(
    visit: Visit, page: Page, alice: Person, picks: Mapping[str, Any], complaints: list[str]
) -> None:
    other = visit("alice")
    other.goto(f"/collections/{picks['id']}")
    with answered(page, "/order"):
        page.get_by_role("button", name="Move First box").press("ArrowDown")
    expect(page.locator("#items h3").first).to_have_text("Second box")
    other.get_by_role("button", name="Move Third box").press("ArrowUp")
    expect(other.locator("#told")).to_contain_text("changed in the meantime")
    expect(other.locator("#items h3").first).to_have_text("Second box")
    assert [one.partition(" ")[0] for one in complaints] == ["409"]
    complaints.clear()
    assert [one["listing"]["title"] for one in items(alice, picks)] == [
        "Second box",
        "First box",
        "Third box",
    ]


def test_a_change_of_many_and_an_edit_in_two_windows_both_stay(
    visit: Visit, page: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    other = visit("alice")
    other.goto(f"/collections/{picks['id']}")
    choose(page, "First box", "Second box")
    page.locator("#bulk").get_by_role("button", name="Rejected").click()
    expect(page.locator(".undo")).to_contain_text("2 offers now rejected")
    other.locator(".notes summary").first.click()
    other.get_by_label("Public note").first.fill("From the other window.")
    expect(other.locator(".saved").first).to_have_text("Saved")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".undo")).to_have_count(0)
    found = items(alice, picks)
    assert {one["status"] for one in found} == {"undecided"}
    assert found[0]["notes"] == "From the other window."


def test_what_another_window_removed_is_told_to_be_gone(
    visit: Visit, page: Page, alice: Person, picks: Mapping[str, Any], complaints: list[str]
) -> None:
    other = visit("alice")
    other.goto(f"/collections/{picks['id']}")
    choose(page, "First box")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".undo")).to_contain_text("1 offer removed")
    other.locator(".item").first.get_by_role("button", name="Bought").click()
    expect(other.locator("#told")).to_contain_text("not in the collection, or not any more")
    assert [one.partition(" ")[0] for one in complaints] == ["404"]
    complaints.clear()
    assert {one["status"] for one in items(alice, picks)} == {"undecided"}


def test_a_change_of_many_of_which_another_window_removed_one_changes_none(
    visit: Visit, page: Page, alice: Person, picks: Mapping[str, Any], complaints: list[str]
) -> None:
    other = visit("alice")
    other.goto(f"/collections/{picks['id']}")
    choose(other, "First box", "Second box")
    choose(page, "First box")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".undo")).to_contain_text("1 offer removed")
    other.locator("#bulk").get_by_role("button", name="Bought").click()
    expect(other.locator("#told")).to_contain_text("Not all of these offers are in the collection")
    assert [one.partition(" ")[0] for one in complaints] == ["404"]
    complaints.clear()
    assert [one["status"] for one in items(alice, picks)] == ["undecided", "undecided"]


def test_what_two_windows_undo_is_undone_once(
    visit: Visit, page: Page, alice: Person, picks: Mapping[str, Any], complaints: list[str]
) -> None:
    choose(page, "First box")
    with page.expect_response(lambda one: "undo=" in one.url) as led:
        page.get_by_role("button", name="Remove").click()
    other = visit("alice")
    other.goto(led.value.url)
    for one in (page, other):
        expect(one.locator(".undo")).to_contain_text("1 offer removed")
    with answered(other, "/undo"):
        other.get_by_role("button", name="Undo").click()
    expect(other.locator("#items h3")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#told")).to_contain_text("nothing to undo here any more")
    assert [one.partition(" ")[0] for one in complaints] == ["404"]
    complaints.clear()
    assert len(items(alice, picks)) == 3


def test_what_is_typed_while_the_note_before_is_saved_is_saved_too(
    page: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    page.locator(".notes summary").first.click()
    note = page.get_by_label("Public note").first
    expect(note).to_be_focused()
    held = hold(page, "**/items/*")
    with page.expect_request(lambda one: one.method == "POST"):
        note.fill("The first words")
    note.fill("The first words, and the last")
    # Left, a field is saved at once; this one waits for the one before it.
    note.blur()
    with page.expect_response(lambda one: "last" in (one.request.post_data or "")):
        held[0].continue_()
    expect(page.locator(".saved").first).to_have_text("Saved")
    assert items(alice, picks)[0]["notes"] == "The first words, and the last"


def test_a_note_that_could_not_be_sent_is_told_so(page: Page, complaints: list[str]) -> None:
    page.locator(".notes summary").first.click()
    note = page.get_by_label("Public note").first
    expect(note).to_be_focused()
    page.context.set_offline(True)
    note.fill("Underground")
    expect(page.locator(".saved").first).to_have_text("Not saved")
    complaints.clear()
    page.context.set_offline(False)


def test_a_note_that_was_not_saved_is_not_left_without_a_question(page: Page, complaints: list[str]) -> None:
    page.locator(".notes summary").first.click()
    note = page.get_by_label("Public note").first
    expect(note).to_be_focused()
    stayed = questions(page)
    page.context.clear_cookies()
    note.fill("Typed after the session had ended")
    expect(page.locator(".saved").first).to_have_text("Not saved")
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Share").click()
    expect(note).to_have_value("Typed after the session had ended")
    assert stayed == ["beforeunload"]
    assert {one.partition(" ")[0] for one in complaints} == {"401"}
    complaints.clear()


def test_a_note_that_was_saved_is_left_without_one(page: Page) -> None:
    stayed = questions(page)
    page.locator(".notes summary").first.click()
    page.get_by_label("Public note").first.fill("Ask for the charger.")
    expect(page.locator(".saved").first).to_have_text("Saved")
    page.get_by_role("link", name="Discover").first.click()
    page.wait_for_url("**/discover")
    assert stayed == []


def test_who_is_led_to_where_one_signs_in_is_not_told_to_try_again(page: Page, complaints: list[str]) -> None:
    page.evaluate("""() => new MutationObserver(() => console.log(document.getElementById("told").innerText))
        .observe(document.getElementById("told"), {childList: true})""")
    told: list[str] = []
    page.on("console", lambda one: told.append(one.text))
    page.context.clear_cookies()
    page.get_by_role("link", name="Share").click()
    expect(page.get_by_label("User name")).to_be_visible()
    assert [one for one in told if "try again" in one] == []
    complaints.clear()


@pytest.fixture
def writing(page: Page) -> Locator:
    """The field of a note in a page whose clock stands, so that nothing is saved by itself."""
    page.clock.install()
    page.reload()
    page.locator(".notes summary").first.click()
    note = page.get_by_label("Public note").first
    expect(note).to_be_focused()
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    return note


def wait_for_note(alice: Person, picks: Mapping[str, Any], words: str) -> None:
    wait_until(
        lambda: items(alice, picks)[0]["notes"] == words, "the note", seconds=15, log=Path("the test's own")
    )


def test_the_last_words_before_somebody_leaves_are_saved(
    page: Page, writing: Locator, alice: Person, picks: Mapping[str, Any]
) -> None:
    writing.fill("Quickly")
    page.goto("/discover")
    wait_for_note(alice, picks, "Quickly")


def test_the_last_words_are_saved_though_those_before_are_still_on_their_way(
    page: Page, writing: Locator, alice: Person, picks: Mapping[str, Any]
) -> None:
    held = hold(page, "**/items/*")
    with page.expect_request(lambda one: one.method == "POST"):
        writing.fill("Quickly")
        page.clock.run_for(1_000)
    writing.fill("Quickly, and more")
    # What is held arrives first, as far as the server knows.
    alice.patch(f"/collections/{picks['id']}/items/1", {"notes": "Quickly"})
    page.goto("/discover")
    wait_for_note(alice, picks, "Quickly, and more")
    assert held


def test_the_last_words_are_saved_before_something_else_is_shown(
    page: Page, writing: Locator, alice: Person, picks: Mapping[str, Any]
) -> None:
    writing.fill("Quickly")
    page.get_by_label("Order").select_option("price")
    page.clock.run_for(400)
    wait_for_note(alice, picks, "Quickly")


def test_last_words_that_are_refused_are_told(
    page: Page, writing: Locator, alice: Person, picks: Mapping[str, Any], complaints: list[str]
) -> None:
    writing.fill("Quickly")
    alice.patch(f"/collections/{picks['id']}/items/1", {"notes": "Theirs."})
    page.get_by_label("Order").select_option("price")
    page.clock.run_for(400)
    expect(page.locator("#told")).to_have_text("A note was not saved: Quickly")
    assert {one.partition(" ")[0] for one in complaints} == {"409"}
    complaints.clear()


# -------------------------------------------------------------------------------------------- arranging


@pytest.fixture
def moved(page: Page) -> Page:
    """A page whose clock stands, in which an offer has just been moved and nothing has been sent."""
    page.clock.install()
    page.reload()
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    page.get_by_role("button", name="Move First box").press("ArrowDown")
    return page


def wait_for_order(alice: Person, picks: Mapping[str, Any]) -> None:
    wait_until(
        lambda: [one["listing_id"] for one in items(alice, picks)] == [2, 1, 3],
        "the order",
        seconds=15,
        log=Path("the test's own"),
    )


def test_a_move_right_before_somebody_leaves_counts(
    moved: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    moved.goto("/discover")
    wait_for_order(alice, picks)


def test_a_move_right_before_something_else_is_shown_counts_and_shows(
    moved: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    moved.get_by_text("Cards", exact=True).click()
    moved.clock.run_for(400)
    wait_for_order(alice, picks)
    moved.clock.resume()
    expect(moved.locator(".cards h3")).to_have_text(["Second box", "First box", "Third box"])


def test_arrow_keys_on_a_handle_move_its_offer(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    handle = page.get_by_role("button", name="Move First box")
    with answered(page, "2%2C3%2C1"):
        handle.press("ArrowDown")
        handle.press("ArrowDown")
    expect(page.locator("#told")).to_contain_text("place 3 of 3")
    assert [one["listing"]["title"] for one in items(alice, picks)] == [
        "Second box",
        "Third box",
        "First box",
    ]


def test_an_offer_is_dragged_to_another_place(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    handle = page.get_by_role("button", name="Move Third box").bounding_box()
    first = page.locator(".item").first.bounding_box()
    assert handle
    assert first
    page.mouse.move(handle["x"] + 20, handle["y"] + 20)
    page.wait_for_function("() => window.Sortable?.get(document.querySelector('table[data-sortable] tbody'))")
    page.mouse.down()
    page.mouse.move(handle["x"] + 20, first["y"] + 60, steps=8)
    page.mouse.move(handle["x"] + 20, first["y"] + 5, steps=8)
    expect(page.locator("#items h3").first).to_have_text("Third box")
    with answered(page, "/order"):
        page.mouse.up()
    assert [one["listing"]["title"] for one in items(alice, picks)] == [
        "Third box",
        "First box",
        "Second box",
    ]


def test_an_order_after_a_status_is_no_order_of_an_old_page(page: Page) -> None:
    with answered(page, "/items/"):
        page.locator(".item").first.get_by_role("button", name="Bought").click()
    with answered(page, "/order") as order:
        page.get_by_role("button", name="Move First box").press("ArrowDown")
    assert order.value.status == 200


def test_an_order_after_a_note_is_no_order_of_an_old_page(page: Page) -> None:
    page.locator(".notes summary").first.click()
    page.get_by_label("Public note").first.fill("Ask for the charger.")
    expect(page.locator(".saved").first).to_have_text("Saved")
    with answered(page, "/order") as order:
        page.get_by_role("button", name="Move First box").press("ArrowDown")
    assert order.value.status == 200


def test_moves_in_quick_succession_all_count(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    page.clock.install()
    page.reload()
    held = hold(page, "**/order")
    with page.expect_request("**/order"):
        page.get_by_role("button", name="Move First box").press("ArrowDown")
    page.get_by_role("button", name="Move Third box").press("ArrowUp")
    # The second is to be sent by now.
    page.clock.run_for(1_000)
    with page.expect_response(lambda one: "/order" in one.url and one.request != held[0].request):
        held[0].continue_()
    assert [one["listing_id"] for one in items(alice, picks)] == [2, 3, 1]


def test_a_note_and_a_status_at_once_are_no_order_of_an_old_page(page: Page) -> None:
    page.locator(".notes summary").first.click()
    expect(page.get_by_label("Public note").first).to_be_focused()
    held = hold(page, "**/items/*")
    with page.expect_request(lambda one: one.method == "POST"):
        page.get_by_label("Public note").first.fill("Ask for the charger.")
    # Both wait for the note, and rest on what it makes of the collection.
    page.locator(".item").nth(1).get_by_role("button", name="Bought").click()
    with page.expect_response(lambda one: "status=bought" in (one.request.post_data or "")):
        held[0].continue_()
    with answered(page, "/order") as order:
        page.get_by_role("button", name="Move First box").press("ArrowDown")
    assert order.value.status == 200


def test_a_status_set_here_does_not_hide_an_order_made_elsewhere(
    visit: Visit, page: Page, picks: Mapping[str, Any], complaints: list[str]
) -> None:
    other = visit("alice")
    other.goto(f"/collections/{picks['id']}")
    with answered(other, "/order"):
        other.get_by_role("button", name="Move First box").press("ArrowDown")
    with answered(page, "/items/"):
        page.locator(".item").first.get_by_role("button", name="Bought").click()
    page.get_by_role("button", name="Move Third box").press("ArrowUp")
    expect(page.locator("#told")).to_contain_text("changed in the meantime")
    complaints.clear()
    expect(page.locator("#items h3").first).to_have_text("Second box")


def test_keys_do_nothing_to_an_offer_one_has_left(
    page: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    page.keyboard.press("j")
    page.get_by_role("link", name="Share").focus()
    page.keyboard.press("3")
    page.keyboard.press("j")
    with answered(page, "/items/"):
        page.keyboard.press("4")
    assert [one["status"] for one in items(alice, picks)].count("rejected") == 0


def test_enter_on_a_box_changes_nothing(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    alice.patch(f"/collections/{picks['id']}/items/1", {"status": "bought"})
    choose(page, "First box", "Second box")
    page.get_by_label("Choose First box").press("Enter")
    page.wait_for_url("**/compare?*")
    assert items(alice, picks)[0]["status"] == "bought"


def test_a_number_pressed_with_nothing_in_focus_changes_nothing(
    page: Page, alice: Person, picks: Mapping[str, Any]
) -> None:
    page.keyboard.press("3")
    page.keyboard.press("j")
    with answered(page, "/items/"):
        page.keyboard.press("4")
    assert [one["status"] for one in items(alice, picks)] == ["bought", "undecided", "undecided"]


# ------------------------------------------------------------------------------------------ many at once


def choose(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_label(f"Choose {name}").check()


def test_many_are_removed_and_brought_back(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    choose(page, "First box", "Third box")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".undo")).to_contain_text("2 offers removed")
    assert titles(page) == ["Second box"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#items h3")).to_have_count(3)
    assert [one["listing"]["title"] for one in items(alice, picks)] == list(TITLES)


def test_how_many_there_are_is_said_anew(page: Page) -> None:
    choose(page, "First box", "Third box")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#about")).to_contain_text("1 offer")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#about")).to_contain_text("3 offers")


def test_a_status_of_many_is_taken_back(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    choose(page, "First box", "Second box")
    page.locator("#bulk").get_by_role("button", name="Rejected").click()
    expect(page.locator(".undo")).to_contain_text("2 offers now rejected")
    with answered(page, "/undo"):
        page.get_by_role("button", name="Undo").click()
    assert {one["status"] for one in items(alice, picks)} == {"undecided"}


def test_the_best_of_several_is_marked_side_by_side(page: Page) -> None:
    choose(page, "First box", "Second box")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("row", name="Price Best: $100 $150", exact=True)).to_be_visible()


# --------------------------------------------------------------------------------------------- filtering


def test_a_filter_stands_in_the_address_and_narrows_at_once(page: Page) -> None:
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Price to, $").fill("150")
    page.wait_for_url("**?max_price=150**")
    expect(page.locator("#items h3")).to_have_text(["First box", "Second box"])


def test_after_a_way_back_everything_works_as_before(page: Page) -> None:
    page.get_by_label("Order").select_option("price")
    page.wait_for_url("**sort=price**")
    expect(page.locator(".handle")).to_have_count(0)
    page.go_back()
    expect(page.locator(".handle")).to_have_count(3)
    page.wait_for_load_state()
    page.get_by_role("link", name="Share").click()
    expect(page.get_by_role("dialog")).to_contain_text("Who may see it")


def test_one_way_back_leads_to_what_was_there_before(page: Page) -> None:
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Price to, $").fill("150")
    page.wait_for_url("**?max_price=150**")
    # Leaving the field is a change to the browser, and none to anybody else.
    page.get_by_label("Price to, $").blur()
    page.go_back()
    page.wait_for_url(lambda url: "max_price" not in url)


def test_the_first_click_after_a_filter_counts(page: Page, alice: Person, picks: Mapping[str, Any]) -> None:
    found = asked(page, "GET", "max_price=150")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Price to, $").press_sequentially("150")
    expect(page.locator("#items h3")).to_have_count(2)
    with answered(page, "/items/"):
        page.locator(".item").first.get_by_role("button", name="Bought").click()
    assert len(found) == 1
    assert items(alice, picks)[0]["status"] == "bought"


def test_a_field_that_is_left_at_once_narrows_at_once(page: Page) -> None:
    page.clock.install()
    page.reload()
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Price to, $").fill("150")
    with page.expect_response(lambda one: "max_price=150" in one.url):
        page.get_by_label("Price to, $").blur()


def test_an_order_by_price_has_nothing_to_drag(page: Page) -> None:
    page.get_by_label("Order").select_option("price")
    page.wait_for_url("**sort=price**")
    expect(page.locator(".handle")).to_have_count(0)


def test_a_status_clicked_among_cards_stays_there(page: Page) -> None:
    page.get_by_text("Cards", exact=True).click()
    page.wait_for_url("**view=cards**")
    with answered(page, "/items/"):
        page.locator(".item").first.get_by_role("button", name="Shortlisted").click()
    assert page.locator(".cards .item").count() == 3


# ---------------------------------------------------------------------------------------- without scripts


def test_without_scripts_a_status_is_set_and_the_page_comes_back(
    visit: Visit, alice: Person, picks: Mapping[str, Any]
) -> None:
    page = visit("alice", scripts=False, size=PHONE)
    page.goto(f"/collections/{picks['id']}")
    page.locator(".item").first.get_by_role("button", name="Bought").click()
    expect(page).to_have_url(re.compile(rf"/collections/{picks['id']}#item-1$"))
    assert items(alice, picks)[0]["status"] == "bought"


def test_without_scripts_notes_have_a_page_of_their_own(
    visit: Visit, alice: Person, picks: Mapping[str, Any]
) -> None:
    page = visit("alice", scripts=False, size=PHONE)
    page.goto(f"/collections/{picks['id']}")
    page.locator(".notes summary").first.click()
    page.get_by_role("link", name="Write notes").first.click()
    page.get_by_label("Public note").fill("Ask for the charger.")
    page.get_by_role("button", name="Save the notes").click()
    expect(page).to_have_url(re.compile(rf"/collections/{picks['id']}#item-1$"))
    assert items(alice, picks)[0]["notes"] == "Ask for the charger."


def test_without_scripts_a_new_name_is_taken(visit: Visit, picks: Mapping[str, Any]) -> None:
    page = visit("alice", scripts=False)
    page.goto(f"/collections/{picks['id']}")
    page.get_by_label("Name", exact=True).fill("Better picks")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Better picks")


@pytest.fixture
def slow(visit: Visit) -> tuple[Page, list[str]]:
    """A page whose form has been sent five seconds ago and is not answered yet, and what it sent."""
    page = visit("alice")
    page.clock.install()
    page.goto("/collections")
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    sent = asked(page, "POST", "/collections")
    # An answer that leaves the page as it is.
    page.route("**/collections", lambda route: route.fulfill(status=204))
    page.get_by_label("A new collection").fill("Once")
    with page.expect_response("**/collections"):
        page.get_by_role("button", name="Create").click()
    page.clock.run_for(5_000)
    return page, sent


def test_who_clicks_again_while_the_answer_takes_its_time_sends_it_once(
    slow: tuple[Page, list[str]],
) -> None:
    page, sent = slow
    page.get_by_role("button", name="Create").click()
    page.clock.run_for(60_000)
    with page.expect_response("**/collections"):
        page.get_by_role("button", name="Create").click()
    assert len(sent) == 2


def test_who_comes_back_to_a_page_may_send_its_form_again(slow: tuple[Page, list[str]]) -> None:
    page, sent = slow
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    with page.expect_response("**/collections"):
        page.get_by_role("button", name="Create").click()
    assert len(sent) == 2


def test_who_clicks_twice_makes_one(visit: Visit, alice: Person) -> None:
    page = visit("alice")
    page.goto("/collections")
    page.get_by_label("A new collection").fill("Once")
    page.get_by_role("button", name="Create").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Once")
    assert len(alice.get("/collections").json()["items"]) == 1

"""Sharing as people do it: the owner, somebody else and a stranger; by mouse, and by keys alone."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from dealbrain import db
from dealbrain.tables import ShareToken
from tests.browser.conftest import PHONE, Visit
from tests.makers import Person, made

TITLES = ["First box", "Second box", "Third box"]

type Thing = Mapping[str, Any]


@pytest.fixture
def picks(alice: Person) -> Thing:
    """A private collection of Alice's."""
    collection = alice.collection("Quiet minis")
    for number, title in enumerate(TITLES):
        alice.item(collection, alice.listing(title=title, price_usd=100 + 50 * number, listing_url=None))
    return collection


def share_dialog(page: Page, collection: Thing) -> Locator:
    """Open the share dialog of a collection."""
    page.goto(f"/collections/{collection['id']}")
    page.get_by_role("link", name="Share").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Share “Quiet minis”")).to_be_visible()
    return dialog


def copied(page: Page, dialog: Locator) -> str:
    """Press the dialog's copy button; answers what the clipboard holds then."""
    dialog.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#told")).to_have_text("Copied.")
    found: str = page.evaluate("navigator.clipboard.readText()")
    return found


def visibility(alice: Person, collection: Thing) -> str:
    return str(alice.get(f"/collections/{collection['id']}").json()["visibility"])


def told(complaints: list[str]) -> list[str]:
    """What was answered with a refusal so far; a test that expects it takes it out."""
    found = [one.rpartition(" ")[0] for one in complaints]
    complaints.clear()
    return found


# ------------------------------------------------------------------------ the owner, a stranger, another


def test_what_is_published_is_opened_by_a_stranger_and_copied_by_another_in_one_click(
    visit: Visit, alice: Person, bob: Person, picks: Thing
) -> None:
    owner = visit("alice")
    dialog = share_dialog(owner, picks)
    dialog.get_by_label("Public").click()
    expect(dialog.get_by_text("Everybody will see it.")).to_be_visible()
    assert visibility(alice, picks) == "private"
    dialog.get_by_role("button", name="Make it public").click()
    expect(dialog.get_by_label("Its address")).to_be_visible()
    address = copied(owner, dialog)

    stranger = visit()
    stranger.goto(address)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Quiet minis")
    assert stranger.locator("#items h3").all_inner_texts() == TITLES

    other = visit("bob")
    other.goto(address)
    other.get_by_role("button", name="Copy to mine").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Copy of Quiet minis")
    (copy,) = bob.get("/collections").json()["items"]
    assert copy["item_count"] == 3


def test_who_thinks_better_of_it_leaves_it_private(visit: Visit, alice: Person, picks: Thing) -> None:
    owner = visit("alice")
    dialog = share_dialog(owner, picks)
    dialog.get_by_label("Public").click()
    dialog.get_by_role("link", name="Leave it as it is").click()
    expect(dialog.get_by_label("Private")).to_be_checked()
    assert visibility(alice, picks) == "private"


def test_a_stranger_who_copies_signs_in_on_the_way_and_has_the_collection_before_them(
    visit: Visit, alice: Person, picks: Thing
) -> None:
    alice.patch(f"/collections/{picks['id']}/visibility", {"visibility": "public"})
    page = visit()
    page.goto(f"/collections/{picks['id']}")
    page.get_by_role("button", name="Copy to mine").click()
    page.get_by_label("User name").fill("carol")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/collections/{picks['id']}")
    page.get_by_role("button", name="Copy to mine").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Copy of Quiet minis")


@pytest.fixture
def link(alice: Person, picks: Thing) -> Thing:
    """A link to what is unlisted, made with its label."""
    alice.patch(f"/collections/{picks['id']}/visibility", {"visibility": "unlisted"})
    return made(alice.post(f"/collections/{picks['id']}/share-tokens", {"label": "For Ben"}))


def test_a_link_made_in_the_dialog_opens_what_its_number_does_not(
    visit: Visit, picks: Thing, complaints: list[str]
) -> None:
    owner = visit("alice")
    dialog = share_dialog(owner, picks)
    dialog.get_by_label("Unlisted").click()
    # Shown of what others may see: by then the choice has been taken.
    expect(dialog.get_by_text("How it looks where it is posted")).to_be_visible()
    dialog.get_by_label("Label").fill("For Ben")
    dialog.get_by_role("button", name="Make a link").click()
    address = copied(owner, dialog)
    expect(dialog.get_by_role("listitem")).to_contain_text("For Ben")

    stranger = visit()
    stranger.goto(address)
    assert stranger.locator("#items h3").all_inner_texts() == TITLES
    stranger.goto(f"/collections/{picks['id']}")
    expect(stranger.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")
    assert told(complaints) == ["404 GET"]


def close_it(owner: Page, picks: Thing, how: str) -> None:
    """What ends a link: privacy, revoking, or its time."""
    dialog = share_dialog(owner, picks)
    if how == "private":
        dialog.get_by_label("Private").click()
        dialog.get_by_role("button", name="Make it private").click()
        expect(dialog.get_by_text("As long as it is private")).to_be_visible()
    elif how == "revoked":
        dialog.get_by_role("button", name="Revoke For Ben").click()
        expect(dialog.get_by_role("listitem")).to_have_count(0)
    else:
        with db.transaction() as session:
            session.execute(sa.update(ShareToken).values(expires_at=datetime.now(UTC)))


def come_back(page: Page) -> None:
    """Look at the tab again after having looked elsewhere; a hidden tab cannot be had without a screen."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def reload(page: Page) -> None:
    page.reload()


def press_copy(page: Page) -> None:
    page.get_by_role("button", name="Copy to mine").click()


@pytest.mark.parametrize("how", ["private", "revoked", "expired"])
@pytest.mark.parametrize("act", [come_back, reload, press_copy])
def test_what_was_closed_is_dead_in_the_open_tab(  # noqa: PLR0913, PLR0917 - two people, two things, two ways
    visit: Visit,
    bob: Person,
    picks: Thing,
    link: Thing,
    complaints: list[str],
    how: str,
    act: Callable[[Page], None],
) -> None:
    open_tab = visit("bob")
    open_tab.goto(link["url"])
    assert open_tab.locator("#items h3").all_inner_texts() == TITLES
    close_it(visit("alice"), picks, how)
    act(open_tab)
    expect(open_tab.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")
    assert "First box" not in open_tab.content()
    assert set(told(complaints)) <= {"404 GET", "404 HEAD", "404 POST"}
    assert bob.get("/collections").json()["items"] == []


def test_coming_back_to_what_is_still_open_changes_nothing(visit: Visit, link: Thing) -> None:
    page = visit("bob")
    page.goto(link["url"])
    with page.expect_response(lambda one: one.request.method == "HEAD") as asked:
        come_back(page)
    assert asked.value.status == 200
    assert page.locator("#items h3").all_inner_texts() == TITLES


def test_one_key_too_many_ends_no_links(visit: Visit, picks: Thing, link: Thing) -> None:
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}/share")
    page.get_by_label("Unlisted").press("ArrowUp")
    expect(page.locator(".careful")).to_contain_text("1 link will end")
    page.get_by_role("link", name="Leave it as it is").click()
    expect(page.locator(".careful")).to_have_count(0)
    stranger = visit()
    stranger.goto(link["url"])
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Quiet minis")


def test_who_is_asked_whether_to_publish_is_told_what_that_means(visit: Visit, picks: Thing) -> None:
    dialog = share_dialog(visit("alice"), picks)
    dialog.get_by_label("Public").click()
    sure = dialog.get_by_role("button", name="Make it public")
    expect(sure).to_have_accessible_description(re.compile(r"^Everybody will see it\."))


def test_who_chooses_by_keys_stays_at_what_was_chosen(visit: Visit, alice: Person, picks: Thing) -> None:
    dialog = share_dialog(visit("alice"), picks)
    dialog.get_by_label("Private").press("ArrowDown")
    expect(dialog.get_by_text("How it looks where it is posted")).to_be_visible()
    expect(dialog.get_by_label("Unlisted")).to_be_focused()
    assert visibility(alice, picks) == "unlisted"


def test_a_dialog_leaves_the_page_its_title(visit: Visit, picks: Thing) -> None:
    page = visit("alice")
    share_dialog(page, picks)
    assert page.title() == "Quiet minis · Deal Brain"


def edges(dialog: Locator) -> tuple[float, float]:
    """Where a dialog begins from the left, and a height at which it stands."""
    box = dialog.bounding_box()
    assert box
    return box["x"], box["y"] + box["height"] / 2


def test_a_selection_that_ends_outside_a_dialog_leaves_it_open(
    visit: Visit, picks: Thing, link: Thing
) -> None:
    assert link
    page = visit("alice")
    dialog = share_dialog(page, picks)
    dialog.get_by_role("button", name="Make a link").click()
    dialog.get_by_label("The new link").hover()
    page.mouse.down()
    left, middle = edges(dialog)
    page.mouse.move(left - 40, middle)
    page.mouse.up()
    expect(dialog.get_by_label("The new link")).to_be_visible()


def test_a_click_on_a_dialogs_margin_leaves_it_open(visit: Visit, picks: Thing) -> None:
    page = visit("alice")
    dialog = share_dialog(page, picks)
    left, middle = edges(dialog)
    page.mouse.click(left + 8, middle)
    expect(dialog).to_be_visible()


def test_a_click_beside_a_dialog_closes_it(visit: Visit, picks: Thing) -> None:
    page = visit("alice")
    dialog = share_dialog(page, picks)
    left, middle = edges(dialog)
    page.mouse.click(left - 40, middle)
    expect(dialog).to_have_count(0)


def test_what_a_dialog_is_refused_is_told_in_it(
    visit: Visit, alice: Person, picks: Thing, link: Thing, complaints: list[str]
) -> None:
    page = visit("alice")
    dialog = share_dialog(page, picks)
    alice.delete(f"/collections/{picks['id']}/share-tokens/{link['id']}")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog").locator("#told")).to_contain_text("There is no such")
    complaints.clear()


def test_a_dialog_that_has_nothing_to_show_is_not_opened(
    visit: Visit, alice: Person, picks: Thing, complaints: list[str]
) -> None:
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}")
    alice.delete(f"/collections/{picks['id']}")
    page.get_by_role("link", name="Share").click()
    expect(page.locator("#told")).to_contain_text("There is no such")
    expect(page.get_by_role("dialog")).to_have_count(0)
    complaints.clear()


def test_a_link_that_expired_is_marked_in_the_dialog(visit: Visit, picks: Thing, link: Thing) -> None:
    assert link
    owner = visit("alice")
    expect(share_dialog(owner, picks).get_by_role("listitem")).to_contain_text("until revoked")
    close_it(owner, picks, "expired")
    expect(share_dialog(owner, picks).get_by_role("listitem")).to_contain_text("expired")


def test_what_is_unlisted_is_not_discovered_but_for_the_time_it_is_public(
    visit: Visit, alice: Person, picks: Thing, link: Thing
) -> None:
    assert link
    page = visit()
    page.goto("/discover")
    expect(page.locator("#found h3")).to_have_count(0)
    alice.patch(f"/collections/{picks['id']}/visibility", {"visibility": "public"})
    page.reload()
    expect(page.locator("#found h3")).to_have_text(["Quiet minis"])


def test_without_scripts_it_is_published_after_the_same_question(
    visit: Visit, alice: Person, picks: Thing
) -> None:
    page = visit("alice", scripts=False, size=PHONE)
    page.goto(f"/collections/{picks['id']}")
    page.get_by_role("link", name="Share").click()
    page.get_by_label("Public").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Everybody will see it.")).to_be_visible()
    page.get_by_role("button", name="Make it public").click()
    expect(page.get_by_label("Its address")).to_have_value(re.compile(rf"/collections/{picks['id']}$"))
    assert visibility(alice, picks) == "public"


# --------------------------------------------------------------------------------------- keys, no mouse


def focused(page: Page) -> str:
    """What has the focus: its name, and what it is called or says; it has to be seen as well."""
    found = page.evaluate("""() => {
        const at = document.activeElement;
        const style = getComputedStyle(at);
        const around = getComputedStyle(at.closest("label") ?? at);
        const isSeen = at !== document.body && at.checkVisibility() &&
            (style.outlineStyle !== "none" || around.outlineStyle !== "none");
        return [isSeen, at.getAttribute("aria-label") || at.innerText || at.name || at.id || at.tagName];
    }""")
    assert found[0], f"the focus is lost or not seen: {found[1]}"
    return str(found[1]).strip()


def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until something called so has the focus."""
    passed = []
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        passed.append(focused(page))
        if passed[-1].startswith(name):
            return
    pytest.fail(f"{name} is not reached; there are {passed}")


def test_keys_alone_sign_in_find_open_and_copy(visit: Visit, alice: Person, api: Any, picks: Thing) -> None:
    alice.patch(f"/collections/{picks['id']}/visibility", {"visibility": "public"})
    alice.collection("Loud towers", visibility="public")
    page = visit()
    page.goto("/discover")
    tab_to(page, "Sign in")
    page.keyboard.press("Enter")
    page.wait_for_url("**/oauth2/authorize**")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("carol")
    page.keyboard.press("Enter")
    page.wait_for_url("**/discover")
    tab_to(page, "q")
    page.keyboard.type("quiet")
    page.wait_for_url("**q=quiet**")
    expect(page.locator("#found h3")).to_have_text(["Quiet minis"])
    assert focused(page) == "q"
    tab_to(page, "Quiet minis")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/collections/{picks['id']}")
    tab_to(page, "Copy to mine")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Copy of Quiet minis")
    assert len(api.person("carol").get("/collections").json()["items"]) == 1


def test_keys_alone_set_a_status_and_stay_where_they_are(visit: Visit, alice: Person, picks: Thing) -> None:
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}")
    tab_to(page, "First box")
    tab_to(page, "★")
    with page.expect_response(lambda one: "/items/" in one.url):
        page.keyboard.press("Enter")
    expect(page.locator(".item").first.get_by_role("button", name="Shortlisted")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert "Shortlisted" in focused(page)
    assert alice.get(f"/collections/{picks['id']}").json()["items"][0]["status"] == "shortlisted"


def test_keys_alone_reorder_and_the_focus_goes_along(visit: Visit, alice: Person, picks: Thing) -> None:
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}")
    tab_to(page, "Move First box")
    with page.expect_response(lambda one: "/order" in one.url and one.request.method == "POST"):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#items h3").first).to_have_text("Second box")
    expect(page.locator("#revision")).to_have_value("5")
    assert focused(page).startswith("Move First box")
    found = alice.get(f"/collections/{picks['id']}").json()["items"]
    assert [one["listing"]["title"] for one in found] == ["Second box", "First box", "Third box"]


def test_keys_alone_change_many_and_undo_it(visit: Visit, alice: Person, picks: Thing) -> None:
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}")
    tab_to(page, "Choose First box")
    page.keyboard.press("Space")
    tab_to(page, "Choose Second box")
    page.keyboard.press("Space")
    expect(page.locator(".chosen")).to_have_text("2 chosen")
    tab_to(page, "Remove", back=True)
    page.keyboard.press("Enter")
    expect(page.locator(".undo")).to_contain_text("2 offers removed")
    focused(page)
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    expect(page.locator("#items h3")).to_have_text(TITLES)
    focused(page)
    assert len(alice.get(f"/collections/{picks['id']}").json()["items"]) == 3


def test_keys_alone_publish_and_come_back_to_where_they_were(
    visit: Visit, alice: Person, picks: Thing
) -> None:
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}")
    tab_to(page, "Share")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    tab_to(page, "visibility")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("link", name="Leave it as it is")).to_be_focused()
    tab_to(page, "Make it public", back=True)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Its address")).to_be_visible()
    focused(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Share"
    assert visibility(alice, picks) == "public"


def test_a_dialog_keeps_the_focus_while_links_are_made_and_revoked(
    visit: Visit, picks: Thing, link: Thing
) -> None:
    assert link
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}")
    tab_to(page, "Share")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    tab_to(page, "Make a link")
    page.keyboard.press("Enter")
    expect(page.get_by_label("The new link")).to_be_visible()
    focused(page)
    tab_to(page, "Revoke For Ben")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Revoke For Ben")).to_have_count(0)
    focused(page)
    assert page.evaluate("document.getElementById('dialog').contains(document.activeElement)")


def test_keys_alone_bring_in_a_list(visit: Visit, alice: Person) -> None:
    alice.get("/collections")
    page = visit("alice")
    page.goto("/import")
    tab_to(page, "text")
    page.keyboard.type("title,price\nDell OptiPlex 7060,149\n")
    tab_to(page, "Preview")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/import/[0-9a-f-]+"))
    expect(page.locator(".confirm")).to_be_visible()
    tab_to(page, "Import")
    while not page.evaluate("document.activeElement.matches('main button')"):
        tab_to(page, "Import")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 added")).to_be_visible()


def test_who_went_by_mouse_is_not_moved_by_a_swap(visit: Visit, picks: Thing) -> None:
    page = visit("alice")
    page.goto(f"/collections/{picks['id']}")
    page.get_by_text("Filter", exact=True).click()
    field = page.get_by_label("Price to, $")
    field.fill("150")
    page.wait_for_url("**max_price=150**")
    expect(page.locator("#items h3")).to_have_count(2)
    expect(field).to_be_focused()

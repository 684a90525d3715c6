"""Signing in and out by clicking."""

import pytest
from playwright.sync_api import expect

from dealbrain.facts import SESSION_COOKIE
from dealbrain.pages import way_on
from infra.local.run import System
from tests.browser.conftest import PHONE, Visit
from tests.makers import Person
from tests.test_signing_in import HOSTILE

TRENDING = "/discover?sort=trending"


@pytest.fixture
def somewhere(alice: Person) -> str:
    """A page with something on it."""
    alice.collection("Quiet minis", visibility="public")
    return TRENDING


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_signing_in_leads_back_to_where_one_was(visit: Visit, somewhere: str, scripts: bool) -> None:  # noqa: FBT001 - a parameter of the test
    page = visit(scripts=scripts)
    page.goto(somewhere)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("User name").fill("carol")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{somewhere}")
    expect(page.get_by_label("Signed in as carol")).to_be_visible()


def test_people_of_the_demo_are_one_click_away(visit: Visit, somewhere: str) -> None:
    page = visit(size=PHONE)
    page.goto(somewhere)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="nora").click()
    expect(page.get_by_label("Signed in as nora")).to_be_visible()


def test_the_keyboard_alone_signs_in(visit: Visit, somewhere: str) -> None:
    page = visit()
    page.goto(somewhere)
    page.get_by_role("link", name="Sign in").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("carol")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Signed in as carol")).to_be_visible()


def test_no_script_sees_the_session(visit: Visit, somewhere: str) -> None:
    page = visit("carol")
    page.goto(somewhere)
    assert SESSION_COOKIE in {one["name"] for one in page.context.cookies()}
    assert page.evaluate("document.cookie") == ""


def test_after_signing_out_the_way_back_shows_nothing_of_ones_own(visit: Visit, somewhere: str) -> None:
    page = visit("carol")
    page.goto(somewhere)
    page.get_by_label("Signed in as carol").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/discover")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.go_back()
    page.wait_for_url(f"**{somewhere}")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert "carol" not in page.content()


def test_who_cancels_is_told_and_may_try_again(visit: Visit, somewhere: str, complaints: list[str]) -> None:
    page = visit()
    page.goto(somewhere)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Signing in did not work")).to_be_visible()
    assert [one[:3] for one in complaints] == ["403"]
    complaints.clear()
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_role("button", name="theo").click()
    page.wait_for_url(f"**{somewhere}")


def test_browsers_read_every_way_on_as_ours(visit: Visit, running: System) -> None:
    page = visit()
    page.goto("/discover")
    ways = [way_on(one) for one in HOSTILE]
    origins = page.evaluate("ways => ways.map(one => new URL(one, location.href).origin)", ways)
    assert set(origins) == {running.url}


def test_browsers_would_have_been_led_astray(visit: Visit, running: System) -> None:
    page = visit()
    page.goto("/discover")
    origins = page.evaluate("ways => ways.map(one => new URL(one, location.href).origin)", list(HOSTILE[:10]))
    assert running.url not in origins


def test_a_page_asked_for_by_the_machines_other_name_is_shown_under_its_own(
    visit: Visit, running: System
) -> None:
    page = visit()
    page.goto(running.url.replace("127.0.0.1", "localhost") + "/discover?q=quiet")
    assert page.url == f"{running.url}/discover?q=quiet"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_what_one_wrote_outlives_ones_session(
    visit: Visit,
    complaints: list[str],
    running: System,
    scripts: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    page = visit("dana", scripts=scripts)
    page.goto("/listings/new")
    page.get_by_label("Title").fill("Dell OptiPlex 7060 \u201ckurz\u201d")
    page.context.clear_cookies()
    page.get_by_role("button", name="Add the offer").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Sign in in another tab").click()
    opened.value.get_by_label("User name").fill("dana")
    opened.value.get_by_role("button", name="Sign in").click()
    expect(opened.value.get_by_label("Signed in as dana")).to_be_visible()
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dell OptiPlex 7060 \u201ckurz\u201d")
    assert complaints == [f"401 POST {running.url}/listings/new"]
    complaints.clear()

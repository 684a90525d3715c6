"""Discover as people use it."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect

from dealbrain import facts
from tests.browser.conftest import PHONE, Visit
from tests.makers import Person

MANY = 2 * facts.PAGE + 3
TO_THE_END = "scrollTo(0, document.body.scrollHeight)"


def names(page: Page) -> list[str]:
    return page.locator("#found h3").all_inner_texts()


@pytest.fixture
def many(alice: Person) -> list[str]:
    """More public collections than two pages hold, in the order in which they are found."""
    made = [f"Number {n}" for n in range(MANY)]
    for name in made:
        alice.collection(name, visibility="public")
    return made[::-1]


@pytest.fixture
def wares(alice: Person, bob: Person) -> None:
    """A cheap collection and a dear one."""
    for person, name, price, cpu in (
        (alice, "Quiet minis", 100, "Intel Core i5-8500T"),
        (bob, "Quiet towers", 500, "AMD Ryzen 5 PRO 4650GE"),
    ):
        collection = person.collection(name, visibility="public")
        person.item(collection, person.listing(price_usd=price, performance={"cpu": {"name": cpu}}))


def test_what_is_typed_is_found_and_stands_in_the_address(visit: Visit, alice: Person) -> None:
    alice.collection("Quiet minis", visibility="public")
    alice.collection("Loud towers", visibility="public")
    page = visit()
    page.goto("/discover")
    page.get_by_label("Search").fill("quiet")
    page.wait_for_url("**/discover?q=quiet&sort=recent")
    assert names(page) == ["Quiet minis"]


@pytest.mark.usefixtures("wares")
def test_how_many_are_found_is_told_where_it_was_told_before(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    told = page.get_by_role("status").first.element_handle()
    page.get_by_label("Search").fill("minis")
    # Readers of screens hear what changes inside a place, not a place that is another one.
    page.wait_for_function("one => one.isConnected && one.textContent === '1 collection'", arg=told)


@pytest.mark.usefixtures("wares")
def test_searching_as_one_types_sends_nothing_that_is_empty(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/discover" in one.url else None)
    page.get_by_label("Search").press_sequentially("quiet", delay=30)
    page.wait_for_url("**q=quiet**")
    page.get_by_label("Search").fill("")
    page.wait_for_url("**/discover?sort=recent")
    sent = [parse_qsl(urlsplit(one).query, keep_blank_values=True) for one in asked]
    assert sent
    assert all(value for one in sent for _, value in one)


@pytest.mark.usefixtures("wares")
def test_filters_are_combined_and_the_page_opened_anew_has_them_all(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    page.get_by_label("Search").fill("quiet")
    page.wait_for_url("**q=quiet**")
    assert names(page) == ["Quiet towers", "Quiet minis"]
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Price from, $").fill("200")
    page.wait_for_url("**min_price=200**")
    assert names(page) == ["Quiet towers"]
    page.get_by_label("Processor").fill("i5")
    page.wait_for_url("**cpu=i5**")
    expect(page.get_by_text("Nothing fits")).to_be_visible()
    page.get_by_label("Processor").fill("ryzen")
    page.wait_for_url("**cpu=ryzen**")
    page.get_by_label("Order").select_option("popular")
    page.wait_for_url("**sort=popular**")
    page.reload()
    assert names(page) == ["Quiet towers"]
    said = {name: page.locator(f"#{name}").input_value() for name in ("q", "min_price", "cpu", "sort")}
    assert said == {"q": "quiet", "min_price": "200", "cpu": "ryzen", "sort": "popular"}


@pytest.mark.usefixtures("wares")
def test_leaving_a_field_asks_nothing_again(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/discover" in one.url else None)
    page.get_by_label("Search").fill("minis")
    page.wait_for_url("**q=minis**")
    page.get_by_label("Search").blur()
    page.get_by_label("Order").select_option("popular")
    page.wait_for_url("**sort=popular**")
    assert [dict(parse_qsl(urlsplit(one).query))["sort"] for one in asked] == ["recent", "popular"]


@pytest.mark.usefixtures("wares")
def test_what_is_found_gives_the_page_its_title(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    page.get_by_label("Search").fill("minis")
    page.wait_for_url("**q=minis**")
    expect(page).to_have_title(re.compile("^minis "))


def test_what_is_wrong_in_a_filter_that_is_closed_is_shown(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    price = page.get_by_label("Price from, $")
    page.get_by_text("Filter", exact=True).click()
    price.fill("cheap")
    page.get_by_text("Filter", exact=True).click()
    expect(price).to_be_hidden()
    page.get_by_label("Search").fill("minis")
    expect(price).to_be_focused()


@pytest.mark.parametrize(("words", "direction"), [("מחשב קטן", "rtl"), ("small machine", "ltr")])
def test_what_is_typed_runs_as_it_is_written(visit: Visit, words: str, direction: str) -> None:
    page = visit()
    page.goto("/discover")
    page.get_by_label("Search").fill(words)
    assert page.get_by_label("Search").evaluate("one => getComputedStyle(one).direction") == direction


def test_who_goes_by_keys_to_more_is_at_the_first_of_it(visit: Visit, many: list[str]) -> None:
    page = visit()
    page.goto("/discover")
    page.locator("#more a").focus()
    expect(page.get_by_role("link", name=many[facts.PAGE], exact=True)).to_be_focused()


def test_scrolling_on_shows_all_three_pages_and_nothing_twice(visit: Visit, many: list[str]) -> None:
    page = visit(size=PHONE)
    page.goto("/discover")
    assert names(page) == many[: facts.PAGE]
    for so_far in (2 * facts.PAGE, MANY):
        page.evaluate(TO_THE_END)
        expect(page.locator("#found h3")).to_have_count(so_far)
    assert names(page) == many
    assert page.locator("#list > li").count() == MANY
    expect(page.locator("#more")).to_have_count(0)


def test_what_is_scrolled_to_is_in_the_order_of_the_search(visit: Visit, many: list[str]) -> None:
    page = visit()
    page.goto("/discover?q=number&sort=popular")
    page.evaluate(TO_THE_END)
    expect(page.locator("#found h3")).to_have_count(2 * facts.PAGE)
    assert set(names(page)) <= set(many)
    assert len(set(names(page))) == 2 * facts.PAGE


@pytest.mark.usefixtures("wares")
def test_the_way_back_leads_to_what_was_found(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    page.get_by_label("Search").fill("minis")
    page.wait_for_url("**q=minis**")
    page.get_by_role("link", name="Quiet minis").click()
    page.wait_for_url("**/collections/*")
    page.go_back()
    page.wait_for_url("**q=minis**")
    expect(page.locator("#found h3")).to_have_text(["Quiet minis"])
    expect(page.get_by_label("Search")).to_have_value("minis")


@pytest.mark.usefixtures("wares")
def test_the_way_back_from_a_search_leads_to_the_search_before(visit: Visit) -> None:
    page = visit()
    page.goto("/discover")
    page.get_by_label("Search").fill("minis")
    page.wait_for_url("**q=minis**")
    page.get_by_label("Search").fill("towers")
    page.wait_for_url("**q=towers**")
    page.go_back()
    expect(page.locator("#found h3")).to_have_text(["Quiet minis"])
    expect(page.get_by_label("Search")).to_have_value("minis")


@pytest.mark.usefixtures("wares")
def test_one_click_copies_what_was_found(visit: Visit, alice: Person) -> None:
    page = visit("alice")
    page.goto("/discover")
    page.get_by_role("button", name="Copy Quiet towers").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Copy of Quiet towers")
    assert len(alice.get("/collections").json()["items"]) == 2


@pytest.mark.usefixtures("wares")
def test_without_scripts_the_form_searches(visit: Visit) -> None:
    page = visit(scripts=False)
    page.goto("/discover")
    page.get_by_label("Search").fill("minis")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/discover?q=minis&sort=recent")
    assert names(page) == ["Quiet minis"]


def test_without_scripts_a_link_leads_to_more(visit: Visit, many: list[str]) -> None:
    page = visit(scripts=False)
    page.goto("/discover")
    found = names(page)
    while page.locator("#more a").count():
        with page.expect_navigation():
            page.locator("#more a").click()
        found += names(page)
    assert found == many

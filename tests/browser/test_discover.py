"""Discover as people use it."""

from tests.browser.conftest import Visit
from tests.makers import Person


def test_what_is_typed_is_found_and_stands_in_the_address(visit: Visit, alice: Person) -> None:
    alice.collection("Quiet minis", visibility="public")
    alice.collection("Loud towers", visibility="public")
    page = visit()
    page.goto("/discover")
    page.get_by_label("Search").fill("quiet")
    page.wait_for_url("**/discover?q=quiet&sort=recent")
    assert page.locator("#found h3").all_inner_texts() == ["Quiet minis"]

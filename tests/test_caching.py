"""Who may keep an answer: nobody without asking again, and what a person sees signed in nobody at all."""

from typing import Any

import pytest

from dealbrain.caching import tag
from tests.makers import Api, Person


@pytest.fixture
def page(alice: Person) -> str:
    """The address of a public collection."""
    return f"/collections/public/{alice.collection('Quiet machines', visibility='public')['id']}"


def asked_again(reader: Person, page: str, known: str) -> Any:
    return reader.get(page, headers={"If-None-Match": known})


def test_a_stranger_may_keep_a_page_but_asks_each_time(api: Api, page: str) -> None:
    assert api.stranger.get(page).headers["cache-control"] == "private, no-cache"


def test_what_did_not_change_is_not_sent_again(api: Api, page: str) -> None:
    first = api.stranger.get(page)
    again = asked_again(api.stranger, page, first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert "content-type" not in again.headers


def test_the_tag_is_of_the_bytes_sent(api: Api, page: str) -> None:
    answer = api.stranger.get(page)
    assert answer.headers["etag"] == tag(answer.content)


@pytest.mark.parametrize("known", ["W/{}", '"other", {}', '"other",W/{}', "*"])
def test_a_tag_is_found_however_it_is_named(api: Api, page: str, known: str) -> None:
    named = known.format(api.stranger.get(page).headers["etag"])
    assert asked_again(api.stranger, page, named).status_code == 304


@pytest.mark.parametrize("known", ['"other"', "", "other", 'W/""'])
def test_another_tag_gets_the_page(api: Api, page: str, known: str) -> None:
    assert asked_again(api.stranger, page, known).status_code == 200


def test_a_changed_page_is_sent_anew(api: Api, alice: Person, page: str) -> None:
    known = api.stranger.get(page).headers["etag"]
    alice.patch(f"/collections/{page.rsplit('/', 1)[1]}", {"description": "Below 30 dB"})
    answer = asked_again(api.stranger, page, known)
    assert answer.status_code == 200
    assert answer.json()["description"] == "Below 30 dB"


def test_made_private_it_is_gone_at_the_next_question(api: Api, alice: Person, page: str) -> None:
    known = api.stranger.get(page).headers["etag"]
    alice.patch(f"/collections/{page.rsplit('/', 1)[1]}/visibility", {"visibility": "private"})
    answer = asked_again(api.stranger, page, known)
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_what_a_person_sees_signed_in_is_not_kept(api: Api, alice: Person, page: str) -> None:
    answer = asked_again(alice, page, api.stranger.get(page).headers["etag"])
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "etag" not in answer.headers


def test_what_was_written_is_not_kept(alice: Person) -> None:
    assert alice.post("/collections", {"name": "New"}).headers["cache-control"] == "no-store"


def test_a_refusal_is_not_kept(api: Api) -> None:
    assert api.stranger.get("/collections/public/1").headers["cache-control"] == "no-store"

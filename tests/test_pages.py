"""What all pages do alike: who is led to sign in, whose forms are taken, how a refusal looks to people."""

import re
from collections.abc import Iterator
from html import unescape
from http import HTTPStatus
from typing import Annotated, Any

import httpx
import pytest
from pydantic import StringConstraints

from dealbrain import facts, pages
from dealbrain.errors import NotFound, Unavailable
from dealbrain.shapes import PathId, Request
from dealbrain.web import Needs, Response, entry
from infra.local.gateway import Gateway
from infra.local.processes import address, listen, serve
from infra.local.run import System
from infra.routes import Endpoint
from tests.makers import Api, Person, refused


class Named(Request):
    name: Annotated[str, StringConstraints(min_length=1, max_length=9)]


ours = pages.page(signed_in=True)


@ours.get("/test/<thing_id>")
@ours.post("/test/<thing_id>")
def thing(thing_id: PathId, year: PathId | None = None) -> Response[str]:
    """The first thing is there, and takes a name."""
    assert year in {None, 7}
    if thing_id != 1:
        raise NotFound
    sent = pages.fields()
    if sent:
        pages.read(Named, pages.said(sent, "name"))
        return pages.see_other("/test/1")
    # Any template shows who is signed in.
    return pages.render("error.html", refusal=NotFound(), status=HTTPStatus.OK)


theirs = pages.page(signed_in=True, is_written=True)


@theirs.post("/written")
def write() -> Response[str]:
    """Nothing written here is ever taken."""
    raise Unavailable("Come back later.") if pages.fields()["name"] == ["busy"] else RuntimeError


@pytest.fixture(scope="module")
def there(running: System) -> Iterator[Api]:
    """A page of the test's own behind a gateway of its own; people are the running system's."""
    endpoints = [
        Endpoint(one.method, one.path, __name__, entry(app), Needs(), signed_in=True, is_page=True)
        for app in (ours, theirs)
        for one in app.routes
    ]
    with listen() as listener, serve(Gateway(endpoints), listener), Api(running) as api:
        api._http.base_url = httpx.URL(address(listener))
        yield api


@pytest.fixture(scope="module")
def mina(there: Api) -> Person:
    return there.browser("mina")


# ----------------------------------------------------------------------------------------- who is served


def test_whose_session_it_is_sees_the_page(mina: Person) -> None:
    answer = mina.open("/test/1")
    assert answer.status_code == 200
    assert "Signed in as mina" in answer.text


def test_what_one_person_sees_is_kept_nowhere(mina: Person) -> None:
    assert mina.open("/test/1").headers["cache-control"] == "no-store"


def test_a_stranger_is_led_to_sign_in_and_back(there: Api) -> None:
    answer = there.browser().open("/test/1?year=7")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/test/1%3Fyear%3D7"


def test_a_secret_nobody_has_is_a_strangers(there: Api) -> None:
    answer = there.browser().open("/test/1", headers={"Cookie": f"{facts.SESSION_COOKIE}=guessed"})
    assert answer.status_code == 303


def test_a_strangers_form_leads_back_to_the_page_it_stands_on(there: Api) -> None:
    browser = there.browser()
    came = {"Referer": f"{browser.headers['Origin']}/test/2"}
    answer = browser.submit("/test/1", {"name": "a"}, headers=came)
    assert answer.headers["location"] == "/sign-in?next=/test/2"


@pytest.mark.parametrize("name", ["Referer", "HX-Current-URL"])
def test_an_address_that_is_none_leads_home_after_signing_in(there: Api, name: str) -> None:
    answer = there.browser().submit("/test/1", {"name": "a"}, headers={name: "http://["})
    assert answer.headers["location"] == "/sign-in?next=/"


def test_a_form_that_came_from_elsewhere_leads_home_after_signing_in(there: Api) -> None:
    answer = there.browser().submit(
        "/test/1", {"name": "a"}, headers={"Referer": "https://elsewhere.example/x"}
    )
    assert answer.headers["location"] == "/sign-in?next=/"


def test_a_strangers_piece_sends_the_whole_page_to_sign_in(there: Api) -> None:
    answer = there.browser().open("/test/1", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/sign-in?next=")


def test_a_program_with_a_token_is_served(there: Api) -> None:
    assert there.person("mina").open("/test/1").status_code == 200


def test_a_program_with_a_wrong_token_is_told_so_and_not_led_in_circles(there: Api) -> None:
    answer = there.stranger.open("/test/1", headers={"Authorization": "Bearer forged"})
    refused(answer, 401, "unauthenticated")


# ------------------------------------------------------------------------------------- signed out by then

WRITTEN = {"name": '<b>"Quiet" & small</b>', "description": "one\ntwo  整備済 \u200f\u05d0"}


def handed_back(answer: httpx.Response, status: int = 401) -> dict[str, str]:
    """What a page keeps of a form, by the fields' names."""
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', answer.text)
    return {unescape(name): unescape(value) for name, value in found}


def test_what_somebody_wrote_is_handed_back_where_they_are_signed_out(running: System) -> None:
    with Api(running) as api:
        assert handed_back(api.browser().submit("/collections", WRITTEN)) == WRITTEN


def test_what_is_handed_back_does_its_work_once_somebody_is_signed_in(running: System) -> None:
    with Api(running) as api:
        sent = handed_back(api.browser().submit("/collections", WRITTEN))
        assert api.browser("dana").submit("/collections", sent).status_code == 303
        assert api.person("dana").get("/collections").json()["items"][0]["name"] == WRITTEN["name"]


@pytest.mark.parametrize(("name", "status"), [("busy", 503), ("defect", 500)])
def test_what_could_not_be_taken_just_now_is_handed_back(mina: Person, name: str, status: int) -> None:
    sent = WRITTEN | {"name": name}
    assert handed_back(mina.submit("/written", sent), status) == sent


def test_what_was_pasted_beside_a_file_is_handed_back_and_the_file_asked_for(running: System) -> None:
    with Api(running) as api:
        answer = api.browser().submit("/import", {"text": "a,b\n1,2"}, files={"file": ("x.csv", b"c")})
        assert handed_back(answer) == {"text": "a,b\n1,2"}
        assert "A file has to be chosen again." in answer.text


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("/collections", {"name": ""}),
        ("/collections", {"name": "x" * (facts.JSON_BODY_BYTES + 1)}),
        ("/collections", {"name": "\0"}),
        # A click, which is as quickly done again.
        ("/collections/1/copy", {"key": "k"}),
    ],
    ids=["nothing", "too much", "no text", "a click"],
)
def test_whoever_wrote_nothing_is_led_to_sign_in(running: System, address: str, sent: dict[str, str]) -> None:
    with Api(running) as api:
        assert api.browser().submit(address, sent).headers["location"] == "/sign-in?next=/"


def test_another_sites_form_is_handed_to_nobody(running: System) -> None:
    with Api(running) as api:
        elsewhere = {"Origin": "https://elsewhere.example"}
        answer = api.browser().submit("/collections", {"name": "Their words"}, headers=elsewhere)
        assert answer.status_code == 403
        assert "Their words" not in answer.text


# ------------------------------------------------------------------------------------------------- forms


def test_a_form_that_is_right_leads_on(mina: Person) -> None:
    answer = mina.submit("/test/1", {"name": "a"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/test/1")


# What a form's sender does wrong: the status, and where and how it is sent.
REFUSALS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "absent": (404, "/test/2", {"data": {"name": "a"}}),
    "wrong": (422, "/test/1", {"data": {"name": "much too long"}}),
    "of another kind": (415, "/test/1", {"json": {"name": "a"}}),
    "too large": (413, "/test/1", {"data": {"name": "a" * facts.JSON_BODY_BYTES}}),
    "no form": (400, "/test/1", {"content": b"\xff=a", "headers": {"Content-Type": facts.Media.fields}}),
    "another site's": (
        403,
        "/test/1",
        {"data": {"name": "a"}, "headers": {"Origin": "https://elsewhere.example"}},
    ),
    "of a page nobody knows": (403, "/test/1", {"data": {"name": "a"}, "headers": {"Origin": "null"}}),
}
by_refusal = pytest.mark.parametrize(("status", "path", "sent"), REFUSALS.values(), ids=REFUSALS)


@by_refusal
def test_a_refusal_is_a_page_that_says_what_to_do_next(
    mina: Person, status: int, path: str, sent: dict[str, Any]
) -> None:
    answer = mina.send("POST", path, **sent)
    assert answer.status_code == status
    assert answer.headers["content-type"] == pages.HTML
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert '<a class="button' in answer.text.partition("<main")[2].partition("</main>")[0]


@by_refusal
def test_a_refusal_is_one_line_to_a_page_that_is_open(
    mina: Person, status: int, path: str, sent: dict[str, Any]
) -> None:
    headers = {**sent.get("headers", {}), "HX-Request": "true"}
    answer = mina.send("POST", path, **{**sent, "headers": headers})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert answer.text.strip()
    assert len(answer.text.splitlines()) == 1


def test_a_wrong_parameter_is_a_page_that_names_it(mina: Person) -> None:
    answer = mina.open("/test/1?year=none")
    assert answer.status_code == 422
    assert "<b>year</b>" in answer.text


# --------------------------------------------------------------------------------------------- addresses


def test_what_strangers_hang_onto_an_address_is_ignored(mina: Person) -> None:
    assert mina.open("/test/1?utm_source=mail").status_code == 200


def test_fields_nobody_filled_in_are_taken_out_of_the_address(mina: Person) -> None:
    answer = mina.open("/test/1?q=&year=7&to=")
    assert (answer.status_code, answer.headers["location"]) == (303, "/test/1?year=7")


@pytest.mark.parametrize("wanted", ["/", "/discover?q=a", "/collections/1#one"])
def test_a_path_of_ours_is_taken(wanted: str) -> None:
    assert pages.local_path(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "//there",
        "/\\there",
        "https://there",
        "javascript:alert(1)",
        "/a\nb",
        "/a\\b",
        "there",
        "/ä",
    ],
)
def test_an_address_that_leads_elsewhere_leads_home(wanted: str | None) -> None:
    assert pages.local_path(wanted) == "/"

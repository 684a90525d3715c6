"""Signing in and out: the whole way over HTTP, what may go wrong on it, and what a session opens."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest

from dealbrain import facts, files, jsontext, pending, sessions, web
from dealbrain.errors import NotAllowed, Unavailable
from dealbrain.facts import PREVIEWS, SESSION_COOKIE, SIGN_IN_CALLBACK, SIGN_IN_COOKIE, Bucket
from dealbrain.pending import SESSION, UPLOAD, Pending
from dealbrain.sessions import Session
from dealbrain.settings import PREFIX, settings
from dealbrain.signing_in import AUTHORIZE, LOGOUT, TOKEN, Attempt, challenge
from functions.sweeping import expired
from infra.local.hosted import CODE_LIFE, Codes
from infra.local.issuer import Issuer, subject
from infra.local.run import System
from infra.local.stores import dynamodb
from tests.makers import Api, refused

COLLECTIONS = "/v1/collections"
SECOND = timedelta(seconds=1)
FLAGS = "; Path=/; Max-Age={}; HttpOnly; Secure; SameSite=Lax"


class Browser:
    """What a browser does for us: it keeps our cookies and sends them back. It follows nothing by itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self._http = httpx.Client(base_url=url, timeout=30, verify=False)  # noqa: S501 - plain HTTP

    def ask(self, method: str, address: str, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        said = {**({"Cookie": kept} if kept else {}), **(headers or {})}
        answer = self._http.request(method, address, headers=said, **more)
        self._http.cookies.clear()
        for one in answer.headers.get_list("set-cookie"):
            ((name, told),) = SimpleCookie(one).items()
            self.cookies[name] = told.value
            if told["max-age"] == "0":
                del self.cookies[name]
        return answer

    def get(self, address: str, **more: Any) -> Any:
        return self.ask("GET", address, **more)

    def send(self, address: str, form: Mapping[str, str] | None = None, origin: str | None = None) -> Any:
        """Send a form as a page of ours does, or one of another origin's."""
        return self.ask("POST", address, {"Origin": origin or self.url}, data=form or {})

    # The way, step by step; each answers the address it leads to.

    def begin(self, onward: str = "/discover") -> str:
        sign_in = f"/sign-in?{urlencode({'next': onward})}" if onward else "/sign-in"
        return str(self.get(sign_in).headers["location"])

    def enter(self, page: str, username: str) -> str:
        return str(self.send(page, {"username": username}).headers["location"])

    def sign_in(self, username: str, onward: str = "/discover") -> Any:
        """All of it; answers the last answer."""
        return self.get(self.enter(self.begin(onward), username))

    @property
    def is_somebody(self) -> bool:
        return bool(self.get(COLLECTIONS).status_code == 200)

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def browser(running: System) -> Iterator[Browser]:
    made = Browser(running.url)
    yield made
    made.close()


def parameters(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def with_parameters(address: str, **changed: str | None) -> str:
    said = parameters(address) | changed
    kept = {name: value for name, value in said.items() if value is not None}
    return f"{address.partition('?')[0]}?{urlencode(kept)}"


def somebody(name: str = "alice", begun: datetime | None = None) -> str:
    """The secret of somebody who is signed in."""
    return sessions.begin(Session(subject(name), name), begun or datetime.now(UTC))


def went_wrong(answer: httpx.Response, status: int) -> str:
    """The page of a sign-in that did not work: it says so, and begins no session."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Signing in did not work" in answer.text
    assert SESSION_COOKIE not in answer.headers.get("set-cookie", "")
    return answer.text


# ----------------------------------------------------------------------------------------- the whole way


def test_whoever_signs_in_goes_on_where_they_came_from(browser: Browser) -> None:
    answer = browser.sign_in("alice", "/discover?q=mini,micro&sort=recent")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/discover?q=mini,micro&sort=recent"


def test_whoever_signs_in_is_the_same_person_a_token_names(browser: Browser, api: Api) -> None:
    made = api.person("alice").collection("Quiet minis")
    browser.sign_in("alice")
    assert browser.get(f"{COLLECTIONS}/{made['id']}").json()["name"] == "Quiet minis"


def test_a_page_shows_who_is_signed_in(browser: Browser) -> None:
    assert "Signed in as" not in browser.get("/discover").text
    browser.sign_in("alice")
    assert "Signed in as <b>alice</b>" in browser.get("/discover").text


def test_the_issuer_is_asked_for_a_code_bound_to_this_browser(browser: Browser, running: System) -> None:
    address = browser.begin()
    state, verifier, _ = browser.cookies[SIGN_IN_COOKIE].split(".")
    assert address.partition("?")[0] == running.url + AUTHORIZE
    assert parameters(address) == {
        "response_type": "code",
        "client_id": running.settings.token_client_id,
        "redirect_uri": running.url + SIGN_IN_CALLBACK,
        "scope": "openid",
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_no_two_attempts_have_anything_in_common(browser: Browser) -> None:
    one, other = (parameters(browser.begin()) for _ in range(2))
    assert one["state"] != other["state"]
    assert one["code_challenge"] != other["code_challenge"]


# ------------------------------------------------------------------------------------------ the cookies


def test_the_attempt_is_kept_for_ten_minutes_out_of_sight(browser: Browser) -> None:
    told = browser.get("/sign-in").headers["set-cookie"]
    assert told == f"{SIGN_IN_COOKIE}={browser.cookies[SIGN_IN_COOKIE]}" + FLAGS.format(600)


def test_the_session_is_kept_for_a_fortnight_out_of_sight_and_the_attempt_is_dropped(
    browser: Browser,
) -> None:
    told = browser.sign_in("alice").headers.get_list("set-cookie")
    assert told == [
        f"{SIGN_IN_COOKIE}=" + FLAGS.format(0),
        f"{SESSION_COOKIE}={browser.cookies[SESSION_COOKIE]}" + FLAGS.format(14 * 24 * 3600),
    ]


def test_signing_out_drops_the_session(browser: Browser) -> None:
    browser.sign_in("alice")
    assert browser.send("/sign-out").headers["set-cookie"] == f"{SESSION_COOKIE}=" + FLAGS.format(0)


def test_nothing_on_the_way_is_kept_by_anybody(browser: Browser) -> None:
    page = browser.begin()
    begun = browser.get("/sign-in")
    back = browser.get(browser.enter(page, "alice"))
    assert {one.headers["cache-control"] for one in (begun, back, browser.send("/sign-out"))} == {"no-store"}


def test_what_a_signed_in_browser_is_shown_is_kept_by_nobody(browser: Browser) -> None:
    assert browser.get("/discover").headers["cache-control"] == "private, no-cache"
    browser.sign_in("alice")
    assert browser.get("/discover").headers["cache-control"] == "no-store"


def test_the_table_does_not_hold_the_secret_but_its_hash(browser: Browser, running: System) -> None:
    browser.sign_in("alice")
    secret = browser.cookies[SESSION_COOKIE]
    table = running.settings.pending_table
    pages = dynamodb(running.stores_url).get_paginator("scan").paginate(TableName=table)
    dump = repr([page["Items"] for page in pages])
    assert hashlib.sha256(secret.encode()).hexdigest() in dump
    assert secret not in dump


# ------------------------------------------------------------------------------------ what is not right

FORGED: Mapping[str, Callable[[str], str | None]] = {
    "absent": lambda _: None,
    "another": lambda _: Attempt.begin("/").state,
    "cut": lambda state: state[:-1],
    "longer": lambda state: f"{state}A",
    "in capitals": lambda state: state.upper() + "A",
    "not ASCII": lambda state: f"{state}é",
    "with a space": lambda state: f"{state} ",
    "a pattern": lambda _: ".*",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_an_answer_this_browser_did_not_ask_for_signs_nobody_in(
    browser: Browser, forge: Callable[[str], str | None]
) -> None:
    back = browser.enter(browser.begin(), "mallory")
    forged = with_parameters(back, state=forge(parameters(back)["state"]))
    answer = browser.get(forged)
    went_wrong(answer, 403)
    # The same answer is right with the state that was asked for: nothing else was wrong with it.
    assert browser.get(back).headers["location"] == "/discover"


def test_somebody_elses_answer_signs_nobody_in(browser: Browser, running: System) -> None:
    theirs = Browser(running.url)
    back = theirs.enter(theirs.begin(), "mallory")
    went_wrong(browser.get(back), 410)
    browser.begin()
    went_wrong(browser.get(back), 403)
    assert theirs.get(back).status_code == 303
    theirs.close()


@pytest.mark.parametrize(
    "cookie",
    ["", "x", ".", "..", "a.b", "a.b.c", "a.b.!", "a.b.c.d", "a.b._w==", "a" * 5000, "\u00e9.b.Lw=="],
)
def test_a_cookie_that_is_no_attempt_is_one_that_expired(browser: Browser, cookie: str) -> None:
    headers = {"Cookie": f"{SIGN_IN_COOKIE}={cookie}".encode()}
    answer = httpx.get(f"{browser.url}{SIGN_IN_CALLBACK}?code=a&state=a", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code in {403, 410}
    assert "Signing in did not work" in answer.text


def test_an_empty_attempt_is_not_answered_by_an_empty_state(browser: Browser) -> None:
    browser.cookies[SIGN_IN_COOKIE] = ".."
    went_wrong(browser.get(f"{SIGN_IN_CALLBACK}?code=a"), 403)


def test_an_attempt_of_another_tab_stays_good(browser: Browser) -> None:
    earlier = browser.enter(browser.begin(), "alice")
    later = browser.enter(browser.begin(), "alice")
    went_wrong(browser.get(earlier), 403)
    assert browser.get(later).status_code == 303


def test_a_code_is_good_once(browser: Browser) -> None:
    back = browser.enter(browser.begin(), "alice")
    attempt = browser.cookies[SIGN_IN_COOKIE]
    assert browser.get(back).status_code == 303
    browser.cookies = {SIGN_IN_COOKIE: attempt}
    went_wrong(browser.get(back), 410)


def test_a_code_is_nothing_without_its_verifier(browser: Browser) -> None:
    back = browser.enter(browser.begin(), "alice")
    state, _, onward = browser.cookies[SIGN_IN_COOKIE].split(".")
    browser.cookies[SIGN_IN_COOKIE] = f"{state}.{Attempt.begin('/').verifier}.{onward}"
    went_wrong(browser.get(back), 410)
    assert browser.cookies == {}


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"error": "access_denied"}, 403),
        ({"error": "invalid_request", "error_description": "Call 555-0100"}, 403),
        ({"error": "server_error"}, 503),
        ({"error": "temporarily_unavailable"}, 503),
        ({}, 403),
        ({"code": "made-up"}, 410),
        ({"code": "x" * 2048}, 410),
    ],
)
def test_what_else_the_issuer_may_say_signs_nobody_in(
    browser: Browser, told: dict[str, str], status: int
) -> None:
    state = parameters(browser.begin())["state"]
    page = went_wrong(browser.get(f"{SIGN_IN_CALLBACK}?{urlencode({**told, 'state': state})}"), status)
    assert "555" not in page
    assert browser.cookies == {}


def test_the_page_of_a_failure_leads_back_to_where_one_was(browser: Browser) -> None:
    state = parameters(browser.begin("/collections/7?sort=price"))["state"]
    page = browser.get(f"{SIGN_IN_CALLBACK}?error=access_denied&state={state}").text
    assert page.count('href="/sign-in?next=/collections/7%3Fsort%3Dprice"') == 2


# ----------------------------------------------------------------- an issuer that is not as it should be


class Stand(BaseHTTPRequestHandler):
    """An issuer that says what it is told to."""

    def do_POST(self) -> None:
        self.server.asked.append(self.rfile.read(int(self.headers["content-length"])).decode())  # type: ignore[attr-defined]
        status, headers, body = self.server.says  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def stand(running: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: ARG001 - it has the table
    with ThreadingHTTPServer(("127.0.0.1", 0), Stand) as server:
        server.asked = []  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(f"{PREFIX}SIGN_IN_URL", f"http://127.0.0.1:{server.server_port}")
        settings.cache_clear()
        yield server
        server.shutdown()
    monkeypatch.undo()
    settings.cache_clear()


def says(stand: Any, body: object, status: int = 200, **headers: str) -> None:
    stand.says = status, headers, body if isinstance(body, bytes) else jsontext.dumps(body).encode()


def finish() -> str:
    return Attempt("state", "verifier", "/").finish("code", None, datetime.now(UTC))


@pytest.fixture
def issuer(running: System) -> Issuer:
    return running.issuer


def test_a_code_is_exchanged_with_its_verifier(stand: Any, issuer: Issuer) -> None:
    says(stand, {"access_token": issuer.token("alice", datetime.now(UTC))})
    found = sessions.find(finish(), datetime.now(UTC))
    assert found == Session(subject("alice"), "alice")
    assert parse_qs(stand.asked[0]) == {
        "grant_type": ["authorization_code"],
        "client_id": [settings().token_client_id],
        "code": ["code"],
        "redirect_uri": [settings().public_origin + SIGN_IN_CALLBACK],
        "code_verifier": ["verifier"],
    }


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (429, b'{"error": "slow_down"}'),
        (400, b'{"error": "invalid_client"}'),
        (400, b"<html>"),
        (400, b'["invalid_grant"]'),
        (200, b""),
        (200, b"null"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"access_token": null}'),
        (200, b'{"access_token": 7}'),
        (200, b'{"access_token": "\xff"}'),
        (200, b'{"access_token": "' + b"x" * 100_000 + b'"}'),
        (200, b"[" * 50_000),
    ],
)
def test_an_answer_no_issuer_gives_is_as_good_as_none(stand: Any, status: int, body: bytes) -> None:
    says(stand, body, status)
    with pytest.raises(Unavailable):
        finish()


def test_the_log_says_what_the_issuer_answered(
    stand: Any, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    # Made at first use, when it takes its level from the environment.
    web._logger()
    caplog.set_level(logging.INFO, logger="dealbrain")
    state = parameters(browser.begin())["state"]
    says(stand, {"error": "invalid_client"}, 400)
    browser.get(f"{SIGN_IN_CALLBACK}?code=secret-code&state={state}")
    told = " ".join(str(vars(one)) for one in caplog.records)
    assert "The issuer answered 400" in told
    assert "secret-code" not in told
    assert state not in told


def test_no_redirection_is_followed_with_a_code(stand: Any, issuer: Issuer) -> None:
    right = {"access_token": issuer.token("alice", datetime.now(UTC))}
    says(stand, right, 307, Location=f"{settings().sign_in_url}/elsewhere")
    with pytest.raises(Unavailable):
        finish()
    assert len(stand.asked) == 1


def test_an_issuer_that_is_not_there_is_unavailable(stand: Any) -> None:
    stand.shutdown()
    stand.server_close()
    with pytest.raises(Unavailable):
        finish()


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another"},
        {"iss": "https://elsewhere"},
        {"token_use": "id"},
        {"exp": 1},
        {"username": "Alice Liddell"},
        {"username": "a" * 33},
    ],
)
def test_a_token_that_is_not_for_us_signs_nobody_in(
    stand: Any, issuer: Issuer, changed: dict[str, Any]
) -> None:
    claims = issuer.claims("alice", datetime.now(UTC)) | changed
    says(stand, {"access_token": issuer.sign(claims)})
    with pytest.raises(NotAllowed):
        finish()


def test_an_issuer_that_is_down_is_told_on_a_page(stand: Any, browser: Browser) -> None:
    browser.begin()
    state = browser.cookies[SIGN_IN_COOKIE].partition(".")[0]
    says(stand, b"", 502)
    answer = browser.get(f"{SIGN_IN_CALLBACK}?code=a&state={state}")
    assert "try again" in went_wrong(answer, 503)
    assert answer.headers["retry-after"] == "5"


# ---------------------------------------------------------------------------------- where one goes on to

HOSTILE = (
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http://127.0.0.1@evil.example",
    "//127.0.0.1@evil.example",
    "//user:pass@evil.example/",
    "evil.example",
    "@evil.example",
    ".evil.example",
    ":80/evil.example",
    "javascript:alert(1)",
    "data:text/html,hi",
    "/%2f%2fevil.example",
    "%2f%2fevil.example",
    "/%5cevil.example",
    "/..//evil.example",
    "/.//evil.example",
    "/discover\r\nSet-Cookie: a=b",
    "/discover\r\nLocation: //evil.example",
    "/%0d%0aLocation:%20//evil.example",
    "/\u2028/evil.example",
    "//evil\u3002example",
    "/" + "a" * 5000,
    "/sign-in?next=/sign-in",
    "/sign-in/callback?code=a",
    "?next=//evil.example",
    "#//evil.example",
    "",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_whatever_the_address_says_one_goes_on_here(browser: Browser, hostile: str) -> None:
    answer = browser.get(browser.enter(browser.begin(hostile), "alice"))
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location[0] == "/"
    assert location[1:2] not in {"/", "\\"}
    assert urljoin(browser.url, location).startswith(f"{browser.url}/")
    assert not location.startswith("/sign-in")
    assert set(browser.cookies) == {SESSION_COOKIE}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nor_does_a_cookie_lead_elsewhere(browser: Browser, hostile: str) -> None:
    back = browser.enter(browser.begin(), "alice")
    state, verifier, _ = browser.cookies[SIGN_IN_COOKIE].split(".")
    browser.cookies[SIGN_IN_COOKIE] = Attempt(state, verifier, hostile).cookie
    location = browser.get(back).headers["location"]
    assert urljoin(browser.url, location).startswith(f"{browser.url}/")
    assert location[1:2] not in {"/", "\\"}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/collections/7?sort=price&status=a,b",
        "/discover?q=%C3%A9&q=%26%3D",
        "/c/token-1_2#item-3",
        "/a+b",
    ],
)
def test_an_address_of_ours_is_gone_on_to_letter_by_letter(browser: Browser, path: str) -> None:
    assert browser.sign_in("alice", path).headers["location"] == path


# --------------------------------------------------------------------------------------------- sessions


def test_signing_in_makes_another_session_and_ends_the_one_before(browser: Browser) -> None:
    planted = browser.cookies[SESSION_COOKIE] = somebody("mallory")
    browser.sign_in("alice")
    assert browser.cookies[SESSION_COOKIE] != planted
    assert sessions.find(planted, datetime.now(UTC)) is None
    assert browser.is_somebody


def test_a_session_nobody_began_is_not_taken_over(browser: Browser) -> None:
    browser.cookies[SESSION_COOKIE] = "planted"
    browser.sign_in("alice")
    assert browser.cookies[SESSION_COOKIE] != "planted"
    browser.cookies[SESSION_COOKIE] = "planted"
    assert not browser.is_somebody


def test_an_attempt_that_fails_leaves_the_session_there_was(browser: Browser) -> None:
    browser.sign_in("alice")
    state = parameters(browser.begin())["state"]
    browser.get(f"{SIGN_IN_CALLBACK}?error=access_denied&state={state}")
    assert browser.is_somebody


@pytest.mark.usefixtures("running")
def test_a_session_lasts_a_fortnight_and_no_second_longer() -> None:
    begun = datetime.now(UTC)
    secret = somebody(begun=begun)
    assert sessions.find(secret, begun + facts.SESSION_LIFE - SECOND)
    assert sessions.find(secret, begun + facts.SESSION_LIFE) is None


def of_another_kind() -> str:
    """The number of something else that waits, at the place where a session with that secret would be."""
    place = f"{SESSION}-{hashlib.sha256(b'upload').hexdigest()}"
    pending.put(Pending(place, subject("alice"), UPLOAD, datetime.now(UTC) + facts.UPLOAD_LIFE))
    return "upload"


def hash_of_a_secret() -> str:
    """What somebody has who read the table."""
    return hashlib.sha256(somebody().encode()).hexdigest()


NOBODYS: Mapping[str, Callable[[], str]] = {
    "empty": lambda: "",
    "unknown": lambda: "unknown",
    "expired": lambda: somebody(begun=datetime.now(UTC) - facts.SESSION_LIFE),
    "of another kind": of_another_kind,
    "a hash from the table": hash_of_a_secret,
    "an item's id from the table": lambda: f"{SESSION}-{hash_of_a_secret()}",
    "cut": lambda: somebody()[:-1],
    "longer": lambda: f"{somebody()}A",
    "very long": lambda: "x" * 5000,
    "a quoted one": lambda: f'"{somebody()}"',
    "not ASCII": lambda: "\u00e9\u00e9",
}


@pytest.mark.parametrize("made", NOBODYS.values(), ids=NOBODYS.keys())
def test_a_secret_that_is_nobodys_is_a_strangers(api: Api, made: Callable[[], str]) -> None:
    answer = api.stranger.get("/collections", headers={"Cookie": f"{SESSION_COOKIE}={made()}".encode()})
    refused(answer, 401, "unauthenticated")
    right = api.stranger.get("/collections", headers={"Cookie": f"{SESSION_COOKIE}={somebody()}"})
    assert right.status_code == 200


def test_a_token_goes_before_a_cookie(api: Api) -> None:
    headers = {"Cookie": f"{SESSION_COOKIE}={somebody('bob')}"}
    made = api.person("alice").post("/collections", {"name": "Hers"}, headers=headers).json()
    assert api.person("alice").get(f"/collections/{made['id']}").status_code == 200


@pytest.mark.usefixtures("running")
def test_the_sweep_removes_a_session_that_outlived_and_touches_no_file() -> None:
    # Long before any session of another test.
    begun = datetime(2001, 1, 1, tzinfo=UTC)
    old, young = somebody(begun=begun), somebody(begun=begun + timedelta(days=3))
    place = f"{SESSION}-{hashlib.sha256(old.encode()).hexdigest()}"
    files.put(Bucket.private, f"{PREVIEWS}{place}.file", b"not a session's", "text/plain")
    over = begun + facts.SESSION_LIFE + facts.PENDING_GRACE
    expired.handler({"now": (over + SECOND).isoformat()}, None)
    assert pending.find(place) is None
    assert sessions.find(young, over) is not None
    assert files.get(Bucket.private, f"{PREVIEWS}{place}.file") == b"not a session's"


# ------------------------------------------------------------------------------------------- signing out


def test_signing_out_ends_the_session_at_once(browser: Browser) -> None:
    browser.sign_in("alice")
    secret = browser.cookies[SESSION_COOKIE]
    browser.send("/sign-out")
    browser.cookies[SESSION_COOKIE] = secret
    refused(browser.get(COLLECTIONS), 401, "unauthenticated")
    assert "Signed in as" not in browser.get("/discover").text


def test_signing_out_of_one_browser_leaves_the_other_one_in(browser: Browser, running: System) -> None:
    other = Browser(running.url)
    other.sign_in("alice")
    browser.sign_in("alice")
    browser.send("/sign-out")
    assert other.is_somebody
    other.close()


def test_signing_out_leads_over_the_issuer_back_to_us(browser: Browser, running: System) -> None:
    browser.sign_in("alice")
    address = browser.send("/sign-out").headers["location"]
    assert address.partition("?")[0] == running.url + LOGOUT
    back = running.url + facts.SIGNED_OUT
    assert parameters(address) == {"client_id": running.settings.token_client_id, "logout_uri": back}
    assert browser.get(address).headers["location"] == back


def test_who_is_not_signed_in_may_sign_out(browser: Browser) -> None:
    assert browser.send("/sign-out").status_code == 303


def test_another_site_signs_nobody_out(browser: Browser) -> None:
    browser.sign_in("alice")
    assert browser.send("/sign-out", origin="https://evil.example").status_code == 403
    assert browser.is_somebody


# ---------------------------------------------------------------------------- what other sites can send

FOREIGN: Mapping[str, Callable[[str], str | None]] = {
    "absent": lambda _: None,
    "null": lambda _: "null",
    "empty": lambda _: "",
    "another site": lambda _: "https://evil.example",
    "another port": lambda ours: f"{ours}0",
    "no port": lambda ours: ours.rpartition(":")[0],
    "another scheme": lambda ours: ours.replace("http:", "https:"),
    "another name of ours": lambda ours: ours.replace("127.0.0.1", "localhost"),
    "with a path": lambda ours: f"{ours}/",
    "ours as a beginning": lambda ours: f"{ours}.evil.example",
    "two": lambda ours: f"{ours}, https://evil.example",
}


def cookie_and(origin: str | None) -> dict[str, str]:
    told = {} if origin is None else {"Origin": origin}
    return {"Cookie": f"{SESSION_COOKIE}={somebody()}", **told}


@pytest.mark.parametrize("made", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_write_by_cookie_from_elsewhere_is_refused(api: Api, made: Callable[[str], str | None]) -> None:
    headers = cookie_and(made(api.system.url))
    before = api.state()
    refused(api.stranger.post("/collections", {"name": "Planted"}, headers=headers), 403, "not_allowed")
    assert api.state() == before


def test_a_write_by_cookie_from_our_own_page_is_done(api: Api) -> None:
    headers = cookie_and(api.system.url)
    assert api.stranger.post("/collections", {"name": "Mine"}, headers=headers).status_code == 201


def test_a_write_by_token_needs_no_origin(api: Api) -> None:
    assert api.person("alice").post("/collections", {"name": "Mine"}).status_code == 201


@pytest.mark.parametrize("made", FOREIGN.values(), ids=FOREIGN.keys())
def test_reading_needs_no_origin(api: Api, made: Callable[[str], str | None]) -> None:
    assert api.stranger.get("/collections", headers=cookie_and(made(api.system.url))).status_code == 200


def test_a_form_may_lead_to_us_and_to_where_one_signs_in(stand: Any, browser: Browser) -> None:
    policy = browser.get("/discover").headers["content-security-policy"]
    assert f"form-action 'self' http://127.0.0.1:{stand.server_port};" in policy


# ---------------------------------------------------------------------- the issuer of one machine itself


def test_a_local_code_is_good_until_its_time_is_over() -> None:
    now = datetime.now(UTC)
    codes = Codes()
    one, other = (codes.make("alice", challenge("verifier"), now) for _ in range(2))
    assert codes.take(one, "verifier", now + CODE_LIFE - SECOND) == "alice"
    assert codes.take(other, "verifier", now + CODE_LIFE) is None


def test_a_local_code_asked_for_wrongly_is_used_up() -> None:
    now = datetime.now(UTC)
    codes = Codes()
    code = codes.make("alice", challenge("verifier"), now)
    assert codes.take(code, "another", now) is None
    assert codes.take(code, "verifier", now) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": None},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": None},
        {"code_challenge": "short"},
    ],
)
def test_the_local_page_serves_our_own_client_alone(browser: Browser, changed: dict[str, str | None]) -> None:
    page = browser.begin()
    assert browser.get(page).status_code == 200
    wrong = with_parameters(page, **changed)
    assert browser.get(wrong).status_code == 422
    assert browser.send(wrong, {"username": "alice"}).status_code == 422


@pytest.mark.parametrize("username", ["", "al", "Alice", "a b", "<b>alice</b>", "a" * 33, "alice\n"])
def test_a_name_that_is_none_is_asked_for_again(browser: Browser, username: str) -> None:
    answer = browser.send(browser.begin(), {"username": username})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "<b>alice" not in answer.text


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "another"}, "invalid_request"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
    ],
)
def test_a_local_token_is_for_our_own_client_alone(
    browser: Browser, changed: dict[str, str], error: str
) -> None:
    def form() -> dict[str, str]:
        back = browser.enter(browser.begin(), "alice")
        return {
            "grant_type": "authorization_code",
            "client_id": settings().token_client_id,
            "redirect_uri": browser.url + SIGN_IN_CALLBACK,
            "code": parameters(back)["code"],
            "code_verifier": browser.cookies[SIGN_IN_COOKIE].split(".")[1],
        }

    assert browser.send(TOKEN, form()).json()["token_type"] == "Bearer"
    answer = browser.send(TOKEN, {**form(), **changed})
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_another_site_enters_nobody(browser: Browser) -> None:
    answer = browser.send(browser.begin(), {"username": "mallory"}, origin="https://evil.example")
    assert answer.status_code == 403

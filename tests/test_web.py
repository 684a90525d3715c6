"""The edge: threads keep apart what belongs to different calls, and every answer has what it must have."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from threading import Barrier
from typing import Any

import httpx
import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from dealbrain import web
from dealbrain.scalars import Money
from dealbrain.shapes import Answer, PathId
from dealbrain.web import Needs, Response, answer, attachment, caller, entry, now, person, request
from infra.local.gateway import Context, Gateway, Sent, event
from infra.local.processes import address, listen, serve
from infra.local.run import System
from infra.routes import Endpoint, Handler
from tests.makers import Api, refused

THREADS = 8
# Made like Lambda's own, which is no class to make one of.
CONTEXT: Any = Context("test")


class Echo(Answer):
    who: str | None
    id: int
    word: str
    path: str


class Priced(Answer):
    price: Money
    exact: Money


echoing = web.api()


@echoing.get("/v1/echo/<thing_id>")
def echo(thing_id: PathId, word: str) -> Echo:
    who = caller()
    return Echo(who=getattr(who, "username", None), id=thing_id, word=word, path=request()[1])


pricing = web.api()


@pricing.get("/v1/price")
def price() -> Priced:
    return Priced(price=Decimal("399.00"), exact=Decimal("399.50"))


failing = web.api()
SECRET = "SELECT secret FROM vault"


@failing.get("/v1/failing")
def fail() -> Priced:
    raise RuntimeError(SECRET)


lying = web.api()


@lying.get("/v1/lying")
def lie() -> Priced:
    return answer({"price": SECRET}, 200)  # type: ignore[return-value]  # what is answered wrongly is the point


heading = web.api()


@heading.get("/v1/file")
@heading.head("/v1/file")
def file() -> Response[str]:
    return attachment(b"bytes", "image/png", 'a"b\r\nX: 1.png')


def endpoint(app: web.Api, method: str = "GET") -> Endpoint:
    return Endpoint(method, app.routes[0].path, __name__, entry(app), Needs(), signed_in=False)


@contextmanager
def serving(*endpoints: Endpoint) -> Iterator[httpx.Client]:
    with (
        listen() as listener,
        serve(Gateway(endpoints), listener),
        httpx.Client(base_url=address(listener), timeout=30, verify=False) as http,  # noqa: S501 - plain HTTP
    ):
        yield http


@pytest.fixture(scope="module")
def http(running: System) -> Iterator[httpx.Client]:  # noqa: ARG001 - the verifier reads its settings and keys
    """Routes of the test's own behind a gateway of their own; people are the running system's."""
    routes = [endpoint(one) for one in (echoing, pricing, failing, lying, heading)]
    with serving(*routes, endpoint(heading, "HEAD")) as client:
        yield client


def sent(handler: Handler, path: str, query: str = "", token: str = "") -> dict[str, Any]:
    """Call a handler as Lambda does and read its answer's JSON."""
    headers = [("authorization", f"Bearer {token}")] if token else []
    made = event(Sent("GET", path, query, headers), f"GET {path}", {})
    found: dict[str, Any] = json.loads(handler(made, CONTEXT)["body"])
    return found


# --------------------------------------------------------------------------------------------- threads


def test_threads_do_not_mix_people_paths_or_parameters(api: Api, count: Callable[[int, int], int]) -> None:
    handler = entry(echoing)
    people = [f"person-{number}" for number in range(THREADS)]
    tokens = {name: api.token(name) for name in people}

    def ask(number: int) -> tuple[Any, Any]:
        name = people[number % THREADS]
        expected = {"who": name, "id": number + 1, "word": f"w{number}", "path": f"/v1/echo/{number + 1}"}
        return sent(handler, f"/v1/echo/{number + 1}", f"word=w{number}", tokens[name]), expected

    with ThreadPoolExecutor(THREADS) as pool:
        answered = list(pool.map(ask, range(count(400, 10_000))))
    assert [one for one in answered if one[0] != one[1]] == []


def test_powertools_own_resolver_would_mix_them() -> None:
    """Why the resolver is a copy with an event of its own: the plain one shows the last event to all."""
    plain = APIGatewayHttpResolver()
    both_are_inside = Barrier(2)

    @plain.get("/v1/plain")
    def tell() -> dict[str, str]:
        if plain.current_event.query_string_parameters["word"] != "first":
            both_are_inside.wait(5)
        return {"word": plain.current_event.query_string_parameters["word"]}

    def ask(word: str) -> bool:
        made = event(Sent("GET", "/v1/plain", f"word={word}"), "GET /v1/plain", {})
        found: dict[str, str] = json.loads(plain.resolve(made, CONTEXT)["body"])
        return found == {"word": word}

    # The first request of all builds the route, which two at once might do twice.
    assert ask("first")
    with ThreadPoolExecutor(2) as pool:
        assert not all(pool.map(ask, ["one", "other"]))


@pytest.mark.usefixtures("http")
def test_ours_keeps_two_apart_that_are_inside_at_once() -> None:
    ours = web.api()
    both_are_inside = Barrier(2)

    @ours.get("/v1/ours")
    def tell(word: str) -> dict[str, str]:
        if word != "first":
            both_are_inside.wait(5)
        return {"word": word, "seen": ours.current_event.query_string_parameters["word"]}

    handler = entry(ours)
    # The first request of all is served alone.
    assert sent(handler, "/v1/ours", "word=first")
    with ThreadPoolExecutor(2) as pool:
        told = pool.map(lambda word: sent(handler, "/v1/ours", f"word={word}"), ["one", "other"])
    assert list(told) == [{"word": "one", "seen": "one"}, {"word": "other", "seen": "other"}]


def test_many_people_at_once_each_read_only_their_own(api: Api, count: Callable[[int, int], int]) -> None:
    people = {name: api.person(name) for name in (f"person-{number}" for number in range(THREADS))}
    ids = {name: one.collection(f"of {name}")["id"] for name, one in people.items()}

    def ask(number: int) -> tuple[int, list[str]]:
        name = f"person-{number % THREADS}"
        other = ids[f"person-{(number + 1) % THREADS}"]
        mine = people[name].get("/collections").json()["items"]
        return people[name].get(f"/collections/{other}").status_code, [one["name"] for one in mine]

    with ThreadPoolExecutor(THREADS) as pool:
        answered = list(pool.map(ask, range(count(80, 2000))))
    assert answered == [(404, [f"of person-{number % THREADS}"]) for number in range(len(answered))]


# --------------------------------------------------------------------------------------------- answers


def test_a_decimal_is_spelled_as_a_number(http: httpx.Client) -> None:
    assert http.get("/v1/price").content == b'{"price":399,"exact":399.5}'


@pytest.mark.parametrize(
    "path", ["/v1/price", "/v1/failing", "/v1/file", "/v1/echo/0", "/v1/echo/1?strange=1"]
)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ],
)
def test_every_answer_is_hardened(http: httpx.Client, path: str, name: str, value: str) -> None:
    assert http.get(path).headers[name] == value


@pytest.mark.parametrize("path", ["/v1/failing", "/v1/lying"])
def test_a_defect_has_the_one_error_shape(http: httpx.Client, path: str) -> None:
    refused(http.get(path), 500, "fault")


@pytest.mark.parametrize("path", ["/v1/failing", "/v1/lying"])
def test_a_defect_hides_its_cause(http: httpx.Client, path: str) -> None:
    found = http.get(path)
    assert SECRET not in found.text
    assert "Traceback" not in found.text


def test_a_defect_names_the_request_our_log_has(http: httpx.Client) -> None:
    found = http.get("/v1/failing")
    assert found.headers["apigw-requestid"] in found.json()["detail"]


def test_a_defect_stands_in_the_log_with_its_cause(
    http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    http.get("/v1/failing")
    assert SECRET in caplog.text


def test_head_answers_the_headers_of_get_and_no_body(http: httpx.Client) -> None:
    got, head = http.get("/v1/file"), http.head("/v1/file")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_a_file_name_cannot_add_a_header(http: httpx.Client) -> None:
    found = http.get("/v1/file")
    assert "x" not in found.headers
    assert found.headers["content-disposition"] == (
        "attachment; filename=\"a_b__X_ 1.png\"; filename*=UTF-8''a%22b%0D%0AX%3A%201.png"
    )


def test_cookies_are_neither_read_nor_set(http: httpx.Client) -> None:
    found = http.get("/v1/echo/1?word=x", headers={"Cookie": "session=somebody; word=other"})
    assert (found.json()["who"], found.json()["word"]) == (None, "x")
    assert "set-cookie" not in found.headers


def test_a_host_or_forwarding_header_does_not_change_what_links_say(api: Api) -> None:
    listing = api.person("host").listing()
    path = f"/listings/{listing['id']}/card-image"
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example",
    }
    told = api.stranger.get(path, headers=forged).headers["location"]
    assert told == api.stranger.get(path).headers["location"]


# ------------------------------------------------------------------------------------------- the handler


@pytest.mark.parametrize("app", [echoing, failing])
def test_a_warm_up_ping_is_answered_without_touching_anything(app: web.Api) -> None:
    assert entry(app)({"warm": True}, CONTEXT) == {"warm": True}


@pytest.mark.usefixtures("http")
def test_the_time_is_the_gateways() -> None:
    clock = web.api()

    @clock.get("/v1/clock")
    def tell() -> dict[str, str]:
        return {"now": now().isoformat()}

    made = event(Sent("GET", "/v1/clock"), "GET /v1/clock", {})
    made["requestContext"]["timeEpoch"] = 1_800_000_000_000
    found = json.loads(entry(clock)(made, CONTEXT)["body"])
    assert found == {"now": "2027-01-15T08:00:00+00:00"}


def test_outside_of_a_call_there_is_nobody() -> None:
    with pytest.raises(LookupError):
        caller()


@pytest.mark.usefixtures("http")
def test_nothing_of_a_call_outlives_it() -> None:
    assert sent(entry(echoing), "/v1/echo/1", "word=x")["word"] == "x"
    with pytest.raises(LookupError):
        caller()


@pytest.mark.usefixtures("http")
def test_who_must_be_somebody_is_refused_as_nobody() -> None:
    asking = web.api()

    @asking.get("/v1/asking")
    def tell() -> dict[str, str]:
        return {"who": person().username}

    made = event(Sent("GET", "/v1/asking"), "GET /v1/asking", {})
    assert entry(asking)(made, CONTEXT)["statusCode"] == 401

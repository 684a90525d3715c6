"""Functions in processes of their own, over HTTP: the same answers, told nothing, ended when idle."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from dealbrain import sessions
from dealbrain.facts import SESSION_COOKIE, SIGN_IN_COOKIE
from dealbrain.sessions import Session
from dealbrain.settings import LIBRARIES, PREFIX
from dealbrain.signing_in import Attempt
from infra import staging
from infra.local import lambdas as stand_in
from infra.local.deployed import FunctionFailedError, functions, invoke, name, remote
from infra.local.gateway import Gateway
from infra.local.issuer import subject
from infra.local.lambdas import Function, lambdas
from infra.local.processes import address, listen, serve, wait_until
from infra.local.run import System, aws_environment
from infra.routes import routes
from tests.makers import LATITUDE, Api

# What differs between two answers to one question.
OF_THE_MOMENT = {"date", "apigw-requestid"}
SERVED = {
    "functions.offering.create",
    "functions.offering.read",
    "functions.meta.unknown",
    "functions.accounts.callback",
}
BUSY = "functions.meta.health"


@pytest.fixture(scope="module")
def staged(running: System, tmp_path_factory: pytest.TempPathFactory) -> list[Function]:
    """Every function as it is deployed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "BUILD", tmp_path_factory.mktemp("build"))
        return list(functions(running.settings, aws_environment(running.stores_url)))


@pytest.fixture(scope="module")
def isolated(staged: list[Function], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A second way to the same system, for a few of its functions; one of them may not run at all."""
    names = {name(module) for module in SERVED}
    served = [one for one in staged if one.name in names]
    busy = [replace(one, concurrency=0) for one in staged if one.name == name(BUSY)]
    folder = tmp_path_factory.mktemp("isolated")
    with lambdas(folder, *served, *busy) as url, listen() as listener:
        endpoints = [remote(one, url) for one in routes() if one.module in {*SERVED, BUSY}]
        with (
            serve(Gateway(endpoints), listener),
            httpx.Client(base_url=address(listener), timeout=30) as client,
        ):
            yield client


def test_what_pages_are_made_of_is_in_the_code_and_not_in_the_image_of_the_renderer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or every other style would be another image."""
    monkeypatch.setattr(staging, "BUILD", tmp_path)
    wanted = {"app.css", "base.html"}
    assert wanted <= {file.name for file in staging.code().rglob("*")}
    assert not wanted & {file.name for file in staging.image().rglob("*")}


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_MOMENT}
    return answer.status_code, headers, answer.content


def test_what_one_way_makes_the_other_way_answers_in_the_same_bytes(api: Api, isolated: httpx.Client) -> None:
    alice = api.person("alice")
    made = isolated.post("/v1/listings", json=dict(LATITUDE), headers=alice.headers)
    assert made.status_code == 201
    path = f"/listings/{made.json()['id']}"
    assert told(isolated.get(f"/v1{path}", headers=alice.headers)) == told(alice.get(path))


def test_whoever_signed_in_is_let_in_by_a_process_of_its_own(running: System, isolated: httpx.Client) -> None:
    attempt = Attempt.begin("/discover")
    entered = httpx.post(attempt.address, data={"username": "alice"}, headers={"Origin": running.url})
    back = urlsplit(entered.headers["location"])
    cookie = {"Cookie": f"{SIGN_IN_COOKIE}={attempt.cookie}"}
    answer = isolated.get(f"{back.path}?{back.query}", headers=cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, "/discover")
    secret = re.search(f"{SESSION_COOKIE}=([^;]+)", answer.headers["set-cookie"])
    assert secret
    assert sessions.find(secret[1], datetime.now(UTC)) == Session(subject("alice"), "alice")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/listings/77"), ("POST", "/listings"), ("PUT", "/nothing"), ("GET", "/%00")]
)
def test_a_refusal_is_the_same_both_ways(api: Api, isolated: httpx.Client, method: str, path: str) -> None:
    assert told(isolated.request(method, f"/v1{path}")) == told(api.stranger.call(method, path))


def test_a_throttled_function_is_answered_in_aws_own_words(isolated: httpx.Client) -> None:
    answer = isolated.get("/v1/health")
    assert (answer.status_code, answer.content) == (503, b'{"message":"Service Unavailable"}')


# ----------------------------------------------------------------------------------- what they are told


def test_a_function_is_told_its_settings_and_where_aws_is(staged: list[Function]) -> None:
    names = {name for one in staged for name in one.environment}
    more = {name for name in names if not name.startswith((PREFIX, "AWS_"))}
    assert more == {"NO_PROXY", "PYTHONPATH", *LIBRARIES}


def test_only_functions_that_need_the_database_are_told_where_it_is(staged: list[Function]) -> None:
    knowing = {one.name for one in staged if one.environment[f"{PREFIX}DATABASE_URL"]}
    assert {"offering-create", "migrating-upgrade"} <= knowing
    assert {"carding-picture", "meta-openapi", "sweeping-expired"} & knowing == set()


# ------------------------------------------------------------------------------------------- the idle


MADE_UP = """
import os

def handler(event, context):
    return {"pid": os.getpid()}
"""


@pytest.fixture
def two_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Two functions and a third that is not there, of which only one may stay idle."""
    monkeypatch.setattr(stand_in, "IDLE_MOST", 1)
    (tmp_path / "made_up.py").write_text(MADE_UP)
    handlers = {"one": "made_up.handler", "other": "made_up.handler", "absent": "nowhere.handler"}
    environment = {"PYTHONPATH": str(tmp_path)}
    made = [Function(name, handler, environment=environment) for name, handler in handlers.items()]
    with lambdas(tmp_path, *made) as url:
        yield url


def pid(url: str, function: str) -> int:
    answer: dict[str, Any] = invoke(url, function, {})
    return int(answer["pid"])


def test_the_longest_idle_of_too_many_ends(two_of_one: str, tmp_path: Path) -> None:
    one, other = pid(two_of_one, "one"), pid(two_of_one, "other")
    wait_until(lambda: not psutil.pid_exists(one), "The end of one", seconds=60, log=tmp_path / "one.log")
    assert psutil.pid_exists(other)


def test_a_function_that_was_ended_is_started_again(two_of_one: str) -> None:
    before = pid(two_of_one, "one")
    pid(two_of_one, "other")
    assert pid(two_of_one, "one") != before


def test_a_function_that_cannot_be_imported_fails_and_its_log_says_why(
    two_of_one: str, tmp_path: Path
) -> None:
    with pytest.raises(FunctionFailedError, match=r"absent: Runtime\.ExitError"):
        invoke(two_of_one, "absent", {})
    assert "Unable to import module 'nowhere'" in (tmp_path / "absent.log").read_text()

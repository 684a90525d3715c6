"""The same system on one machine: what imitates AWS must imitate it, and what is started must end."""

import ast
import base64
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import jwt
import psutil
import pytest
import sqlalchemy as sa
from botocore.config import Config
from botocore.exceptions import ClientError

from dealbrain import facts
from dealbrain.web import Needs
from infra.local.gateway import Gateway, Sent, event, sign_in
from infra.local.issuer import Issuer, subject
from infra.local.lambdas import Function, lambdas
from infra.local.postgres import postgres, sqlalchemy_url
from infra.local.processes import SetupError, address, listen, serve
from infra.local.run import local_settings, only_one
from infra.local.stores import dynamodb, filled, load, s3, save, server
from infra.routes import Endpoint, Handler, ordered

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ROOT = Path(__file__).parents[1]
SETTINGS = local_settings("http://localhost")


def endpoint(method: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(method, path, "functions.made.up", handler, Needs(), signed_in=False)


def nothing(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    return {"statusCode": 204}


# ------------------------------------------------------------------------------------------- routes


def test_a_static_path_stands_before_one_with_a_parameter() -> None:
    paths = ["/v1/a/{id}", "$default", "/v1/{all+}", "/v1/a/import"]
    found = [one.path for one in ordered(endpoint("GET", path, nothing) for path in paths)]
    assert found == ["/v1/a/import", "/v1/a/{id}", "/v1/{all+}", "$default"]


def test_two_functions_on_one_route_are_refused_whatever_the_parameter_is_called() -> None:
    both = [endpoint("GET", "/v1/a/{one}", nothing), endpoint("GET", "/v1/a/{other}", nothing)]
    with pytest.raises(ValueError, match="claimed by"):
        ordered(both)


def test_two_methods_on_one_path_are_two_routes() -> None:
    both = [endpoint("GET", "/v1/a", nothing), endpoint("POST", "/v1/a", nothing)]
    assert {one.key for one in ordered(both)} == {"GET /v1/a", "POST /v1/a"}


# ------------------------------------------------------------------------------------------- events


def test_repeated_headers_are_joined_under_a_lower_case_name() -> None:
    made = event(Sent("GET", headers=[("X-A", "1"), ("x-a", "2")]), "$default", {})
    assert made["headers"] == {"x-a": "1,2"}


def test_cookies_are_a_list_and_no_header() -> None:
    made = event(Sent("GET", headers=[("Cookie", "a=1; b=2"), ("cookie", "c=3")]), "$default", {})
    assert (made["cookies"], made["headers"]) == (["a=1", "b=2", "c=3"], {})


def test_the_path_is_decoded_and_the_query_is_not() -> None:
    made = event(Sent("GET", "/v1/a%20b", "q=a%20b"), "$default", {})
    assert (made["rawPath"], made["rawQueryString"]) == ("/v1/a b", "q=a%20b")


def test_repeated_parameters_are_decoded_and_joined() -> None:
    made = event(Sent("GET", query="t=a%2Cb&t=c&empty="), "$default", {})
    assert made["queryStringParameters"] == {"t": "a,b,c", "empty": ""}


def test_a_path_parameter_is_decoded() -> None:
    assert event(Sent("GET"), "$default", {"name": "caf%C3%A9%2F"})["pathParameters"] == {"name": "café/"}


@pytest.mark.parametrize("text", ["%ff", "%", "%zz"])
def test_what_is_no_encoded_text_reaches_the_function_as_it_came(text: str) -> None:
    assert event(Sent("GET", f"/{text}"), "$default", {})["rawPath"] == f"/{text}"


@pytest.mark.parametrize("kind", ["application/json", "text/csv; charset=utf-8", "application/problem+json"])
def test_a_text_body_is_handed_on_as_text(kind: str) -> None:
    made = event(Sent("POST", headers=[("content-type", kind)], body=b'{"a":1}'), "$default", {})
    assert (made["body"], made["isBase64Encoded"]) == ('{"a":1}', False)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "image/png", ""])
def test_any_other_body_is_handed_on_as_base64(kind: str) -> None:
    made = event(Sent("POST", headers=[("content-type", kind)], body=b"\x89PNG"), "$default", {})
    assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (b"\x89PNG", True)


def test_a_text_body_that_is_no_utf_8_loses_no_byte() -> None:
    made = event(Sent("POST", headers=[("content-type", "text/plain")], body=b"\xff"), "$default", {})
    assert base64.b64decode(made["body"]) == b"\xff"


# ------------------------------------------------------------------------------------------ gateway


def echo(made: dict[str, Any], _context: object) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(made)}


def binary(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    body = base64.b64encode(b"\x89PNG").decode()
    return {"statusCode": 200, "body": body, "isBase64Encoded": True, "cookies": ["a=1", "b=2"]}


def failing(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    raise RuntimeError("on purpose")


def of_six_megabytes(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    return {"statusCode": 200, "body": "x" * facts.LAMBDA_PAYLOAD_BYTES}


def without_status(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    return {"body": "no status"}


def not_json(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    return {"statusCode": 200, "body": "", "headers": {"x": object()}}


@contextmanager
def serving(*endpoints: Endpoint, timeout: timedelta = facts.GATEWAY_TIMEOUT) -> Iterator[httpx.Client]:
    gateway = Gateway(ordered(endpoints), timeout)
    with (
        listen() as listener,
        serve(gateway, listener),
        httpx.Client(base_url=address(listener), timeout=30) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    issuer = Issuer(tmp_path_factory.mktemp("issuer"), SETTINGS)
    with serving(
        endpoint("GET", "/v1/things/{thing}", echo),
        endpoint("GET", "/v1/binary", binary),
        endpoint("HEAD", "/v1/binary", binary),
        endpoint("GET", "/v1/failing", failing),
        endpoint("GET", "/v1/large", of_six_megabytes),
        endpoint("GET", "/v1/without-status", without_status),
        endpoint("GET", "/v1/not-json", not_json),
        endpoint("POST", "/v1/bodies", nothing),
        endpoint("ANY", "$default", lambda made, _: {"statusCode": 404, "body": made["routeKey"]}),
        sign_in(issuer),
    ) as client:
        yield client


def test_a_matched_route_hears_its_key_and_parameters(http: httpx.Client) -> None:
    made = http.get("/v1/things/seven").json()
    assert (made["routeKey"], made["pathParameters"]) == ("GET /v1/things/{thing}", {"thing": "seven"})


def test_an_encoded_slash_makes_no_new_segment(http: httpx.Client) -> None:
    assert http.get("/v1/things/a%2Fb").json()["pathParameters"] == {"thing": "a/b"}


def test_a_nul_in_the_path_reaches_the_function(http: httpx.Client) -> None:
    assert http.get("/v1/things/a%00b").json()["rawPath"] == "/v1/things/a\x00b"


def test_a_line_break_in_the_path_reaches_the_function(http: httpx.Client) -> None:
    assert http.get("/v1/things/a%0Ab").json()["pathParameters"] == {"thing": "a\nb"}


def test_what_matches_nothing_goes_to_the_default_route(http: httpx.Client) -> None:
    assert http.get("/v1/elsewhere").text == "$default"


def test_a_method_that_is_not_registered_goes_to_the_default_route(http: httpx.Client) -> None:
    assert http.put("/v1/bodies").text == "$default"


def test_head_is_answered_where_it_is_registered(http: httpx.Client) -> None:
    answer = http.head("/v1/binary")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "4", b"")


def test_head_is_not_made_from_get(http: httpx.Client) -> None:
    assert http.head("/v1/things/seven").status_code == 404


def test_a_base64_answer_is_sent_as_bytes(http: httpx.Client) -> None:
    assert http.get("/v1/binary").content == b"\x89PNG"


def test_each_cookie_of_an_answer_is_a_header_of_its_own(http: httpx.Client) -> None:
    assert http.get("/v1/binary").headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("path", ["failing", "large", "without-status", "not-json"])
def test_a_function_that_fails_is_answered_in_aws_own_words(http: httpx.Client, path: str) -> None:
    answer = http.get(f"/v1/{path}")
    assert (answer.status_code, answer.content) == (500, b'{"message":"Internal Server Error"}')


def test_a_body_above_ten_megabytes_is_refused_in_aws_own_words(http: httpx.Client) -> None:
    answer = http.post("/v1/bodies", content=b"x" * (facts.GATEWAY_BODY_BYTES + 1))
    assert (answer.status_code, answer.content) == (413, b'{"message":"Request Entity Too Large"}')


def test_a_body_above_what_lambda_carries_is_refused_in_the_same_words(http: httpx.Client) -> None:
    # Five megabytes of bytes are more than six as base64.
    answer = http.post("/v1/bodies", content=b"x" * (5 * facts.MEBIBYTE))
    assert (answer.status_code, answer.content) == (413, b'{"message":"Request Entity Too Large"}')


def test_a_body_that_lambda_carries_is_taken(http: httpx.Client) -> None:
    assert http.post("/v1/bodies", content=b"x" * (4 * facts.MEBIBYTE)).status_code == 204


def test_a_function_that_is_late_is_answered_in_aws_own_words() -> None:
    release = threading.Event()

    def late(_event: dict[str, Any], _context: object) -> dict[str, Any]:
        release.wait(30)
        return {"statusCode": 200}

    with serving(endpoint("GET", "/v1/late", late), timeout=timedelta(seconds=0.2)) as client:
        answer = client.get("/v1/late")
        release.set()
    assert (answer.status_code, answer.content) == (503, b'{"message":"Service Unavailable"}')


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
def test_another_sites_name_for_this_machine_is_refused(http: httpx.Client, host: str) -> None:
    assert http.get("/v1/binary", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "LOCALHOST:1"])
def test_this_machines_own_names_are_served(http: httpx.Client, host: str) -> None:
    assert http.get("/v1/binary", headers={"Host": host}).status_code == 200


# ----------------------------------------------------------------------------------------- identity


def test_signing_in_by_name_gives_a_token_with_cognitos_claims(http: httpx.Client) -> None:
    token = http.post("/v1/dev/sign-in", json={"username": "alice"}).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    cognitos = "auth_time client_id event_id exp iat iss jti origin_jti scope sub token_use username version"
    assert sorted(claims) == cognitos.split()


@pytest.mark.parametrize("username", ["al", "Alice", "a" * 33, "alice\n", "", None, 7])
def test_what_is_no_user_name_cannot_sign_in(http: httpx.Client, username: object) -> None:
    answer = http.post("/v1/dev/sign-in", json={"username": username})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/username")


def test_a_token_is_signed_with_the_published_key(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path, SETTINGS)
    keys = jwt.PyJWKSet.from_json(issuer.public_keys().decode())
    token = issuer.token("alice", datetime.now(UTC))
    claims = jwt.decode(token, keys.keys[0], algorithms=["RS256"], issuer=SETTINGS.token_issuer)
    assert claims["sub"] == subject("alice")


def test_the_signing_key_is_kept_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    first = Issuer(tmp_path, SETTINGS).public_keys()
    assert Issuer(tmp_path, SETTINGS).public_keys() == first
    assert (tmp_path / "issuer.pem").stat().st_mode & 0o777 == 0o600


# ------------------------------------------------------------------------------------------- stores


@pytest.fixture(scope="module")
def stores_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("stores")
    with server(folder) as url, filled(url, folder, SETTINGS):
        yield url


@pytest.mark.parametrize("bucket", sorted({expiry.bucket for expiry in facts.LIFECYCLE}))
def test_the_buckets_rules_are_those_of_facts(stores_url: str, bucket: facts.Bucket) -> None:
    name = getattr(SETTINGS, f"{bucket}_bucket")
    rules = s3(stores_url).get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    said = {(rule["Filter"]["Prefix"], rule["Expiration"]["Days"]) for rule in rules}
    assert said == {(rule.prefix, rule.days) for rule in facts.LIFECYCLE if rule.bucket is bucket}


def test_what_pages_fetch_has_no_end(stores_url: str) -> None:
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3(stores_url).get_bucket_lifecycle_configuration(Bucket=SETTINGS.static_bucket)


@pytest.mark.parametrize("bucket", list(facts.Bucket))
def test_the_buckets_are_closed_to_the_public(stores_url: str, bucket: facts.Bucket) -> None:
    name = getattr(SETTINGS, f"{bucket}_bucket")
    block = s3(stores_url).get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert len(block) == 4
    assert all(block.values())


def test_the_table_expires_by_the_attribute_of_facts(stores_url: str) -> None:
    said = dynamodb(stores_url).describe_time_to_live(TableName=SETTINGS.pending_table)
    assert said["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": facts.PENDING_TTL,
    }


def test_the_table_is_keyed_as_facts_say(stores_url: str) -> None:
    table = dynamodb(stores_url).describe_table(TableName=SETTINGS.pending_table)["Table"]
    assert table["KeySchema"] == [{"AttributeName": facts.PENDING_KEY, "KeyType": "HASH"}]


def test_the_stores_listen_on_loopback_only(stores_url: str) -> None:
    port = int(stores_url.rsplit(":", 1)[1])
    connections = list[Any]()
    for process in psutil.Process().children(recursive=True):
        # Processes of others come and go.
        with suppress(psutil.NoSuchProcess):
            connections += process.net_connections("tcp")
    listening = [
        one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]


def test_what_the_stores_held_is_there_after_a_restart(stores_url: str, tmp_path: Path) -> None:
    bucket, key = SETTINGS.generated_bucket, "cards/ä b/1.png"
    objects, items, table = s3(stores_url), dynamodb(stores_url), SETTINGS.pending_table
    objects.put_object(Bucket=bucket, Key=key, Body=b"\x89PNG", ContentType="image/png")
    items.put_item(TableName=table, Item={"id": {"S": "1"}, "hash": {"B": b"\xff"}})
    save(stores_url, tmp_path / "kept.json")
    objects.delete_object(Bucket=bucket, Key=key)
    items.delete_item(TableName=table, Key={"id": {"S": "1"}})
    load(stores_url, tmp_path / "kept.json")
    found = objects.get_object(Bucket=bucket, Key=key)
    assert (found["Body"].read(), found["ContentType"]) == (b"\x89PNG", "image/png")
    item = items.get_item(TableName=table, Key={"id": {"S": "1"}})["Item"]
    assert item == {"id": {"S": "1"}, "hash": {"B": b"\xff"}}


# ------------------------------------------------------------------------------------------ lambdas

FUNCTION = """
import os, signal, socket

def handler(event, context):
    match event:
        case {"fail": why}: raise ValueError(why)
        case {"hang": True}: signal.pause()
        case {"die": True}: os.kill(os.getpid(), signal.SIGKILL)
        case {"fill": size}: return "x" * size
        case {"wait_for": port}: socket.create_connection(("127.0.0.1", port)).recv(1)
    return {"pid": os.getpid(), "event": event, "left": context.get_remaining_time_in_millis()}
"""


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator["LambdaClient"]:
    folder = tmp_path_factory.mktemp("lambdas")
    (folder / "made_up.py").write_text(FUNCTION)
    made = Function(
        "made-up",
        "made_up.handler",
        concurrency=2,
        timeout=timedelta(seconds=4),
        environment={"PYTHONPATH": str(folder), "AWS_DEFAULT_REGION": "us-east-1"},
    )
    # For what waits until another one has started.
    patient = replace(made, name="patient", timeout=timedelta(minutes=1))
    with lambdas(folder, made, patient) as url:
        session = boto3.session.Session("local", "local", region_name="us-east-1")
        once = Config(retries={"total_max_attempts": 1})
        client = session.client("lambda", endpoint_url=url, config=once)
        yield client
        client.close()


def call(client: "LambdaClient", payload: object, name: str = "made-up") -> tuple[str | None, Any]:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload).encode())
    return answer.get("FunctionError"), json.load(answer["Payload"])


def test_a_function_runs_in_a_process_of_its_own(function: "LambdaClient") -> None:
    _, answer = call(function, {"a": 1})
    assert answer["event"] == {"a": 1}
    assert answer["pid"] != os.getpid()


def test_an_environment_stays_warm_for_the_next_event(function: "LambdaClient") -> None:
    assert call(function, {})[1]["pid"] == call(function, {})[1]["pid"]


def test_a_function_hears_how_much_time_is_left(function: "LambdaClient") -> None:
    assert 0 < call(function, {})[1]["left"] <= 4000


def test_an_exception_is_told_as_an_unhandled_function_error(function: "LambdaClient") -> None:
    error, answer = call(function, {"fail": "on purpose"})
    assert (error, answer["errorType"], answer["errorMessage"]) == ("Unhandled", "ValueError", "on purpose")


def test_a_late_function_is_killed_and_the_next_call_is_fine(function: "LambdaClient") -> None:
    before = call(function, {})[1]["pid"]
    error, answer = call(function, {"hang": True})
    assert (error, answer["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert call(function, {})[1]["pid"] != before
    assert not psutil.pid_exists(before)


def test_a_function_that_dies_is_told_at_once_and_replaced(function: "LambdaClient") -> None:
    error, answer = call(function, {"die": True})
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert call(function, {"a": 2})[1]["event"] == {"a": 2}


def test_an_answer_above_six_megabytes_is_an_error(function: "LambdaClient") -> None:
    error, answer = call(function, {"fill": facts.LAMBDA_PAYLOAD_BYTES})
    assert (error, answer["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


@contextmanager
def gate() -> Iterator[socket.socket]:
    """Where a function waits: whoever accepts its connection knows it runs, and closing it lets it go on."""
    with listen() as listener:
        listener.settimeout(20)
        yield listener


def test_more_than_the_reserved_concurrency_is_throttled(function: "LambdaClient") -> None:
    with ThreadPoolExecutor() as pool, gate() as here:
        waiting = {"wait_for": here.getsockname()[1]}
        busy = [pool.submit(call, function, waiting, "patient") for _ in range(2)]
        running = [here.accept()[0] for _ in busy]
        with pytest.raises(function.exceptions.TooManyRequestsException) as throttled:
            call(function, {}, "patient")
        for connection in running:
            connection.close()
        answers = [one.result() for one in busy]
    said: Mapping[str, Any] = throttled.value.response
    assert said["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert [error for error, _ in answers] == [None, None]


def test_an_event_is_accepted_at_once_and_run_later(function: "LambdaClient") -> None:
    with gate() as here:
        payload = json.dumps({"wait_for": here.getsockname()[1]}).encode()
        answer = function.invoke(FunctionName="patient", InvocationType="Event", Payload=payload)
        assert answer["StatusCode"] == 202
        here.accept()[0].close()


def test_a_function_nobody_deployed_is_not_found(function: "LambdaClient") -> None:
    with pytest.raises(function.exceptions.ResourceNotFoundException):
        call(function, {}, name="another")


# ----------------------------------------------------------------------------------------- postgres


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+pg8000"])
def test_every_spelling_of_a_postgres_address_becomes_pg8000s(scheme: str) -> None:
    assert sqlalchemy_url(f"{scheme}://a:b@host/name") == "postgresql+pg8000://a:b@host/name"


@pytest.mark.parametrize("address", ["mysql://host/name", "host", ""])
def test_what_is_no_postgres_address_is_refused(address: str) -> None:
    with pytest.raises(SetupError, match="DATABASE_URL"):
        sqlalchemy_url(address)


def ask(url: str, question: str) -> object:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        result = connection.execute(sa.text(question))
        answer = result.scalar() if result.returns_rows else None
    engine.dispose()
    return answer


KEEPER = """
import sys, pathlib
from infra.local.postgres import postgres
with postgres(pathlib.Path(sys.argv[1]), durable=False) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def test_the_database_ends_with_a_killed_parent_and_starts_again_with_its_rows(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KEEPER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        ask(url, "CREATE TABLE kept AS SELECT 7 AS number")
        server = psutil.Process(int((tmp_path / "postgres/postmaster.pid").read_text().split()[0]))
        parent.kill()
    server.wait(60)
    # As after a lost machine: the number in the note is somebody else's by now.
    (tmp_path / "postgres/postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}/postgres\n")
    with postgres(tmp_path, durable=False) as again:
        assert ask(again, "SELECT number FROM kept") == 7


# ------------------------------------------------------------------------------------------ the rest


def test_a_taken_port_is_one_sentence_with_the_remedy() -> None:
    with listen() as taken, pytest.raises(SetupError, match=r"Port \d+ cannot be used .* choose another"):
        listen(taken.getsockname()[1])


def test_a_data_folder_serves_one_system_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(SetupError, match="Another system runs"), only_one(tmp_path):
        pass


def test_a_data_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass


def test_setting_up_needs_no_newer_python_than_3_9() -> None:
    ast.parse((ROOT / "infra/local/bootstrap.py").read_text(), feature_version=(3, 9))

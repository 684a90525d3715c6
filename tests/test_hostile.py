"""Input nobody means well with, for every route there is: the right refusal, and nothing written."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dealbrain import facts, jsontext
from dealbrain.web import PROBLEM_JSON
from functions.meta.openapi import document
from infra.local.run import System
from tests.makers import Api, Person, pointers, refused

DOCUMENT = document()
OPERATIONS: Mapping[str, Mapping[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
WITH_BODY = [key for key, operation in OPERATIONS.items() if "requestBody" in operation]
# These read a file as it is: unknown fields are kept, and what is wrong inside has tests of its own.
FILES = ["POST /v1/listings/import", "POST /v1/collections/import"]
# Where everything may be left out, so may the body.
OPTIONAL = [key for key in WITH_BODY if not OPERATIONS[key]["requestBody"].get("required")]
WITH_FIELDS = [key for key in WITH_BODY if key not in FILES]
MOST_BYTES = {key: facts.IMPORT_BYTES if key in FILES else facts.JSON_BODY_BYTES for key in WITH_BODY}


@dataclass(frozen=True)
class Target:
    """Somebody, and what of theirs the routes are tried on."""

    api: Api
    person: Person
    ids: Mapping[str, object]

    def send(self, key: str, *, path: Mapping[str, str] | None = None, query: str = "", **more: Any) -> Any:
        method, _, template = key.partition(" ")
        place = template.removeprefix("/v1").format(**{**self.ids, **(path or {})})
        return self.person.call(method, f"{place}{query and '?'}{query}", **more)

    def send_bytes(self, key: str, body: bytes, content_type: str = "application/json") -> httpx.Response:
        answer: httpx.Response = self.send(key, content=body, headers={"Content-Type": content_type})
        return answer


@pytest.fixture(scope="module")
def target(running: System) -> Iterator[Target]:
    with Api(running) as api:
        person = api.person("victor")
        listing, collection = person.listing(), person.collection(visibility="unlisted")
        item = person.item(collection, listing)
        file = person.get(f"/collections/{collection['id']}/export").content
        preview = person.preview("collections", file)
        used = person.preview("listings", person.get(f"/listings/{listing['id']}/export").content)
        wanted = {"preview_id": used["preview_id"], "merge_strategy": "create_new"}
        card = person.get(f"/listings/{listing['id']}/card-image").headers["location"]
        cards = person.get(f"/collections/{collection['id']}/card-image").headers["location"]
        token = person.post(f"/collections/{collection['id']}/share-tokens").json()
        yield Target(
            api,
            person,
            {
                "listing_id": listing["id"],
                "collection_id": collection["id"],
                "item_id": item["id"],
                "preview_id": preview["preview_id"],
                "import_id": person.post("/listings/import/confirm", wanted).json()["import_id"],
                "name": card.rpartition("/")[2],
                "nonce": cards.split("/")[-2],
                "picture": cards.split("/")[-1],
                "token_id": token["id"],
                "token": token["token"],
                "listing_token": person.post(f"/listings/{listing['id']}/share").json()["token"],
            },
        )


@pytest.fixture
def unchanged(target: Target) -> Iterator[None]:
    """Proves that a test left every table and every preview as it was."""
    before = target.api.state()
    yield
    assert target.api.state() == before


# ------------------------------------------------------------------------------- bytes that are no JSON

NO_JSON: Mapping[str, bytes] = {
    "half an object": b'{"a":',
    "no quotes": b"{a: 1}",
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "a comment": b'{"a": 1} // b',
    "two values": b"{}{}",
    "a word": b"undefined",
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": Infinity}',
    "minus infinity": b'{"a": -Infinity}',
    "a number without end": b'{"a": 1e999}',
    "an integer of 5000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, deep inside": b'{"a": [{"b": {"c": 1, "c": 1}}]}',
    "a key twice, spelled differently": b'{"a": 1, "\\u0061": 2}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "the other half": b'{"a": "x\\udfffy"}',
    "a pair the wrong way round": b'{"a": "\\udc00\\ud800"}',
    "half a surrogate pair in a key": b'{"\\ud800": 1}',
    "half a surrogate pair in raw bytes": b'{"a": "\xed\xa0\x80"}',
    "a NUL": b'{"a": "\\u0000"}',
    "a NUL in a key": b'{"a\\u0000b": 1}',
    "a raw NUL": b'{"a": "\x00"}',
    "a raw line break in a text": b'{"a": "\n"}',
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-8 cut short": b'{"a": "\xe2\x82"}',
    "UTF-8 longer than needed": b'{"a": "\xc0\xaf"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "33 levels": b"[" * 33 + b"]" * 33,
    "33 levels of objects": b'{"a":' * 33 + b"1" + b"}" * 33,
    "100,000 levels": b"[" * 100_000,
    "100,000 levels, closed": b"[" * 100_000 + b"]" * 100_000,
    "compressed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00C\xbf\xa6\xa3\x02\x00\x00\x00",
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused_on_every_route_that_takes_a_body(target: Target, body: bytes) -> None:
    for key in WITH_BODY:
        refused(target.send_bytes(key, body), 400, "malformed_json")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", [key for key in WITH_BODY if key not in OPTIONAL])
def test_no_body_at_all_is_refused(target: Target, key: str) -> None:
    assert target.send(key).status_code in {400, 422}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", WITH_BODY)
def test_json_of_another_kind_is_refused(target: Target, key: str) -> None:
    # An empty change is none, and right; so is an empty wish where everything may be left out.
    for body in (
        b"null",
        b"true",
        b"7",
        b'"text"',
        b"[]",
        b"[{}]",
        *([] if key.startswith("PATCH") or key in OPTIONAL else [b"{}"]),
    ):
        refused(target.send_bytes(key, body), 422, "invalid")


@pytest.mark.usefixtures("unchanged")
def test_a_list_is_not_taken_for_its_first_element(target: Target) -> None:
    refused(target.person.post("/collections", [{"name": "First"}]), 422, "invalid")


OTHER_TYPES = {
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "json",
    "application/xml",
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", WITH_BODY)
def test_another_content_type_is_refused(target: Target, key: str) -> None:
    for kind in OTHER_TYPES - OPERATIONS[key]["requestBody"]["content"].keys():
        refused(target.send_bytes(key, b"{}", kind), 415, "unsupported_type")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", WITH_BODY)
def test_a_byte_too_many_is_refused(target: Target, key: str) -> None:
    refused(target.send_bytes(key, b" " * (MOST_BYTES[key] + 1)), 413, "too_large")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", ["POST /v1/listings", *FILES, "GET /v1/health"])
def test_eleven_megabytes_are_refused_in_the_gateways_own_words(target: Target, key: str) -> None:
    answer = target.send_bytes(key, b" " * (11 * facts.MEBIBYTE))
    assert (answer.status_code, answer.content) == (413, b'{"message":"Request Entity Too Large"}')


# --------------------------------------------------------------------------------- fields of the wrong kind

type Place = tuple[str | int, ...]
type Shape = Mapping[str, Any]


def spelled(place: Place) -> str:
    return "".join(f"/{step}" for step in place)


def meant(shape: Shape) -> Shape:
    """What a shape is, behind its name and beside null."""
    if "$ref" in shape:
        return meant(DOCUMENT["components"]["schemas"][shape["$ref"].rpartition("/")[2]])
    if "anyOf" in shape:
        return meant(next(one for one in shape["anyOf"] if one.get("type") != "null"))
    return shape


def allows(shape: Shape, value: object) -> bool:
    return bool(Draft202012Validator({**shape, "components": DOCUMENT["components"]}).is_valid(value))


def example(shape: Shape) -> Any:
    """The smallest value of a shape."""
    kind = meant(shape)
    if "enum" in kind:
        return kind["enum"][0]
    if kind["type"] == "object":
        return {name: example(kind["properties"][name]) for name in kind.get("required", ())}
    if kind.get("format") == "uuid":
        return str(uuid4())
    return {"string": "https://example.com/1", "integer": 1, "number": 1, "array": []}[kind["type"]]


@dataclass(frozen=True)
class Part:
    """An object in a body: the body itself, or one inside it."""

    key: str
    place: Place
    root: Shape
    fields: Mapping[str, Shape]

    def __str__(self) -> str:
        return f"{self.key} {spelled(self.place)}"

    def body(self, fields: Mapping[str, object]) -> Any:
        """The smallest body in which this object has these fields."""
        return _around(self.root, self.place, fields)


def _around(shape: Shape, place: Place, fields: Mapping[str, object]) -> Any:
    if not place:
        return {**example(shape), **fields}
    if place[0] == 0:
        return [_around(meant(shape)["items"], place[1:], fields)]
    inner = meant(shape)["properties"][place[0]]
    return {**example(shape), place[0]: _around(inner, place[1:], fields)}


def _parts(key: str, root: Shape, shape: Shape, place: Place, seen: set[str]) -> Iterator[Part]:
    kind = meant(shape)
    if kind.get("type") == "array":
        yield from _parts(key, root, kind["items"], (*place, 0), seen)
    elif "properties" in kind and kind["title"] not in seen:
        seen.add(kind["title"])
        # Metrics are refused as a whole.
        fields = {name: inner for name, inner in kind["properties"].items() if name != "metrics"}
        yield Part(key, place, root, fields)
        for name, inner in fields.items():
            yield from _parts(key, root, inner, (*place, name), seen)


def _all_parts() -> Iterator[Part]:
    seen: set[str] = set()
    for key in WITH_FIELDS:
        root = OPERATIONS[key]["requestBody"]["content"]["application/json"]["schema"]
        yield from _parts(key, root, root, (), seen)


PARTS = list(_all_parts())
by_part = pytest.mark.parametrize("part", PARTS, ids=str)
VALUES: Mapping[str, Any] = {
    "null": None,
    "true": True,
    "a negative number": -1,
    "zero": 0,
    "a half": 0.5,
    "a huge integer": 10**25,
    "a huge negative integer": -(10**25),
    "a huge float": 1e300,
    "no text": "",
    "a number in quotes": "12",
    "a boolean in quotes": "true",
    "an Arabic digit": "\u0663",
    "a long text": "x" * (facts.TEXT + 1),
    "an empty list": [],
    "a list": ["x"],
    "a long list": [None] * (facts.COLLECTION_ITEMS + 1),
    "an empty object": {},
    "an object": {"a": 1},
}


def test_the_bodies_are_really_walked() -> None:
    found = {spelled((*part.place, name)) for part in PARTS for name in part.fields}
    assert {
        "/title",
        "/performance/cpu/cores",
        "/other_urls/0/url",
        "/decisions/0/index",
        "/revision",
    } <= found


@pytest.mark.usefixtures("unchanged")
@by_part
def test_values_of_the_wrong_kind_are_all_refused_at_once_with_their_places(
    target: Target, part: Part
) -> None:
    for value in VALUES.values():
        wrong = {name for name, shape in part.fields.items() if not allows(shape, value)}
        if wrong:
            answer = target.send(part.key, json=part.body(dict.fromkeys(wrong, value)))
            told = pointers(refused(answer, 422, "invalid"))
            places = {spelled((*part.place, name)) for name in wrong}
            assert {place for place in places if not any(one.startswith(place) for one in told)} == set(), (
                value
            )


@pytest.mark.usefixtures("unchanged")
@by_part
def test_an_unknown_field_is_refused_in_every_object(target: Target, part: Part) -> None:
    problem = refused(target.send(part.key, json=part.body({"strange~/": 1})), 422, "invalid")
    assert f"{spelled(part.place)}/strange~0~1" in pointers(problem)


IDS = ("listing_id", "target_listing_id", "target_collection_id")
BAD_IDS = ("0", "-1", "9223372036854775808", "1" * 40, "1e3", "1.0", '"1"', '"\u0661"', "[1]", "true")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("part", "name"), [(part, name) for part in PARTS for name in IDS if name in part.fields], ids=str
)
def test_an_id_that_is_none_is_refused_with_its_place(target: Target, part: Part, name: str) -> None:
    for text in BAD_IDS:
        body = json.dumps(part.body({name: "ID"})).replace('"ID"', text).encode()
        told = pointers(refused(target.send_bytes(part.key, body), 422, "invalid"))
        assert spelled((*part.place, name)) in told, text


LINKS = (
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox",
    "file:///etc/passwd",
    "ftp://example.com/1",
    "//example.com/1",
    "example.com",
    "https://",
    "https:///path",
    "https://user:secret@example.com/",
    "https://example.com\\@evil.example/",
    "https://example.com/a b",
    "https://example.com/\u0085",
    "https://[::1",
    "https://example.com:port/",
    "https://example.com/" + "a" * facts.URL,
)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("link", LINKS)
def test_a_link_nobody_should_follow_is_refused(target: Target, link: str) -> None:
    body = {"title": "A machine", "listing_url": link, "other_urls": [{"url": link}]}
    problem = refused(target.person.post("/listings", body), 422, "invalid")
    assert pointers(problem) == {"/listing_url", "/other_urls/0/url"}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "https://user:secret@example.com/"]
)
def test_a_file_brings_no_such_link_either(target: Target, link: str) -> None:
    path = f"/listings/{target.ids['listing_id']}/export"
    file = target.person.get(path).json()
    file["data"]["listing"]["listing_url"] = link
    problem = refused(target.person.post("/listings/import", file), 422, "invalid")
    assert pointers(problem) == {"/data/listing/listing_url"}


# --------------------------------------------------------------------------------------------- queries


# An answer to HEAD has no body to look into.
TOLD = [key for key in OPERATIONS if not key.startswith("HEAD")]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", TOLD)
def test_an_unknown_parameter_is_refused_on_every_route(target: Target, key: str) -> None:
    assert "?strange" in pointers(refused(target.send(key, query="strange=1"), 422, "invalid"))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "query", ["q=%00", "%00=1", "q=%ff", "q=%ed%a0%80", "q=a%00b&limit=1", "limit=%00", "q=%c0%af", "%ff"]
)
def test_a_query_that_is_no_text_is_refused_on_every_route(target: Target, query: str) -> None:
    for key in TOLD:
        refused(target.send(key, query=query), 400, "malformed_json")


PARAMETERS = [
    (key, parameter["name"])
    for key in TOLD
    for parameter in OPERATIONS[key].get("parameters", ())
    if parameter["in"] == "query"
]
NO_NUMBERS = (
    "",
    "-1",
    "1e1",
    "NaN",
    "Infinity",
    "abc",
    "true",
    "0x10",
    " 1",
    "1 ",
    "\u0661",
    "9" * 5000,
    "1,2",
)
WRONG: Mapping[str, Sequence[str]] = {
    "limit": (*NO_NUMBERS, "0", "101", "1.0", "9223372036854775808"),
    "min_price": (*NO_NUMBERS, "1.234", "1.", ".5", "99999999"),
    "max_price": (*NO_NUMBERS, "1.234", "1.", ".5", "99999999"),
    "cursor": ("", "x", "W10", "bnVsbA", "\u00fc", "=", "eyJhIjoxfQ", "W" * 501, "WyJyZWNlbnQiLCJ4IiwxXQ"),
    **dict.fromkeys(
        ("sort", "condition", "tier", "style", "size", "format"), ("", "strange", "RECENT", "json,json")
    ),
    "download": ("", "0", "2", "true", "1,1"),
    "deleted": ("", "1", "True", "yes", "false,true"),
    **dict.fromkeys(("q", "owner", "cpu", "token"), ("x" * 201,)),
    "bom": ("", "1", "True", "yes", "true"),
    "mapping": (
        *("", "x", "[]", "{}", "null", '{"title":1}', '{"title":null}', '{"title":"a","title":"b"}'),
        *('{"strange":"a","title":"b"}', '{"price_usd":"Price"}', '{"title":NaN}', "[" * 5000, "x" * 10_001),
        '{"title":"\\u0000"}',
    ),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("key", "name"), PARAMETERS)
def test_a_wrong_parameter_is_refused_by_its_name(target: Target, key: str, name: str) -> None:
    for value in WRONG[name]:
        problem = refused(target.send(key, query=f"{name}={quote(value)}"), 422, "invalid")
        assert pointers(problem) == {f"?{name}"}, value


@pytest.mark.parametrize(("key", "name"), PARAMETERS)
def test_a_parameter_sent_twice_is_no_fault_of_ours(target: Target, key: str, name: str) -> None:
    assert target.send(key, query=f"{name}=a&{name}=b").status_code < 500


TYPED = (
    "%",
    "_",
    "\\",
    "'",
    '"',
    "(",
    "[",
    "*",
    "a' OR '1'='1",
    "\u202e",
    "\U0001f525",
    "\\d",
    "]",
    "^",
    "$",
    "x" * 200,
)


@pytest.mark.parametrize("key", ["GET /v1/listings", "GET /v1/collections/discover"])
def test_whatever_is_typed_into_a_search_box_is_only_text(target: Target, key: str) -> None:
    for typed in TYPED:
        assert target.send(key, query=f"q={quote(typed)}").status_code == 200, typed


# ----------------------------------------------------------------------------------------------- paths

NO_IDS = (
    "0",
    "-1",
    "+1",
    "01",
    "1.0",
    "1e3",
    "0x1",
    "1_000",
    "9223372036854775808",
    "9" * 400,
    "%20",
    "1%20",
    "%201",
    "1%0a",
    "%00",
    "1%00",
    "%ff",
    "%ed%a0%80",
    "%d9%a1",
    "%ef%bc%91",
    "null",
    "true",
    "NaN",
    "1%2f..",
    "1%2fexport",
    "..%2f1",
    "%2e%2e",
    "1;2",
    "1,2",
    "'%20OR%201=1--",
    "{listing_id}",
    "*",
)
NO_UUIDS = (
    "0",
    "not-a-uuid",
    "00000000-0000-4000-8000-00000000000",
    "00000000-0000-4000-8000-0000000000000",
    "%7b00000000-0000-4000-8000-000000000000%7d",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "00000000000040008000000000000000",
    "00000000-0000-4000-8000-00000000000g",
    "00000000-0000-4000-8000-000000000000%0a",
    "%00",
    "%ff",
)
DIGEST = "0" * 32
NO_NAMES = (
    "x",
    f"light-social-{DIGEST}",
    f"light-social-{DIGEST}.gif",
    f"light-social-{DIGEST}.png.png",
    f"light-social-{DIGEST}.PNG",
    f"light-social-{DIGEST[1:]}.png",
    f"light-social-{'g' * 32}.png",
    f"light-huge-{DIGEST}.png",
    f"pink-social-{DIGEST}.png",
    f"light-social-{DIGEST}.png%0a",
    f"light-social-{DIGEST}.png%00",
    f"..%2f..%2fspecs%2f1%2f{DIGEST}.json",
    "%ff",
)
NO_NONCES = (
    "0",
    DIGEST[1:],
    f"{DIGEST}0",
    "A" * 32,
    "g" * 32,
    f"{DIGEST}%0a",
    f"{DIGEST}%00",
    f"..%2f{DIGEST}",
    "%ff",
    "*",
)
NO_TOKENS = (
    "0",
    "x" * 43,
    "x" * 2_000,
    "%20",
    "%0a",
    "%00",
    "%ff",
    "%ed%a0%80",
    "..%2f1",
    "%2e%2e",
    "a%2fb",
    "%25",
    "_",
    "*",
    "'%20OR%20'1'='1",
    "%27%3b%20DROP%20TABLE%20share_tokens%3b--",
    "%f0%9f%94%91",
    "null",
    "{token}",
)
IN_PATHS = [
    (key, parameter["name"])
    for key, operation in OPERATIONS.items()
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "path"
]
BAD: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("listing_id", "collection_id", "item_id", "token_id"), NO_IDS),
    **dict.fromkeys(("token", "listing_token"), NO_TOKENS),
    **dict.fromkeys(("preview_id", "import_id"), NO_UUIDS),
    **dict.fromkeys(("name", "picture"), NO_NAMES),
    "nonce": NO_NONCES,
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("key", "name"), IN_PATHS)
def test_a_path_that_cannot_name_anything_is_not_found(target: Target, key: str, name: str) -> None:
    sent: object = {} if key in WITH_FIELDS else None
    answered = {bad: target.send(key, path={name: bad}, json=sent).status_code for bad in BAD[name]}
    assert answered == dict.fromkeys(BAD[name], 404)


# --------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", b"Bearer \xff\xfe"),
        ("Authorization", b"Bearer " + b"x" * 9000),
        ("Content-Type", b"\xff"),
        ("Content-Type", b"application/json; charset=\xff"),
        ("Cookie", b"\xff=\xfe; ;;=;"),
        ("User-Agent", b"\xf0\x9f\x94\xa5" * 500),
        ("Accept", b"image/*;q=nonsense"),
        ("If-None-Match", b"*,\x80"),
        ("Range", b"bytes=9-1"),
        ("X-Forwarded-For", b"'; DROP TABLE listings; --"),
        ("Traceparent", b"\xe2\x28\xa1"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_strange_header_is_no_fault_of_ours(target: Target, method: str, name: str, value: bytes) -> None:
    body = b"{}" if method == "POST" else b""
    answer = target.api.stranger.call(method, "/listings", headers={name: value}, content=body)
    assert answer.status_code < 500


# ------------------------------------------------------------------- what is allowed, up to its edges


def edges(shape: Shape) -> Iterator[object]:
    kind = meant(shape)
    yield from (kind[name] for name in ("minimum", "maximum") if name in kind)
    if kind.get("type") == "string":
        # The widest letters there are: two code units each, four bytes.
        yield "\U0001f525" * kind.get("maxLength", 100)


@by_part
def test_whatever_the_document_allows_is_no_fault_of_ours(target: Target, part: Part) -> None:
    ways = [
        {name: value for name, shape in part.fields.items() if allows(shape, value)}
        for value in VALUES.values()
    ]
    ways += [{name: value} for name, shape in part.fields.items() for value in edges(shape)]
    for fields in filter(None, ways):
        answer = target.send(part.key, json=part.body(fields))
        assert answer.status_code < 500, fields


# ---------------------------------------------------------------------------------------------- a fuzz

# Hypothesis makes no surrogates and few NULs by itself, and those are what hurts.
LETTERS = st.one_of(
    st.characters(), st.characters(categories=["Cs"]), st.sampled_from('\x00\\"/\ufeff\u202e')
)
TEXTS = st.text(LETTERS, max_size=12)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 10**39, 10**41, 1e300, 0.005, -0.0]),
)
NAMES = st.sampled_from(sorted({name for part in PARTS for name in part.fields}))
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, TEXTS), inner, max_size=6)
    ),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A route, and a body that is nearly what it takes."""
    part = draw(st.sampled_from(PARTS))
    fields = draw(st.dictionaries(st.sampled_from(sorted(part.fields)), ANY, max_size=3))
    text = json.dumps(part.body(fields), ensure_ascii=draw(st.booleans()))
    raw = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        cut = draw(st.integers(0, len(raw)))
        raw = raw[:cut] + draw(st.binary(max_size=3)) + raw[cut + 1 :]
    return part.key, raw


def test_no_bytes_at_all_make_a_fault(target: Target, count: Callable[[int, int], int]) -> None:
    @settings(max_examples=count(100, 5000), suppress_health_check=list(HealthCheck))
    @given(bodies())
    def claim(sent: tuple[str, bytes]) -> None:
        answer = target.send_bytes(*sent)
        assert answer.status_code < 500, answer.text
        assert answer.is_success or answer.headers["content-type"] == PROBLEM_JSON
        jsontext.loads(answer.content)

    claim()

"""Tokens are verified for real: whatever is forged is 401 on every route, and what is not passes."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dealbrain import facts, files, identity
from dealbrain.errors import Unauthenticated, Unavailable
from dealbrain.identity import Anonymous
from infra.local.issuer import KEY_ID, Issuer, subject
from infra.local.run import System
from infra.routes import DEFAULT, routes
from tests.makers import Api, Person, refused

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEEWAY = facts.TOKEN_LEEWAY
NAME = "mallory"

# An RSA key of the attacker's own.
THEIRS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def issuer(running: System) -> Issuer:
    return running.issuer


def encoded(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def verified(issuer: Issuer, **changed: Any) -> identity.Person:
    """Verify a token that is right but for these claims; None takes one away."""
    claims = {**issuer.claims(NAME, NOW), **changed}
    present = {name: value for name, value in claims.items() if value is not None}
    return identity.verify(issuer.sign(present), NOW)


# ------------------------------------------------------------------------------- what is right passes


def test_an_untouched_token_tells_who_calls(issuer: Issuer) -> None:
    assert identity.verify(issuer.token(NAME, NOW), NOW) == identity.Person(subject(NAME), NAME)


def test_nothing_sent_is_nobody() -> None:
    assert identity.caller(None, NOW) == Anonymous()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_spelled_in_any_case(issuer: Issuer, scheme: str) -> None:
    found = identity.caller(f"{scheme} {issuer.token(NAME, NOW)}", NOW)
    assert found == identity.Person(subject(NAME), NAME)


@pytest.mark.parametrize(
    "authorization", ["", " ", "Bearer", "Bearer ", "Basic bWFsbG9yeTo=", "Token x", "Bearerx", "null"]
)
def test_a_header_that_is_no_bearer_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        identity.caller(authorization, NOW)


# ------------------------------------------------------------------------------------ forged signature

type Forge = Callable[[Issuer], str]


def signed(header: Mapping[str, Any], key: rsa.RSAPrivateKey = THEIRS) -> Forge:
    """Right claims under a header of the attacker's, signed with a key of the attacker's."""
    return lambda issuer: jwt.encode(
        issuer.claims(NAME, NOW), key, algorithm="RS256", headers={"kid": KEY_ID, **header}
    )


def unsigned(algorithm: str) -> Forge:
    def forge(issuer: Issuer) -> str:
        return f"{encoded({'alg': algorithm, 'kid': KEY_ID})}.{encoded(issuer.claims(NAME, NOW))}."

    return forge


def with_public_key_as_secret(algorithm: str, spelling: str) -> Forge:
    """The classic confusion: HMAC with what everybody knows, the public key, in any spelling."""

    def forge(issuer: Issuer) -> str:
        published = json.loads(issuer.public_keys())["keys"][0]
        public: Any = jwt.PyJWK(published).key
        secret = {
            "pem": public.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            "pkcs1": public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
            "modulus": published["n"].encode(),
            "nothing": b"",
        }[spelling]
        said = f"{encoded({'alg': algorithm, 'kid': KEY_ID})}.{encoded(issuer.claims(NAME, NOW))}"
        return f"{said}.{encoded(hmac.digest(secret, said.encode(), hashlib.sha256))}"

    return forge


def taken_apart(change: Callable[[str, str, str], str]) -> Forge:
    """A right token, changed after it was signed."""
    return lambda issuer: change(*issuer.token(NAME, NOW).split("."))


def as_somebody_else(header: str, payload: str, signature: str) -> str:
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{encoded({**claims, 'sub': subject('alice'), 'username': 'alice'})}.{signature}"


def under_another_header(header: str, payload: str, signature: str) -> str:
    said = json.loads(base64.urlsafe_b64decode(header + "=="))
    return f"{encoded({**said, 'typ': 'at+jwt'})}.{payload}.{signature}"


THEIR_JWK = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(THEIRS.public_key()))
FORGERIES: Mapping[str, Forge] = {
    "algorithm none": unsigned("none"),
    "algorithm None": unsigned("None"),
    "algorithm nOnE": unsigned("nOnE"),
    "algorithm empty": unsigned(""),
    "RS256 without a signature": unsigned("RS256"),
    "HS256 with the public key": with_public_key_as_secret("HS256", "pem"),
    "HS256 with the public key as PKCS 1": with_public_key_as_secret("HS256", "pkcs1"),
    "HS256 with the modulus": with_public_key_as_secret("HS256", "modulus"),
    "HS256 with an empty secret": with_public_key_as_secret("HS256", "nothing"),
    "an HMAC that says RS256": with_public_key_as_secret("RS256", "pem"),
    "another key under the same name": signed({}),
    "another key under another name": signed({"kid": "theirs"}),
    "no key's name": signed({"kid": ""}),
    "a path as the key's name": signed({"kid": "../../../../dev/null"}),
    "the keys' own path as the key's name": signed({"kid": facts.ISSUER_KEYS}),
    "SQL as the key's name": signed({"kid": "x' UNION SELECT 'secret' --"}),
    "a long name of the key": signed({"kid": "k" * 4000}),
    "a key brought along": signed({"jwk": THEIR_JWK}),
    "a chain of certificates brought along": signed({"x5c": ["MIIB"]}),
    "a critical extension": signed({"crit": ["b64"], "b64": False}),
    "a person changed after signing": taken_apart(as_somebody_else),
    "a header changed after signing": taken_apart(under_another_header),
    "the signature cut": taken_apart(lambda head, body, sign: f"{head}.{body}.{sign[:-8]}"),
    "the signature gone": taken_apart(lambda head, body, _: f"{head}.{body}."),
    "one dot": taken_apart(lambda head, body, _: f"{head}.{body}"),
    "three dots": taken_apart(lambda head, body, sign: f"{head}.{body}.{sign}.{sign}"),
    "only dots": lambda _: "..",
    "no token": lambda _: "token",
    "a header that is no object": taken_apart(lambda _, body, sign: f"{encoded([1])}.{body}.{sign}"),
    "a header that is no JSON": taken_apart(lambda _, body, sign: f"{encoded(b'{')}.{body}.{sign}"),
    "a header that is no UTF-8": taken_apart(lambda _, body, sign: f"{encoded(b'\xff')}.{body}.{sign}"),
    "a deep header": taken_apart(lambda _, body, sign: f"{encoded(b'[' * 3000)}.{body}.{sign}"),
    "claims that are no object": lambda issuer: jwt.api_jws.encode(
        b"[]", issuer._key, "RS256", {"kid": KEY_ID}
    ),
    "claims that are no JSON": lambda issuer: jwt.api_jws.encode(b"{", issuer._key, "RS256", {"kid": KEY_ID}),
    "a token of 9 kB": lambda issuer: issuer.sign({**issuer.claims(NAME, NOW), "more": "x" * 9000}),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_is_nobodys(issuer: Issuer, forge: Forge) -> None:
    with pytest.raises(Unauthenticated):
        identity.verify(forge(issuer), NOW)


@pytest.mark.parametrize("kid", [None, 7, ["local-1"], {"a": 1}], ids=str)
def test_a_name_of_a_key_that_is_no_text_is_refused(issuer: Issuer, kid: object) -> None:
    said = f"{encoded({'alg': 'RS256', 'kid': kid})}.{encoded(issuer.claims(NAME, NOW))}"
    with pytest.raises(Unauthenticated):
        identity.verify(f"{said}.{encoded(b'x' * 256)}", NOW)


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_an_address_in_the_header_is_not_visited(issuer: Issuer, member: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)  # noqa: FBT003 - the socket's own signature
        address = f"http://127.0.0.1:{canary.getsockname()[1]}/keys.json"
        with pytest.raises(Unauthenticated):
            identity.verify(signed({member: address})(issuer), NOW)
        with pytest.raises(BlockingIOError):
            canary.accept()


# ------------------------------------------------------------------------------------------ wrong claims


WRONG: Mapping[str, Mapping[str, Any]] = {
    "another issuer": {"iss": "http://elsewhere/issuer"},
    "an issuer that only begins right": {"iss": "http://localhost/issuer/"},
    "no issuer": {"iss": None},
    "an ID token": {"token_use": "id"},
    "an ID token with our audience": {"token_use": "id", "aud": "dealbrain-local"},
    "no use": {"token_use": None},
    "another client": {"client_id": "somebody-elses-app"},
    "no client, though an audience": {"client_id": None, "aud": "dealbrain-local"},
    "clients": {"client_id": ["dealbrain-local"]},
    "no expiry": {"exp": None},
    "an expiry that is no number": {"exp": float("nan")},
    "an expiry that never comes": {"exp": float("inf")},
    "an expiry beyond every clock": {"exp": 10**400},
    "an expiry before every clock": {"exp": -(10**400)},
    "an expiry in words": {"exp": "4102444800"},
    "an expiry that is true": {"exp": True},
    "an expiry in a list": {"exp": [4102444800]},
    "expired": {"exp": int((NOW - LEEWAY).timestamp())},
    "expired long ago": {"exp": 0},
    "not yet valid": {"nbf": int((NOW + LEEWAY + SECOND).timestamp())},
    "valid from no number": {"nbf": "now"},
    "valid from not a number": {"nbf": float("nan")},
    "issued in the future": {"iat": int((NOW + LEEWAY + SECOND).timestamp())},
    "issued before every clock": {"iat": -(10**400)},
    "issued at no number": {"iat": "now"},
    "issued at not a number": {"iat": float("nan")},
    "nobody": {"sub": None},
    "an empty person": {"sub": ""},
    "a person that is a number": {"sub": 7},
    "a person that is too long": {"sub": "s" * 129},
    "a person with a NUL": {"sub": "a\x00b"},
    "a person with half a surrogate pair": {"sub": "\ud800"},
    "no username": {"username": None},
    "a short username": {"username": "ab"},
    "a long username": {"username": "a" * 33},
    "a username with capitals": {"username": "Mallory"},
    "a username with a NUL": {"username": "mal\x00lory"},
    "a username with a line break": {"username": "mallory\n"},
    "a username in other letters": {"username": "маллори"},
    "a username that is a list": {"username": ["mallory"]},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
def test_a_signed_token_with_wrong_claims_is_nobodys(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verified(issuer, **claims)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": int((NOW - LEEWAY + SECOND).timestamp())},
        {"exp": NOW.timestamp() + 0.5},
        {"nbf": int((NOW + LEEWAY).timestamp())},
        {"iat": int((NOW + LEEWAY).timestamp())},
        {"nbf": None, "iat": None},
        {"username": "a-_9"},
        {"sub": "s" * 128},
        {"more": {"claims": ["of", "others"]}},
    ],
    ids=str,
)
def test_what_is_just_right_passes(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    assert verified(issuer, **claims)


# ------------------------------------------------------------------------------------ through every route


@pytest.fixture(scope="module")
def forger(running: System) -> Iterator[Person]:
    """Somebody with a token for another client: well signed, and of no use here."""
    with Api(running) as api:
        claims = {**running.issuer.claims(NAME, datetime.now(UTC)), "client_id": "another"}
        yield Person(api._http, {"Authorization": f"Bearer {running.issuer.sign(claims)}"})


@pytest.mark.parametrize("key", [route.key for route in routes()])
def test_an_invalid_token_is_refused_on_every_route_that_open_to_strangers_included(
    forger: Person, key: str
) -> None:
    method, _, path = key.partition(" ") if key != DEFAULT else ("GET", "", "/v1/nowhere")
    address = path.replace("{preview_id}", "00000000-0000-4000-8000-000000000000")
    answer = forger.send(method, address.replace("{listing_id}", "1").replace("{collection_id}", "1"))
    assert answer.status_code == 401


def test_a_refusal_says_how_to_do_better(forger: Person) -> None:
    answer = forger.get("/health")
    refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_page_tells_a_program_in_the_one_shape_that_its_token_is_wrong(forger: Person) -> None:
    """It is not led to where people sign in, and would be led there again."""
    refused(forger.open("/discover"), 401, "unauthenticated")


def test_two_tokens_at_once_are_nobodys(api: Api) -> None:
    token = api.token(NAME)
    answer = api.stranger.get("/health", headers={"Authorization": f"Bearer {token},Bearer {token}"})
    refused(answer, 401, "unauthenticated")


def test_a_token_in_a_cookie_or_the_query_signs_nobody_in(api: Api) -> None:
    token = api.token(NAME)
    answer = api.stranger.get(
        "/collections", headers={"Cookie": f"access_token={token}; Authorization={token}"}
    )
    refused(answer, 401, "unauthenticated")
    refused(api.stranger.get(f"/collections?access_token={token}"), 401, "unauthenticated")


# ---------------------------------------------------------------------------------------- by a session


def test_a_session_of_our_pages_counts_on_the_api(api: Api) -> None:
    assert api.browser(NAME).post("/collections", {"name": "Mine"}).status_code == 201


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", ""])
def test_what_another_sites_page_has_a_browser_write_is_refused(api: Api, origin: str) -> None:
    browser, before = api.browser(NAME), api.state()
    refused(browser.post("/collections", {"name": "Mine"}, headers={"Origin": origin}), 403, "not_allowed")
    assert api.state() == before


def test_what_another_sites_page_has_a_browser_read_is_answered(api: Api) -> None:
    """No page of theirs may look at it: we allow no other origin."""
    answer = api.browser(NAME).get("/collections", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_secret_nobody_was_given_is_nobodys(api: Api) -> None:
    answer = api.browser(NAME).get("/collections", headers={"Cookie": f"{facts.SESSION_COOKIE}=guessed"})
    refused(answer, 401, "unauthenticated")


def test_a_bearer_counts_before_a_session(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.token('other')}"}
    api.browser(NAME).post("/collections", {"name": "Theirs"}, headers=headers)
    assert [one["name"] for one in api.person("other").get("/collections").json()["items"]] == ["Theirs"]


# ------------------------------------------------------------------------------------------- the keys


@pytest.fixture
def cold(running: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """A process that has not read the keys yet; what a test publishes is taken back afterwards."""
    monkeypatch.setattr(identity, "_keys", identity._Keys())
    yield running.issuer
    publish(running.issuer)


def publish(issuer: Issuer) -> None:
    files.put(facts.Bucket.private, facts.ISSUER_KEYS, issuer.public_keys(), "application/json")


@pytest.fixture
def reads() -> Iterator[list[str]]:
    """Notes every object that is really read from S3."""
    seen: list[str] = []

    def note(params: Mapping[str, Any], **_: object) -> None:
        seen.append(params["Key"])

    events = files._client().meta.events
    events.register("provide-client-params.s3.GetObject", note)
    yield seen
    events.unregister("provide-client-params.s3.GetObject", note)


def names_unknown_key(number: int) -> str:
    return f"{encoded({'alg': 'RS256', 'kid': f'key-{number}'})}.{encoded({})}.{encoded(b'x' * 256)}"


@pytest.mark.usefixtures("cold")
def test_a_flood_of_unknown_keys_is_one_read(reads: list[str]) -> None:
    for number in range(1000):
        with pytest.raises(Unauthenticated):
            identity.verify(names_unknown_key(number), NOW)
    assert reads == [facts.ISSUER_KEYS]


def test_the_keys_are_read_once_in_an_interval(cold: Issuer, reads: list[str]) -> None:
    for moment in (NOW, NOW + facts.ISSUER_KEYS_FRESH - SECOND, NOW + facts.ISSUER_KEYS_FRESH):
        identity.verify(cold.token(NAME, NOW), moment)
    assert len(reads) == 2


def test_a_key_published_later_is_known_after_the_interval(
    cold: Issuer, running: System, tmp_path: Path
) -> None:
    identity.verify(cold.token(NAME, NOW), NOW)
    successor = Issuer(tmp_path, running.settings)
    publish(successor)
    assert identity.verify(successor.token(NAME, NOW), NOW + facts.ISSUER_KEYS_FRESH)


def test_a_key_withdrawn_is_forgotten_after_the_interval(
    cold: Issuer, running: System, tmp_path: Path
) -> None:
    identity.verify(cold.token(NAME, NOW), NOW)
    publish(Issuer(tmp_path, running.settings))
    with pytest.raises(Unauthenticated):
        identity.verify(cold.token(NAME, NOW), NOW + facts.ISSUER_KEYS_FRESH)


def test_before_any_key_is_published_the_caller_is_asked_to_wait(cold: Issuer) -> None:
    files.delete(facts.Bucket.private, [facts.ISSUER_KEYS])
    with pytest.raises(Unavailable):
        identity.verify(cold.token(NAME, NOW), NOW)

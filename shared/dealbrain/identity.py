"""Who calls: a verified person, or nobody. One verifier for every route.

An access token is a JWT signed by the issuer (Cognito on AWS, the local issuer on one machine) with
RS256. Its public keys are read from S3, because functions beside the database cannot reach the issuer.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from dealbrain import files, jsontext
from dealbrain.errors import Refusal, Unauthenticated, Unavailable
from dealbrain.facts import ISSUER_KEYS, ISSUER_KEYS_FRESH, SAFE_INTEGER, TOKEN_LEEWAY, USERNAME, Bucket
from dealbrain.settings import settings

MAX_TOKEN = 8_192


@dataclass(frozen=True)
class Person:
    """Somebody whose token we verified: ``sub`` identifies, ``username`` is shown."""

    sub: str
    username: str


@dataclass(frozen=True)
class Anonymous:
    """Nobody in particular."""


type Caller = Person | Anonymous


def caller(authorization: str | None, now: datetime) -> Caller:
    """Tell who sent an Authorization header; none at all is Anonymous.

    Raises:
        Unauthenticated: something is there and we do not believe it.
    """
    if authorization is None:
        return Anonymous()
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header must read: Bearer <access token>.")
    return verify(token.strip(), now)


def verify(token: str, now: datetime) -> Person:
    """Verify an access token.

    Raises:
        Unauthenticated: signature, key, issuer, client, use or time is not right.
        Unavailable: the issuer's keys cannot be read.
    """
    try:
        claims = _signed_claims(token, now)
    except (PyJWTError, Refusal, ValueError) as error:
        if isinstance(error, Unavailable):
            raise
        raise Unauthenticated("The access token is not valid; sign in again.") from None
    _check(claims, now)
    return Person(sub=claims["sub"], username=claims["username"])


def _signed_claims(token: str, now: datetime) -> dict[str, Any]:
    if len(token) > MAX_TOKEN:
        raise Unauthenticated("The access token is too long.")
    key_id = jwt.get_unverified_header(token).get("kid")
    # Everything else in the header (alg, jku, jwk, x5u …) is the sender's word and is not asked.
    return jwt.decode(token, _keys.get(str(key_id), now), algorithms=["RS256"], options=_SIGNATURE_ONLY)


# Time and origin are checked below with the injected clock; the library would ask its own.
_SIGNATURE_ONLY: Any = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
}


def _check(claims: dict[str, Any], now: datetime) -> None:
    moment, leeway = now.timestamp(), TOKEN_LEEWAY.total_seconds()
    right = (
        claims.get("iss") == settings().token_issuer
        and claims.get("token_use") == "access"
        and claims.get("client_id") == settings().token_client_id
        and _is_time(claims.get("exp"))
        and claims["exp"] + leeway > moment
        and _is_time(claims.get("nbf", 0))
        and claims.get("nbf", 0) - leeway <= moment
        and _is_time(claims.get("iat", 0))
        and claims.get("iat", 0) - leeway <= moment
        and isinstance(claims.get("sub"), str)
        and 0 < len(claims["sub"]) <= 128
        and jsontext.is_text(claims["sub"])
        and isinstance(claims.get("username"), str)
        and re.fullmatch(USERNAME, claims["username"])
    )
    if not right:
        raise Unauthenticated("The access token is not valid here or has expired; sign in again.")


def _is_time(value: object) -> bool:
    # The bounds refuse NaN and infinity too, and integers no clock can be compared with.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= SAFE_INTEGER


class _Keys:
    """The issuer's public keys, read from S3 and kept for a while."""

    def __init__(self) -> None:
        self._by_id: dict[str, jwt.PyJWK] = {}
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    def get(self, key_id: str, now: datetime) -> jwt.PyJWK:
        # A flood of unknown key ids must not become a flood of reads: one look per interval.
        if now - self._looked_at >= ISSUER_KEYS_FRESH or not self._by_id:
            self._looked_at = now
            try:
                self._refresh()
            except Unavailable:
                # Known keys go on working while the file store does not.
                if not self._by_id:
                    raise
        if key_id not in self._by_id:
            raise Unauthenticated("The access token was signed with a key we do not know.")
        return self._by_id[key_id]

    def _refresh(self) -> None:
        raw = files.get(Bucket.private, ISSUER_KEYS)
        if raw is None:
            raise Unavailable("The issuer's keys have not been published yet.")
        found: Any = jsontext.loads(raw)
        self._by_id = {
            key["kid"]: jwt.PyJWK(key, algorithm="RS256") for key in found["keys"] if key.get("kty") == "RSA"
        }


_keys = _Keys()

"""Who calls: a verified person, or nobody. One verifier for every route.

An access token is a JWT signed by the issuer (Cognito on AWS, the local issuer on one machine) with
RS256. Its public keys are read from S3, because functions beside the database cannot reach the issuer.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dealbrain import files, jsontext, sessions
from dealbrain.errors import Unauthenticated, Unavailable
from dealbrain.facts import ISSUER_KEYS, ISSUER_KEYS_FRESH, SAFE_INTEGER, TOKEN_LEEWAY, USERNAME, Bucket
from dealbrain.settings import settings

if TYPE_CHECKING:
    from jwt import PyJWK

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


def visitor(cookie: str | None, now: datetime) -> Caller:
    """Tell whose session a browser's cookie names; none, an unknown or an ended one is Anonymous.

    A browser sends its cookie whether or not anybody asked it to, so a wrong one is no refusal.

    Raises:
        Unavailable: the sessions cannot be read.
    """
    found = sessions.find(cookie, now) if cookie else None
    return Person(found.sub, found.username) if found else Anonymous()


def verify(token: str, now: datetime) -> Person:
    """Verify an access token.

    Raises:
        Unauthenticated: signature, key, issuer, client, use or time is not right.
        Unavailable: the issuer's keys cannot be read.
    """
    if len(token) > MAX_TOKEN:
        raise Unauthenticated("The access token is too long.")
    # Not at the top of the file: most requests bring no token, and cryptography is dear to import.
    from dealbrain import signatures  # noqa: PLC0415 - see above

    claims = signatures.claims(token, _keys.get(signatures.key_id(token), now))
    _check(claims, now)
    return Person(sub=claims["sub"], username=claims["username"])


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
        self._by_id: dict[str, PyJWK] = {}
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    def get(self, key_id: str, now: datetime) -> "PyJWK":
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
        from dealbrain import signatures  # noqa: PLC0415 - as above

        self._by_id = signatures.keys(raw)


_keys = _Keys()

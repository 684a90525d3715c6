"""Browsers that are signed in: a secret in a cookie, and whose it is in the table of what expires.

Kept under a hash of the secret, so that nobody who reads the table can be anybody.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from dealbrain import pending
from dealbrain.facts import SECRET, SESSION_LIFE
from dealbrain.pending import SESSION, Pending

# 256 bits; OWASP asks for 64 at least.
_SECRET_BYTES = 32
_USERNAME = "username"


@dataclass(frozen=True)
class Session:
    """Who is signed in."""

    sub: str
    username: str


def begin(who: Session, now: datetime) -> str:
    """Sign somebody in for a fortnight; the secret is for their browser alone.

    Raises:
        Unavailable: the table does not answer.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    pending.put(Pending(_id(secret), who.sub, SESSION, now + SESSION_LIFE, {_USERNAME: who.username}))
    return secret


def find(secret: str, now: datetime) -> Session | None:
    """Whose secret this is; None where it is nobody's or its time is over.

    Raises:
        Unavailable: the table does not answer.
    """
    if len(secret) > SECRET:
        return None
    kept = pending.find(_id(secret))
    if kept is None or kept.kind != SESSION or kept.expires_at <= now:
        return None
    return Session(kept.owner, kept.about[_USERNAME])


def end(secret: str) -> None:
    """Sign out: from the next request on the secret is nobody's.

    Raises:
        Unavailable: the table does not answer.
    """
    pending.delete(_id(secret))


def _id(secret: str) -> str:
    return f"{SESSION}-{hashlib.sha256(secret.encode()).hexdigest()}"

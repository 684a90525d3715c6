"""Signing in on the issuer's own page: OAuth's authorization code with PKCE (RFC 6749, RFC 7636).

Browsers never see a token. They bring back a code, which is good once and only with what we kept in a cookie
of theirs; we exchange it for an access token, look who that is, drop it, and begin a session of our own.
"""

import base64
import hashlib
import secrets
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode

from dealbrain import identity, jsontext, sessions
from dealbrain.errors import Expired, Malformed, NotAllowed, Unauthenticated, Unavailable
from dealbrain.facts import SIGN_IN_CALLBACK, SIGNED_OUT
from dealbrain.sessions import Session
from dealbrain.settings import settings

# Where an issuer's pages are, as Cognito calls them.
AUTHORIZE = "/oauth2/authorize"
TOKEN = "/oauth2/token"  # noqa: S105 - an address
LOGOUT = "/logout"

PATIENCE = timedelta(seconds=5)
# Cognito's answer has three tokens of 1 to 2 kB each.
ANSWER_MOST = 64 * 1024
# 256 bits each; 43 letters are the shortest verifier there may be (RFC 7636, 4.1).
_RANDOM_BYTES = 32

_SLOW = "This took too long, or was begun in another browser or at another address. Sign in again."
_DOWN = "The page where people sign in does not answer at the moment; please try again in a few seconds."
_NOT_OURS = (
    "We cannot let this account in. Its user name has to be 3 to 32 of a-z, 0-9, _ and -; "
    "if it is, sign in once more, else use another account."
)


@dataclass(frozen=True)
class Attempt:
    """Somebody on the way to sign in; only the browser that began it can end it."""

    state: str
    verifier: str
    onward: str
    """Where they go on when they are signed in: a path of ours."""

    @classmethod
    def begin(cls, onward: str) -> Self:
        """One nobody can guess."""
        return cls(secrets.token_urlsafe(_RANDOM_BYTES), secrets.token_urlsafe(_RANDOM_BYTES), onward)

    @classmethod
    def of(cls, cookie: str | None, state: str | None) -> Self:
        """The one this browser began, if it is the one it was sent back with.

        Raises:
            Expired: it began none, or too long ago.
            NotAllowed: it began another one.
        """
        try:
            begun, verifier, onward = (cookie or "").split(".")
            kept = cls(begun, verifier, base64.urlsafe_b64decode(onward.encode()).decode())
        except ValueError:
            raise Expired(_SLOW) from None
        if not state or not compare_digest(_bytes(kept.state), _bytes(state)):
            raise NotAllowed("This is not the sign-in this browser began last. Sign in again.")
        return kept

    @property
    def cookie(self) -> str:
        """All of it, as the browser keeps it."""
        return f"{self.state}.{self.verifier}.{base64.urlsafe_b64encode(self.onward.encode()).decode()}"

    @property
    def address(self) -> str:
        """The page where one signs in."""
        return _page(
            AUTHORIZE,
            response_type="code",
            client_id=settings().token_client_id,
            redirect_uri=redirect_uri(),
            scope="openid",
            state=self.state,
            code_challenge=challenge(self.verifier),
            code_challenge_method="S256",
        )

    def finish(self, code: str | None, error: str | None, now: datetime) -> str:
        """Begin the session of whoever signed in; its secret is for their browser alone.

        Raises:
            NotAllowed: they did not sign in, or as nobody we know.
            Expired: the code is used up or too old.
            Unavailable: the issuer, its keys or the table of sessions cannot be reached.
        """
        if error in {"server_error", "temporarily_unavailable"}:
            raise Unavailable(_DOWN)
        if error or not code:
            raise NotAllowed("You did not sign in, and nothing was changed. Sign in whenever you like.")
        try:
            who = identity.verify(_exchanged(code, self.verifier), now)
        except Unauthenticated as refusal:
            raise NotAllowed(_NOT_OURS) from refusal
        return sessions.begin(Session(who.sub, who.username), now)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def challenge(verifier: str) -> str:
    """What the issuer is told of a verifier before it sees it (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def redirect_uri() -> str:
    """Where the issuer sends browsers back to; it knows this one and no other."""
    return settings().public_origin + SIGN_IN_CALLBACK


def out() -> str:
    """The issuer's page that forgets who signed in there, and leads back to us."""
    return _page(
        LOGOUT, client_id=settings().token_client_id, logout_uri=settings().public_origin + SIGNED_OUT
    )


def _page(path: str, **parameters: str) -> str:
    return f"{settings().sign_in_url}{path}?{urlencode(parameters)}"


class _NoRedirections(urllib.request.HTTPRedirectHandler):
    """The code and its verifier are for one address."""

    def redirect_request(self, *_: object) -> None:
        """Follow none: an answer 3xx is an error."""


def _exchanged(code: str, verifier: str) -> str:
    """Exchange a code for an access token.

    Raises:
        Expired: the code is used up, too old, or was made for somebody else.
        Unavailable: the issuer does not answer, or not as an issuer.
    """
    form = {
        "grant_type": "authorization_code",
        "client_id": settings().token_client_id,
        "code": code,
        "redirect_uri": redirect_uri(),
        "code_verifier": verifier,
    }
    status, said = _posted(settings().sign_in_url + TOKEN, urlencode(form).encode())
    if status == HTTPStatus.BAD_REQUEST and said.get("error") == "invalid_grant":
        raise Expired("Signing in took too long, or this page was loaded twice. Sign in again.")
    token = said.get("access_token")
    if status != HTTPStatus.OK or not isinstance(token, str):
        raise Unavailable(_DOWN) from ValueError(f"The issuer answered {status}, {said.get('error')!r}.")
    return token


def _posted(address: str, form: bytes) -> tuple[int, dict[str, Any]]:
    """Send a form; answers the status, and the object that came, or an empty one.

    Raises:
        Unavailable: nobody answers.
    """
    opener = urllib.request.build_opener(_NoRedirections)
    try:
        with opener.open(address, form, timeout=PATIENCE.total_seconds()) as answer:
            return answer.status, _object(answer.read(ANSWER_MOST))
    except HTTPError as error:
        with error:
            return error.code, _object(error.read(ANSWER_MOST))
    except (OSError, HTTPException) as error:
        raise Unavailable(_DOWN) from error


def _object(answered: bytes) -> dict[str, Any]:
    try:
        found: Any = jsontext.loads(answered)
    except Malformed:
        return {}
    return found if isinstance(found, dict) else {}

"""Where people sign in on this machine, in place of Cognito's pages: whoever names a person is that person.

The same addresses with the same rules: one client, one address to come back to, codes that are good once and
only with their verifier (PKCE, S256).
"""

import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from dealbrain import assets, facts
from dealbrain.errors import Invalid
from dealbrain.pages import HTML, fields, page, policy, see_other
from dealbrain.settings import settings
from dealbrain.signing_in import AUTHORIZE, LOGOUT, TOKEN, challenge, redirect_uri
from dealbrain.web import Api, Needs, Response, answer, api, entry, now, query
from infra.local.issuer import TOKEN_LIFE, Issuer
from infra.local.seed import CURATOR, HUNTER
from infra.routes import Endpoint

# As long as Cognito's.
CODE_LIFE = timedelta(minutes=5)
NAME_WANTED = "A user name is 3 to 32 of a-z, 0-9, _ and -."


@dataclass(frozen=True)
class Asked:
    """What the address of the page asks for."""

    state: str
    challenge: str


@dataclass(frozen=True)
class _Code:
    username: str
    challenge: str
    expires_at: datetime


class Codes:
    """The codes somebody may still exchange."""

    def __init__(self) -> None:
        self._kept: dict[str, _Code] = {}
        self._lock = threading.Lock()

    def make(self, username: str, of_challenge: str, now: datetime) -> str:
        """One for somebody who signed in, of use to who has the verifier of a challenge."""
        code = secrets.token_urlsafe(16)
        with self._lock:
            kept = {one: said for one, said in self._kept.items() if said.expires_at > now}
            self._kept = {**kept, code: _Code(username, of_challenge, now + CODE_LIFE)}
        return code

    def take(self, code: str, verifier: str, now: datetime) -> str | None:
        """Who signed in, once; whoever asks wrongly has used the code up."""
        with self._lock:
            found = self._kept.pop(code, None)
        is_right = found and found.expires_at > now and found.challenge == challenge(verifier)
        return found.username if found and is_right else None


def sign_in_pages(issuer: Issuer) -> list[Endpoint]:
    """Make the issuer's endpoints."""
    codes = Codes()
    return [*_authorize(codes), *_token(issuer, codes), *_logout()]


def _authorize(codes: Codes) -> list[Endpoint]:
    app = page()

    @app.get(AUTHORIZE, summary="Ask who wants to sign in, on this machine only")
    def ask() -> Response[str]:
        return _asking(_asked())

    @app.post(AUTHORIZE, summary="Sign in by name, on this machine only")
    def enter() -> Response[str]:
        asked, username = _asked(), "".join(fields().get("username", ()))
        if not re.fullmatch(facts.USERNAME, username):
            return _asking(asked, username, NAME_WANTED, HTTPStatus.UNPROCESSABLE_ENTITY)
        return see_other(_back(asked, code=codes.make(username, asked.challenge, now())))

    return _endpoints(app)


def _token(issuer: Issuer, codes: Codes) -> list[Endpoint]:
    app = api(takes=(facts.Media.fields,))

    @app.post(TOKEN, summary="Exchange a code for a token, on this machine only")
    def exchange() -> Response[dict[str, object]]:
        sent = {name: values[0] for name, values in fields().items()}
        wanted = {"grant_type": "authorization_code", "client_id": settings().token_client_id}
        if _differing(sent, wanted):
            return answer({"error": "invalid_request"}, HTTPStatus.BAD_REQUEST)
        username = codes.take(sent.get("code", ""), sent.get("code_verifier", ""), now())
        if username is None or sent.get("redirect_uri") != redirect_uri():
            return answer({"error": "invalid_grant"}, HTTPStatus.BAD_REQUEST)
        life = int(TOKEN_LIFE.total_seconds())
        made = {"access_token": issuer.token(username, now()), "token_type": "Bearer", "expires_in": life}
        return answer(made, HTTPStatus.OK)

    return _endpoints(app)


def _logout() -> list[Endpoint]:
    app = page()

    @app.get(LOGOUT, summary="Forget who signed in, on this machine only")
    def forget() -> Response[str]:
        # There is nobody to forget: who signs in is asked each time.
        there = settings().public_origin + facts.SIGNED_OUT
        _refuse(_differing(_said(), {"client_id": settings().token_client_id, "logout_uri": there}))
        return see_other(there)

    return _endpoints(app)


def _endpoints(app: Api) -> list[Endpoint]:
    handler = entry(app)
    return [
        Endpoint(one.method, one.path, __name__, handler, Needs(), one.signed_in, one.is_page)
        for one in app.routes
    ]


def _said() -> dict[str, str]:
    return dict(parse_qsl(query()))


def _asked() -> Asked:
    """Read the address.

    Raises:
        Invalid: it asks for something else than our own client does.
    """
    said = _said()
    wanted = {
        "response_type": "code",
        "client_id": settings().token_client_id,
        "redirect_uri": redirect_uri(),
        "scope": "openid",
        "code_challenge_method": "S256",
    }
    of_challenge = said.get("code_challenge", "")
    wrong = _differing(said, wanted)
    _refuse(wrong if re.fullmatch(r"[\w-]{43}", of_challenge, re.ASCII) else [*wrong, "code_challenge"])
    return Asked(said.get("state", ""), of_challenge)


def _differing(said: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return [name for name, value in wanted.items() if said.get(name) != value]


def _refuse(wrong: list[str]) -> None:
    if wrong:
        raise Invalid(f"Nobody can sign in by this address, because of its {', '.join(wrong)}.")


def _back(asked: Asked, **told: str) -> str:
    return f"{redirect_uri()}?{urlencode({**told, 'state': asked.state})}"


def _asking(
    asked: Asked, username: str = "", wrong: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Response[str]:
    html = _template().render(
        username=username,
        wrong=wrong,
        names=(CURATOR, HUNTER),
        cancelled=_back(asked, error="access_denied"),
    )
    return Response(
        status, HTML, html, {"Content-Security-Policy": policy(), "Referrer-Policy": "same-origin"}
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    made.globals.update(asset=assets.address)
    return made.get_template("hosted.html")

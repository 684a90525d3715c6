"""Where people come back to from the page where they sign in. Outside the network, to reach the issuer."""

from typing import Annotated

from pydantic import StringConstraints

from dealbrain import sessions
from dealbrain.errors import Refusal
from dealbrain.facts import SESSION_COOKIE, SESSION_LIFE, SIGN_IN_CALLBACK, SIGN_IN_COOKIE, URL
from dealbrain.pages import page, refused, see_other, way_on
from dealbrain.signing_in import Attempt
from dealbrain.web import Needs, Response, cookie, entry, forget, keep, log, now

app = page()
NEEDS = Needs(pending=("put", "delete"))

type Told = Annotated[str, StringConstraints(max_length=URL)]


@app.get(SIGN_IN_CALLBACK, summary="Come back from signing in")
def callback(code: Told | None = None, state: Told | None = None, error: Told | None = None) -> Response[str]:
    """Begin a new session, and end the one this browser had, whoever's that was."""
    try:
        attempt = Attempt.of(cookie(SIGN_IN_COOKIE), state)
    except Refusal as refusal:
        # What the browser keeps may belong to another tab, where it is still good.
        return _failed(refusal, "/")
    onward = way_on(attempt.onward)
    try:
        secret = attempt.finish(code, error, now())
        if before := cookie(SESSION_COOKIE):
            sessions.end(before)
    except Refusal as refusal:
        return forget(_failed(refusal, onward), SIGN_IN_COOKIE)
    return keep(forget(see_other(onward), SIGN_IN_COOKIE), SESSION_COOKIE, secret, SESSION_LIFE)


def _failed(refusal: Refusal, onward: str) -> Response[str]:
    log("not signed in", code=refusal.code, why=refusal.detail, cause=repr(refusal.__cause__))
    return refused(refusal, "not_signed_in.html", address=onward)


handler = entry(app)

"""Sends people to the page where they sign in."""

from urllib.parse import parse_qsl

from dealbrain.facts import SIGN_IN_COOKIE, SIGN_IN_LIFE
from dealbrain.pages import SIGN_IN, page, way_on
from dealbrain.signing_in import Attempt
from dealbrain.web import Needs, Response, entry, keep, query, redirect

app = page()
NEEDS = Needs()


@app.get(SIGN_IN, summary="Sign in")
def sign_in() -> Response[str]:
    """Note in the browser what it is on the way to, and send it to the issuer."""
    # Read here and not by Powertools, which takes what stands before a comma for the whole.
    attempt = Attempt.begin(way_on(dict(parse_qsl(query())).get("next")))
    return keep(redirect(attempt.address), SIGN_IN_COOKIE, attempt.cookie, SIGN_IN_LIFE)


handler = entry(app)

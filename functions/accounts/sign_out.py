"""Signs people out, here and at the issuer."""

from dealbrain import sessions, signing_in
from dealbrain.facts import SESSION_COOKIE
from dealbrain.pages import page, see_other
from dealbrain.web import Needs, Response, cookie, entry, forget

app = page()
NEEDS = Needs(pending=("delete",))


@app.post("/sign-out", summary="Sign out")
def sign_out() -> Response[str]:
    """End the session at once; without one, whoever asks is only forgotten by the issuer."""
    if secret := cookie(SESSION_COOKIE):
        sessions.end(secret)
    return forget(see_other(signing_in.out()), SESSION_COOKIE)


handler = entry(app)

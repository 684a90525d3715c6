"""A collection, for whoever has a link to it."""

from http import HTTPStatus
from typing import Annotated

from dealbrain import licensing, presenting, sharing
from dealbrain.db import transaction
from dealbrain.facts import SPECS, Bucket
from dealbrain.narrowing import View, Wanted
from dealbrain.pages import page, render
from dealbrain.web import Needs, Query, Response, caller, count, entry, now, viewer

app = page()
# It names the pictures it shows, and so lets them be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))


@app.get("/c/<token>", summary="See a shared collection")
@app.head("/c/<token>", summary="Look whether a shared collection is there")
def read_shared(token: str, wanted: Annotated[Wanted, Query()]) -> Response[str]:
    """As anybody reads it; there is none behind a link that expired, was revoked, or went private."""
    with transaction() as session:
        whole = sharing.read_shared(session, token, viewer(), now())
        seen = presenting.items(session, whole.items, wanted, View.cards, now())
        cover = licensing.collection(session, caller(), whole.id, now(), token)
    if viewer() is not None:
        count("Viewed")
    robots = {"X-Robots-Tag": "noindex"}
    return render(
        "published.html",
        HTTPStatus.OK,
        robots,
        collection=whole,
        seen=seen,
        cover=cover,
        linked=None,
        token=token,
    )


handler = entry(app)

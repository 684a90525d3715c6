"""A collection, for whoever has a token of its."""

from dealbrain import sharing
from dealbrain.db import transaction
from dealbrain.shapes import PublicCollection
from dealbrain.web import Needs, api, count, entry, now, viewer

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/collections/shared/<token>", summary="Read a shared collection")
@app.head("/v1/collections/shared/<token>", summary="Look whether a shared collection is there")
def read_shared(token: str) -> PublicCollection:
    """As anybody reads it; there is none behind a token that expired, was revoked, or went private."""
    with transaction() as session:
        shown = sharing.read_shared(session, token, viewer(), now())
    if viewer() is not None:
        count("Viewed")
    return shown


handler = entry(app)

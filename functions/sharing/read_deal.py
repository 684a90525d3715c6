"""An offer, for whoever has a link to it."""

from dealbrain import sharing
from dealbrain.db import transaction
from dealbrain.shapes import PathId, SharedDeal
from dealbrain.web import Needs, api, count, entry, now, viewer

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/deals/<listing_id>/<listing_token>", summary="Read a shared listing")
@app.head("/v1/deals/<listing_id>/<listing_token>", summary="Look whether a shared listing is there")
def read_deal(listing_id: PathId, listing_token: str) -> SharedDeal:
    """As anybody reads it, with who shared it and how often it was looked at."""
    with transaction() as session:
        shown = sharing.read_deal(session, listing_id, listing_token, viewer(), now())
    if viewer() is not None:
        count("Viewed")
    return shown


handler = entry(app)

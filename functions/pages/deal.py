"""An offer, for whoever has a link to it."""

from dealbrain import licensing, pricing, sharing
from dealbrain.db import transaction
from dealbrain.facts import SPECS, Bucket
from dealbrain.pages import page, render
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, count, entry, now, viewer

app = page()
# It names the picture it shows, and so lets it be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))


@app.get("/deals/<listing_id>/<listing_token>", summary="Look at a shared offer")
@app.head("/deals/<listing_id>/<listing_token>", summary="Look whether a shared offer is still there")
def deal(listing_id: PathId, listing_token: str) -> Response[str]:
    """As anybody reads it, with who shared it and until when the link opens it."""
    with transaction() as session:
        shared = sharing.read_deal(session, listing_id, listing_token, viewer(), now())
        shown = licensing.listing(session, listing_id, now())
        points = pricing.histories(session, [listing_id]).get(listing_id, [])
    if viewer() is not None:
        count("Viewed")
    return render("deal.html", shared=shared, listing=shared.listing, shown=shown, points=points)


handler = entry(app)

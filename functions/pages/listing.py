"""An offer, as anybody reads it."""

from dealbrain import access, licensing, linking, pricing, showing
from dealbrain.db import transaction
from dealbrain.facts import SPECS, Bucket
from dealbrain.pages import page, render
from dealbrain.shapes import OwnListing, PathId
from dealbrain.web import Needs, Response, caller, entry, now

app = page()
# It names the picture it shows, and so lets it be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))


@app.get("/listings/<listing_id>", summary="Look at an offer")
@app.head("/listings/<listing_id>", summary="Look whether an offer is there")
def listing(listing_id: PathId) -> Response[str]:
    """Its card, its price and worth, its hardware and how its price went; more to its owner."""
    with transaction() as session:
        shown = licensing.listing(session, listing_id, now())
        said = showing.listing(access.readable_listing(session, listing_id), caller())
        points = pricing.histories(session, [listing_id]).get(listing_id, [])
    return render(
        "listing.html",
        listing=said,
        is_owner=isinstance(said, OwnListing),
        shown=shown,
        points=points,
        product=linking.listing(said, shown.address("light")),
    )


handler = entry(app)

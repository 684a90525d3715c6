"""One listing."""

from dealbrain import access, showing
from dealbrain.db import transaction
from dealbrain.shapes import OwnListing, PathId, PublicListing
from dealbrain.web import Needs, api, caller, entry

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/listings/<listing_id>", summary="Read a listing")
def read_listing(listing_id: PathId) -> OwnListing | PublicListing:
    """Answer the listing; its notes and custom fields to its owner only."""
    with transaction() as session:
        return showing.listing(access.readable_listing(session, listing_id), caller())


handler = entry(app)

"""Add a listing."""

from dealbrain import offering, showing
from dealbrain.db import transaction
from dealbrain.shapes import NewListing, OwnListing, PublicListing
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.post("/v1/listings", summary="Add a listing", status_code=201)
def create_listing(new: NewListing) -> OwnListing | PublicListing:
    """Answer the listing with its scores, fair value, tier and verdict."""
    with transaction() as session:
        return showing.listing(offering.create(session, person(), new, now()), person())


handler = entry(app)

"""Change a listing."""

from dealbrain import offering, showing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import ListingChange, OwnListing, PathId, PublicListing
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.patch("/v1/listings/<listing_id>", summary="Change a listing")
def edit_listing(listing_id: PathId, change: ListingChange) -> OwnListing | PublicListing:
    """Absent fields stay, null clears, nested objects are replaced whole."""
    with transaction() as session:
        return showing.listing(offering.change(session, person(), listing_id, change, now()), person())


handler = entry(app)

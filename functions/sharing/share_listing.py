"""Make a link to an offer."""

from dealbrain import sharing
from dealbrain.db import transaction
from dealbrain.facts import SPECS, WARM, Bucket
from dealbrain.shapes import DealLink, NewDealLink, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS, WARM), lists=(Bucket.generated,))


@app.post("/v1/listings/<listing_id>/share", summary="Share a listing", status_code=201)
def share_listing(listing_id: PathId, new: NewDealLink | None = None) -> DealLink:
    """Answer the link, this once: only a hash of its secret is kept."""
    with transaction() as session:
        return sharing.share_listing(session, person(), listing_id, new or NewDealLink(), now())


handler = entry(app)

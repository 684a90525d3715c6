"""Remove a listing."""

from dealbrain import offering
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, api, entry, nothing, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.delete("/v1/listings/<listing_id>", summary="Remove a listing", status_code=204)
def delete_listing(listing_id: PathId) -> Response[str]:
    """One that others collected stays with them, archived and nobody's."""
    with transaction() as session:
        offering.delete(session, person(), listing_id, now())
    return nothing()


handler = entry(app)

"""End a link to a collection."""

from dealbrain import sharing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import page, see_other
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, entry, person

app = page(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/collections/<collection_id>/share/<token_id>", summary="Revoke a link")
def revoke(collection_id: PathId, token_id: PathId) -> Response[str]:
    """From the next request on it opens nothing."""
    with transaction() as session:
        sharing.revoke(session, person(), collection_id, token_id)
    return see_other(f"/collections/{collection_id}/share")


handler = entry(app)

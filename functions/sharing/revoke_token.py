"""End a share token."""

from dealbrain import sharing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, api, entry, nothing, person

app = api(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.delete(
    "/v1/collections/<collection_id>/share-tokens/<token_id>", summary="Revoke a share token", status_code=204
)
def revoke_token(collection_id: PathId, token_id: PathId) -> Response[str]:
    """From the next request on it opens nothing."""
    with transaction() as session:
        sharing.revoke(session, person(), collection_id, token_id)
    return nothing()


handler = entry(app)

"""Make a link that opens a collection."""

from dealbrain import sharing
from dealbrain.db import transaction
from dealbrain.facts import SPECS, WARM, Bucket
from dealbrain.shapes import MadeShareToken, NewShareToken, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS, WARM), lists=(Bucket.generated,))


@app.post("/v1/collections/<collection_id>/share-tokens", summary="Make a share token", status_code=201)
def add_token(collection_id: PathId, new: NewShareToken | None = None) -> MadeShareToken:
    """Answer the token, this once: only a hash of it is kept."""
    with transaction() as session:
        return sharing.add_token(session, person(), collection_id, new or NewShareToken(), now())


handler = entry(app)

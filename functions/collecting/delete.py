"""Remove a collection."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, api, entry, nothing, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.delete("/v1/collections/<collection_id>", summary="Remove a collection", status_code=204)
def delete_collection(collection_id: PathId) -> Response[str]:
    """Its items go with it, the listings stay."""
    with transaction() as session:
        collecting.delete(session, person(), collection_id)
    return nothing()


handler = entry(app)

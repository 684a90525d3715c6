"""Delete a collection."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, api, entry, nothing, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.delete("/v1/collections/<collection_id>", summary="Delete a collection", status_code=204)
def delete_collection(collection_id: PathId) -> Response[str]:
    """Its owner may restore it for some time; the listings stay."""
    with transaction() as session:
        collecting.delete(session, person(), collection_id, now())
    return nothing()


handler = entry(app)

"""Take a listing out of a collection."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, api, entry, nothing, now, person

app = api(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.delete("/v1/collections/<collection_id>/items/<item_id>", summary="Remove an item", status_code=204)
def remove_item(collection_id: PathId, item_id: PathId) -> Response[str]:
    """The listing itself stays."""
    with transaction() as session:
        collecting.remove_item(session, person(), collection_id, item_id, now())
    return nothing()


handler = entry(app)

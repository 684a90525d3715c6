"""Take back the deletion of a collection."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.pages import page, see_other
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
NEEDS = Needs(database=True)


@app.post("/collections/<collection_id>/restore", summary="Restore a deleted collection")
def restore_collection(collection_id: PathId) -> Response[str]:
    """Restore it, private, and go there."""
    with transaction() as session:
        collecting.restore(session, person(), collection_id, now())
    return see_other(f"/collections/{collection_id}")


handler = entry(app)

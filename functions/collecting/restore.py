"""Take back the deletion of a collection."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.shapes import OwnCollection, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.post("/v1/collections/<collection_id>/restore", summary="Restore a deleted collection")
def restore_collection(collection_id: PathId) -> OwnCollection:
    """It is private, and its share tokens stay dead; 404 when it was deleted too long ago."""
    with transaction() as session:
        row = collecting.restore(session, person(), collection_id, now())
        return collecting.whole(session, row, person())


handler = entry(app)

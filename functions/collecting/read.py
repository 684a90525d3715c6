"""One of the caller's collections."""

from dealbrain import access, collecting
from dealbrain.db import transaction
from dealbrain.shapes import OwnCollection, PathId
from dealbrain.web import Needs, api, entry, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.get("/v1/collections/<collection_id>", summary="Read my collection")
def read_collection(collection_id: PathId) -> OwnCollection:
    """Answer the collection with all its items, to its owner only."""
    with transaction() as session:
        row = access.owned(session, person(), collection_id)
        return collecting.whole(session, row, person())


handler = entry(app)

"""A public collection."""

from dealbrain import access, showing
from dealbrain.db import transaction
from dealbrain.shapes import PathId, PublicCollection
from dealbrain.web import Needs, api, entry

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/collections/public/<collection_id>", summary="Read a public collection")
def read_public(collection_id: PathId) -> PublicCollection:
    """As anybody reads it: without what is its owner's."""
    with transaction() as session:
        row = access.public(session, collection_id)
        return showing.public_collection(row, access.items_of(session, row.id))


handler = entry(app)

"""A public collection."""

from dealbrain import sharing
from dealbrain.db import transaction
from dealbrain.shapes import PathId, PublicCollection
from dealbrain.web import Needs, api, count, entry, now, viewer

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/collections/public/<collection_id>", summary="Read a public collection")
def read_public(collection_id: PathId) -> PublicCollection:
    """As anybody reads it: without what is its owner's."""
    with transaction() as session:
        shown = sharing.read_public(session, collection_id, viewer(), now())
    if viewer() is not None:
        count("Viewed")
    return shown


handler = entry(app)

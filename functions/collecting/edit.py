"""Rename or describe a collection."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import CollectionChange, OwnCollection, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.patch("/v1/collections/<collection_id>", summary="Change a collection")
def edit_collection(collection_id: PathId, change: CollectionChange) -> OwnCollection:
    """Absent fields stay, null clears."""
    with transaction() as session:
        row = collecting.change(session, person(), collection_id, change, now())
        return collecting.whole(session, row, person())


handler = entry(app)

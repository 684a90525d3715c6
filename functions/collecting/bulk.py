"""Change many items of a collection at once."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import BulkChange, OwnCollection, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/v1/collections/<collection_id>/items/bulk", summary="Change many items")
def change_items(collection_id: PathId, change: BulkChange) -> OwnCollection:
    """Set their status, move them to another collection of mine or remove them: all of them or none."""
    with transaction() as session:
        row = collecting.bulk(session, person(), collection_id, change, now())
        return collecting.whole(session, row, person())


handler = entry(app)

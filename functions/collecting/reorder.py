"""Set the order of a collection's items."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import ItemOrder, OwnCollection, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.put("/v1/collections/<collection_id>/items/order", summary="Order the items")
def reorder(collection_id: PathId, order: ItemOrder) -> OwnCollection:
    """Takes all items in the order wanted, and the revision they were seen at."""
    with transaction() as session:
        row = collecting.reorder(session, person(), collection_id, order, now())
        return collecting.whole(session, row, person())


handler = entry(app)

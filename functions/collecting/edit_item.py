"""Change what the owner noted of an item."""

from dealbrain import collecting, showing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import ItemChange, OwnItem, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.patch("/v1/collections/<collection_id>/items/<item_id>", summary="Change an item")
def edit_item(collection_id: PathId, item_id: PathId, change: ItemChange) -> OwnItem:
    """Absent fields stay, null clears; a position moves the item there."""
    with transaction() as session:
        item = collecting.change_item(session, person(), collection_id, item_id, change, now())
        return showing.own_item(item, person())


handler = entry(app)

"""Change what the owner noted of an item."""

from dealbrain import collecting, showing
from dealbrain.db import transaction
from dealbrain.shapes import ItemChange, OwnItem, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.patch("/v1/collections/<collection_id>/items/<item_id>", summary="Change an item")
def edit_item(collection_id: PathId, item_id: PathId, change: ItemChange) -> OwnItem:
    """Absent fields stay, null clears; a position moves the item there."""
    with transaction() as session:
        item = collecting.change_item(session, person(), collection_id, item_id, change, now())
        return showing.own_item(item, person())


handler = entry(app)

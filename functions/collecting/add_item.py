"""Put a listing into a collection."""

from dealbrain import collecting, showing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import NewItem, OwnItem, PathId
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/v1/collections/<collection_id>/items", summary="Add an item", status_code=201)
def add_item(collection_id: PathId, new: NewItem) -> OwnItem:
    """At the end, unless a position is given."""
    with transaction() as session:
        return showing.own_item(collecting.add_item(session, person(), collection_id, new, now()), person())


handler = entry(app)

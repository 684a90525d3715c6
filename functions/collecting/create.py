"""Make a collection."""

from dealbrain import collecting, counting, showing
from dealbrain.db import transaction
from dealbrain.shapes import CollectionSummary, NewCollection
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.post("/v1/collections", summary="Make a collection", status_code=201)
def create_collection(new: NewCollection) -> CollectionSummary:
    """Answer the collection, which has no items yet."""
    with transaction() as session:
        return showing.own_summary(collecting.create(session, person(), new, now()), 0, counting.none())


handler = entry(app)

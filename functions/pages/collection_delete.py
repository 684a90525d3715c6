"""Delete a collection, which can be taken back for a while."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import page, see_other
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/collections/<collection_id>/delete", summary="Delete a collection")
def delete_collection(collection_id: PathId) -> Response[str]:
    """Delete it and go to where it can be restored."""
    with transaction() as session:
        collecting.delete(session, person(), collection_id, now())
    return see_other("/collections#deleted")


handler = entry(app)

"""Open or close a collection."""

from dealbrain import collecting, sharing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, WARM, Bucket
from dealbrain.shapes import OwnCollection, PathId, VisibilityChange
from dealbrain.web import Needs, api, count, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(
    database=True,
    reads=(SPECS,),
    writes=(SPECS, WARM),
    deletes=(SPECS, CARDS),
    lists=(Bucket.generated,),
)


@app.patch("/v1/collections/<collection_id>/visibility", summary="Open or close a collection")
def set_visibility(collection_id: PathId, change: VisibilityChange) -> OwnCollection:
    """Private, unlisted or public; private ends its share tokens. Counted only when it really changes."""
    with transaction() as session:
        row, changed = sharing.set_visibility(session, person(), collection_id, change.visibility, now())
        shown = collecting.whole(session, row, person())
    if changed:
        count("VisibilityChanged")
    return shown


handler = entry(app)

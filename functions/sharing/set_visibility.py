"""Open or close a collection."""

from dealbrain import access, sharing, showing
from dealbrain.db import transaction
from dealbrain.shapes import OwnCollection, PathId, VisibilityChange
from dealbrain.web import Needs, api, count, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.patch("/v1/collections/<collection_id>/visibility", summary="Open or close a collection")
def set_visibility(collection_id: PathId, change: VisibilityChange) -> OwnCollection:
    """Private, unlisted or public; counted only when it really changes."""
    with transaction() as session:
        row, changed = sharing.set_visibility(session, person(), collection_id, change.visibility, now())
        shown = showing.own_collection(row, access.items_of(session, row.id), person())
    if changed:
        count("visibility_changed")
    return shown


handler = entry(app)

"""Rename or describe a collection."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.errors import Invalid
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.narrowing import Wanted
from dealbrain.pages import fields, page, read, said, see_other
from dealbrain.shapes import CollectionChange, PathId
from dealbrain.web import Needs, Response, entry, now, person
from functions.pages.collection import workspace

app = page(signed_in=True)
# What its cards show is something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/collections/<collection_id>/edit", summary="Rename or describe a collection")
def edit_collection(collection_id: PathId) -> Response[str]:
    """Take name and description; an empty description is none."""
    sent = said(fields(), "name", "description")
    try:
        change = read(CollectionChange, {**sent, "name": sent.get("name") or ""})
    except Invalid as refusal:
        return workspace(collection_id, Wanted(), refusal.problems, sent)
    with transaction() as session:
        collecting.change(session, person(), collection_id, change, now())
    return see_other(f"/collections/{collection_id}")


handler = entry(app)

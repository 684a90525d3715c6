"""Rename or describe a collection."""

from collections.abc import Mapping

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

# No text anybody can type.
_UNSEEN = "\0"


@app.post("/collections/<collection_id>/edit", summary="Rename or describe a collection")
def edit_collection(collection_id: PathId) -> Response[str]:
    """Take name and description; an empty description is none."""
    typed = _typed(said(fields(), "name", "name_was", "description", "description_was"))
    if not typed:
        return see_other(f"/collections/{collection_id}")
    try:
        change = read(CollectionChange, typed)
    except Invalid as refusal:
        return workspace(collection_id, Wanted(), refusal.problems, typed)
    with transaction() as session:
        collecting.change(session, person(), collection_id, change, now())
    return see_other(f"/collections/{collection_id}")


def _typed(sent: Mapping[str, str | None]) -> dict[str, str | None]:
    """What differs from what the form showed: the rest may have been changed elsewhere, and stays."""
    known = {"name": sent.get("name") or "", "description": sent.get("description")}
    return {name: text for name, text in known.items() if sent.get(f"{name}_was", _UNSEEN) != (text or None)}


handler = entry(app)

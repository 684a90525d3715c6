"""Rename or describe a collection."""

from collections.abc import Mapping

from dealbrain import access, collecting, editing
from dealbrain.db import transaction
from dealbrain.editing import Fields
from dealbrain.errors import Invalid
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.narrowing import Wanted
from dealbrain.pages import fields, page, read, said, see_other
from dealbrain.shapes import CollectionChange, PathId
from dealbrain.web import Needs, Response, entry, now, person
from functions.pages.collection import workspace

app = page(signed_in=True, is_written=True)
# What its cards show is something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))

_FIELDS = ("name", "description")
# What an empty field means: a name is refused, and no description is none.
_EMPTY: Mapping[str, str | None] = {"name": "", "description": None}


@app.get("/collections/<collection_id>/edit", summary="Go where a collection is renamed")
def to_form(collection_id: PathId) -> Response[str]:
    """Lead to the collection, whose page has the form; one stands here after a refusal."""
    with transaction() as session:
        access.owned(session, person(), collection_id)
    return see_other(f"/collections/{collection_id}")


@app.post("/collections/<collection_id>/edit", summary="Rename or describe a collection")
def edit_collection(collection_id: PathId) -> Response[str]:
    """Take what was written of name and description; an empty description is none."""
    sent = said(fields(), "name", "name_was", "description", "description_was")
    seen = {name: sent[f"{name}_was"] or "" for name in _FIELDS if f"{name}_was" in sent}
    known = {name: sent.get(name) or "" for name in _FIELDS if name in sent or name == "name"}
    # The rest may have been changed elsewhere since it was shown, and stays.
    typed = {name: text for name, text in known.items() if text != seen.get(name)}
    try:
        _change(collection_id, typed, seen)
    except Invalid as refusal:
        return workspace(collection_id, Wanted(), refusal.problems, typed)
    return see_other(f"/collections/{collection_id}")


def _change(collection_id: int, typed: Mapping[str, str], seen: Mapping[str, str]) -> None:
    change = read(CollectionChange, {name: text or _EMPTY[name] for name, text in typed.items()})
    with transaction() as session:
        row = access.editable(session, person(), collection_id)
        now_there = {name: editing.lines(getattr(row, name)) for name in _FIELDS}
        if overtaken := editing.overtaken(_pointed(typed), _pointed(seen), _pointed(now_there)):
            raise Invalid("Where you wrote, something else was written meanwhile.", problems=overtaken)
        if change.said():
            collecting.change(session, person(), collection_id, change, now())


def _pointed(values: Mapping[str, str]) -> Fields:
    return {f"/{name}": text for name, text in values.items()}


handler = entry(app)

"""What the owner says of an item: its status in one click, its notes as they are written."""

from collections.abc import Mapping
from http import HTTPStatus

from dealbrain import access, collecting, showing
from dealbrain.db import transaction
from dealbrain.errors import Conflict, NotFound
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, is_piece, page, read, render, said, see_other
from dealbrain.shapes import ItemChange, PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True, is_written=True)
# What its collection's cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))

GONE = "This offer is not in the collection, or not any more. Load the page again."
# What a field of notes was when it was shown.
SEEN = {"notes": "notes_was", "private_notes": "private_notes_was"}


@app.get("/collections/<collection_id>/items/<item_id>", summary="Write notes on an item")
def read_item(collection_id: PathId, item_id: PathId) -> Response[str]:
    """Answer the form of its notes."""
    return _notes(collection_id, item_id)


@app.post("/collections/<collection_id>/items/<item_id>", summary="Change an item")
def edit_item(collection_id: PathId, item_id: PathId) -> Response[str]:
    """Change what was sent and nothing else; notes only if nobody has written others meanwhile."""
    sent = fields()
    try:
        return _changed(collection_id, item_id, sent)
    except NotFound:
        # The same whatever is absent, and whosever it is.
        raise NotFound(GONE) from None
    except Conflict:
        if is_piece():
            raise
        return _notes(collection_id, item_id, sent)


def _changed(collection_id: int, item_id: int, sent: Mapping[str, list[str]]) -> Response[str]:
    change = read(ItemChange, said(sent, "status", "notes", "private_notes"))
    with transaction() as session:
        collection = access.editable(session, person(), collection_id)
        # A page that missed a change is not told of the next state: its order would undo what it missed.
        is_up_to_date = sent.get("revision") == [str(collection.revision)]
        collecting.refuse_overwriting(session, person(), collection_id, item_id, _seen(sent))
        item = collecting.change_item(session, person(), collection_id, item_id, change, now())
        shown = showing.own_item(item, person())
        revision = collection.revision if is_up_to_date else None
    if not is_piece():
        return see_other(f"/collections/{collection_id}#item-{item_id}")
    return render("item_piece.html", collection={"id": collection_id, "revision": revision}, item=shown)


def _seen(sent: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: sent[was] for name, was in SEEN.items() if name in sent and was in sent}


def _notes(collection_id: int, item_id: int, sent: Mapping[str, list[str]] | None = None) -> Response[str]:
    """The form of the notes: as they are, or with what was typed beside what was written meanwhile."""
    with transaction() as session:
        item = showing.own_item(access.owned_item(session, person(), collection_id, item_id), person())
    typed = said(sent or {}, *SEEN)
    status = HTTPStatus.CONFLICT if sent else HTTPStatus.OK
    return render("item_notes.html", status, collection_id=collection_id, item=item, typed=typed)


handler = entry(app)

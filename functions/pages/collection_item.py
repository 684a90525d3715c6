"""What the owner says of an item: its status in one click, its notes as they are written."""

from collections.abc import Mapping

from dealbrain import access, collecting, showing
from dealbrain.db import transaction
from dealbrain.errors import NotFound
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, is_piece, page, read, render, said, see_other
from dealbrain.shapes import ItemChange, PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
# What its collection's cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))

GONE = "This offer is not in the collection, or not any more. Load the page again."
# What a field of notes was when it was shown.
SEEN = {"notes": "notes_was", "private_notes": "private_notes_was"}


@app.get("/collections/<collection_id>/items/<item_id>", summary="Write notes on an item")
def read_item(collection_id: PathId, item_id: PathId) -> Response[str]:
    """Answer the form of its notes."""
    with transaction() as session:
        item = showing.own_item(access.owned_item(session, person(), collection_id, item_id), person())
    return render("item_notes.html", collection_id=collection_id, item=item)


@app.post("/collections/<collection_id>/items/<item_id>", summary="Change an item")
def edit_item(collection_id: PathId, item_id: PathId) -> Response[str]:
    """Change what was sent and nothing else; notes only if nobody has written others meanwhile."""
    sent = fields()
    change = read(ItemChange, said(sent, "status", "notes", "private_notes"))
    with transaction() as session:
        try:
            collecting.refuse_overwriting(session, person(), collection_id, item_id, _seen(sent))
            item = collecting.change_item(session, person(), collection_id, item_id, change, now())
        except NotFound:
            # The same whatever is absent, and whosever it is.
            raise NotFound(GONE) from None
        if not is_piece():
            return see_other(f"/collections/{collection_id}#item-{item_id}")
        shown = showing.own_item(item, person())
        revision = access.owned(session, person(), collection_id).revision
    return render("item_piece.html", collection={"id": collection_id, "revision": revision}, item=shown)


def _seen(sent: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: sent[was][0] for name, was in SEEN.items() if name in sent and was in sent}


handler = entry(app)

"""The order of a collection's items, as its owner drags them."""

from dealbrain import collecting
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, is_piece, number, page, read, render, said, see_other
from dealbrain.shapes import ItemOrder, PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/collections/<collection_id>/order", summary="Order the items")
def reorder(collection_id: PathId) -> Response[str]:
    """Take all items in the order wanted, as they were seen at a revision."""
    sent = said(fields(), "items", "revision")
    numbers = (sent.get("items") or "").split(",")
    wanted = read(
        ItemOrder, {"item_ids": [number(one) for one in numbers], "revision": number(sent.get("revision"))}
    )
    with transaction() as session:
        revision = collecting.reorder(session, person(), collection_id, wanted, now()).revision
    if not is_piece():
        return see_other(f"/collections/{collection_id}")
    return render("item_piece.html", collection={"id": collection_id, "revision": revision}, item=None)


handler = entry(app)

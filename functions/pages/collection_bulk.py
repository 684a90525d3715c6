"""Many items at once: their status, another collection, or out; each can be taken back."""

from urllib.parse import urlencode, urlsplit

from dealbrain import reverting
from dealbrain.db import transaction
from dealbrain.document import ItemStatus
from dealbrain.errors import Invalid
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, local_path, number, page, read, said, see_other
from dealbrain.shapes import BulkChange, PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/collections/<collection_id>/bulk", summary="Change many items")
def change_items(collection_id: PathId) -> Response[str]:
    """Do one thing to all items chosen, or to none, and go back to where it can be undone."""
    sent = fields()
    said_once = said(sent, "do", "move_to", "back")
    chosen = sent.get("item", [])
    if not chosen:
        raise Invalid("Choose some offers first.")
    wanted = read(BulkChange, {"item_ids": list(map(number, chosen)), **_what(said_once)})
    with transaction() as session:
        undo = reverting.change(session, person(), collection_id, wanted, now())
    query = urlencode({"undo": undo, "did": said_once["do"], "number": len(chosen)})
    back = back_to(collection_id, said_once.get("back"))
    return see_other(f"{back}{'&' if urlsplit(back).query else '?'}{query}")


def _what(sent: dict[str, str | None]) -> dict[str, object]:
    match sent.get("do"):
        case "remove":
            return {"remove": True}
        case "move":
            if not sent.get("move_to"):
                raise Invalid("Choose the collection they are to be moved to.")
            return {"move_to": number(sent["move_to"])}
        case do if do in set(ItemStatus):
            return {"set": {"status": do}}
    raise Invalid("Say what is to happen to the offers chosen.")


def back_to(collection_id: int, wanted: str | None) -> str:
    """The page the form stood on, with what it was narrowed by."""
    here = f"/collections/{collection_id}"
    back = local_path(wanted)
    return back if urlsplit(back).path == here else here


handler = entry(app)

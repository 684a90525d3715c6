"""Take back what was done to many items at once."""

from uuid import UUID

from dealbrain import reverting
from dealbrain.db import transaction
from dealbrain.errors import NotFound
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, page, said, see_other
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, entry, now, person
from functions.pages.collection_bulk import back_to

app = page(signed_in=True)
# What its cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/collections/<collection_id>/undo", summary="Undo a change of many items")
def undo(collection_id: PathId) -> Response[str]:
    """Make the items again what they were, within a day, and go back."""
    sent = said(fields(), "undo", "back")
    with transaction() as session:
        reverting.revert(session, person(), collection_id, _id(sent.get("undo")), now())
    return see_other(back_to(collection_id, sent.get("back")))


def _id(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError:
        raise NotFound("There is nothing to undo here any more.") from None


handler = entry(app)

"""Delete a collection, which can be taken back for a while."""

from dealbrain import access, collecting, facts, sharing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import page, render, see_other
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.get("/collections/<collection_id>/delete", summary="Ask before a collection is deleted")
def ask(collection_id: PathId) -> Response[str]:
    """Say what will be gone and what can be brought back."""
    with transaction() as session:
        name = access.owned(session, person(), collection_id).name
        ends_links = bool(sharing.live_tokens(session, person(), collection_id, now()))
    return render(
        "collection_delete.html",
        collection_id=collection_id,
        name=name,
        ends_links=ends_links,
        days=facts.RESTORABLE.days,
    )


@app.post("/collections/<collection_id>/delete", summary="Delete a collection")
def delete_collection(collection_id: PathId) -> Response[str]:
    """Delete it and go to where it can be restored."""
    with transaction() as session:
        collecting.delete(session, person(), collection_id, now())
    return see_other("/collections#deleted")


handler = entry(app)

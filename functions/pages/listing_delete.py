"""Delete an offer of one's own, after asking."""

from dealbrain import access, offering
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import page, render, see_other
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.get("/listings/<listing_id>/delete", summary="Ask before an offer is deleted")
def ask(listing_id: PathId) -> Response[str]:
    """Say what will be gone and what will not."""
    with transaction() as session:
        title = access.owned_listing(session, person(), listing_id).title
    return render("listing_delete.html", listing_id=listing_id, name=title)


@app.post("/listings/<listing_id>/delete", summary="Delete an offer")
def delete_listing(listing_id: PathId) -> Response[str]:
    """Lead to the caller's collections."""
    with transaction() as session:
        offering.delete(session, person(), listing_id, now())
    return see_other("/collections")


handler = entry(app)

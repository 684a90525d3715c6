"""A public collection inside somebody else's page."""

from dealbrain import facts, sharing
from dealbrain.db import transaction
from dealbrain.pages import page, policy, render
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, count, entry, now, viewer

app = page()
NEEDS = Needs(database=True)


@app.get("/embed/<collection_id>", summary="Embed a collection")
def embed(collection_id: PathId) -> Response[str]:
    """Answer a page any other may frame: there is nothing in it that a stolen click could do."""
    with transaction() as session:
        whole = sharing.read_public(session, collection_id, viewer(), now())
    if viewer() is not None:
        count("Viewed")
    framed = policy(frame_ancestors="*", form_action="'none'", script_src="'none'", connect_src="'none'")
    return render("embed.html", csp=framed, collection=whole, items=whole.items[: facts.PAGE])


handler = entry(app)

"""A public collection inside somebody else's page."""

from dealbrain import facts, sharing
from dealbrain.db import transaction
from dealbrain.errors import Refusal, Unauthenticated
from dealbrain.pages import Page, policy, refused, render
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, count, entry, now, ready, viewer

NEEDS = Needs(database=True)


class Embedded(Page):
    """A page any other may frame, and so are its refusals: a browser shows no others inside a frame."""

    def tell(self, refusal: Refusal) -> Response[str]:
        """Say in the frame that there is nothing to see; a wrong token is told as everywhere."""
        if isinstance(refusal, Unauthenticated):
            return super().tell(refusal)
        return refused(refusal, "embed_refused.html", csp=_framed())


app = ready(Embedded())


@app.get("/embed/<collection_id>", summary="Embed a collection")
def embed(collection_id: PathId) -> Response[str]:
    """Answer a page any other may frame: there is nothing in it that a stolen click could do."""
    with transaction() as session:
        whole = sharing.read_public(session, collection_id, viewer(), now())
    if viewer() is not None:
        count("Viewed")
    return render("embed.html", csp=_framed(), collection=whole, items=whole.items[: facts.PAGE])


def _framed() -> str:
    return policy(frame_ancestors="*", form_action="'none'", script_src="'none'", connect_src="'none'")


handler = entry(app)

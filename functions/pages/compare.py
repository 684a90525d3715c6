"""Offers side by side."""

from typing import Annotated

from dealbrain import access, collecting, narrowing, sharing
from dealbrain.db import transaction
from dealbrain.pages import page, render
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Query, Response, caller, entry, now, person, viewer

app = page()
NEEDS = Needs(database=True)

# More columns nobody compares.
MOST = 6


@app.get("/collections/<collection_id>/compare", summary="Compare offers")
def compare(
    collection_id: PathId,
    item: Annotated[list[PathId], Query()] = [],  # noqa: B006 - Powertools knows a list by nothing else
) -> Response[str]:
    """Answer the items chosen, as their owner or as anybody sees them, with the best of each line marked."""
    with transaction() as session:
        row = access.readable(session, caller(), collection_id, now())
        whole = (
            collecting.whole(session, row, person())
            if access.is_owner(caller(), row)
            else sharing.read_public(session, collection_id, viewer(), now())
        )
    chosen = [one for one in whole.items if one.id in item]
    shown = chosen[:MOST]
    return render(
        "compare.html",
        collection=whole,
        items=shown,
        lines=narrowing.lines(shown),
        most=MOST,
        left_out=len(chosen) - len(shown),
    )


handler = entry(app)

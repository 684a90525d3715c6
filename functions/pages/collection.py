"""A collection: its owner's workspace, or what anybody reads of a public one."""

from collections.abc import Mapping
from typing import Annotated, Literal

from dealbrain import access, collecting, facts, licensing, linking, presenting, sharing
from dealbrain.db import transaction
from dealbrain.errors import Problem
from dealbrain.facts import SPECS, Bucket
from dealbrain.narrowing import View, Wanted
from dealbrain.pages import page, render
from dealbrain.shapes import PathId, PathUuid
from dealbrain.web import Needs, Query, Response, caller, count, entry, now, person, viewer

app = page()
# It names the pictures it shows, and so lets them be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))

type Did = Literal["undecided", "shortlisted", "rejected", "bought", "remove", "move"]


@app.get("/collections/<collection_id>", summary="See a collection")
@app.head("/collections/<collection_id>", summary="Look whether a collection is there")
def read_collection(
    collection_id: PathId,
    wanted: Annotated[Wanted, Query()],
    undo: PathUuid | None = None,
    did: Did = "remove",
    number: Annotated[int, Query(ge=1, le=facts.COLLECTION_ITEMS)] = 1,
) -> Response[str]:
    """Answer its workspace to its owner, and to everybody else what anybody reads of it, if it is public."""
    with transaction() as session:
        row = access.readable(session, caller(), collection_id, now())
    # Not inside: where a function has one connection, a second transaction would wait for the first one's.
    if access.is_owner(caller(), row):
        return workspace(collection_id, wanted, done={"undo": undo, "did": did, "number": number})
    with transaction() as session:
        whole = sharing.read_public(session, collection_id, viewer(), now())
        seen = presenting.items(session, whole.items, wanted, View.cards, now())
        cover = licensing.public_collection(session, collection_id, now())
    if viewer() is not None:
        count("Viewed")
    linked = linking.collection(whole)
    return render("published.html", collection=whole, seen=seen, cover=cover, linked=linked, token=None)


def workspace(
    collection_id: int,
    wanted: Wanted,
    problems: tuple[Problem, ...] = (),
    typed: Mapping[str, str | None] | None = None,
    done: Mapping[str, object] | None = None,
) -> Response[str]:
    """Answer a collection to its owner, with what can be undone, or with what is wrong in its form."""
    with transaction() as session:
        row = access.owned(session, person(), collection_id)
        whole = collecting.whole(session, row, person())
        seen = presenting.items(session, whole.items, wanted, View.table, now())
        others = access.own_names(session, person())
        # Deleted this very moment in another window, it is none of them any more.
        others.pop(collection_id, None)
    return render(
        "workspace.html",
        422 if problems else 200,
        collection=whole,
        seen=seen,
        others=others,
        problems=problems,
        typed=typed or {},
        done=done or {"undo": None},
    )


handler = entry(app)

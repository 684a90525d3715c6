"""A collection: its owner's workspace, or what anybody reads of a public one."""

from typing import Annotated, Any, Literal

from dealbrain import access, collecting, facts, licensing, linking, presenting, sharing
from dealbrain.db import transaction
from dealbrain.errors import Invalid
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.narrowing import View, Wanted
from dealbrain.pages import fields, page, read, render, said, see_other
from dealbrain.shapes import CollectionChange, Limit, PathId, PathUuid
from dealbrain.web import Needs, Query, Response, caller, count, entry, now, person, viewer

app = page()
# It names the pictures it shows, and so lets them be drawn; what is renamed has other cards.
NEEDS = Needs(
    database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS, CARDS), lists=(Bucket.generated,)
)

type Did = Literal["undecided", "shortlisted", "rejected", "bought", "remove", "move"]


@app.get("/collections/<collection_id>", summary="See a collection")
@app.head("/collections/<collection_id>", summary="Look whether a collection is there")
def read_collection(
    collection_id: PathId,
    wanted: Annotated[Wanted, Query()],
    undo: PathUuid | None = None,
    did: Did = "remove",
    number: Limit = 1,
) -> Response[str]:
    """Answer its workspace to its owner, and to everybody else what anybody reads of it, if it is public."""
    with transaction() as session:
        row = access.readable(session, caller(), collection_id, now())
        if access.is_owner(caller(), row):
            return _workspace(collection_id, wanted, undo=undo, did=did, number=number)
        whole = sharing.read_public(session, collection_id, viewer(), now())
        seen = presenting.items(session, whole.items, wanted, View.cards, now())
        cover = licensing.public_collections(session, [collection_id], now())[collection_id]
    if viewer() is not None:
        count("Viewed")
    linked = linking.collection(whole)
    return render("published.html", collection=whole, seen=seen, cover=cover, linked=linked, token=None)


@app.post("/collections/<collection_id>", summary="Rename or describe a collection")
def edit_collection(collection_id: PathId) -> Response[str]:
    """Take name and description; an empty description is none."""
    sent = said(fields(), "name", "description")
    try:
        change = read(CollectionChange, {**sent, "name": sent.get("name") or ""})
    except Invalid as refusal:
        return _workspace(collection_id, Wanted(), refusal.problems, sent)
    with transaction() as session:
        collecting.change(session, person(), collection_id, change, now())
    return see_other(f"/collections/{collection_id}")


def _workspace(
    collection_id: int, wanted: Wanted, problems: tuple[Any, ...] = (), typed: Any = None, **done: object
) -> Response[str]:
    with transaction() as session:
        row = access.owned(session, person(), collection_id)
        whole = collecting.whole(session, row, person())
        seen = presenting.items(session, whole.items, wanted, View.table, now())
        others, _ = collecting.mine(session, person(), facts.PAGE_MOST, None)
    known = {"undo": None, "problems": problems, "typed": typed or {}, **done}
    return render("workspace.html", 422 if problems else 200, collection=whole, seen=seen, others=others, **known)


handler = entry(app)

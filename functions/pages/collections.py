"""One's own collections, and a new one."""

from dealbrain import collecting, facts
from dealbrain.db import transaction
from dealbrain.errors import Invalid
from dealbrain.pages import fields, page, read, render, said, see_other
from dealbrain.shapes import CollectionPage, Cursor, NewCollection
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True, is_written=True)
NEEDS = Needs(database=True)


@app.get("/collections", summary="See my collections")
def read_collections(cursor: Cursor | None = None, deleted: Cursor | None = None) -> Response[str]:
    """Answer one page of them, and one of what was deleted and can be restored."""
    return _shown(cursor, deleted)


@app.post("/collections", summary="Make a collection")
def create_collection() -> Response[str]:
    """Make it and go there; what is wrong is said beside the field."""
    sent = fields()
    try:
        new = read(NewCollection, {"name": "", **_filled(sent)})
    except Invalid as refusal:
        return _shown(None, None, refusal, said(sent, "name", "description"))
    with transaction() as session:
        made = collecting.create(session, person(), new, now())
        return see_other(f"/collections/{made.id}")


def _filled(sent: dict[str, list[str]]) -> dict[str, str]:
    return {name: value for name, value in said(sent, "name", "description").items() if value is not None}


def _shown(
    cursor: str | None,
    deleted: str | None,
    refusal: Invalid | None = None,
    typed: dict[str, str | None] | None = None,
) -> Response[str]:
    with transaction() as session:
        rows, more = collecting.mine(session, person(), facts.PAGE, cursor)
        gone, earlier = collecting.deleted(session, person(), now(), facts.PAGE, deleted)
    return render(
        "collections.html",
        422 if refusal else 200,
        mine=CollectionPage(items=rows, next_cursor=more),
        gone=gone,
        earlier=earlier,
        problems=refusal.problems if refusal else (),
        typed=typed or {},
    )


handler = entry(app)

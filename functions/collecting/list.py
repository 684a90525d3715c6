"""The caller's collections."""

from dealbrain import collecting, facts
from dealbrain.db import transaction
from dealbrain.shapes import CollectionSummary, Cursor, Limit, Page
from dealbrain.web import Needs, api, entry, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.get("/v1/collections", summary="List my collections")
def list_collections(cursor: Cursor | None = None, limit: Limit = facts.PAGE) -> Page[CollectionSummary]:
    """Answer one page, newest first, without the items."""
    with transaction() as session:
        rows, more = collecting.mine(session, person(), limit, cursor)
        return Page(items=rows, next_cursor=more)


handler = entry(app)

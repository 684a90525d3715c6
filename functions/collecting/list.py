"""The caller's collections."""

from dealbrain import collecting, facts
from dealbrain.db import transaction
from dealbrain.shapes import CollectionPage, Cursor, Flag, Limit
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.get("/v1/collections", summary="List my collections")
def list_collections(
    *, deleted: Flag = False, cursor: Cursor | None = None, limit: Limit = facts.PAGE
) -> CollectionPage:
    """Answer one page without the items, newest first; or those that can be restored, last deleted first."""
    with transaction() as session:
        if deleted:
            rows, more = collecting.deleted(session, person(), now(), limit, cursor)
        else:
            rows, more = collecting.mine(session, person(), limit, cursor)
        return CollectionPage(items=rows, next_cursor=more)


handler = entry(app)

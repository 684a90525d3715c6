"""The share tokens of one of the caller's collections."""

from dealbrain import facts, sharing
from dealbrain.db import transaction
from dealbrain.shapes import Cursor, Limit, PathId, ShareTokenPage
from dealbrain.web import Needs, api, entry, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.get("/v1/collections/<collection_id>/share-tokens", summary="List share tokens")
def list_tokens(
    collection_id: PathId, cursor: Cursor | None = None, limit: Limit = facts.PAGE
) -> ShareTokenPage:
    """Answer one page, newest first, without the secrets."""
    with transaction() as session:
        rows, more = sharing.tokens(session, person(), collection_id, limit, cursor)
        return ShareTokenPage(items=rows, next_cursor=more)


handler = entry(app)

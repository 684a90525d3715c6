"""The caller's imports."""

from dealbrain import facts, reopening
from dealbrain.db import transaction
from dealbrain.shapes import Cursor, ImportPage, Limit
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.get("/v1/imports", summary="List my imports")
def history(*, cursor: Cursor | None = None, limit: Limit = facts.PAGE) -> ImportPage:
    """Answer one page of what was confirmed, the last first, and until when each can be undone."""
    with transaction() as session:
        rows, more = reopening.history(session, person(), now(), limit, cursor)
        return ImportPage(items=rows, next_cursor=more)


handler = entry(app)

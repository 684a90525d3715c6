"""Find public collections."""

from dealbrain import discovering, facts
from dealbrain.db import transaction
from dealbrain.shapes import Cursor, Discovered, DiscoverSort, Limit, Typed
from dealbrain.web import Needs, api, entry

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/collections/discover", summary="Find public collections")
def discover(
    q: Typed | None = None,
    sort: DiscoverSort = DiscoverSort.recent,
    cursor: Cursor | None = None,
    limit: Limit = facts.PAGE,
) -> Discovered:
    """Answer one page and the total; every word typed must be found."""
    with transaction() as session:
        return discovering.discover(session, q=q, sort=sort, limit=limit, cursor=cursor)


handler = entry(app)

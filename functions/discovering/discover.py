"""Find public collections."""

from dealbrain import discovering, facts
from dealbrain.db import transaction
from dealbrain.discovering import Search
from dealbrain.shapes import Amount, Cursor, Discovered, DiscoverSort, Limit, Typed
from dealbrain.web import Needs, api, count, entry

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/collections/discover", summary="Find public collections")
def discover(  # noqa: PLR0913, PLR0917 - one argument for each parameter of the route
    q: Typed | None = None,
    owner: Typed | None = None,
    cpu: Typed | None = None,
    min_price: Amount | None = None,
    max_price: Amount | None = None,
    sort: DiscoverSort = DiscoverSort.recent,
    cursor: Cursor | None = None,
    limit: Limit = facts.PAGE,
) -> Discovered:
    """Answer one page and the total; every word typed must be found, and every filter narrows."""
    search = Search(q, owner, cpu, min_price, max_price)
    with transaction() as session:
        found = discovering.discover(session, search, sort, limit, cursor)
    count("Discovered")
    return found


handler = entry(app)

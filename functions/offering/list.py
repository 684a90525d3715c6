"""Everybody's listings."""

from dealbrain import browsing, facts, showing
from dealbrain.browsing import Filter
from dealbrain.db import transaction
from dealbrain.document import Condition
from dealbrain.shapes import Amount, Cursor, Limit, ListingPage, ListingSort, Tier, Typed
from dealbrain.web import Needs, api, caller, entry

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/listings", summary="List and search listings")
def list_listings(  # noqa: PLR0913, PLR0917 - one argument for each parameter of the route
    q: Typed | None = None,
    owner: Typed | None = None,
    condition: Condition | None = None,
    tier: Tier | None = None,
    cpu: Typed | None = None,
    min_price: Amount | None = None,
    max_price: Amount | None = None,
    sort: ListingSort = ListingSort.recent,
    cursor: Cursor | None = None,
    limit: Limit = facts.PAGE,
) -> ListingPage:
    """Answer one page; every filter narrows what the others leave."""
    wanted = Filter(q, owner, cpu, min_price, max_price, condition, tier)
    with transaction() as session:
        rows, more = browsing.find(session, wanted, sort, limit, cursor)
        return ListingPage(items=[showing.listing(row, caller()) for row in rows], next_cursor=more)


handler = entry(app)

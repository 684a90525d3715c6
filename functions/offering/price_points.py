"""The prices of a listing."""

from dealbrain import facts, pricing
from dealbrain.db import transaction
from dealbrain.shapes import Cursor, Limit, PathId, SeenPricePage
from dealbrain.web import Needs, api, entry

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/listings/<listing_id>/price-points", summary="List the prices of a listing")
def price_points(
    listing_id: PathId, cursor: Cursor | None = None, limit: Limit = facts.PAGE
) -> SeenPricePage:
    """Answer one page of every price that was seen, the last one first."""
    with transaction() as session:
        rows, more = pricing.points(session, listing_id, limit, cursor)
        return SeenPricePage(items=rows, next_cursor=more)


handler = entry(app)

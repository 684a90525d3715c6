"""The first page: what this is, with real cards."""

from dealbrain import browsing, discovering, licensing, showing
from dealbrain.browsing import Filter
from dealbrain.db import transaction
from dealbrain.discovering import Search
from dealbrain.facts import SPECS, Bucket
from dealbrain.pages import page, render
from dealbrain.shapes import DiscoverSort, ListingSort, Tier
from dealbrain.web import Needs, Response, entry, now

app = page()
# It names the pictures it shows, and so lets them be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))

# The first deal stands on top, large; what follows fills a row each.
DEALS = 4
COLLECTIONS = 3


@app.get("/", summary="See what this is")
@app.head("/", summary="Look whether this is there")
def home() -> Response[str]:
    """Answer the newest great deals and the collections people look at most these days."""
    with transaction() as session:
        rows, _ = browsing.find(session, Filter(tier=Tier.great), ListingSort.recent, DEALS, None)
        deals = [showing.public_listing(row) for row in rows]
        found = discovering.discover(session, Search(), DiscoverSort.trending, COLLECTIONS, None)
        pictures = licensing.listings(session, [one.id for one in deals], now())
        covers = licensing.public_collections(session, [one.id for one in found.items], now())
    # One that was closed or deleted while we looked is shown no more.
    deals = [one for one in deals if one.id in pictures]
    return render("home.html", deals=deals, pictures=pictures, found=found.items, covers=covers)


handler = entry(app)

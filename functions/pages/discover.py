"""What others made public: searched as one types, with every filter and the order in the address."""

from urllib.parse import urlencode

from dealbrain import discovering, facts, licensing
from dealbrain.db import transaction
from dealbrain.discovering import Search
from dealbrain.facts import SPECS, Bucket
from dealbrain.pages import page, render
from dealbrain.shapes import Amount, Cursor, DiscoverSort, Typed
from dealbrain.web import Needs, Response, count, entry, now

app = page()
# It names the pictures it shows, and so lets them be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))


@app.get("/discover", summary="Find public collections")
@app.head("/discover", summary="Look whether public collections can be found")
def discover(  # noqa: PLR0913, PLR0917 - one argument for each parameter of the address
    q: Typed | None = None,
    owner: Typed | None = None,
    cpu: Typed | None = None,
    min_price: Amount | None = None,
    max_price: Amount | None = None,
    sort: DiscoverSort = DiscoverSort.recent,
    cursor: Cursor | None = None,
) -> Response[str]:
    """Answer one page of what is found; the next one is fetched when its end comes into view."""
    search = Search(q, owner, cpu, min_price, max_price)
    with transaction() as session:
        found = discovering.discover(session, search, sort, facts.PAGE, cursor)
        shown = licensing.public_collections(session, [one.id for one in found.items], now())
    count("Discovered")
    return render(
        "discover.html",
        search=search,
        sort=sort,
        found=found,
        shown=shown,
        cursor=cursor,
        own_address=_own_address(search, sort),
    )


def _own_address(search: Search, sort: DiscoverSort) -> str:
    """Where all of what was searched for is found, without what a link was hung with on its way."""
    asked = {name: value for name, value in vars(search).items() if value is not None}
    asked |= {} if sort is DiscoverSort.recent else {"sort": sort}
    return f"/discover?{urlencode(asked)}" if asked else "/discover"


handler = entry(app)

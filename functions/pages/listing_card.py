"""An offer's card to take along: its style, size and format, with the picture as it will be."""

from dealbrain import licensing
from dealbrain.cardspec import Format, Size, Style
from dealbrain.db import transaction
from dealbrain.facts import SPECS, Bucket
from dealbrain.pages import page, render
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, entry, now

app = page()
# It names the picture it shows, and so lets it be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))


@app.get("/listings/<listing_id>/card", summary="Make a picture of an offer")
def listing_card(
    listing_id: PathId,
    style: Style = Style.light,
    size: Size = Size.social,
    format: Format = Format.png,  # noqa: A002 - the parameter is called so
) -> Response[str]:
    """Answer the choice with the picture chosen."""
    with transaction() as session:
        shown = licensing.listing(session, listing_id, now())
    return render(
        "listing_card.html",
        listing_id=listing_id,
        shown=shown,
        style=style,
        size=size,
        format=format,
        picture=shown.address(style, size, format),
    )


handler = entry(app)

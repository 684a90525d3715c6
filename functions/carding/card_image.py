"""Where a listing's card is."""

from dealbrain import carding
from dealbrain.cardspec import Format, Size, Style
from dealbrain.db import transaction
from dealbrain.facts import SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, api, entry, now, redirect

app = api()
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), lists=(Bucket.generated,))


@app.get("/v1/listings/<listing_id>/card-image", summary="Find a listing's card", status_code=302)
def card_image(
    listing_id: PathId,
    style: Style = Style.light,
    size: Size = Size.social,
    format: Format = Format.png,  # noqa: A002 - the parameter is called so
) -> Response[str]:
    """Send the caller to the current picture's own address, which never changes."""
    with transaction() as session:
        address = carding.address(session, listing_id, style, size, format, now())
    return redirect(address)


handler = entry(app)

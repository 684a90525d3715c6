"""Where a listing's card is."""

from dealbrain import licensing
from dealbrain.cardspec import Card, Format, Size, Style
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, WARM, Bucket
from dealbrain.shapes import Download, PathId
from dealbrain.web import Needs, Response, api, entry, now
from functions.carding.picture import sent_on

app = api()
# Pictures only by the address it signs, and to know whether they are there; of specs it takes back its own.
NEEDS = Needs(
    database=True,
    reads=(SPECS, CARDS),
    writes=(SPECS, WARM),
    deletes=(SPECS,),
    lists=(Bucket.generated,),
)


@app.get("/v1/listings/<listing_id>/card-image", summary="Find a listing's card", status_code=302)
def card_image(
    listing_id: PathId,
    style: Style = Style.light,
    size: Size = Size.social,
    format: Format = Format.png,  # noqa: A002 - the parameter is called so
    download: Download | None = None,
) -> Response[str]:
    """Send the caller to the current picture's own address, which never changes, or to a download of it."""

    def look() -> tuple[Card, str]:
        with transaction() as session:
            shown = licensing.listing(session, listing_id, now())
        return shown.card(style, size, format), shown.spec.title

    return sent_on(look, (style, size, format), download=bool(download))


handler = entry(app)

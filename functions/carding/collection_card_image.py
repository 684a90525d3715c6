"""Where a collection's card is."""

from dealbrain import licensing
from dealbrain.cardspec import Card, Format, Size, Style
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, WARM, Bucket
from dealbrain.shapes import Download, PathId, Secret
from dealbrain.web import Needs, Response, api, caller, entry, now
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


@app.get("/v1/collections/<collection_id>/card-image", summary="Find a collection's card", status_code=302)
def collection_card_image(
    collection_id: PathId,
    style: Style = Style.light,
    size: Size = Size.social,
    format: Format = Format.png,  # noqa: A002 - the parameter is called so
    token: Secret | None = None,
    download: Download | None = None,
) -> Response[str]:
    """Send whoever may read the collection to the current picture, or to a download of it."""

    def look() -> tuple[Card, str]:
        with transaction() as session:
            shown = licensing.collection(session, caller(), collection_id, now(), token)
        return shown.card(style, size, format), shown.spec.title

    return sent_on(look, (style, size, format), download=bool(download))


handler = entry(app)

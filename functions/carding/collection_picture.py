"""The gate of collections: their cards' pictures, as long as their addresses are open."""

from dealbrain import cardspec
from dealbrain.caching import NO_STORE
from dealbrain.carding import NoSpec
from dealbrain.errors import NotFound
from dealbrain.facts import CARDS, GATE_CONCURRENCY, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, api, entry
from functions.carding.picture import drawn

app = api()
NEEDS = Needs(reads=(CARDS, SPECS), lists=(Bucket.generated,), renderer=GATE_CONCURRENCY)

PATH = "/v1/collection-cards/<collection_id>/<nonce>/<picture>"


@app.get(PATH, summary="Read a collection's card")
@app.head(PATH, summary="Look whether a collection's card is there")
def read_collection_card(collection_id: PathId, nonce: str, picture: str) -> Response[str]:
    """Answer the picture, which nobody may keep: it can be closed at any moment."""
    card = cardspec.parse_card(f"{cardspec.collection_place(collection_id, nonce)}/{picture}")
    if card is None:
        raise NotFound
    try:
        return drawn(card, {"Cache-Control": NO_STORE})
    except NoSpec:
        raise NotFound from None


handler = entry(app)

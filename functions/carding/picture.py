"""The gate: a card's picture at its own address, or a placeholder while there is none."""

from http import HTTPStatus
from pathlib import Path

from dealbrain import carding, cardspec
from dealbrain.carding import NoPicture, NoSpec
from dealbrain.cardspec import Variant
from dealbrain.errors import NotFound, Unavailable
from dealbrain.facts import CARDS, RETRY_AFTER, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import NO_STORE, Needs, Response, api, binary, count, entry, redirect

app = api()
NEEDS = Needs(reads=(CARDS, SPECS), lists=(Bucket.generated,), renderer=True)

# A browser may keep it for ever, since another picture has another address; a CDN for a day.
FOR_EVER = "public, max-age=31536000, s-maxage=86400, immutable"
PLACEHOLDERS = Path(__file__).with_name("placeholders")


@app.get("/v1/cards/<listing_id>/<name>", summary="Read a card")
@app.head("/v1/cards/<listing_id>/<name>", summary="Look whether a card is there")
def read_card(listing_id: PathId, name: str) -> Response[str]:
    """Answer the picture; draw it first if nobody asked for it before."""
    variant = cardspec.parse_name(name)
    if variant is None:
        raise NotFound
    try:
        picture = carding.picture(listing_id, variant)
    except NoSpec:
        return _current(listing_id, variant)
    except (NoPicture, Unavailable):
        return _placeholder(variant)
    count("CardHit" if picture.hit else "CardMiss")
    headers = {"Cache-Control": FOR_EVER, "ETag": f'"{variant.name}"'}
    return binary(picture.content, cardspec.MEDIA_TYPE[variant.format], headers)


def _current(listing_id: int, variant: Variant) -> Response[str]:
    """An outdated or removed card: lead to the one that is right today."""
    query = f"style={variant.style}&size={variant.size}&format={variant.format}"
    return redirect(f"/v1/listings/{listing_id}/card-image?{query}")


def _placeholder(variant: Variant) -> Response[str]:
    """A picture a person understands, with a status no crawler keeps."""
    count("CardPlaceholder")
    name = cardspec.placeholder_name(variant.style, variant.size, variant.format)
    headers = {"Cache-Control": NO_STORE, "Retry-After": str(int(RETRY_AFTER.total_seconds()))}
    content = (PLACEHOLDERS / name).read_bytes()
    return binary(content, cardspec.MEDIA_TYPE[variant.format], headers, HTTPStatus.SERVICE_UNAVAILABLE)


handler = entry(app)

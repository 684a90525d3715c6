"""The gate: a card's picture at its own address, or a placeholder while there is none."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from dealbrain import carding, cardspec, files
from dealbrain.caching import NO_STORE
from dealbrain.carding import NoPicture, NoSpec, Picture, RendererBroken
from dealbrain.cardspec import Card, Variant
from dealbrain.errors import NotFound, Unavailable
from dealbrain.facts import CARDS, GATE_CONCURRENCY, RETRY_AFTER, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, Unit, api, binary, count, entry, redirect

app = api()
NEEDS = Needs(reads=(CARDS, SPECS), lists=(Bucket.generated,), renderer=GATE_CONCURRENCY)

# A browser may keep it for ever, since another picture has another address; a CDN for a day.
FOR_EVER = "public, max-age=31536000, s-maxage=86400, immutable"
PLACEHOLDERS = Path(__file__).with_name("placeholders")


@app.get("/v1/cards/<listing_id>/<name>", summary="Read a card")
@app.head("/v1/cards/<listing_id>/<name>", summary="Look whether a card is there")
def read_card(listing_id: PathId, name: str) -> Response[str]:
    """Answer the picture; draw it first if nobody asked for it before."""
    card = cardspec.parse_card(f"{cardspec.listing_place(listing_id)}/{name}")
    if card is None:
        raise NotFound
    try:
        return drawn(card, {"Cache-Control": FOR_EVER, "ETag": f'"{name}"'})
    except NoSpec:
        return _current(listing_id, card.variant)


def _current(listing_id: int, variant: Variant) -> Response[str]:
    """An outdated or removed card: lead to the one that is right today."""
    query = f"style={variant.style}&size={variant.size}&format={variant.format}"
    return redirect(f"/v1/listings/{listing_id}/card-image?{query}")


# --------------------------------------------------------------- what its neighbours in this folder do too


def drawn(card: Card, headers: Mapping[str, str]) -> Response[str]:
    """Answer a picture, drawn if need be, or its placeholder.

    Raises:
        NoSpec: there is no licence for it.
    """
    try:
        picture = carding.picture(card)
    except (NoPicture, Unavailable) as error:
        return placeholder(card.variant, error)
    count("CardHit" if picture.hit else "CardMiss")
    count_drawn(picture)
    return binary(picture.content, cardspec.MEDIA_TYPE[card.variant.format], headers)


def downloaded(card: Card, title: str) -> Response[str]:
    """Send the caller to a picture's download under a good name, or answer its placeholder.

    Who has a database cannot reach the renderer, so what is not drawn yet is ordered as sharing orders it.
    """
    variant = card.variant
    name = files.named(title, cardspec.EXTENSION[variant.format])
    try:
        link = carding.link(card, name)
        if link is None:
            carding.order(card)
            link = carding.awaited_link(card, name)
    except (NoPicture, Unavailable) as error:
        return placeholder(variant, error)
    return redirect(link)


def placeholder(variant: Variant, why: NoPicture | Unavailable) -> Response[str]:
    """A picture a person understands, with a status no crawler keeps."""
    count("CardPlaceholder")
    if isinstance(why, RendererBroken | Unavailable):
        count("CardError")
    name = cardspec.placeholder_name(variant.style, variant.size, variant.format)
    headers = {"Cache-Control": NO_STORE, "Retry-After": str(int(RETRY_AFTER.total_seconds()))}
    content = (PLACEHOLDERS / name).read_bytes()
    return binary(content, cardspec.MEDIA_TYPE[variant.format], headers, HTTPStatus.SERVICE_UNAVAILABLE)


def count_drawn(picture: Picture) -> None:
    """Count a picture that was drawn for this call, with its time and size."""
    if picture.milliseconds is not None:
        count("CardGenerated")
        count("CardMilliseconds", picture.milliseconds, Unit.Milliseconds)
        count("CardBytes", len(picture.content), Unit.Bytes)


handler = entry(app)

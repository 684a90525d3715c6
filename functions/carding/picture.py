"""The gate: a card's picture at its own address, or a placeholder while there is none."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from dealbrain import carding, cardspec, files
from dealbrain.caching import NO_STORE
from dealbrain.carding import NoPicture, NoSpec, Picture, RendererBroken
from dealbrain.cardspec import Card, Format, Size, Style, Variant
from dealbrain.errors import NotFound, Unavailable
from dealbrain.facts import CARDS, GATE_CONCURRENCY, RETRY_AFTER, SPECS, Bucket
from dealbrain.shapes import PathId
from dealbrain.web import Needs, Response, Unit, api, binary, count, entry, redirect

type Wanted = tuple[Style, Size, Format]

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
        variant = card.variant
        return placeholder((variant.style, variant.size, variant.format), error)
    count("CardHit" if picture.hit else "CardMiss")
    count_drawn(picture)
    return binary(picture.content, cardspec.MEDIA_TYPE[card.variant.format], headers)


def sent_on(look: Callable[[], tuple[Card, str]], wanted: Wanted, *, download: bool) -> Response[str]:
    """Send the caller to a card's picture or to a download of it, or answer its placeholder.

    Args:
        look: finds the card and its title.
        wanted: style, size and format.
        download: whether the caller wants to keep it.
    """
    try:
        card, title = look()
        return redirect(_download(card, title) if download else cardspec.address(card))
    except (NoPicture, Unavailable) as error:
        return placeholder(wanted, error)


def _download(card: Card, title: str) -> str:
    """The signed address of a picture's download under a good name.

    Who has a database cannot reach the renderer, so what is not drawn yet is ordered as sharing orders it.
    """
    name = files.named(title, cardspec.EXTENSION[card.variant.format])
    found = carding.link(card, name)
    if found is None:
        carding.order(card)
        found = carding.awaited_link(card, name)
    return found


def placeholder(wanted: Wanted, why: NoPicture | Unavailable) -> Response[str]:
    """A picture a person understands, with a status no crawler keeps."""
    count("CardPlaceholder")
    if isinstance(why, RendererBroken | Unavailable):
        count("CardError")
    headers = {"Cache-Control": NO_STORE, "Retry-After": str(int(RETRY_AFTER.total_seconds()))}
    content = (PLACEHOLDERS / cardspec.placeholder_name(*wanted)).read_bytes()
    return binary(content, cardspec.MEDIA_TYPE[wanted[2]], headers, HTTPStatus.SERVICE_UNAVAILABLE)


def count_drawn(picture: Picture) -> None:
    """Count a picture that was drawn for this call, with its time and size."""
    if picture.milliseconds is not None:
        count("CardGenerated")
        count("CardMilliseconds", picture.milliseconds, Unit.Milliseconds)
        count("CardBytes", len(picture.content), Unit.Bytes)


handler = entry(app)

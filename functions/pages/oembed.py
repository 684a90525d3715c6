"""How other programs embed a public collection (oEmbed 1.0, https://oembed.com)."""

import re
from http import HTTPStatus
from typing import Annotated

from dealbrain import access, cardspec, jsontext, licensing, linking, showing
from dealbrain.cardspec import Size
from dealbrain.db import transaction
from dealbrain.errors import NotFound
from dealbrain.facts import BIGINT_MOST, SPECS, URL, Bucket
from dealbrain.linking import FRAME_HEIGHT, FRAME_WIDTH
from dealbrain.pages import page
from dealbrain.settings import settings
from dealbrain.shapes import Typed
from dealbrain.web import JSON, Needs, Query, Response, entry, now

app = page()
# It names the picture, and so lets it be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))

# How long others may keep what they are told, in seconds: as long as it takes to think better of it.
CACHE_SECONDS = 300


@app.get("/oembed", summary="Describe an embedding")
def oembed(
    url: Annotated[str, Query(max_length=URL)],
    maxwidth: int = FRAME_WIDTH,
    maxheight: int = FRAME_HEIGHT,
    format: Typed = "json",  # noqa: A002 - the standard calls it so
) -> Response[str]:
    """Answer a frame for the address of a public collection."""
    if format != "json":
        return Response(HTTPStatus.NOT_IMPLEMENTED, "text/plain", "We only speak JSON here.")
    collection_id = _named(url)
    with transaction() as session:
        shown = showing.public_summary(access.public(session, collection_id), 0)
        cover = licensing.public_collection(session, collection_id, now())
    width, height = max(1, min(FRAME_WIDTH, maxwidth)), max(1, min(FRAME_HEIGHT, maxheight))
    origin = settings().public_origin
    picture_width, picture_height = cardspec.PIXELS[Size.social]
    told = {
        "version": "1.0",
        "type": "rich",
        "provider_name": "Deal Brain",
        "provider_url": origin,
        "title": shown.name,
        "author_name": shown.owner.display_name or shown.owner.username,
        "cache_age": CACHE_SECONDS,
        "html": linking.frame(collection_id, shown.name, width, height),
        "width": width,
        "height": height,
        "thumbnail_url": origin + cover.address("light"),
        "thumbnail_width": picture_width,
        "thumbnail_height": picture_height,
    }
    return Response(HTTPStatus.OK, JSON, jsontext.dumps(told), {"Access-Control-Allow-Origin": "*"})


def _named(url: str) -> int:
    """The number of the collection whose page an address is.

    Raises:
        NotFound: it is no page of a collection of ours.
    """
    address = rf"{re.escape(settings().public_origin)}/collections/([1-9][0-9]{{0,18}})(?:[?#].*)?"
    found = re.fullmatch(address, url, re.DOTALL)
    if found is None or int(found[1]) > BIGINT_MOST:
        raise NotFound("This is no address of a public collection here.")
    return int(found[1])


handler = entry(app)

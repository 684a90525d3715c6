"""Draws one picture of one stored spec: the container Lambda. It knows no database and no person."""

import atexit
import base64
from functools import lru_cache
from typing import Any

from dealbrain import cardspec, files
from dealbrain.facts import Bucket
from dealbrain.settings import settings
from functions.drawing.browser import Browser


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Draw what ``{"listing_id", "style", "size", "format", "digest"}`` names and store the picture.

    Answers ``{"picture": base64, "media_type": …}``, or ``{"missing": true}`` when there is no spec (it is
    the licence to draw) or it was written for another template. ``{"warm": true}`` is answered as it is.

    Raises:
        RendererDown: no picture within the deadline.
        Unavailable: the file store does not answer.
        KeyError, ValueError: the event is none of ours.
    """
    if event.get("warm"):
        return {"warm": True}
    listing_id = int(event["listing_id"])
    variant = cardspec.Variant(
        cardspec.Style(event["style"]),
        cardspec.Size(event["size"]),
        cardspec.Format(event["format"]),
        event["digest"],
    )
    spec = _spec(cardspec.spec_key(listing_id, variant.digest))
    if spec is None:
        return {"missing": True}
    picture = _browser().draw(spec, variant.style, variant.size, variant.format)
    media_type = cardspec.MEDIA_TYPE[variant.format]
    files.put(Bucket.generated, cardspec.picture_key(listing_id, variant), picture, media_type)
    return {"picture": base64.b64encode(picture).decode(), "media_type": media_type}


def _spec(key: str) -> cardspec.CardSpec | None:
    stored = files.get(Bucket.generated, key)
    try:
        return cardspec.from_bytes(stored) if stored else None
    except cardspec.OutdatedSpecError:
        return None


@lru_cache(maxsize=1)
def _browser() -> Browser:
    browser = Browser(settings().chromium)
    atexit.register(browser.close)
    return browser

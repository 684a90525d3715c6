"""Draws one picture of one stored spec: the container Lambda. It knows no database and no person."""

import atexit
import base64
import time
from functools import lru_cache
from typing import Any

from dealbrain import cardspec, files
from dealbrain.facts import Bucket
from dealbrain.settings import settings
from functions.drawing.browser import Browser


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Draw what ``{"card": name}`` names and store the picture.

    Answers ``{"picture": base64, "media_type": …, "milliseconds": …}``, or ``{"missing": true}`` when there
    is no spec (it is the licence to draw) or it was written for another template. ``{"warm": true}`` is
    answered as it is.

    Raises:
        RendererDown: no picture within the deadline.
        Unavailable: the file store does not answer.
        KeyError, ValueError: the event is none of ours.
    """
    if event.get("warm"):
        return {"warm": True}
    card = cardspec.parse_card(event["card"])
    if card is None:
        raise ValueError(f"No card is called {event['card']!r}.")
    spec = _spec(card.spec_key)
    if spec is None:
        return {"missing": True}
    variant, begun = card.variant, time.monotonic()
    picture = _browser().draw(spec, variant.style, variant.size, variant.format)
    milliseconds = round(1000 * (time.monotonic() - begun), 1)
    media_type = cardspec.MEDIA_TYPE[variant.format]
    files.put(Bucket.generated, card.picture_key, picture, media_type)
    content = base64.b64encode(picture).decode()
    return {"picture": content, "media_type": media_type, "milliseconds": milliseconds}


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

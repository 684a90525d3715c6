"""Runs when something was shared, without a route: draws what others will see first.

S3 calls it for each object under warm/, which is called after the card to draw. It never waits for a place
at the renderer: when there is none it fails, and Lambda tries again later.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from dealbrain import carding, cardspec
from dealbrain.cardspec import Card
from dealbrain.facts import CARDS, WARM, WARMING_CONCURRENCY, Bucket
from dealbrain.web import Needs
from functions.carding.picture import count_drawn

NEEDS = Needs(reads=(CARDS,), lists=(Bucket.generated,), renderer=WARMING_CONCURRENCY)


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Draw what an S3 notification names, unless it is drawn already; how many were.

    Raises:
        NoPicture: the renderer is busy or broken.
        Unavailable: the file store does not answer.
        KeyError: the event is no notification of S3.
        ValueError: an object is called after no card.
    """
    if event.get("warm"):
        return {"drawn": 0}
    drawn = [picture for picture in map(carding.warm, _cards(event)) if picture]
    for picture in drawn:
        count_drawn(picture)
    return {"drawn": len(drawn)}


def _cards(event: dict[str, Any]) -> Iterator[Card]:
    for record in event["Records"]:
        # S3 spells keys in its notifications as forms do.
        key = unquote_plus(record["s3"]["object"]["key"])
        card = cardspec.parse_card(key.removeprefix(WARM))
        if card is None:
            raise ValueError(f"No card is called {key!r}.")
        yield card

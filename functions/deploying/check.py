"""Runs in each deployment, without a route: CloudFormation asks it whether what was deployed works.

It has one card drawn, always the same, and has the ping wake every function. What it finds wrong fails the
deployment.
"""

import base64
import struct
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dealbrain import cardspec, facts, files, jsontext
from dealbrain.cardspec import PIXELS, Card, Format, Size, Source, Style, Variant
from dealbrain.deploying import FailedError, resource
from dealbrain.facts import SPECS, Bucket
from dealbrain.settings import settings
from dealbrain.web import JSON, Needs

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

NEEDS = Needs(writes=(SPECS,))

SPEC = cardspec.of(
    Source(
        title="The card of every deployment",
        price_usd=Decimal("299.99"),
        adjusted_price_usd=Decimal("249.99"),
        cpu="Intel Core i7-8650U",
        ram_gb=16,
        ram_generation="ddr4",
        storage_gb=512,
        storage_medium="nvme",
        score=80,
        tier="good",
        verdict="Whoever reads this sees that cards can be drawn.",
        as_of=date(2026, 1, 1),
        link="example.com",
        manufacturer="Example",
        series="One",
    )
)
# No listing has this number.
CARD = Card(cardspec.listing_place(0), Variant(Style.light, Size.social, Format.png, cardspec.digest(SPEC)))
# A new image takes some seconds to start, and the card comes after that.
PATIENCE = facts.RENDERER_TIMEOUT + timedelta(seconds=5)
# While people keep the renderer busy, it is throttled.
ATTEMPTS = 3
NO_CARD = "The renderer drew no card: read its log (in the stack of the cards), mend the cause, deploy again."
NO_CHECK = (
    "The check could not be made: read its log (in the stack of the check), mend the cause, deploy again."
)

PNG_BEGINS = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
PNG_ENDS = b"\x00\x00\x00\x00IEND\xaeB`\x82"


class NoCardError(FailedError):
    """The renderer brought no card."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{NO_CARD} {why}")


def check(properties: Mapping[str, Any]) -> None:
    """Have the card drawn and everything woken.

    Args:
        properties: ``Ping``, the name of the ping's function, and ``Functions``, the names of those it wakes.

    Raises:
        NoCardError: the renderer did not draw it.
        KeyError: the properties are none of ours.
        Unavailable: the file store does not answer.
        ClientError, BotoCoreError: a function cannot be called, or does not answer.
    """
    draw()
    wake(properties)


def draw() -> None:
    """Have the renderer draw the card.

    Raises:
        NoCardError: it did not, or it drew something else.
        Unavailable: the file store does not answer.
        ClientError, BotoCoreError: the renderer cannot be called, or does not answer.
    """
    files.put(Bucket.generated, CARD.spec_key, cardspec.to_bytes(SPEC), JSON)
    order = jsontext.dumps({"card": CARD.name}).encode()
    answer = _client().invoke(FunctionName=settings().renderer_function, Payload=order)
    said: Any = jsontext.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise NoCardError(f"It failed: {said.get('errorType')}: {said.get('errorMessage')}.")
    if said.get("missing"):
        raise NoCardError(
            "Its image draws another template than the functions know: deploy both from one checkout."
        )
    found, wanted = png_size(base64.b64decode(said.get("picture", ""))), PIXELS[CARD.variant.size]
    if found != wanted:
        raise NoCardError(f"It answered no PNG of {wanted} pixels, but {found or 'something else'}.")


def png_size(picture: bytes) -> tuple[int, int] | None:
    """Width and height of a whole PNG in pixels; None of anything else.

    PNG specification (third edition), 5.2 and 11.2.1: a signature, the header chunk, …, the empty end chunk.
    """
    if not picture.startswith(PNG_BEGINS) or not picture.endswith(PNG_ENDS):
        return None
    width, height = struct.unpack_from(">II", picture, len(PNG_BEGINS))
    return width, height


def wake(properties: Mapping[str, Any]) -> None:
    """Start the ping, and do not wait for it: functions that do not answer are its own alarm.

    Raises:
        KeyError: the properties are none of ours.
        ClientError, BotoCoreError: the ping cannot be called.
    """
    names = jsontext.dumps({"functions": properties["Functions"]}).encode()
    _client().invoke(FunctionName=properties["Ping"], InvocationType="Event", Payload=names)


@lru_cache(maxsize=1)
def _client() -> "LambdaClient":
    import boto3  # noqa: PLC0415 - a ping does not need it
    from botocore.config import Config  # noqa: PLC0415 - the same

    retries: Any = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    return boto3.client("lambda", config=Config(read_timeout=PATIENCE.total_seconds(), retries=retries))


handler = resource(check, NO_CHECK)

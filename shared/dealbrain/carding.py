"""Cards: the spec is the licence, the gate finds or orders the picture, the renderer draws it.

An address contains a hash of everything drawn, so an outdated picture can never be served under it, and
deleting the spec closes it whatever a late render writes.
"""

import base64
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dealbrain import cardspec, files, jsontext
from dealbrain.cardspec import Format, Size, Source, Style, Variant
from dealbrain.facts import GATE_PATIENCE, SPEC_REFRESH, Bucket
from dealbrain.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from sqlalchemy.orm import Session

    from dealbrain.tables import Listing

LOOK_AGAIN_SECONDS = 0.1
CONNECT_SECONDS = 1


@dataclass(frozen=True)
class Picture:
    """A card as bytes, and whether it was there already."""

    content: bytes
    hit: bool


class NoSpec(Exception):  # noqa: N818 - an answer of the gate, not an error
    """Nothing may be drawn under this address (any more)."""


class NoPicture(Exception):  # noqa: N818 - the same
    """The renderer is absent, overloaded, late or broken."""


def address(
    session: "Session", listing_id: int, style: Style, size: Size, kind: Format, now: datetime
) -> str:
    """The path of a listing's current card; whoever knows it may have it drawn.

    Raises:
        NotFound: there is no such listing.
    """
    # The gate is in this module too; it has no database, and must not wait for SQLAlchemy to be imported.
    from dealbrain import access

    spec = cardspec.of(_source(access.readable_listing(session, listing_id)))
    digest = cardspec.digest(spec)
    _license(cardspec.spec_key(listing_id, digest), cardspec.to_bytes(spec), now)
    return f"/v1/cards/{listing_id}/{Variant(style, size, kind, digest).name}"


def _license(key: str, spec: bytes, now: datetime) -> None:
    found = files.get_with_age(Bucket.generated, key)
    if found is None or now - found[1] > SPEC_REFRESH:
        files.put(Bucket.generated, key, spec, "application/json")


def _source(row: "Listing") -> Source:
    performance: dict[str, Any] = row.performance or {}
    ram, storage = performance.get("ram") or {}, performance.get("storage_primary") or {}
    details = row.details or {}
    return Source(
        title=row.title,
        price_usd=row.price_usd,
        adjusted_price_usd=row.adjusted_price_usd,
        cpu=row.cpu_name,
        ram_gb=ram.get("total_gb"),
        ram_generation=ram.get("ddr_generation"),
        storage_gb=storage.get("capacity_gb"),
        storage_medium=storage.get("medium"),
        score=row.score,
        tier=row.tier,
        verdict=row.verdict,
        as_of=row.as_of,
        link=f"{settings().public_origin.partition('://')[2]}/listings/{row.id}",
        manufacturer=details.get("manufacturer"),
        series=details.get("series"),
    )


# ------------------------------------------------------------------------------------------- the gate


def picture(listing_id: int, variant: Variant) -> Picture:
    """Find the picture of a spec, or have it drawn; waits four seconds at most in all.

    Raises:
        NoSpec: there is no licence for it.
        NoPicture: it could not be drawn in time.
    """
    deadline = time.monotonic() + GATE_PATIENCE.total_seconds()
    key = cardspec.picture_key(listing_id, variant)
    with ThreadPoolExecutor(2) as both:
        spec = _in_thread(both, files.get, Bucket.generated, cardspec.spec_key(listing_id, variant.digest))
        drawn = _in_thread(both, files.get, Bucket.generated, key)
    if spec.result() is None:
        raise NoSpec
    found = drawn.result()
    return Picture(found, hit=True) if found else Picture(_order(listing_id, variant, deadline), hit=False)


def _in_thread[T](threads: ThreadPoolExecutor, work: Callable[..., T], *what: object) -> Future[T]:
    # What is known of the call by its context goes along; a thread of a pool would begin without.
    return threads.submit(copy_context().run, work, *what)


def _order(listing_id: int, variant: Variant, deadline: float) -> bytes:
    """Have the picture drawn, and wait for it no longer than until the deadline, whatever the order does."""
    waiter = ThreadPoolExecutor(1)
    try:
        return _in_thread(waiter, _draw, listing_id, variant, deadline).result(deadline - time.monotonic())
    except TimeoutError:
        raise NoPicture("The picture is late.") from None
    finally:
        waiter.shutdown(wait=False)


def _draw(listing_id: int, variant: Variant, deadline: float) -> bytes:
    """Order the picture; when the renderer is busy, look whether somebody else's order brought it."""
    while time.monotonic() < deadline:
        drawn = _invoke(listing_id, variant)
        if drawn is None:
            threading.Event().wait(LOOK_AGAIN_SECONDS)
            drawn = files.get(Bucket.generated, cardspec.picture_key(listing_id, variant))
        if drawn is not None:
            return drawn
    raise NoPicture("The renderer is busy.")


def _invoke(listing_id: int, variant: Variant) -> bytes | None:
    """Call the renderer; None when it is throttled.

    Raises:
        NoSpec: it found no spec it can draw.
        NoPicture: it failed, or did not answer in time.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    order = {"listing_id": listing_id, **vars(variant)}
    client = _client()
    try:
        answer = client.invoke(
            FunctionName=settings().renderer_function, Payload=jsontext.dumps(order).encode()
        )
        payload: Any = jsontext.loads(answer["Payload"].read())
    except client.exceptions.TooManyRequestsException:
        return None
    except (BotoCoreError, ClientError) as error:
        raise NoPicture("The renderer does not answer.") from error
    if answer.get("FunctionError"):
        raise NoPicture("The renderer failed.")
    if payload.get("missing"):
        raise NoSpec
    return base64.b64decode(payload["picture"])


@lru_cache(maxsize=1)
def _client() -> "LambdaClient":
    import boto3
    from botocore.config import Config

    return boto3.client(
        "lambda",
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=GATE_PATIENCE.total_seconds(),
            # Trying again is decided here, with the deadline in view.
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )

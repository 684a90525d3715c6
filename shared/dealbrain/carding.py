"""Pictures: found where they are stored, or ordered from the renderer.

Nothing in here has a database: the spec is the licence to draw, whoever put it there. An address contains a
hash of everything drawn, so an outdated picture can never be served under it.
"""

import base64
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dealbrain import files, jsontext
from dealbrain.cardspec import Card
from dealbrain.facts import GATE_PATIENCE, WARM, Bucket
from dealbrain.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LOOK_AGAIN_SECONDS = 0.1
CONNECT_SECONDS = 1


@dataclass(frozen=True)
class Picture:
    """A card as bytes, and where they come from."""

    content: bytes
    hit: bool
    """Whether it was stored already when it was asked for."""
    milliseconds: float | None = None
    """How long drawing it took; None when somebody else had ordered it."""


class NoSpec(Exception):  # noqa: N818 - an answer of the gate, not an error
    """Nothing may be drawn under this address (any more)."""


class NoPicture(Exception):  # noqa: N818 - the same
    """The renderer is overloaded or late."""


class RendererBroken(NoPicture):
    """The renderer is absent or fails: more of it would not help."""


def picture(card: Card) -> Picture:
    """Find the picture of a spec, or have it drawn; waits four seconds at most in all, whatever is slow.

    Raises:
        NoSpec: there is no licence for it.
        NoPicture: it could not be drawn in time.
        Unavailable: the file store does not answer.
    """
    deadline = _deadline()
    threads = ThreadPoolExecutor(2)
    try:
        spec = _in_thread(threads, files.get, Bucket.generated, card.spec_key)
        drawn = _in_thread(threads, files.get, Bucket.generated, card.picture_key)
        if _awaited(spec, deadline) is None:
            raise NoSpec
        if found := _awaited(drawn, deadline):
            return Picture(found, hit=True)
        return _awaited(_in_thread(threads, _draw, card, deadline), deadline)
    finally:
        # Whatever is still waited for by then, nobody waits with it.
        threads.shutdown(wait=False)


def link(card: Card, file_name: str) -> str | None:
    """Sign an address from which a picture can be fetched under a name; None as long as it is not drawn.

    Raises:
        Unavailable: the file store does not answer.
    """
    if files.get(Bucket.generated, card.picture_key) is None:
        return None
    return files.link(Bucket.generated, card.picture_key, file_name)


def awaited_link(card: Card, file_name: str) -> str:
    """The same for a picture somebody else draws; waits four seconds at most.

    Raises:
        NoPicture: it is not there by then.
        Unavailable: the file store does not answer.
    """
    deadline = _deadline()
    while time.monotonic() < deadline:
        threading.Event().wait(LOOK_AGAIN_SECONDS)
        if found := link(card, file_name):
            return found
    raise NoPicture("The picture is late.")


def order(card: Card) -> None:
    """Have a picture drawn in the background: S3 calls ``functions.carding.warm`` for what is put there.

    Raises:
        Unavailable: the file store does not answer.
    """
    files.put(Bucket.generated, f"{WARM}{card.name}", b"", "application/octet-stream")


def warm(card: Card) -> Picture | None:
    """Have a picture drawn before anybody asks for it; None when there is nothing to draw.

    Raises:
        NoPicture: not now; another try is worth it.
        Unavailable: the file store does not answer.
    """
    if files.get(Bucket.generated, card.picture_key) is not None:
        return None
    try:
        drawn = _invoke(card)
    except NoSpec:
        return None
    if drawn is None:
        raise NoPicture("The renderer is busy, and people come first.")
    return drawn


def _deadline() -> float:
    return time.monotonic() + GATE_PATIENCE.total_seconds()


def _in_thread[T](threads: ThreadPoolExecutor, work: Callable[..., T], *what: object) -> Future[T]:
    # What is known of the call by its context goes along; a thread of a pool would begin without.
    return threads.submit(copy_context().run, work, *what)


def _awaited[T](asked: Future[T], deadline: float) -> T:
    try:
        return asked.result(deadline - time.monotonic())
    except TimeoutError:
        raise NoPicture("The picture is late.") from None


def _draw(card: Card, deadline: float) -> Picture:
    """Order the picture; when the renderer is busy, look whether somebody else's order brought it."""
    while time.monotonic() < deadline:
        if drawn := _invoke(card):
            return drawn
        threading.Event().wait(LOOK_AGAIN_SECONDS)
        if content := files.get(Bucket.generated, card.picture_key):
            return Picture(content, hit=False)
    raise NoPicture("The renderer is busy.")


def _invoke(card: Card) -> Picture | None:
    """Call the renderer; None when it is throttled.

    Raises:
        NoSpec: it found no spec it can draw.
        RendererBroken: it failed, or did not answer in time.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    client = _client()
    try:
        answer = client.invoke(
            FunctionName=settings().renderer_function, Payload=jsontext.dumps({"card": card.name}).encode()
        )
        payload: Any = jsontext.loads(answer["Payload"].read())
    except client.exceptions.TooManyRequestsException:
        return None
    except (BotoCoreError, ClientError) as error:
        raise RendererBroken("The renderer does not answer.") from error
    if answer.get("FunctionError"):
        raise RendererBroken("The renderer failed.")
    if payload.get("missing"):
        raise NoSpec
    return Picture(base64.b64decode(payload["picture"]), hit=False, milliseconds=payload["milliseconds"])


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

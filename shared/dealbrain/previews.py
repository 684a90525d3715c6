"""A preview between its making and its confirming, the same way whatever its size.

The file and the body are in S3, the pointer with owner and expiry in DynamoDB.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic_core import from_json

from dealbrain import files, jsontext, pending
from dealbrain.errors import Conflict, Expired, NotFound, Problem
from dealbrain.facts import PREVIEWS, Bucket
from dealbrain.pending import READING, SESSION, UPLOAD, Pending
from dealbrain.rows import Refused

_JSON = "application/json"


@dataclass(frozen=True)
class Kept:
    """The file as it was sent, and what we made of it."""

    pointer: Pending
    raw: bytes
    body: Mapping[str, Any]


@dataclass(frozen=True)
class AsRead:
    """What a row says of an offer, for whoever checks it before it is written."""

    price_usd: Decimal | None
    seller: str | None
    performance: Mapping[str, Any] | None
    """The names and sizes of its main parts, called as in a file."""


def keep(kept: Kept) -> None:
    """Store a preview; the pointer comes last, so that what it points to is there."""
    files.put(Bucket.private, _file(kept.pointer.id), kept.raw, _JSON)
    files.put(Bucket.private, _body(kept.pointer.id), jsontext.dumps(kept.body).encode(), _JSON)
    pending.put(kept.pointer)


def find(preview_id: str, owner: str, now: datetime) -> Kept:
    """Read one owner's preview.

    Raises:
        NotFound: unknown, or somebody else's, or an upload nobody has imported.
        Expired: its time is over.
        Conflict: it is still being read, or reading it was cut off.
    """
    pointer = pending.get(preview_id, owner, now)
    if pointer.kind == UPLOAD:
        raise NotFound
    if pointer.kind == READING:
        raise Conflict(
            "This file has not been read to its end; import its upload_id again, if nobody reads it."
        )
    raw, body = files.get(Bucket.private, _file(pointer.id)), files.get(Bucket.private, _body(pointer.id))
    if raw is None or body is None:
        raise Expired("This preview has expired; send the file again.")
    # Our own words, which may hold more values than the reader of other people's files lets pass.
    return Kept(pointer, raw, from_json(body))


def forget(pointer: Pending) -> None:
    """Remove a preview: the pointer first, so that nothing points to what is gone."""
    pending.delete(pointer.id)
    files.delete(Bucket.private, [_file(pointer.id), _body(pointer.id)])


def refused_in(kept: Kept) -> list[Refused]:
    """The rows a preview refused."""
    return [
        Refused(one["index"], one["cells"], tuple(Problem(**problem) for problem in one["problems"]))
        for one in kept.body["refused"]
    ]


def as_read(kept: Kept) -> list[AsRead]:
    """The rows of a preview; none where a version before this one made it."""
    return [
        AsRead(one["price_usd"] and Decimal(one["price_usd"]), one["seller"], one["performance"])
        for one in kept.body.get("read", [])
    ]


def sweep(now: datetime) -> int:
    """Remove everything whose time, the grace included, is over. Nothing depends on it: who finds looks.

    Returns:
        How many were removed; a second run finds none of them.
    """
    removed = 0
    for one in pending.outlived(now):
        # A session is nothing but its item; all else points to files.
        if one.kind == SESSION:
            pending.delete(one.id)
        else:
            forget(one)
        removed += 1
    return removed


def _file(preview_id: str) -> str:
    return f"{PREVIEWS}{preview_id}.file"


def _body(preview_id: str) -> str:
    return f"{PREVIEWS}{preview_id}.json"

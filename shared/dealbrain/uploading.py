"""Files too large for a request: the browser sends them to S3, and an import reads them from there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from dealbrain import files, forms, pending
from dealbrain.document import ArtifactType
from dealbrain.errors import Conflict
from dealbrain.facts import ENDPOINT_TIMEOUT, PREVIEW_LIFE, UPLOAD_BYTES, UPLOAD_LIFE, UPLOADS, Bucket
from dealbrain.forms import Sent
from dealbrain.identity import Person
from dealbrain.pending import READING, UPLOAD, Pending
from dealbrain.shapes import NewUpload, OpenedPreview, PreviewState, Progress, Strategy, Upload

# Whoever reads longer than a function may run was cut off.
_READING_LIFE = 2 * ENDPOINT_TIMEOUT


def create(who: Person, wanted: NewUpload, now: datetime) -> Upload:
    """Make an address that takes this one file, of this type and no larger, for ten minutes."""
    upload_id = uuid4()
    about = {"name": wanted.file_name, "media_type": wanted.content_type}
    pending.put(Pending(str(upload_id), who.sub, UPLOAD, now + PREVIEW_LIFE, about))
    url, fields = files.form(
        Bucket.private, _file(str(upload_id)), wanted.content_type, most=wanted.size, life=UPLOAD_LIFE
    )
    return Upload(upload_id=upload_id, url=url, fields=fields, expires_at=now + UPLOAD_LIFE)


@dataclass(frozen=True)
class Reading:
    """An upload that somebody is reading, and how far."""

    sent: Sent
    told: Callable[[int, int], None]
    """Writes down how many of how many rows are done, for whoever asks meanwhile."""


@contextmanager
def reading(who: Person, upload_id: str, kind: ArtifactType, now: datetime) -> Iterator[Reading]:
    """Read what was uploaded, as the only one to do so; if the file is refused it may be sent again.

    Raises:
        NotFound: unknown, or somebody else's.
        Expired: its time is over.
        Conflict: nothing was sent yet; or it is being read, or was.
        TooLarge: more was sent than was said.
        UnsupportedType: compressed.
    """
    upload = _waiting(pending.get(upload_id, who.sub, now), now)
    content = files.get(Bucket.private, _file(upload.id), most=UPLOAD_BYTES)
    if content is None:
        raise Conflict("Nothing was uploaded yet: send the file to the address first, then import it.")
    sent = forms.checked(
        Sent(content, forms.kind_of(upload.about["media_type"], upload.about["name"]), upload.about["name"])
    )
    until = (now + _READING_LIFE).isoformat()
    taken = replace(
        upload, kind=READING, about=upload.about | {"type": kind, "until": until, "done": "0", "total": "0"}
    )
    pending.swap(upload, taken)

    def told(done: int, total: int) -> None:
        pending.put(replace(taken, about=taken.about | {"done": str(done), "total": str(total)}))

    done = False
    try:
        yield Reading(sent, told)
        done = True
    finally:
        if done:
            files.delete(Bucket.private, [_file(upload.id)])
        else:
            pending.put(replace(upload, kind=UPLOAD))


def _waiting(found: Pending, now: datetime) -> Pending:
    """Make sure that an upload is nobody's to read but the caller's, and was not read before.

    Raises:
        Conflict: it is being read, or was.
    """
    if found.kind == READING and _is_read(found, now):
        raise Conflict("This file is being read; GET /v1/imports/{upload_id} tells how far.")
    if found.kind not in {UPLOAD, READING}:
        raise Conflict("This file was read already; GET /v1/imports/{upload_id} shows its preview.")
    return found


def going_on(who: Person, upload_id: UUID, now: datetime) -> OpenedPreview | None:
    """How far reading an upload is; None when nobody is reading it.

    Raises:
        NotFound: unknown, or somebody else's.
        Expired: its time is over.
    """
    found = pending.get(str(upload_id), who.sub, now)
    if found.kind != READING or not _is_read(found, now):
        return None
    progress = Progress(done=int(found.about["done"]), total=int(found.about["total"]))
    return OpenedPreview(
        preview_id=upload_id,
        type=ArtifactType(found.about["type"]),
        expires_at=found.expires_at,
        suggested_strategy=Strategy.skip,
        collection=None,
        rows=[],
        duplicates=[],
        warnings=[],
        refused=[],
        state=PreviewState.reading,
        progress=progress,
    )


def is_unread(who: Person, upload_id: UUID, now: datetime) -> bool:
    """Whether this is an upload that nobody reads: not yet, or not any more because they were cut off.

    Raises:
        NotFound: unknown, or somebody else's.
        Expired: its time is over.
    """
    found = pending.get(str(upload_id), who.sub, now)
    return found.kind == UPLOAD or (found.kind == READING and not _is_read(found, now))


def origin() -> str:
    """Scheme and host that take uploads: where a page that sends them has to be allowed to send."""
    # Signed for nothing that is there, only because whoever signs addresses knows what they begin with.
    address = urlsplit(files.link(Bucket.private, UPLOADS, ""))
    return f"{address.scheme}://{address.netloc}"


def _is_read(found: Pending, now: datetime) -> bool:
    """Whether somebody is still reading an upload, and was not cut off."""
    return now < datetime.fromisoformat(found.about["until"]).astimezone(UTC)


def _file(upload_id: str) -> str:
    return f"{UPLOADS}{upload_id}"

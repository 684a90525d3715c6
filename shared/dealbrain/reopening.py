"""What became of a file that was sent: its preview opened again or cancelled, and past imports.

Apart from ``importing``, because whoever asks need not wait for what reading files takes to load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import access, facts, previews, uploading
from dealbrain.errors import AlreadyUsed
from dealbrain.identity import Person
from dealbrain.paging import Order, page
from dealbrain.previews import AsRead
from dealbrain.shapes import Imported, OpenedPreview, PastImport, PreviewState, Progress, Undone
from dealbrain.tables import Account, Import

# So many of an import's listings are named; its collection has them all.
_NAMED = 50
_LAST = Order.by_time("imported", Import.created_at, Import.number)


@dataclass(frozen=True)
class Opened:
    """A preview again, and its rows as they were read."""

    shown: OpenedPreview
    rows: Sequence[AsRead]


def reopen(session: Session, who: Person, preview_id: UUID, now: datetime) -> Opened:
    """Show a preview again to its owner, or how far reading an upload is.

    Raises:
        NotFound: unknown, or somebody else's, or an upload nobody has imported.
        Expired: its time is over.
        Conflict: reading was cut off.
    """
    going_on = uploading.going_on(who, preview_id, now)
    if going_on is not None:
        return Opened(going_on, ())
    kept = previews.find(str(preview_id), who.sub, now)
    made = kept.body["preview"]
    count = len(made["rows"])
    shown = OpenedPreview(
        **made,
        state=_state(session.get(Import, preview_id)),
        progress=Progress(done=count, total=count),
    )
    return Opened(shown, previews.as_read(kept))


def _state(mark: Import | None) -> PreviewState:
    if mark is None:
        return PreviewState.open
    return PreviewState.used if mark.undone_at is None else PreviewState.undone


def cancel(session: Session, who: Person, preview_id: UUID, now: datetime) -> None:
    """Forget a preview.

    Raises:
        NotFound: unknown, or somebody else's.
        Expired: its time is over.
        AlreadyUsed: it was confirmed.
    """
    kept = previews.find(str(preview_id), who.sub, now)
    if session.get(Import, preview_id) is not None:
        raise AlreadyUsed("This preview was confirmed already.", members={"import_id": str(preview_id)})
    previews.forget(kept.pointer)


def history(
    session: Session, who: Person, now: datetime, limit: int, cursor: str | None
) -> tuple[list[PastImport], str | None]:
    """One page of the caller's imports, the last first."""
    mine = sa.select(Import).join(Account, Account.id == Import.owner_id).where(Account.sub == who.sub)
    rows, more = page(session, mine, _LAST, limit, cursor)
    return [_past(row, now) for row in rows], more


@dataclass(frozen=True)
class Past:
    """One import, as whoever made it looks back at it."""

    done: PastImport
    undone: Undone | None
    named: Sequence[int]
    """The first of the listings it came to."""
    titles: Mapping[int, str]
    """What these are called, and those that undoing it kept; whatever is gone meanwhile is missing."""


def past(session: Session, who: Person, import_id: UUID, now: datetime) -> Past | None:
    """One import of the caller's, even when its preview is long gone; None where nothing was confirmed."""
    statement = (
        sa.select(Import)
        .join(Account, Account.id == Import.owner_id)
        .where(Import.id == import_id, Account.sub == who.sub)
    )
    row = session.scalars(statement).one_or_none()
    if row is None:
        return None
    done, undone = _past(row, now), None if row.undone is None else Undone.model_validate(row.undone)
    named = done.listing_ids[:_NAMED]
    kept = [one.listing_id for one in undone.kept] if undone else []
    found = access.readable_listings(session, {*named, *kept})
    return Past(done, undone, named, {one.id: one.title for one in found.values()})


def _past(row: Import, now: datetime) -> PastImport:
    until = row.created_at + facts.UNDOABLE
    return PastImport(
        **vars(Imported.model_validate(row.reply)),
        title=row.title,
        created_at=row.created_at,
        undoable_until=until if row.undone_at is None and until > now else None,
        undone_at=row.undone_at,
    )

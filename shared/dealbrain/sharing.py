"""Who sees a collection."""

from datetime import datetime

from sqlalchemy.orm import Session

from dealbrain import access, indexing
from dealbrain.document import Visibility
from dealbrain.identity import Person
from dealbrain.tables import Collection


def set_visibility(
    session: Session, who: Person, collection_id: int, visibility: Visibility, now: datetime
) -> tuple[Collection, bool]:
    """Open or close a collection.

    Returns:
        The collection, and whether anything really changed.

    Raises:
        NotFound: absent or not the caller's.
    """
    row = access.editable(session, who, collection_id)
    changed = row.visibility != visibility
    if changed:
        row.visibility = visibility
        row.published_at = now if visibility is Visibility.public else None
        row.updated_at = now
        session.flush()
        indexing.refresh(session, row.id)
    return row, changed

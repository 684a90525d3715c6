"""What a page about a collection shows of its items, gathered in a bounded number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from dealbrain import facts, licensing, narrowing, pricing
from dealbrain.charts import Seen
from dealbrain.licensing import Shown
from dealbrain.narrowing import AnyItem, View, Wanted


@dataclass(frozen=True)
class Presented:
    """Items as somebody wants to see them, and what goes with them."""

    items: Sequence[AnyItem]
    wanted: Wanted
    view: View
    families: Sequence[tuple[str, int]]
    """Processor families of all items, narrowed or not, with how many have each."""
    form_factors: Sequence[tuple[str, int]]
    pictures: Mapping[int, Shown]
    """The cards of the first items, by their listings; the others' are found when they are looked at."""
    histories: Mapping[int, Sequence[Seen]]
    """The prices seen of those listings that had more than one."""


def items(
    session: Session, present: Sequence[AnyItem], wanted: Wanted, otherwise: View, now: datetime
) -> Presented:
    """Gather what a page shows of a collection's items.

    Args:
        session: the transaction.
        present: all of them.
        wanted: which of them, and how.
        otherwise: as what they are shown where nobody says so.
        now: when they are looked at.
    """
    view = wanted.view or otherwise
    found = narrowing.narrowed(present, wanted)
    ids = [item.listing_id for item in found]
    first = ids[: facts.PAGE] if view is View.cards else []
    return Presented(
        items=found,
        wanted=wanted,
        view=view,
        families=narrowing.families(present),
        form_factors=narrowing.form_factors(present),
        pictures=licensing.listings(session, first, now) if first else {},
        histories=pricing.histories(session, ids) if view is View.table and ids else {},
    )

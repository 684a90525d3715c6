"""Make a link to an offer, shown this once."""

from datetime import timedelta

from dealbrain import access, facts, sharing
from dealbrain.db import transaction
from dealbrain.errors import Invalid, Problem
from dealbrain.facts import SPECS, WARM, Bucket
from dealbrain.pages import fields, page, render, said
from dealbrain.shapes import NewDealLink, PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS, WARM), lists=(Bucket.generated,))

_DAYS = (7, 30, facts.LISTING_SHARE_LIFE.days)


@app.get("/listings/<listing_id>/share", summary="Choose how long a link to an offer lives")
def choose(listing_id: PathId) -> Response[str]:
    """Answer the choice."""
    with transaction() as session:
        title = access.readable_listing(session, listing_id).title
    return render("listing_share.html", listing_id=listing_id, name=title, days=_DAYS)


@app.post("/listings/<listing_id>/share", summary="Share an offer by a link")
def share(listing_id: PathId) -> Response[str]:
    """Answer the link; only a hash of its secret is kept, so nobody is led elsewhere to read it."""
    expires_at = now() + timedelta(days=_days(said(fields(), "days").get("days")))
    with transaction() as session:
        made = sharing.share_listing(session, person(), listing_id, NewDealLink(expires_at=expires_at), now())
        title = access.readable_listing(session, listing_id).title
    return render(
        "listing_shared.html", listing_id=listing_id, name=title, url=made.url, expires_at=expires_at
    )


def _days(chosen: str | None) -> int:
    for days in _DAYS:
        if chosen == str(days):
            return days
    problem = Problem("/days", "unknown_choice", f"Choose one of {', '.join(map(str, _DAYS))} days.")
    raise Invalid(problem.message, problems=(problem,))


handler = entry(app)

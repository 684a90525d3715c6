"""A listing as a file."""

from dealbrain import exporting
from dealbrain.db import transaction
from dealbrain.facts import EXPORTS
from dealbrain.shapes import ListingFormat, PathId
from dealbrain.web import Needs, Response, api, attachment, caller, count, entry, now, redirect

app = api()
# It reads what it wrote only by the address it signs.
NEEDS = Needs(database=True, reads=(EXPORTS,), writes=(EXPORTS,))


@app.get("/v1/listings/<listing_id>/export", summary="Export a listing")
def export_listing(
    listing_id: PathId,
    format: ListingFormat = ListingFormat.json,  # noqa: A002, ARG001 - there is one format so far; another one is refused
) -> Response[str]:
    """Answer the portable file; what is private to its owner only."""
    with transaction() as session:
        file = exporting.listing(session, caller(), listing_id, now())
    count("Exported")
    link = exporting.parked(file)
    return redirect(link) if link else attachment(file.content, file.content_type, file.name)


handler = entry(app)

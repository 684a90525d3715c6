"""A collection as a file."""

from dealbrain import exporting
from dealbrain.db import transaction
from dealbrain.exporting import Wanted
from dealbrain.facts import EXPORTS
from dealbrain.shapes import CollectionFormat, Flag, PathId, Secret
from dealbrain.web import Needs, Response, api, attachment, caller, count, entry, now, redirect

app = api()
# It reads what it wrote only by the address it signs.
NEEDS = Needs(database=True, reads=(EXPORTS,), writes=(EXPORTS,))


@app.get("/v1/collections/<collection_id>/export", summary="Export a collection")
def export_collection(
    collection_id: PathId,
    format: CollectionFormat = CollectionFormat.json,  # noqa: A002 - what the API calls it
    token: Secret | None = None,
    bom: Flag = False,  # noqa: FBT002 - a parameter of the query, which has a name there
) -> Response[str]:
    """Answer the portable file, a table or bookmarks; what is private to its owner only."""
    with transaction() as session:
        file = exporting.collection(session, caller(), collection_id, now(), Wanted(format, token, bom))
    count("Exported")
    link = exporting.parked(file)
    return redirect(link) if link else attachment(file.content, file.content_type, file.name)


handler = entry(app)

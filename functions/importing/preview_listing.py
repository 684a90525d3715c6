"""Show what importing a listing would do."""

from dealbrain import importing
from dealbrain.db import transaction
from dealbrain.document import ArtifactType
from dealbrain.facts import IMPORT_BYTES, PREVIEWS
from dealbrain.shapes import Preview
from dealbrain.web import Needs, api, body, entry, now, person

app = api(signed_in=True, body_limit=IMPORT_BYTES, raw_body=True)
NEEDS = Needs(database=True, writes=(PREVIEWS,), pending=("put",))


@app.post("/v1/listings/import", summary="Preview the import of a listing", status_code=201)
def preview_listing() -> Preview:
    """Read the file sent as the body and compare it with everything we have; writes nothing."""
    with transaction() as session:
        return importing.preview(session, person(), ArtifactType.deal, body(), now())


handler = entry(app)

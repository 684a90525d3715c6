"""Show what importing a listing would do."""

from dealbrain import forms, importing
from dealbrain.db import transaction
from dealbrain.document import ArtifactType
from dealbrain.facts import IMPORT_BYTES, PREVIEWS, UPLOADS, Bucket, Media
from dealbrain.shapes import Preview
from dealbrain.web import Needs, api, body, content_type, entry, now, person

app = api(
    signed_in=True,
    body_limit=IMPORT_BYTES,
    takes=(Media.json, Media.form),
    advice="POST /v1/uploads takes files up to 20 MiB.",
)
NEEDS = Needs(
    database=True,
    reads=(UPLOADS,),
    writes=(PREVIEWS,),
    deletes=(UPLOADS,),
    lists=(Bucket.private,),
    pending=("get", "put"),
)


@app.post("/v1/listings/import", summary="Preview the import of a listing", status_code=201)
def preview_listing() -> Preview:
    """Read the file that was sent or uploaded, and compare it with everything we have; writes nothing."""
    sent = forms.file_in(body(), content_type())
    with transaction() as session:
        return importing.preview(session, person(), ArtifactType.deal, sent, None, now())


handler = entry(app)

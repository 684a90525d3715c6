"""Show what importing a collection would do."""

from dealbrain import forms, importing, spreadsheets
from dealbrain.db import transaction
from dealbrain.document import ArtifactType
from dealbrain.facts import IMPORT_BYTES, PREVIEWS, UPLOADS, Bucket, Media
from dealbrain.shapes import ColumnMapping, Preview
from dealbrain.web import Needs, api, body, content_type, entry, now, person

app = api(
    signed_in=True,
    body_limit=IMPORT_BYTES,
    takes=(Media.json, Media.form, Media.csv, Media.html, Media.text),
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


@app.post("/v1/collections/import", summary="Preview the import of a collection", status_code=201)
def preview_collection(mapping: ColumnMapping | None = None) -> Preview:
    """Read the file that was sent or uploaded, and compare it with everything we have; writes nothing."""
    columns = spreadsheets.mapping(mapping)
    sent = forms.file_in(body(), content_type())
    with transaction() as session:
        return importing.preview(session, person(), ArtifactType.collection, sent, columns, now())


handler = entry(app)

"""A preview, once more."""

from dealbrain import reopening
from dealbrain.db import transaction
from dealbrain.facts import PREVIEWS, Bucket
from dealbrain.shapes import OpenedPreview, PathUuid
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True, reads=(PREVIEWS,), lists=(Bucket.private,), pending=("get",))


@app.get("/v1/imports/<preview_id>", summary="Re-open a preview")
def reopen(preview_id: PathUuid) -> OpenedPreview:
    """To its owner only, until it expires."""
    with transaction() as session:
        return reopening.reopen(session, person(), preview_id, now()).shown


handler = entry(app)

"""Forget a preview."""

from dealbrain import reopening
from dealbrain.db import transaction
from dealbrain.facts import PREVIEWS, Bucket
from dealbrain.shapes import PathUuid
from dealbrain.web import Needs, Response, api, entry, nothing, now, person

app = api(signed_in=True)
NEEDS = Needs(
    database=True,
    reads=(PREVIEWS,),
    deletes=(PREVIEWS,),
    lists=(Bucket.private,),
    pending=("get", "delete"),
)


@app.delete("/v1/imports/<preview_id>", summary="Cancel a preview", status_code=204)
def cancel(preview_id: PathUuid) -> Response[str]:
    """Nothing was written, so nothing is undone."""
    with transaction() as session:
        reopening.cancel(session, person(), preview_id, now())
    return nothing()


handler = entry(app)

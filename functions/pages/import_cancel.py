"""A preview nobody wants."""

from dealbrain import reopening
from dealbrain.db import transaction
from dealbrain.errors import AlreadyUsed
from dealbrain.facts import PREVIEWS, Bucket
from dealbrain.pages import page, see_other
from dealbrain.shapes import PathUuid
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
NEEDS = Needs(
    database=True,
    reads=(PREVIEWS,),
    deletes=(PREVIEWS,),
    lists=(Bucket.private,),
    pending=("get", "delete"),
)


@app.post("/import/<preview_id>/cancel", summary="Cancel a preview", status_code=303)
def cancel(preview_id: PathUuid) -> Response[str]:
    """Forget it, and lead back to where files come in; what was imported already is shown instead."""
    try:
        with transaction() as session:
            reopening.cancel(session, person(), preview_id, now())
    except AlreadyUsed:
        return see_other(f"/import/{preview_id}")
    return see_other("/import")


handler = entry(app)

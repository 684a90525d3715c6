"""An import taken back."""

from dealbrain import undoing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import page, see_other
from dealbrain.shapes import PathUuid
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True)
# What goes, and what is as before, has other cards or none.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/import/<import_id>/undo", summary="Undo an import", status_code=303)
def undo(import_id: PathUuid) -> Response[str]:
    """All or nothing, and lead to what was undone and what stays."""
    with transaction() as session:
        undoing.undo(session, person(), import_id, now())
    return see_other(f"/import/{import_id}")


handler = entry(app)

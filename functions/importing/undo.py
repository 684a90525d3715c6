"""Take an import back."""

from dealbrain import undoing
from dealbrain.db import transaction
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.shapes import PathUuid, Undone
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
# What goes, and what is as before, has other cards or none.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.post("/v1/imports/<import_id>/undo", summary="Undo an import")
def undo(import_id: PathUuid) -> Undone:
    """All or nothing; what was edited since stays and is listed with the reason."""
    with transaction() as session:
        return undoing.undo(session, person(), import_id, now())


handler = entry(app)

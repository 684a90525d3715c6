"""Import a listing as previewed."""

from dealbrain import confirming
from dealbrain.db import transaction
from dealbrain.document import ArtifactType
from dealbrain.facts import CARDS, PREVIEWS, SPECS, Bucket
from dealbrain.shapes import Confirm, Imported
from dealbrain.web import Needs, Response, answer, api, count, entry, now, person

app = api(signed_in=True)
# It writes where what was shown is no longer so: a fresh preview. What it updates has other cards.
NEEDS = Needs(
    database=True,
    reads=(PREVIEWS,),
    writes=(PREVIEWS,),
    deletes=(SPECS, CARDS),
    lists=(Bucket.private, Bucket.generated),
    pending=("get", "put"),
)


@app.post("/v1/listings/import/confirm", summary="Confirm the import of a listing", status_code=201)
def confirm_listing(wanted: Confirm) -> Response[Imported]:
    """Exactly once: 201 for the call that did it, 200 for the same call again."""
    with transaction() as session:
        done, first = confirming.confirm(session, person(), ArtifactType.deal, wanted, now())
    if first:
        count("Imported")
    return answer(done, 201 if first else 200)


handler = entry(app)

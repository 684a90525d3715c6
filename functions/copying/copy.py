"""Copy a collection."""

from dealbrain import copying
from dealbrain.db import transaction
from dealbrain.shapes import CollectionSummary, NewCopy, PathId
from dealbrain.web import Needs, Response, answer, api, count, entry, idempotency_key, now, person

app = api(signed_in=True)
NEEDS = Needs(database=True)


@app.post("/v1/collections/<collection_id>/copy", summary="Copy a collection", status_code=201)
def copy_collection(collection_id: PathId, new: NewCopy | None = None) -> Response[CollectionSummary]:
    """Once for each Idempotency-Key: 201 for the call that did it, 200 for the same call again."""
    wanted, key = new or NewCopy(), idempotency_key()
    with transaction() as session:
        made, first = copying.copy(session, person(), collection_id, wanted, key, now())
    if first:
        count("Copied")
    return answer(made, 201 if first else 200)


handler = entry(app)

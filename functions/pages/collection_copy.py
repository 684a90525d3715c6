"""Copy a collection with one click."""

from dealbrain import copying
from dealbrain.db import transaction
from dealbrain.facts import IDEMPOTENCY_KEY
from dealbrain.pages import fields, page, read, said, see_other
from dealbrain.shapes import NewCopy, PathId
from dealbrain.web import Needs, Response, count, entry, now, person

app = page(signed_in=True)
NEEDS = Needs(database=True)


@app.post("/collections/<collection_id>/copy", summary="Copy a collection")
def copy_collection(collection_id: PathId) -> Response[str]:
    """Copy it and go to the copy; a second click on the same button leads to the same copy."""
    sent = said(fields(), "token", "key")
    wanted = read(NewCopy, {"token": sent.get("token")})
    key = (sent.get("key") or "")[:IDEMPOTENCY_KEY] or None
    with transaction() as session:
        made, first = copying.copy(session, person(), collection_id, wanted, key, now())
    if first:
        count("Copied")
    return see_other(f"/collections/{made.id}")


handler = entry(app)

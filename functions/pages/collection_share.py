"""The share dialog: who may see a collection, its links, and how it will look where one is posted."""

from datetime import timedelta

from dealbrain import access, collecting, facts, licensing, linking, sharing
from dealbrain.db import transaction
from dealbrain.document import Visibility
from dealbrain.errors import Invalid
from dealbrain.facts import CARDS, SPECS, WARM, Bucket
from dealbrain.pages import fields, page, read, render, said, see_other
from dealbrain.scalars import spell_instant
from dealbrain.shapes import MadeShareToken, NewShareToken, PathId, VisibilityChange
from dealbrain.web import Needs, Response, count, entry, now, person

app = page(signed_in=True, is_written=True)
# It names the pictures it shows, and has them drawn ahead; what is closed takes its pictures along.
NEEDS = Needs(
    database=True,
    reads=(SPECS,),
    writes=(SPECS, WARM),
    deletes=(SPECS, CARDS),
    lists=(Bucket.generated,),
)

# How long a link may live, in days; for ever, unless somebody says otherwise.
LIVES = (1, 7, 30, 180)


@app.get("/collections/<collection_id>/share", summary="Share a collection")
def read_share(collection_id: PathId) -> Response[str]:
    """Answer who may see it, its links, and how it will look elsewhere."""
    return _shown(collection_id)


@app.post("/collections/<collection_id>/share", summary="Open, close or link a collection")
def change_share(collection_id: PathId) -> Response[str]:
    """Set who may see it, asking once more before all may; or make a link, which is shown this once."""
    sent = said(fields(), "visibility", "sure", "label", "days")
    if "visibility" not in sent:
        return _linked(collection_id, sent)
    change = read(VisibilityChange, {"visibility": sent["visibility"]})
    if not sent.get("sure") and _cannot_be_taken_back(collection_id, change.visibility):
        return _shown(collection_id, asks=change.visibility)
    with transaction() as session:
        _, changed = sharing.set_visibility(session, person(), collection_id, change.visibility, now())
    if changed:
        count("VisibilityChanged")
    return see_other(f"/collections/{collection_id}/share")


def _cannot_be_taken_back(collection_id: int, wanted: Visibility) -> bool:
    """Whether others may keep what they see by it, or links that were given out end by it."""
    with transaction() as session:
        row = access.owned(session, person(), collection_id)
        has_links = bool(sharing.live_tokens(session, person(), collection_id, now()))
    is_change = row.visibility != wanted
    return is_change and (wanted is Visibility.public or (wanted is Visibility.private and has_links))


def _linked(collection_id: int, sent: dict[str, str | None]) -> Response[str]:
    days = sent.get("days")
    if days is not None and days not in map(str, LIVES):
        raise Invalid("Choose how long the link is to live.")
    expires_at = spell_instant(now() + timedelta(days=int(days))) if days else None
    wanted = read(NewShareToken, {"label": sent.get("label"), "expires_at": expires_at})
    with transaction() as session:
        made = sharing.add_token(session, person(), collection_id, wanted, now())
    return _shown(collection_id, made=made)


def _shown(
    collection_id: int, *, asks: Visibility | None = None, made: MadeShareToken | None = None
) -> Response[str]:
    with transaction() as session:
        row = access.owned(session, person(), collection_id)
        who = row.owner.display_name or row.owner.username
        whole = collecting.whole(session, row, person())
        live = sharing.live_tokens(session, person(), collection_id, now())
        last, _ = sharing.tokens(session, person(), collection_id, facts.SHARE_TOKENS, None)
        cover = licensing.collection(session, person(), collection_id, now())
    return render(
        "share.html",
        collection=whole,
        who=who,
        frame=linking.frame(whole.id, whole.name),
        live=live,
        expired=[one for one in last if one.id not in {token.id for token in live}],
        cover=cover,
        asks=asks,
        made=made,
        lives=LIVES,
    )


handler = entry(app)

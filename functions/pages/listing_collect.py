"""Put an offer into a collection of one's own, or into a new one."""

from http import HTTPStatus

from dealbrain import access, collecting
from dealbrain.db import transaction
from dealbrain.errors import AlreadyInCollection, Invalid
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, is_piece, page, read, refused, render, said, see_other
from dealbrain.shapes import NewCollection, NewItem, PathId, Request
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True, is_written=True)
# What the collection's cards show may be something else now.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


class Choice(Request):
    """One of the caller's collections, or the name of a new one."""

    collection: PathId | None = None
    name: str | None = None


@app.get("/listings/<listing_id>/collect", summary="Choose a collection for an offer")
def choose(listing_id: PathId, added: PathId | None = None) -> Response[str]:
    """Answer the caller's collections, with those that have it already and the one it just went into."""
    return _choice(listing_id, added)


@app.post("/listings/<listing_id>/collect", summary="Put an offer into a collection")
def collect(listing_id: PathId) -> Response[str]:
    """Lead back to the choice, which then says where the offer is."""
    sent = said(fields(), "collection", "name")
    try:
        chosen = _collected(listing_id, read(Choice, sent))
    except Invalid as refusal:
        return refused(refusal) if is_piece() else _choice(listing_id, None, refusal, sent.get("name") or "")
    return see_other(f"/listings/{listing_id}/collect?added={chosen}")


def _collected(listing_id: int, choice: Choice) -> int:
    """Put it where it is wanted; that it is there already is as good."""
    with transaction() as session:
        chosen = choice.collection
        if chosen is None:
            new = read(NewCollection, {"name": choice.name or ""})
            chosen = collecting.create(session, person(), new, now()).id
        try:
            collecting.add_item(session, person(), chosen, NewItem(listing_id=listing_id), now())
        except AlreadyInCollection:
            return chosen
    return chosen


def _choice(
    listing_id: int, added: int | None, refusal: Invalid | None = None, name: str = ""
) -> Response[str]:
    with transaction() as session:
        title = access.readable_listing(session, listing_id).title
        mine = access.own_names(session, person())
        held = collecting.holding(session, person(), listing_id)
    return render(
        "listing_collect.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK,
        listing_id=listing_id,
        name_of_listing=title,
        mine=mine,
        held=held,
        added=added if added in held else None,
        refusal=refusal,
        name=name,
    )


handler = entry(app)

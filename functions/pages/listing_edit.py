"""Change an offer of one's own."""

from http import HTTPStatus

from dealbrain import access, editing, facts, offering
from dealbrain.db import transaction
from dealbrain.editing import Fields
from dealbrain.errors import Invalid, Problem
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, page, read, render, see_other
from dealbrain.shapes import ListingChange, PathId
from dealbrain.web import Needs, Response, entry, now, person

app = page(signed_in=True, body_limit=facts.MEBIBYTE, is_written=True)
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))


@app.get("/listings/<listing_id>/edit", summary="Fill in what to change of an offer")
def edited_listing(listing_id: PathId) -> Response[str]:
    """Answer the form as the offer is."""
    return _form(listing_id, {})


@app.post("/listings/<listing_id>/edit", summary="Change an offer in its form")
def edit_listing(listing_id: PathId) -> Response[str]:
    """Lead to the offer; what is wrong is told beside its field."""
    sent = fields()
    seen = editing.seen(sent)
    typed = editing.typed(editing.sent(sent), seen)
    try:
        _change(listing_id, typed, seen)
    except Invalid as refusal:
        return _form(listing_id, typed, refusal)
    return see_other(f"/listings/{listing_id}")


def _change(listing_id: int, typed: Fields, seen: Fields) -> None:
    with transaction() as session:
        # Held from here on, so that nobody changes what the form does not show in between.
        said = offering.as_said(access.editable_listing(session, person(), listing_id))
        if overtaken := editing.overtaken(typed, seen, editing.shown(said)):
            raise Invalid("Somewhere you wrote, something else was written meanwhile.", problems=overtaken)
        wanted = read(ListingChange, editing.changes(typed, said))
        if wanted.said():
            offering.change(session, person(), listing_id, wanted, now())


def _form(listing_id: int, filled: Fields, refusal: Invalid | None = None) -> Response[str]:
    with transaction() as session:
        shown = editing.shown(offering.as_said(access.owned_listing(session, person(), listing_id)))
    problems: tuple[Problem, ...] = editing.advised(refusal.problems) if refusal else ()
    return render(
        "listing_edit.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK,
        listing_id=listing_id,
        filled=shown | filled,
        seen=shown,
        links=editing.links(filled) or editing.links(shown),
        refusal=refusal,
        problems=problems,
    )


handler = entry(app)

"""Change an offer of one's own."""

from http import HTTPStatus

from dealbrain import access, editing, facts, jsontext, offering
from dealbrain.db import transaction
from dealbrain.editing import Fields
from dealbrain.errors import Invalid, Malformed, Problem
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
    seen = _seen(sent)
    typed = editing.typed(editing.sent(sent), seen)
    try:
        _change(listing_id, typed, seen)
    except Invalid as refusal:
        return _form(listing_id, typed, refusal)
    return see_other(f"/listings/{listing_id}")


def _seen(sent: dict[str, list[str]]) -> Fields:
    """What the form showed; nothing where it does not say so."""
    said = jsontext.loads(sent["seen"][0]) if "seen" in sent else {}
    if not isinstance(said, dict):
        raise Malformed("The form could not be read; load the page again and send it once more.")
    return {name: text for name, text in said.items() if isinstance(text, str)}


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

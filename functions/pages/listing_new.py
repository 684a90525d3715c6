"""Add an offer: a form, filled in by hand or from a shop's text."""

from http import HTTPStatus

from dealbrain import access, collecting, drafting, editing, facts, offering
from dealbrain.db import transaction
from dealbrain.drafting import Draft
from dealbrain.editing import Fields
from dealbrain.errors import Invalid, Problem
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, page, read, render, see_other
from dealbrain.shapes import NewItem, NewListing, PastedText, PathId
from dealbrain.web import Needs, Response, entry, now, person

# A shop's text, of which a browser sends a letter as twelve.
app = page(signed_in=True, body_limit=facts.MEBIBYTE, is_written=True)
# It may go into a collection, whose cards may show something else then.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))

_EMPTY = Draft()


@app.get("/listings/new", summary="Fill in a new offer")
def new_listing(collection: PathId | None = None) -> Response[str]:
    """Answer the form, empty."""
    return _form(collection, editing.shown({}), _EMPTY)


@app.post("/listings/new", summary="Add an offer, or fill its form from a text")
def add_listing(collection: PathId | None = None) -> Response[str]:
    """Lead to the offer, or to the collection it went into; what is wrong is told beside its field."""
    sent = fields()
    if "text" in sent:
        return _drafted(collection, sent["text"][0])
    filled = editing.sent(sent)
    try:
        return see_other(_added(collection, filled))
    except Invalid as refusal:
        return _form(collection, editing.shown({}) | filled, _EMPTY, refusal)


def _added(collection_id: int | None, filled: Fields) -> str:
    new = read(NewListing, editing.changes(filled, {}))
    with transaction() as session:
        row = offering.create(session, person(), new, now())
        if collection_id is None:
            return f"/listings/{row.id}"
        collecting.add_item(session, person(), collection_id, NewItem(listing_id=row.id), now())
    return f"/collections/{collection_id}"


def _drafted(collection_id: int | None, text: str) -> Response[str]:
    """The form as a text fills it in; nothing is written."""
    try:
        found = drafting.read(read(PastedText, {"text": text}).text)
    except Invalid as refusal:
        return _form(collection_id, editing.shown({}), _EMPTY, refusal, text)
    return _form(collection_id, editing.shown(found.fields), found, text=text)


def _form(
    collection_id: int | None, filled: Fields, draft: Draft, refusal: Invalid | None = None, text: str = ""
) -> Response[str]:
    with transaction() as session:
        into = access.owned(session, person(), collection_id).name if collection_id is not None else None
    problems: tuple[Problem, ...] = editing.advised(refusal.problems) if refusal else ()
    return render(
        "listing_new.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK,
        filled=filled,
        links=editing.links(filled),
        refusal=refusal,
        problems=problems,
        draft=draft,
        text=text,
        into=into,
    )


handler = entry(app)

"""Add an offer: a form, filled in by hand or from a shop's text."""

from dataclasses import dataclass
from http import HTTPStatus

from dealbrain import access, collecting, drafting, editing, facts, offering
from dealbrain.db import transaction
from dealbrain.drafting import Draft
from dealbrain.editing import Fields
from dealbrain.errors import Invalid, NotFound, Problem, TooManyItems
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.pages import fields, page, read, render, see_other
from dealbrain.shapes import NewItem, NewListing, PastedText, PathId
from dealbrain.web import Needs, Response, entry, now, person

# A shop's text, of which a browser sends a letter as twelve.
app = page(signed_in=True, body_limit=facts.MEBIBYTE, is_written=True)
# It may go into a collection, whose cards may show something else then.
NEEDS = Needs(database=True, deletes=(SPECS, CARDS), lists=(Bucket.generated,))

_EMPTY = Draft()


@dataclass(frozen=True)
class Shown:
    """A form: what stands in its fields, what of that nobody typed, and the text it was filled in from."""

    filled: Fields
    seen: Fields
    text: str


@app.get("/listings/new", summary="Fill in a new offer")
def new_listing(collection: PathId | None = None) -> Response[str]:
    """Answer the form, empty."""
    empty = editing.shown({})
    return _form(collection, Shown(empty, empty, ""))


@app.post("/listings/new", summary="Add an offer, or fill its form from a text")
def add_listing(collection: PathId | None = None) -> Response[str]:
    """Lead to the offer, or to the collection it went into; what is wrong is told beside its field."""
    sent = fields()
    filled, text = editing.sent(sent), sent.get("text", [""])[0]
    seen = editing.seen(sent) or editing.shown({})
    # A text alone comes from where it was recognized as an offer's.
    if "fill" in sent or sent.keys() == {"text"}:
        return _drafted(collection, editing.typed(filled, seen), text)
    shown = Shown(editing.shown({}) | filled, seen, text)
    try:
        return see_other(_added(collection, filled))
    except (NotFound, TooManyItems):
        words = "The collection it was to go into is full or gone. Add it once more, and it stands by itself."
        return _form(None, shown, refusal=Invalid(words))
    except Invalid as refusal:
        return _form(collection, shown, refusal=refusal)


def _added(collection_id: int | None, filled: Fields) -> str:
    new = read(NewListing, editing.changes(filled, {}))
    with transaction() as session:
        row = offering.create(session, person(), new, now())
        if collection_id is None:
            return f"/listings/{row.id}"
        collecting.add_item(session, person(), collection_id, NewItem(listing_id=row.id), now())
    return f"/collections/{collection_id}"


def _drafted(collection_id: int | None, typed: Fields, text: str) -> Response[str]:
    """The form as a text fills it in, but for what somebody typed; nothing is written."""
    empty = editing.shown({})
    try:
        found = drafting.read(read(PastedText, {"text": text}).text)
    except Invalid as refusal:
        return _form(collection_id, Shown(empty | typed, empty, text), refusal=refusal)
    drafted = editing.shown(found.fields)
    return _form(collection_id, Shown(drafted | typed, drafted, text), draft=found)


def _form(
    collection_id: int | None, shown: Shown, *, draft: Draft = _EMPTY, refusal: Invalid | None = None
) -> Response[str]:
    with transaction() as session:
        into = access.owned(session, person(), collection_id).name if collection_id is not None else None
    problems: tuple[Problem, ...] = editing.advised(refusal.problems) if refusal else ()
    return render(
        "listing_new.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK,
        filled=shown.filled,
        seen=shown.seen,
        text=shown.text,
        links=editing.links(shown.filled),
        refusal=refusal,
        problems=problems,
        draft=draft,
        collection_id=collection_id,
        into=into,
    )


handler = entry(app)

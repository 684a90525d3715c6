"""A preview: what a file would bring, what of it is here, and the decisions; afterwards, what was done."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from dealbrain import confirming, deciding, reopening, uploading
from dealbrain.db import transaction
from dealbrain.deciding import Beside, Wrong
from dealbrain.errors import AlreadyUsed, Conflict, Invalid, NotFound, Problem, Refusal, TargetChanged
from dealbrain.facts import CARDS, PREVIEWS, SPECS, Bucket
from dealbrain.pages import fields, page, read, render, see_other
from dealbrain.reopening import Opened
from dealbrain.shapes import Confirm, Flag, OpenedPreview, PathUuid, PreviewState, Strategy
from dealbrain.web import Needs, Response, count, entry, now, person

app = page(signed_in=True, is_written=True)
# It writes where what was shown is no longer so: a fresh preview. What it updates has other cards.
NEEDS = Needs(
    database=True,
    reads=(PREVIEWS,),
    writes=(PREVIEWS,),
    deletes=(SPECS, CARDS),
    lists=(Bucket.private, Bucket.generated),
    pending=("get", "put"),
)


@app.get("/import/<preview_id>", summary="Look at a preview, or at what became of it")
def show(preview_id: PathUuid, *, changed: Flag = False) -> Response[str]:
    """Answer the rows with their decisions, how far reading is, or the result."""
    with transaction() as session:
        past = reopening.past(session, person(), preview_id, now())
        if past is not None:
            return render("import_result.html", past=past)
        try:
            opened = reopening.reopen(session, person(), preview_id, now())
        except (NotFound, Conflict) as refusal:
            return _unread(preview_id, refusal)
        if opened.shown.state is PreviewState.reading:
            return render("import_reading.html", progress=opened.shown.progress, preview_id=preview_id)
        return _form(opened, deciding.beside(session, person(), opened.shown), is_changed=changed)


@app.post("/import/<preview_id>", summary="Import as decided", status_code=303)
def confirm(preview_id: PathUuid) -> Response[str]:
    """Do it exactly once, and lead to what was done."""
    said = fields()
    with transaction() as session:
        if reopening.past(session, person(), preview_id, now()) is not None:
            return _to(preview_id)
        opened = reopening.reopen(session, person(), preview_id, now())
        shown, known = opened.shown, deciding.beside(session, person(), opened.shown)
    if shown.state is PreviewState.reading:
        return _to(preview_id)
    values = deciding.decided(shown, said, known)
    try:
        return _confirmed(shown, read(Confirm, values))
    except AlreadyUsed:
        return _to(preview_id)
    except TargetChanged as refusal:
        return see_other(f"/import/{refusal.members['preview']['preview_id']}?changed=true")
    except (Invalid, NotFound) as refusal:
        return _form(opened, known, said=said, wrong=_wrong(refusal, values))


def _confirmed(shown: OpenedPreview, wanted: Confirm) -> Response[str]:
    if wanted.merge_strategy is Strategy.skip:
        return see_other("/import")
    with transaction() as session:
        _, is_first = confirming.confirm(session, person(), shown.type, wanted, now())
    if is_first:
        count("Imported")
    return _to(shown.preview_id)


def _wrong(refusal: Refusal, values: Mapping[str, Any]) -> Wrong:
    if isinstance(refusal, NotFound):
        return Wrong(
            rest=("Something chosen here is gone meanwhile, such as the collection it was to go into.",)
        )
    return deciding.wrong(refusal.problems or (Problem("", refusal.code, refusal.detail),), values)


def _to(preview_id: UUID) -> Response[str]:
    return see_other(f"/import/{preview_id}")


def _form(
    opened: Opened,
    known: Beside,
    *,
    said: Mapping[str, Sequence[str]] | None = None,
    wrong: Wrong | None = None,
    is_changed: bool = False,
) -> Response[str]:
    return render(
        "import_preview.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        shown=opened.shown,
        read=opened.rows,
        known=known,
        said=said or {},
        wrong=wrong or Wrong(),
        deciding=deciding,
        is_changed=is_changed,
    )


def _unread(preview_id: UUID, refusal: Refusal) -> Response[str]:
    if not uploading.is_unread(person(), preview_id, now()):
        raise refusal
    return render("import_reading.html", progress=None, preview_id=preview_id)


handler = entry(app)

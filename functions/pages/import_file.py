"""Where files come in: dropped, chosen, or pasted; and what came in before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from dealbrain import facts, forms, importing, intake, jsontext, reopening, spreadsheets, uploading
from dealbrain.db import transaction
from dealbrain.errors import Invalid, Malformed, Problem, Refusal, UnsupportedType
from dealbrain.facts import IMPORT_BYTES, PREVIEWS, UPLOADS, Bucket, Media
from dealbrain.forms import Sent
from dealbrain.pages import page, policy, render, see_other
from dealbrain.shapes import Cursor
from dealbrain.spreadsheets import Mapped
from dealbrain.web import Needs, Response, body, content_type, entry, now, person, problem

# So many columns of a table are asked for by hand; of each the form has two fields.
COLUMNS_MOST = 40
PARTS_MOST = 2 * COLUMNS_MOST + 8
# A form says more than the file in it.
FRAME_BYTES = 16 * 1024

app = page(
    signed_in=True,
    body_limit=IMPORT_BYTES,
    takes=(Media.form,),
    advice="Where scripts may run, larger files are taken as well; or split it.",
    is_written=True,
)
NEEDS = Needs(
    database=True,
    reads=(UPLOADS,),
    writes=(PREVIEWS,),
    deletes=(UPLOADS,),
    lists=(Bucket.private,),
    pending=("get", "put"),
)


@dataclass(frozen=True)
class Typed:
    """The form as it was sent."""

    said: Mapping[str, str]

    def get(self, name: str) -> str:
        """What a field says."""
        return self.said.get(name, "")

    @property
    def headings(self) -> list[str]:
        """The headings of the table it asks about, in their places; those it does not ask about are empty."""
        asked = [at for at in range(COLUMNS_MOST) if f"heading-{at}" in self.said]
        return [self.get(f"heading-{at}") for at in range(max(asked, default=-1) + 1)]

    @property
    def columns(self) -> Mapped | None:
        """Which column says what, where that was asked.

        Raises:
            Invalid: two say the same, or none is the title.
        """
        if not self.headings:
            return None
        found: dict[str, str] = {}
        for at, heading in enumerate(self.headings):
            field = self.get(f"column-{at}")
            if field in found:
                problem = Problem("", "twice", f"Two columns cannot both be the {field.replace('_', ' ')}.")
                raise Invalid("Choose once more what each column is.", problems=(problem,))
            if field:
                found[field] = heading
        return spreadsheets.mapping(jsontext.dumps(found))


@app.get("/import", summary="Bring files in")
def ask(cursor: Cursor | None = None) -> Response[str]:
    """Answer the form, and the caller's past imports."""
    return _page(Typed({}), cursor=cursor)


@app.post("/import", summary="Preview a file or what was pasted", status_code=303)
def take() -> Response[str]:
    """Read what came and lead to its preview; else answer the form with every problem and its place."""
    said, file = forms.filled(body(), content_type(), PARTS_MOST)
    typed = Typed(said)
    try:
        sent = _sent(typed, file)
        if sent is None:
            return _page(typed, is_offer=True)
        with transaction() as session:
            shown = importing.preview_either(session, person(), sent, typed.columns, now())
    except (Malformed, Invalid, UnsupportedType) as refusal:
        return _page(_with_table(typed, file) if "headings" in refusal.members else typed, refusal=refusal)
    return see_other(f"/import/{shown.preview_id}")


def _sent(typed: Typed, file: Sent | None) -> Sent | None:
    """What the form brings as a file; None where it is one offer's description.

    Raises:
        Invalid: it brings nothing.
        UnsupportedType: the file is compressed.
    """
    if not any((typed.get("upload_id"), typed.get("text").strip(), file and file.content.strip())):
        told = "This file is empty." if file else "Choose a file, or paste something."
        raise Invalid(told, problems=(Problem("", "nothing", told),))
    if upload_id := typed.get("upload_id"):
        return Sent(jsontext.dumps({"upload_id": upload_id}).encode(), Media.json)
    if file is not None:
        return replace(forms.checked(file), media_type=intake.kind_said(file))
    content = typed.get("text").encode()
    kind = Media.csv if typed.headings else intake.recognized(content)
    return Sent(content, kind, typed.get("name") or None) if kind else None


def _with_table(typed: Typed, file: Sent | None) -> Typed:
    """The form with a table in it, so that nobody chooses it again to say what its columns are."""
    if file is None or len(file.content) > facts.JSON_BODY_BYTES:
        return typed
    try:
        text = file.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return typed
    return Typed({**typed.said, "text": text, "name": file.name or ""})


def _page(
    typed: Typed, *, refusal: Refusal | None = None, is_offer: bool = False, cursor: str | None = None
) -> Response[str]:
    with transaction() as session:
        past, more = reopening.history(session, person(), now(), facts.PAGE, cursor)
    headings = refusal.members.get("headings", typed.headings) if refusal else []
    return render(
        "import.html",
        problem(refusal).status_code if refusal else HTTPStatus.OK,
        csp=policy(connect_src=f"'self' {uploading.origin()}"),
        typed=typed,
        refusal=refusal,
        is_offer=is_offer,
        headings=headings[:COLUMNS_MOST] if typed.get("text") or typed.get("upload_id") else [],
        guessed={at: field for field, at in spreadsheets.by_headings(headings).items()},
        columns=spreadsheets.COLUMNS,
        past=past,
        more=more,
        kinds=forms.BY_ENDING,
        limits={"form": IMPORT_BYTES - FRAME_BYTES, "upload": facts.UPLOAD_BYTES},
    )


handler = entry(app)

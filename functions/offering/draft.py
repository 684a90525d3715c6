"""A pasted text as a listing's form."""

from dealbrain import drafting
from dealbrain.shapes import ListingDraft, PastedText
from dealbrain.web import Needs, api, entry

app = api(signed_in=True)
NEEDS = Needs()


@app.post("/v1/listings/draft", summary="Fill a listing's form from a pasted text")
def draft_listing(pasted: PastedText) -> ListingDraft:
    """Answer the form with what is sure and what is not; nothing is written and nothing is fetched."""
    found = drafting.read(pasted.text)
    return ListingDraft(draft=found.fields, sure=found.sure, unsure=[vars(one) for one in found.unsure])


handler = entry(app)

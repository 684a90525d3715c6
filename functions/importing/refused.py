"""What could not be imported, as a table."""

from dealbrain import importing
from dealbrain.facts import PREVIEWS, Bucket
from dealbrain.shapes import PathUuid
from dealbrain.web import Needs, Response, api, attachment, entry, now, person

app = api(signed_in=True)
NEEDS = Needs(reads=(PREVIEWS,), lists=(Bucket.private,), pending=("get",))


@app.get("/v1/imports/<preview_id>/refused", summary="List the refused rows of a preview")
def refused(preview_id: PathUuid) -> Response[str]:
    """Answer the rows with their reasons, to be mended and sent again; to the preview's owner only."""
    file = importing.refused(person(), preview_id, now())
    return attachment(file.content, file.content_type, file.name)


handler = entry(app)

"""What could not be imported, as a table."""

from dealbrain import previews, spreadsheets
from dealbrain.facts import PREVIEWS, Bucket, Media
from dealbrain.shapes import PathUuid
from dealbrain.web import Needs, Response, api, attachment, entry, now, person

FILE_NAME = "refused rows.csv"

app = api(signed_in=True)
NEEDS = Needs(reads=(PREVIEWS,), lists=(Bucket.private,), pending=("get",))


@app.get("/v1/imports/<preview_id>/refused", summary="List the refused rows of a preview")
def refused(preview_id: PathUuid) -> Response[str]:
    """Answer the rows with their reasons, to be mended and sent again; to the preview's owner only."""
    kept = previews.find(str(preview_id), person().sub, now())
    table = spreadsheets.write_refused(previews.refused_in(kept))
    return attachment(table, f"{Media.csv}; charset=utf-8", FILE_NAME)


handler = entry(app)

"""Make an address for a file too large for a request."""

from dealbrain import uploading
from dealbrain.facts import UPLOADS
from dealbrain.shapes import NewUpload, Upload
from dealbrain.web import Needs, api, entry, now, person

app = api(signed_in=True)
# Whoever signs an address hands on what they may do themselves.
NEEDS = Needs(writes=(UPLOADS,), pending=("put",))


@app.post("/v1/uploads", summary="Make an address to upload a file to", status_code=201)
def create(body: NewUpload) -> Upload:
    """Send the fields and then the file as a form to the address; then import its upload_id."""
    return uploading.create(person(), body, now())


handler = entry(app)

"""What pages fetch besides themselves: the style, the scripts, the icon."""

from http import HTTPStatus

from dealbrain import assets
from dealbrain.errors import NotFound
from dealbrain.pages import page
from dealbrain.web import Needs, Response, entry

app = page()
NEEDS = Needs()


@app.get("/static/<file>", summary="Fetch a style, a script or the icon")
def static(file: str) -> Response[str]:
    """Answer a file to be kept for ever: another content has another name."""
    found = assets.served().get(file)
    if found is None:
        raise NotFound
    headers = {"Cache-Control": assets.FOR_EVER, "Vary": "Accept-Encoding"}
    return Response(HTTPStatus.OK, found.media_type, found.content.decode(), headers, compress=True)


handler = entry(app)

"""The API on paper. infra/openapi.py writes the file beside this one; a test proves it is current."""

from pathlib import Path
from typing import Any

from dealbrain import jsontext
from dealbrain.web import Needs, api, entry

app = api()
NEEDS = Needs()
DOCUMENT = Path(__file__).with_name("openapi.json")


@app.get("/v1/openapi.json", summary="Read the OpenAPI document")
def openapi() -> dict[str, Any]:
    """Answer every route with what it takes and answers."""
    return document()


def document() -> dict[str, Any]:
    """The OpenAPI document of all functions."""
    found: Any = jsontext.loads(DOCUMENT.read_bytes())
    return dict(found)


handler = entry(app)

"""The portable format's JSON Schema."""

from typing import Any

from dealbrain import document
from dealbrain.web import Needs, api, entry

app = api()
NEEDS = Needs()


@app.get("/v1/schemas/export/1.0.0.json", summary="Read the format's JSON Schema")
def export_schema() -> dict[str, Any]:
    """Generated from the models that read and write the files."""
    return document.schema()


handler = entry(app)

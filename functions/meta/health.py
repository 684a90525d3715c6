"""Whether this answers."""

from dealbrain.shapes import Health
from dealbrain.web import VERSION, Needs, api, entry

app = api()
NEEDS = Needs()


@app.get("/v1/health", summary="Say that this answers")
def health() -> Health:
    """Touches nothing, so it says only that a function runs."""
    return Health(status="ok", version=VERSION)


handler = entry(app)

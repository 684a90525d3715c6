"""The API for people: one page made from the OpenAPI document, without a script."""

from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from dealbrain.web import Needs, Response, api, entry
from functions.meta.openapi import document

app = api()
NEEDS = Needs()
# Nothing is fetched and nothing runs; the page's own style is all it needs.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


@app.get("/v1/docs", summary="Read about the API")
def docs() -> Response[str]:
    """Answer a page that lists every route with what it takes and answers."""
    folder = Path(__file__).parent
    pages = Environment(loader=FileSystemLoader(folder), autoescape=True)
    page = pages.get_template("docs.html").render(api=document())
    return Response(HTTPStatus.OK, "text/html; charset=utf-8", page, {"Content-Security-Policy": POLICY})


handler = entry(app)

"""The routes on paper: an OpenAPI document of the API, and all addresses, pages' too, with their methods.

Run as a program it writes both, each beside the function that reads it; tests prove that they are current.
"""

import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

from dealbrain import errors, web
from dealbrain.facts import Media
from functions.meta.openapi import DOCUMENT
from functions.meta.unknown import ADDRESSES
from infra.routes import DEFAULT, Endpoint, routes

PROBLEM = "Problem"


def document() -> dict[str, Any]:
    """Merge what every function of the API says of itself, with the errors and the sign-in they share.

    Raises:
        ValueError: two different shapes have one name, of which one would silently win.
    """
    paths: dict[str, Any] = {}
    shapes: dict[str, Any] = {PROBLEM: _problem()}
    for endpoint in sorted(_documented(), key=lambda one: (one.path, one.method)):
        said = _schema(endpoint)
        operation = said["paths"][endpoint.path][endpoint.method.lower()]
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _completed(operation, endpoint)
        for name, shape in said["components"]["schemas"].items():
            if shapes.setdefault(name, shape) != shape:
                raise ValueError(f"Two shapes are called {name}; {endpoint.module} brings the second.")
    for unwanted in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        shapes.pop(unwanted, None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Deal Brain", "version": web.VERSION},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(shapes.items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _documented() -> Iterator[Endpoint]:
    return (endpoint for endpoint in routes() if endpoint.path != DEFAULT and not endpoint.is_page)


def _schema(endpoint: Endpoint) -> dict[str, Any]:
    app = importlib.import_module(endpoint.module).app
    text = app.get_openapi_json_schema(title="Deal Brain", version=web.VERSION, openapi_version="3.1.0")
    found: dict[str, Any] = json.loads(_SIDE.sub('"', text), object_pairs_hook=_merged)  # noqa: TID251 - our own text
    return found


# Where a shape is both taken and answered, pydantic gives it two names.
_SIDE = re.compile(r'-(Input|Output)"')


def _merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Read an object in which a shape may now stand twice, and may not differ.

    Raises:
        ValueError: it does.
    """
    made = dict(pairs)
    for name, value in pairs:
        if made[name] != value:
            raise ValueError(f"What is taken and what is answered as {name} differ; give them two names.")
    return made


def _completed(operation: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    """Say of an operation who may call it, what it refuses, and what it takes as it was sent."""
    app: web.Api = importlib.import_module(endpoint.module).app
    status = next(
        route.status for route in app.routes if (route.method, route.path) == (endpoint.method, endpoint.path)
    )
    told = ("summary", "description", "parameters", "requestBody")
    kept: dict[str, Any] = {name: operation[name] for name in told if name in operation}
    if app.takes:
        kept["requestBody"] = {"required": True, "content": {kind.value: _taken(kind) for kind in app.takes}}
    _, folder, name = endpoint.module.split(".")
    head = "_head" if endpoint.method == "HEAD" else ""
    return {
        "operationId": f"{folder}_{name}{head}",
        "tags": [folder],
        **kept,
        "security": [{"bearer": []}] if endpoint.signed_in else [{}, {"bearer": []}],
        "responses": _responses(operation, status),
    }


def _taken(kind: Media) -> dict[str, Any]:
    """Describe a file that comes in: ours by its schema, a form by its field, the others are text."""
    schemas: dict[Media, dict[str, Any]] = {
        Media.json: {
            "anyOf": [
                {"$ref": "/v1/schemas/export/1.0.0.json"},
                {
                    "type": "object",
                    "description": "The same file, sent to the address POST /v1/uploads gave.",
                    "required": ["upload_id"],
                    "properties": {"upload_id": {"type": "string", "format": "uuid"}},
                    "additionalProperties": False,
                },
            ]
        },
        Media.form: {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        },
    }
    return {"schema": schemas.get(kind, {"type": "string"})}


def _responses(operation: dict[str, Any], status: int) -> dict[str, Any]:
    done = operation["responses"].get(str(status), operation["responses"].get("200", {}))
    refused = {
        "description": "A refusal",
        "content": {web.PROBLEM_JSON: {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}},
    }
    return {
        str(status): {"description": "Done", **{name: done[name] for name in ("content",) if name in done}},
        "default": refused,
    }


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "title": PROBLEM,
        "description": "Every refusal (RFC 9457); errors names every place that is wrong.",
        "required": ["type", "title", "status", "code", "detail", "errors"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": sorted({kind.code for kind in _refusals(errors.Refusal)})},
            "detail": text,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "code", "message"],
                    "properties": {"pointer": text, "code": text, "message": text},
                },
            },
        },
    }


def _refusals(kind: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
    for one in kind.__subclasses__():
        yield one
        yield from _refusals(one)


def addresses() -> dict[str, list[str]]:
    """Every address there is, and the methods it knows."""
    known: dict[str, list[str]] = {}
    for endpoint in sorted(routes(), key=lambda one: (one.path, one.method)):
        if endpoint.path != DEFAULT:
            known.setdefault(endpoint.path, []).append(endpoint.method)
    return known


def spelled(found: object) -> str:
    """One of the two as its file has it."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(spelled(document()), encoding="utf-8")
    ADDRESSES.write_text(spelled(addresses()), encoding="utf-8")

"""The one walk over functions/: which files are endpoints, and the routes they declare.

The stacks, the local gateway, the OpenAPI document and the tests all read this; nobody types a route
a second time. There is no CDK in here.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dealbrain.web import Needs

FUNCTIONS = Path(__file__).parents[1] / "functions"
# The container has its own dependencies (a browser) and no route.
CONTAINER = "drawing"
DEFAULT = "$default"

type Handler = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True)
class Endpoint:
    """One route, and the function that answers it."""

    method: str
    """``GET``, … or ``ANY``."""
    path: str
    """As the HTTP API spells it: ``/v1/listings/{listing_id}``, or ``$default``."""
    module: str
    """``functions.offering.read_listing``"""
    handler: Handler
    needs: Needs
    signed_in: bool
    """Whether Anonymous is answered 401, or, by a page, is led to where one signs in."""
    is_page: bool = False
    """Whether it answers a person's browser and not a program."""

    @property
    def key(self) -> str:
        """The HTTP API's route key: ``GET /v1/health`` or ``$default``."""
        return self.path if self.path == DEFAULT else f"{self.method} {self.path}"


def routes() -> list[Endpoint]:
    """Every route under functions/, the more specific path first and ``$default`` last.

    Raises:
        ValueError: two functions claim one route.
    """
    return ordered(endpoint for module in modules() for endpoint in _endpoints(module))


def modules() -> Iterator[str]:
    """Names of all modules under functions/ that run in the zip functions, in a steady order."""
    for file in sorted(FUNCTIONS.rglob("*.py")):
        parts = file.relative_to(FUNCTIONS.parent).with_suffix("").parts
        if parts[1] != CONTAINER:
            yield ".".join(parts)


def ordered(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Sort as the HTTP API chooses: static segments before ``{one}`` before ``{greedy+}``.

    Raises:
        ValueError: two endpoints answer the same method and path, whatever their parameters are called.
    """
    found: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        shape = re.sub(r"\{[^}]*\}", "{}", endpoint.key)
        if shape in found:
            raise ValueError(f"{endpoint.key} is claimed by {found[shape].module} and by {endpoint.module}")
        found[shape] = endpoint
    return sorted(found.values(), key=_precedence)


def _precedence(endpoint: Endpoint) -> tuple[bool, list[int], str, str]:
    ranks = [_rank(segment) for segment in endpoint.path.split("/")]
    return endpoint.path == DEFAULT, ranks, endpoint.path, endpoint.method


def _rank(segment: str) -> int:
    if segment.endswith("+}"):
        return 2
    return 1 if segment.startswith("{") else 0


def _endpoints(name: str) -> Iterator[Endpoint]:
    module = importlib.import_module(name)
    if not hasattr(module, "app"):
        return
    for route in module.app.routes:
        yield Endpoint(
            route.method, route.path, name, module.handler, module.NEEDS, route.signed_in, route.is_page
        )

"""Whatever no other route answers: 404, or 405 for a known address asked in the wrong way.

To a browser it is a page that leads on, to a program the one shape of all refusals.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from dealbrain import jsontext, pages
from dealbrain.errors import MethodNotAllowed, NotFound, Refusal
from dealbrain.web import Api, Needs, Response, as_default, entry, header, request

NEEDS = Needs()
# Written by infra/openapi.py from the routes themselves.
ADDRESSES = Path(__file__).with_name("addresses.json")
API = "/v1/"


class Unknown(Api):
    """The resolver of addresses nobody has: who asks decides how it is told."""

    def tell(self, refusal: Refusal) -> Response[str]:
        """Spell a refusal as a page for people, unless the API was meant."""
        is_browser = "text/html" in (header("accept") or "") and not request()[1].startswith(API)
        return pages.refused(refusal) if is_browser else super().tell(refusal)


def refuse() -> NoReturn:
    """Tell an unknown address from an unknown method.

    Raises:
        MethodNotAllowed: other methods are known there.
        NotFound: nothing is.
    """
    method, path = request()
    known = {one for shape, methods in addresses().items() if _fits(shape, path) for one in methods}
    if known:
        raise MethodNotAllowed(f"{method} is not known here; {', '.join(sorted(known))} is.")
    raise NotFound("There is no such address.")


def addresses() -> Mapping[str, list[str]]:
    """Every address of the house, as the HTTP API spells it, and the methods it knows."""
    found: Any = jsontext.loads(ADDRESSES.read_bytes())
    return dict(found)


def _fits(shape: str, path: str) -> bool:
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(shape))
    return re.fullmatch(pattern, path) is not None


app = as_default(Unknown(), refuse)
handler = entry(app)

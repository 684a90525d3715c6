"""Whatever no other route answers: 404, or 405 for a known address asked in the wrong way."""

import re
from typing import NoReturn

from dealbrain.errors import MethodNotAllowed, NotFound
from dealbrain.web import Needs, default_api, entry, request
from functions.meta.openapi import document

NEEDS = Needs()


def refuse() -> NoReturn:
    """Tell an unknown address from an unknown method.

    Raises:
        MethodNotAllowed: other methods are known there.
        NotFound: nothing is.
    """
    method, path = request()
    known = {
        name.upper()
        for shape, methods in document()["paths"].items()
        for name in methods
        if _fits(shape, path)
    }
    if known:
        raise MethodNotAllowed(f"{method} is not known here; {', '.join(sorted(known))} is.")
    raise NotFound("There is no such address.")


def _fits(shape: str, path: str) -> bool:
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(shape))
    return re.fullmatch(pattern, path) is not None


app = default_api(refuse)
handler = entry(app)

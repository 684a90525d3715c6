"""Runs by the clock, without a route: copies the issuer's public keys to where functions can read them."""

import urllib.request
from datetime import timedelta
from typing import Any

from dealbrain import files, jsontext
from dealbrain.facts import ISSUER_KEYS, KEPT_IN
from dealbrain.settings import settings
from dealbrain.web import Needs

NEEDS = Needs(writes=(ISSUER_KEYS,))
PATIENCE = timedelta(seconds=1.5)
SIZE_MOST = 64 * 1024


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Fetch the key set, and keep it only when it is one.

    Raises:
        ValueError: what came is no key set, is too large, or the issuer is not reached over HTTPS.
        OSError: the issuer does not answer.
    """
    if event.get("warm"):
        return {"warm": True}
    keys = fetched(f"{settings().token_issuer}/.well-known/jwks.json")
    files.put(KEPT_IN[ISSUER_KEYS], ISSUER_KEYS, keys, "application/json")
    return {"bytes": len(keys)}


def fetched(address: str) -> bytes:
    """Fetch a key set.

    Raises:
        ValueError: what came is no key set, is too large, or the address is not an HTTPS one.
        OSError: nobody answers there.
    """
    if not address.startswith("https://"):
        raise ValueError("The issuer's keys are fetched over HTTPS only.")
    with urllib.request.urlopen(address, timeout=PATIENCE.total_seconds()) as answer:  # noqa: S310 - HTTPS, see above
        keys: bytes = answer.read(SIZE_MOST + 1)
    if len(keys) > SIZE_MOST:
        raise ValueError("The issuer's key set is larger than any key set should be.")
    found: Any = jsontext.loads(keys)
    if not isinstance(found, dict) or not found.get("keys"):
        raise ValueError("The issuer answered something else than a key set.")
    return keys

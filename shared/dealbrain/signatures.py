"""Signed tokens: the issuer's public keys, and whether one of them signed a token (JWT, RS256).

Imported only where there is a token to check: the cryptography beneath costs a third of what boto3 does,
and most readers bring no token.
"""

from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from dealbrain import jsontext
from dealbrain.errors import Refusal, Unauthenticated, Unavailable

INVALID = "The access token is not valid; sign in again."
# Time and origin are checked by identity with the injected clock; the library would ask its own.
_SIGNATURE_ONLY: Any = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
}


def keys(raw: bytes) -> dict[str, jwt.PyJWK]:
    """Read a published key set: the RSA keys by their ids.

    Raises:
        Unavailable: what was published is no key set.
    """
    try:
        published: Any = jsontext.loads(raw)
        found = [key for key in published["keys"] if key.get("kty") == "RSA"]
        return {key["kid"]: jwt.PyJWK(key, algorithm="RS256") for key in found}
    except (Refusal, PyJWTError, LookupError, TypeError, AttributeError):
        raise Unavailable("The issuer's published keys cannot be read.") from None


def key_id(token: str) -> str:
    """Tell which key a token says it was signed with.

    Everything else in its header (alg, jku, jwk, x5u …) is the sender's word and is not asked.

    Raises:
        Unauthenticated: this is no token.
    """
    try:
        return str(jwt.get_unverified_header(token).get("kid"))
    except (PyJWTError, ValueError):
        raise Unauthenticated(INVALID) from None


def claims(token: str, key: jwt.PyJWK) -> dict[str, Any]:
    """Read what a token says, once the signature is this key's.

    Raises:
        Unauthenticated: it is not.
    """
    try:
        return jwt.decode(token, key, algorithms=["RS256"], options=_SIGNATURE_ONLY)
    except (PyJWTError, ValueError):
        raise Unauthenticated(INVALID) from None

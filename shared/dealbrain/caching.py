"""Who may keep an answer, and for how long: nobody without asking again.

What stands behind the visibility check can be closed at any moment, and from the next request on nobody
shall see it; so strangers' browsers ask each time whether what they have is still right, and what a person
sees signed in is not kept at all.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from dealbrain.facts import SESSION_COOKIE

NO_STORE = "no-store"
ASK_EACH_TIME = "private, no-cache"
_TAG = re.compile(r'(?:W/)?("[^"]*")')
# Of an answer that did not change only these are sent (RFC 9110, 15.4.5).
_KEPT = frozenset({"cache-control", "etag", "last-modified", "vary"})


def settled(event: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Say how long an answer may be kept, unless it says so itself; not changed is 304 without a body.

    Args:
        event: the request, as the HTTP API sends it (payload 2.0).
        answer: what the function answers to it, with its status, headers and body.
    """
    headers = answer["headers"]
    if "Cache-Control" in headers:
        return answer
    asked = event["headers"]
    read = event["requestContext"]["http"]["method"] in {"GET", "HEAD"}
    if _is_signed_in(event) or not read or answer["statusCode"] != HTTPStatus.OK:
        headers["Cache-Control"] = NO_STORE
        return answer
    headers["Cache-Control"] = ASK_EACH_TIME
    headers["ETag"] = tag(_bytes(answer))
    return _not_modified(answer) if _is_known(headers, asked) else answer


def _is_signed_in(event: Mapping[str, Any]) -> bool:
    """Whether the answer may be one person's; whether they are who they say, others find out."""
    return "authorization" in event["headers"] or any(
        cookie.startswith(f"{SESSION_COOKIE}=") for cookie in event.get("cookies", ())
    )


def _is_known(headers: Mapping[str, str], asked: Mapping[str, str]) -> bool:
    """Whether who asks has this already; a date counts only without a tag (RFC 9110, 13.2.2)."""
    if "if-none-match" in asked:
        known = asked["if-none-match"]
        return known.strip() == "*" or headers["ETag"] in _TAG.findall(known)
    try:
        changed_at = parsedate_to_datetime(headers["Last-Modified"])
        return changed_at <= parsedate_to_datetime(asked["if-modified-since"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return False


def tag(content: bytes) -> str:
    """A strong ETag: other bytes have another one."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _bytes(answer: Mapping[str, Any]) -> bytes:
    body: str = answer.get("body") or ""
    return base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()


def _not_modified(answer: Mapping[str, Any]) -> dict[str, Any]:
    headers = {name: value for name, value in answer["headers"].items() if name.lower() in _KEPT}
    return {
        **answer,
        "statusCode": HTTPStatus.NOT_MODIFIED.value,
        "headers": headers,
        "body": "",
        "isBase64Encoded": False,
    }

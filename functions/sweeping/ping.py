"""Runs by the clock, without a route: wakes every function, because those that nobody calls fall asleep.

A function from an image that nobody calls turns inactive after weeks and refuses its first call.
"""

from typing import Any

from dealbrain import jsontext
from dealbrain.web import Needs

NEEDS = Needs()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Invoke ``{"functions": [name, …]}`` with ``{"warm": true}``, which none of them does anything for.

    Raises:
        RuntimeError: some did not answer, as they should; the message names them.
    """
    if event.get("warm"):
        return {"warm": True}
    import boto3  # noqa: PLC0415 - its own ping does not need it

    client = boto3.client("lambda")
    order = jsontext.dumps({"warm": True}).encode()
    asleep = [
        name
        for name in event["functions"]
        if client.invoke(FunctionName=name, Payload=order).get("FunctionError")
    ]
    if asleep:
        raise RuntimeError(f"These functions do not answer: {', '.join(asleep)}")
    return {"awake": len(event["functions"])}

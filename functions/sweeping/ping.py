"""Runs by the clock, without a route: wakes every function, because those that nobody calls fall asleep.

A function from an image that nobody calls turns inactive after weeks and refuses its first call.
"""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from dealbrain import jsontext
from dealbrain.web import Needs

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

NEEDS = Needs()
# One after another they would take nearly all the time a chore has; a fresh account may run ten at once.
AT_ONCE = 4


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Invoke ``{"functions": [name, …]}`` with ``{"warm": true}``, which none of them does anything for.

    Raises:
        RuntimeError: some did not answer, as they should; the message names them.
    """
    if event.get("warm"):
        return {"warm": True}
    import boto3  # noqa: PLC0415 - its own ping does not need it

    client, names = boto3.client("lambda"), event["functions"]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        # What is known of the call by its context goes along; a thread of a pool would begin without.
        answers = [threads.submit(copy_context().run, _answers, client, name) for name in names]
    if asleep := [name for name, answer in zip(names, answers, strict=True) if not answer.result()]:
        raise RuntimeError(f"These functions do not answer: {', '.join(asleep)}")
    return {"awake": len(names)}


def _answers(client: "LambdaClient", name: str) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - the same

    try:
        answer = client.invoke(FunctionName=name, Payload=jsontext.dumps({"warm": True}).encode())
    except ClientError:
        # That is how one that has fallen asleep refuses the call that wakes it; the others come next.
        return False
    return "FunctionError" not in answer

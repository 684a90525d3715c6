"""What CloudFormation has done while it deploys (custom resources), and how it is answered.

It must be answered whatever happens: without an answer it waits until it gives up.
"""

import logging
import urllib.request
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from dealbrain import jsontext

LOG = logging.getLogger(__name__)
ANSWER_PATIENCE = timedelta(seconds=10)
# CloudFormation takes 4,096 bytes in all; a letter may be six of them.
REASON_LETTERS = 500

type Handler = Callable[[dict[str, Any], object], dict[str, Any]]


class FailedError(Exception):
    """What was deployed does not do; the sentence is for whoever deploys."""


def resource(work: Callable[[Mapping[str, Any]], None], advice: str) -> Handler:
    """Make the handler of a custom resource, which ends by telling CloudFormation what came of the work.

    Deleting the resource, which is also how one that failed is undone, does nothing and succeeds. The
    nightly ping is answered as it is. The handler raises ValueError where the answer is not awaited at an
    HTTPS address, and OSError where nobody takes it.

    Args:
        work: what is to be done, given the resource's properties; what it raises fails the deployment.
        advice: what whoever deploys is to do when the work ends in anything but a FailedError.
    """

    def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
        if event.get("warm"):
            return {"warm": True}
        said = _told(event, _found_wrong(event, work, advice))
        _send(event["ResponseURL"], jsontext.dumps(said).encode())
        return said

    return handler


def _found_wrong(event: dict[str, Any], work: Callable[[Mapping[str, Any]], None], advice: str) -> str:
    """What to do next, and what is wrong; empty when nothing is."""
    try:
        if event["RequestType"] != "Delete":
            work(event["ResourceProperties"])
    except FailedError as error:
        return str(error)
    except Exception as error:
        LOG.exception("What the deployment asked for could not be done.")
        return f"{advice} {error!r}"
    return ""


def _told(event: dict[str, Any], wrong: str) -> dict[str, str]:
    """What CloudFormation is told: SUCCESS, or FAILED and why."""
    return {
        "Status": "FAILED" if wrong else "SUCCESS",
        "Reason": wrong[:REASON_LETTERS],
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }


def _send(address: str, body: bytes) -> None:
    """Put an answer where CloudFormation awaits it."""
    if not address.startswith("https://"):
        raise ValueError("CloudFormation is answered over HTTPS only.")
    # The address is signed for an answer without a content type.
    request = urllib.request.Request(address, body, {"Content-Type": ""}, method="PUT")  # noqa: S310 - HTTPS, see above
    urllib.request.urlopen(request, timeout=ANSWER_PATIENCE.total_seconds()).close()  # noqa: S310 - the same

"""S3's notifications on one machine: the stand-in for S3 sends none, so somebody looks for what was put.

Unlike on AWS an object goes once it was seen, which is how it is known, and nothing is tried again.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from infra.local.stores import s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EVERY_SECONDS = 0.2
LOG = logging.getLogger(__name__)

type Notify = Callable[[dict[str, Any]], object]


@contextmanager
def notifications(url: str, bucket: str, prefix: str, notify: Notify) -> Iterator[None]:
    """Tell of every object put under a prefix, one after the other, until the block is left.

    Args:
        url: where the stand-in for S3 answers.
        bucket: its name.
        prefix: what the keys begin with.
        notify: called with S3's event for one object; what it raises is logged.
    """
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(s3(url), bucket, prefix, notify, stop))
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def _watch(client: "S3Client", bucket: str, prefix: str, notify: Notify, stop: threading.Event) -> None:
    while not stop.wait(EVERY_SECONDS):
        for found in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
            key = found["Key"]
            client.delete_object(Bucket=bucket, Key=key)
            try:
                notify(event(bucket, key))
            except Exception:
                # As on AWS it is the function's own failure, and the next object is told of all the same.
                LOG.exception("What was put under %s came to nothing.", key)


def event(bucket: str, key: str) -> dict[str, Any]:
    """What S3 tells a function of one object; of a whole notification only what functions read."""
    return {"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}}]}

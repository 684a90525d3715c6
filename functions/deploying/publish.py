"""Runs in each deployment that has a CDN, without a route: puts what pages fetch where the CDN reads it.

What is there stays: pages that are open ask for the files of the day they were opened.
"""

from collections.abc import Mapping
from typing import Any

from dealbrain import assets, files
from dealbrain.deploying import resource
from dealbrain.facts import STATIC, Bucket
from dealbrain.web import Needs

NEEDS = Needs(writes=(STATIC,))
NOT_PUBLISHED = (
    "Styles and scripts could not be published: read the log (in the stack of the edge), mend the cause, "
    "deploy again."
)


def publish(_properties: Mapping[str, Any]) -> None:
    """Put every file under the name pages call it by.

    Raises:
        Unavailable: the file store does not answer.
    """
    for one in assets.served().values():
        key = STATIC + one.name
        files.put(Bucket.static, key, one.content, one.media_type, cache_control=assets.FOR_EVER)


handler = resource(publish, NOT_PUBLISHED)

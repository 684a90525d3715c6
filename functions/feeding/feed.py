"""A public collection as a feed."""

from email.utils import format_datetime

from dealbrain import feeding
from dealbrain.db import transaction
from dealbrain.shapes import FeedFormat, PathId
from dealbrain.web import Needs, Response, api, binary, entry, now

app = api()
NEEDS = Needs(database=True)


@app.get("/v1/collections/<collection_id>/feed", summary="Follow a public collection")
@app.head("/v1/collections/<collection_id>/feed", summary="Look whether a feed changed")
def read_feed(
    collection_id: PathId,
    format: FeedFormat = FeedFormat.rss,  # noqa: A002 - the parameter is called so
) -> Response[str]:
    """Answer its newest items as RSS, Atom or JSON Feed, or 304 when nothing changed."""
    with transaction() as session:
        feed = feeding.feed(session, collection_id, format, now())
    changed_at = format_datetime(feed.changed_at, usegmt=True)
    return binary(feed.content, feed.media_type, {"Last-Modified": changed_at})


handler = entry(app)

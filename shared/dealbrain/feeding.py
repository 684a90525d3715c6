"""Public collections as feeds: RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1, all saying the same."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from xml.etree import ElementTree as ET

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from dealbrain import access, facts, jsontext
from dealbrain.scalars import spell_instant
from dealbrain.settings import settings
from dealbrain.shapes import FeedFormat
from dealbrain.tables import Collection, Item, Listing

_ATOM = "http://www.w3.org/2005/Atom"
_JSON_FEED = "https://jsonfeed.org/version/1.1"
# What XML 1.0 has no way to say (2.2, Char), not even escaped.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Feed:
    """A feed as bytes, and when what it says last changed."""

    content: bytes
    media_type: str
    changed_at: datetime


@dataclass(frozen=True)
class _Entry:
    id: str
    link: str
    title: str
    html: str
    added_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class _Channel:
    title: str
    description: str
    link: str
    feed: str
    """Its own address."""
    author: str
    changed_at: datetime
    entries: list[_Entry]


def feed(session: Session, collection_id: int, kind: FeedFormat, now: datetime) -> Feed:
    """A public collection as a feed of its newest items, the last one added first.

    Raises:
        NotFound: absent or not public.
    """
    row = access.public(session, collection_id)
    channel = _channel(row, _newest(session, row.id), kind)
    write, media_type = _WRITERS[kind]
    # Files bring times of their own, which may lie ahead; nothing has changed later than now.
    return Feed(write(channel), media_type, min(channel.changed_at, now))


def _newest(session: Session, collection_id: int) -> list[Item]:
    statement = (
        sa.select(Item)
        .where(Item.collection_id == collection_id)
        .order_by(Item.added_at.desc(), Item.id.desc())
        .limit(facts.FEED_ENTRIES)
        .options(joinedload(Item.listing))
    )
    return list(session.scalars(statement))


# ------------------------------------------------------------------------------------------- what is said


def _channel(row: Collection, items: list[Item], kind: FeedFormat) -> _Channel:
    origin = settings().public_origin
    page = f"{origin}/collections/{row.id}"
    changes = [
        row.updated_at,
        *(item.added_at for item in items),
        *(item.listing.updated_at for item in items),
    ]
    return _Channel(
        title=row.name,
        description=row.description or "",
        link=page,
        feed=f"{origin}/v1/collections/{row.id}/feed?format={kind}",
        author=row.owner.display_name or row.owner.username,
        changed_at=max(changes),
        entries=[_entry(item, page, origin) for item in items],
    )


def _entry(item: Item, page: str, origin: str) -> _Entry:
    listing = item.listing
    return _Entry(
        id=f"{page}#item-{item.id}",
        link=listing.listing_url or f"{origin}/listings/{listing.id}",
        title=listing.title,
        html=_paragraph(_price(listing)) + (_paragraph(item.notes) if item.notes else ""),
        added_at=item.added_at,
        changed_at=max(item.added_at, listing.updated_at),
    )


def _price(listing: Listing) -> str:
    price = "Price unknown" if listing.price_usd is None else f"${listing.price_usd:,.2f}"
    return f"{price}, as of {listing.as_of}"


def _paragraph(text: str) -> str:
    return "<p>" + "<br>".join(html.escape(line) for line in text.splitlines()) + "</p>"


# -------------------------------------------------------------------------------------- how it is written


def _rss(channel: _Channel) -> bytes:
    root = ET.Element("rss", {"version": "2.0", "xmlns:atom": _ATOM})
    top = ET.SubElement(root, "channel")
    _add(top, "title", channel.title)
    _add(top, "link", channel.link)
    _add(top, "description", channel.description)
    _add(top, "lastBuildDate", format_datetime(channel.changed_at))
    _add(top, "atom:link", rel="self", type=_WRITERS[FeedFormat.rss][1], href=channel.feed)
    for entry in channel.entries:
        item = ET.SubElement(top, "item")
        _add(item, "guid", entry.id, isPermaLink="false")
        _add(item, "link", entry.link)
        _add(item, "title", entry.title)
        _add(item, "description", entry.html)
        _add(item, "pubDate", format_datetime(entry.added_at))
    return _spelled(root)


def _atom(channel: _Channel) -> bytes:
    root = ET.Element("feed", {"xmlns": _ATOM})
    _add(root, "id", channel.feed)
    _add(root, "title", channel.title)
    _add(root, "subtitle", channel.description)
    _add(root, "updated", spell_instant(channel.changed_at))
    _add(ET.SubElement(root, "author"), "name", channel.author)
    _add(root, "link", rel="alternate", href=channel.link)
    _add(root, "link", rel="self", type=_WRITERS[FeedFormat.atom][1], href=channel.feed)
    for entry in channel.entries:
        item = ET.SubElement(root, "entry")
        _add(item, "id", entry.id)
        _add(item, "link", rel="alternate", href=entry.link)
        _add(item, "title", entry.title)
        _add(item, "content", entry.html, type="html")
        _add(item, "published", spell_instant(entry.added_at))
        _add(item, "updated", spell_instant(entry.changed_at))
    return _spelled(root)


def _json(channel: _Channel) -> bytes:
    items = [
        {
            "id": entry.id,
            "url": entry.link,
            "title": entry.title,
            "content_html": entry.html,
            "date_published": spell_instant(entry.added_at),
            "date_modified": spell_instant(entry.changed_at),
        }
        for entry in channel.entries
    ]
    whole = {
        "version": _JSON_FEED,
        "title": channel.title,
        "home_page_url": channel.link,
        "feed_url": channel.feed,
        "description": channel.description,
        "authors": [{"name": channel.author}],
        "items": items,
    }
    return jsontext.dumps(whole).encode()


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> None:
    clean = {key: _clean(value) for key, value in attributes.items()}
    ET.SubElement(parent, name, clean).text = None if text is None else _clean(text)


def _clean(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _spelled(root: ET.Element) -> bytes:
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


_WRITERS: Mapping[FeedFormat, tuple[Callable[[_Channel], bytes], str]] = {
    FeedFormat.rss: (_rss, "application/rss+xml"),
    FeedFormat.atom: (_atom, "application/atom+xml"),
    FeedFormat.json: (_json, "application/feed+json"),
}

"""Public collections as feeds: read by a real parser, whatever people write, and gone when closed."""

import html
from calendar import timegm
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any
from xml.etree import ElementTree as ET

import feedparser
import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import db, facts, feeding, jsontext
from dealbrain.shapes import FeedFormat
from dealbrain.tables import Collection
from tests.makers import Api, Person, fill, pointers, refused, rows

MEDIA_TYPES = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
}
by_format = pytest.mark.parametrize("kind", MEDIA_TYPES)
by_xml = pytest.mark.parametrize("kind", ["rss", "atom"])


@dataclass(frozen=True)
class Entry:
    """What a reader sees of an entry."""

    id: str
    link: str
    title: str
    html: str
    added: str


@dataclass(frozen=True)
class Feed:
    """What a reader sees of a feed."""

    title: str
    description: str
    link: str
    self: str
    updated: str | None
    entries: list[Entry]

    def titles(self) -> list[str]:
        return [entry.title for entry in self.entries]


def ask(person: Person, collection: Mapping[str, Any], kind: str, **headers: str) -> httpx.Response:
    return person.get(f"/collections/{collection['id']}/feed?format={kind}", headers=headers)


def read(api: Api, collection: Mapping[str, Any], kind: str) -> Feed:
    """A feed as a stranger's reader understands it."""
    answer = ask(api.stranger, collection, kind)
    assert answer.status_code == 200, answer.text
    return parsed(answer.content, kind)


def parsed(content: bytes, kind: str) -> Feed:
    return _from_json(jsontext.loads(content)) if kind == "json" else _from_xml(content, kind)


def _from_json(said: Any) -> Feed:
    assert said["version"] == "https://jsonfeed.org/version/1.1"
    entries = [
        Entry(one["id"], one["url"], one["title"], one["content_html"], one["date_published"][:19])
        for one in said["items"]
    ]
    return Feed(said["title"], said["description"], said["home_page_url"], said["feed_url"], None, entries)


def _from_xml(content: bytes, kind: str) -> Feed:
    # As it was written: what a reader has to take out of hostile texts is not hidden by the parser.
    said = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    assert not said.bozo, said.bozo_exception
    assert said.version == {"rss": "rss20", "atom": "atom10"}[kind]
    entries = [
        Entry(one.id, one.link, one.title, one.description, _instant(one.published_parsed))
        for one in said.entries
    ]
    top = said.feed
    own = next(link.href for link in top.links if link.rel == "self")
    return Feed(top.title, top.subtitle, top.link, own, _instant(top.updated_parsed), entries)


def _instant(parts: Any) -> str:
    return datetime.fromtimestamp(timegm(parts), UTC).isoformat()[:19]


def shelf(alice: Person, *titles: str, **fields: Any) -> dict[str, Any]:
    collection = alice.collection("Quiet ones", description="For the living room", visibility="public")
    for title in titles:
        alice.item(collection, alice.listing(title=title, performance=None, **fields))
    return collection


# ---------------------------------------------------------------------------------------- what it says


@by_format
def test_a_feed_says_what_the_collection_holds(api: Api, alice: Person, kind: str) -> None:
    collection = alice.collection("Quiet ones", description="For the living room", visibility="public")
    item = alice.item(collection, alice.listing(price_usd=1299.5), notes="two left")
    origin = api.system.settings.public_origin
    page = f"{origin}/collections/{collection['id']}"
    found = read(api, collection, kind)
    assert (found.title, found.description, found.link) == ("Quiet ones", "For the living room", page)
    assert found.self == f"{origin}/v1/collections/{collection['id']}/feed?format={kind}"
    (entry,) = found.entries
    listing = item["listing"]
    assert entry == Entry(
        id=f"{page}#item-{item['id']}",
        link=listing["listing_url"],
        title=listing["title"],
        html=f"<p>$1,299.50, as of {listing['as_of']}</p><p>two left</p>",
        added=item["added_at"][:19],
    )


@by_format
def test_the_kind_is_told_by_the_media_type(api: Api, alice: Person, kind: str) -> None:
    answer = ask(api.stranger, shelf(alice), kind)
    assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPES[kind]


def test_without_a_format_it_is_rss(api: Api, alice: Person) -> None:
    collection = shelf(alice, "a")
    answer = api.stranger.get(f"/collections/{collection['id']}/feed")
    assert answer.content == ask(api.stranger, collection, "rss").content


@pytest.mark.parametrize("kind", ["RSS", "xml", ""])
def test_another_format_is_refused(api: Api, alice: Person, kind: str) -> None:
    answer = ask(api.stranger, shelf(alice), kind)
    assert pointers(refused(answer, 422, "invalid")) == {"?format"}


@by_format
def test_the_newest_item_stands_first_wherever_it_is_in_the_order(api: Api, alice: Person, kind: str) -> None:
    collection = shelf(alice, "a", "b")
    alice.item(collection, alice.listing(title="c"), position=1)
    assert read(api, collection, kind).titles() == ["c", "b", "a"]


@by_format
def test_a_long_collection_gives_its_newest_items_only(api: Api, alice: Person, kind: str) -> None:
    collection = shelf(alice)
    fill(collection, alice.listing(title="old"), facts.FEED_ENTRIES + 5)
    alice.item(collection, alice.listing(title="new"))
    assert read(api, collection, kind).titles() == ["new"] + ["old"] * (facts.FEED_ENTRIES - 1)


@by_format
def test_an_empty_collection_is_an_empty_feed(api: Api, alice: Person, kind: str) -> None:
    found = read(api, alice.collection("Nothing yet", visibility="public"), kind)
    assert (found.title, found.description, found.entries) == ("Nothing yet", "", [])


@by_format
def test_an_offer_without_a_shop_leads_to_our_page(api: Api, alice: Person, kind: str) -> None:
    collection = alice.collection(visibility="public")
    listing = alice.listing(listing_url=None)
    alice.item(collection, listing)
    origin = api.system.settings.public_origin
    assert read(api, collection, kind).entries[0].link == f"{origin}/listings/{listing['id']}"


def test_an_unknown_price_is_no_price_of_nothing(api: Api, alice: Person) -> None:
    content = read(api, shelf(alice, "a", price_usd=None), "atom").entries[0].html
    assert content.startswith("<p>Price unknown, as of ")


@by_format
def test_an_entry_keeps_its_id_whatever_changes(api: Api, alice: Person, kind: str) -> None:
    collection = shelf(alice, "a", "b")
    before = [entry.id for entry in read(api, collection, kind).entries]
    items = alice.get(f"/collections/{collection['id']}").json()["items"]
    alice.patch(f"/listings/{items[0]['listing_id']}", {"title": "A", "listing_url": None})
    alice.patch(f"/collections/{collection['id']}/items/{items[0]['id']}", {"position": 2, "notes": "n"})
    alice.patch(f"/collections/{collection['id']}", {"name": "Renamed"})
    found = read(api, collection, kind)
    assert [entry.id for entry in found.entries] == before
    assert found.titles() == ["b", "A"]


@by_xml
def test_a_price_that_drops_is_an_update(api: Api, alice: Person, kind: str) -> None:
    collection = shelf(alice, "a")
    (item,) = alice.get(f"/collections/{collection['id']}").json()["items"]
    changed = alice.patch(f"/listings/{item['listing_id']}", {"price_usd": 1}).json()["updated_at"]
    assert read(api, collection, kind).updated == changed[:19]
    said = feedparser.parse(ask(api.stranger, collection, "atom").content)
    assert _instant(said.entries[0].updated_parsed) == changed[:19]


def test_atom_has_everything_the_standard_asks_for(api: Api, alice: Person) -> None:
    """RFC 4287, 4.1.1 and 4.1.2."""
    root = ET.fromstring(ask(api.stranger, shelf(alice, "a"), "atom").content)  # noqa: S314 - ours
    name = "{http://www.w3.org/2005/Atom}"
    assert {f"{name}{one}" for one in ("id", "title", "updated", "author", "link")} <= {
        child.tag for child in root
    }
    (entry,) = root.iter(f"{name}entry")
    assert {f"{name}{one}" for one in ("id", "title", "updated", "link", "content")} <= {
        child.tag for child in entry
    }
    assert [author.text for author in root.iter(f"{name}name")] == ["alice"]


# -------------------------------------------------------------------------------- whatever people write


def is_repaired(title: str) -> bool:
    """Whether feedparser takes a text for one that was encoded twice, and decodes it once more."""
    try:
        return title.encode("latin-1").decode() != title
    except UnicodeError:
        return False


def test_real_titles_of_many_languages_come_through(
    api: Api, alice: Person, count: Callable[[int, int], int]
) -> None:
    # Those with the most letters outside ASCII, which are the hardest.
    said = (row["title_a"][: facts.TITLE] for row in islice(rows("product-title-pairs.csv"), 1000))
    hardest = sorted(dict.fromkeys(said), key=lambda title: sum(map(str.isascii, title)) - len(title))
    titles = [title for title in hardest if title.strip() and not is_repaired(title)][: count(12, 50)]
    collection = shelf(alice, *titles)
    for kind in MEDIA_TYPES:
        # Readers fold spaces.
        found = [title.split() for title in read(api, collection, kind).titles()]
        assert found == [title.split() for title in reversed(titles)]


SPOKEN = (
    "日本語のノート",
    "Ноутбук «Тихий»",
    "حاسوب محمول",
    "מחשב נייד",
    "노트북 🔥👩‍💻",
    "naïve — “x”",
    "a\u202eb",
)


@by_format
def test_every_script_comes_through(api: Api, alice: Person, kind: str) -> None:
    collection = alice.collection(SPOKEN[0], description=SPOKEN[1], visibility="public")
    for text in SPOKEN:
        alice.item(collection, alice.listing(title=text), notes=text)
    found = read(api, collection, kind)
    assert (found.title, found.description) == SPOKEN[:2]
    assert [(one.title, one.html.partition("</p>")[2]) for one in found.entries] == [
        (text, f"<p>{text}</p>") for text in reversed(SPOKEN)
    ]


HOSTILE = """</title></item><script>alert("1")</script> ]]> <![CDATA[ &amp; &#0; <!ENTITY a "b"> 'x' %00"""


@by_format
def test_markup_people_write_stays_text(api: Api, alice: Person, kind: str) -> None:
    collection = alice.collection(f"x{HOSTILE[:90]}", description=HOSTILE, visibility="public")
    link = "https://example.com/?a=1&b=\"'<>"
    alice.item(collection, alice.listing(title=HOSTILE, listing_url=link), notes=HOSTILE)
    found = read(api, collection, kind)
    (entry,) = found.entries
    assert (found.title, found.description) == (f"x{HOSTILE[:90]}", HOSTILE)
    assert (entry.title, entry.link) == (HOSTILE, link)
    assert entry.html.partition("</p>")[2] == f"<p>{html.escape(HOSTILE)}</p>"


def test_lines_of_a_note_stay_lines(api: Api, alice: Person) -> None:
    collection = alice.collection(visibility="public")
    alice.item(collection, alice.listing(), notes="one\r\ntwo\n<three>")
    (entry,) = read(api, collection, "json").entries
    assert entry.html.partition("</p>")[2] == "<p>one<br>two<br>&lt;three&gt;</p>"


FORBIDDEN = "".join(map(chr, [*range(1, 9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF]))


@pytest.fixture
def unspeakable(alice: Person) -> dict[str, Any]:
    """A collection full of letters XML 1.0 cannot say."""
    collection = alice.collection(f"n{FORBIDDEN}m", description=FORBIDDEN, visibility="public")
    link = "https://example.com/\ufffe\uffff"
    alice.item(collection, alice.listing(title=f"t{FORBIDDEN}u", listing_url=link), notes=FORBIDDEN)
    return collection


@by_format
def test_letters_xml_cannot_say_break_no_feed(api: Api, unspeakable: dict[str, Any], kind: str) -> None:
    found = read(api, unspeakable, kind)
    shown = FORBIDDEN if kind == "json" else "\ufffd" * len(FORBIDDEN)
    assert (found.title, found.titles()) == (f"n{shown}m", [f"t{shown}u"])


@by_xml
def test_letters_xml_cannot_say_would_break_a_feed(
    api: Api, unspeakable: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_clean", lambda text: text)
    with pytest.raises(ET.ParseError):
        ET.fromstring(ask(api.stranger, unspeakable, kind).content)  # noqa: S314 - ours


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_any_text_at_all_is_read_back(text: str) -> None:
    entry = feeding._Entry("i", text, text, text, NOW, NOW)
    channel = feeding._Channel(text, text, text, text, text, NOW, [entry])
    meant = feeding._NO_XML.sub("\ufffd", text)
    for kind, path in ((FeedFormat.rss, "channel/item/title"), (FeedFormat.atom, "{*}entry/{*}title")):
        root = ET.fromstring(feeding._WRITERS[kind][0](channel))  # noqa: S314 - ours
        # XML has one kind of line break (2.11).
        assert root.findtext(path) == meant.replace("\r\n", "\n").replace("\r", "\n")
    said: Any = jsontext.loads(feeding._WRITERS[FeedFormat.json][0](channel))
    assert said["items"][0]["title"] == text


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


# ------------------------------------------------------------------------------------------ who sees it


MARKERS = ("zqprivate", "zqnotes", "zqfield", "zqkey", "rejected")


@by_format
def test_what_is_private_is_in_no_byte(api: Api, alice: Person, kind: str) -> None:
    collection = alice.collection(visibility="public")
    listing = alice.listing(notes="zqnotes", custom_fields={"zqkey": "zqfield"})
    alice.item(collection, listing, status="rejected", notes="shown", private_notes="zqprivate")
    for person in (api.stranger, alice):
        text = ask(person, collection, kind).text
        assert "shown" in text
        assert [marker for marker in MARKERS if marker in text] == []


@pytest.mark.parametrize("visibility", ["private", "unlisted"])
def test_only_a_public_collection_has_a_feed(api: Api, alice: Person, visibility: str) -> None:
    collection = alice.collection(visibility=visibility)
    for person in (api.stranger, alice):
        refused(ask(person, collection, "rss"), 404, "not_found")


CLOSED: Mapping[str, Callable[[Person, str], httpx.Response]] = {
    "private": lambda person, path: person.patch(f"{path}/visibility", {"visibility": "private"}),
    "unlisted": lambda person, path: person.patch(f"{path}/visibility", {"visibility": "unlisted"}),
    "deleted": lambda person, path: person.delete(path),
}


@by_format
@pytest.mark.parametrize("way", CLOSED)
def test_a_closed_collection_is_gone_at_the_next_request(
    api: Api, alice: Person, kind: str, way: str
) -> None:
    collection = shelf(alice, "a")
    seen = ask(api.stranger, collection, kind).headers
    assert CLOSED[way](alice, f"/collections/{collection['id']}").is_success
    known = {"If-None-Match": seen["etag"], "If-Modified-Since": seen["last-modified"]}
    for headers in ({}, known):
        answer = ask(api.stranger, collection, kind, **headers)
        refused(answer, 404, "not_found")
        assert answer.headers["cache-control"] == "no-store"


# ------------------------------------------------------------------------------------- only when changed


@by_format
def test_who_has_it_already_is_told_so_in_a_few_bytes(api: Api, alice: Person, kind: str) -> None:
    collection = shelf(alice, "a")
    seen = ask(api.stranger, collection, kind)
    again = ask(api.stranger, collection, kind, **{"If-None-Match": seen.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == seen.headers["etag"]
    assert "no-cache" in again.headers["cache-control"]


def item_added(alice: Person, collection: Mapping[str, Any], _: int) -> None:
    alice.item(collection, alice.listing(title="b"))


def price_dropped(alice: Person, _: Mapping[str, Any], listing_id: int) -> None:
    alice.patch(f"/listings/{listing_id}", {"price_usd": 1})


def listing_deleted(alice: Person, _: Mapping[str, Any], listing_id: int) -> None:
    alice.delete(f"/listings/{listing_id}")


def renamed(alice: Person, collection: Mapping[str, Any], _: int) -> None:
    alice.patch(f"/collections/{collection['id']}", {"name": "Loud ones"})


@pytest.mark.parametrize("change", [item_added, price_dropped, listing_deleted, renamed])
@pytest.mark.parametrize("validator", ["If-None-Match", "If-Modified-Since"])
def test_whatever_changes_is_sent_anew(
    api: Api,
    alice: Person,
    validator: str,
    change: Callable[[Person, Mapping[str, Any], int], None],
) -> None:
    collection = shelf(alice, "a")
    listing_id = alice.get(f"/collections/{collection['id']}").json()["items"][0]["listing_id"]
    seen = ask(api.stranger, collection, "rss").headers
    # A date is no more exact than a second.
    later = api.later("alice", timedelta(minutes=1))
    stranger = Person(later._http, {})
    known = {"If-None-Match": seen["etag"], "If-Modified-Since": seen["last-modified"]}
    assert ask(stranger, collection, "rss", **{validator: known[validator]}).status_code == 304
    change(later, collection, listing_id)
    answer = ask(stranger, collection, "rss", **{validator: known[validator]})
    assert answer.status_code == 200
    assert answer.headers["etag"] != seen["etag"]


def test_a_date_will_do_where_no_tag_is_sent(api: Api, alice: Person) -> None:
    collection = shelf(alice, "a")
    date = ask(api.stranger, collection, "atom").headers["last-modified"]
    assert ask(api.stranger, collection, "atom", **{"If-Modified-Since": date}).status_code == 304


def test_a_tag_counts_more_than_a_date(api: Api, alice: Person) -> None:
    collection = shelf(alice, "a")
    date = ask(api.stranger, collection, "atom").headers["last-modified"]
    sent = {"If-Modified-Since": date, "If-None-Match": '"another"'}
    assert ask(api.stranger, collection, "atom", **sent).status_code == 200


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Sun, 22 Nov 2026 12:00:00", "1", "Sun, 22 Nov 2026 12:00:00 +9" + "9" * 30]
)
def test_a_date_that_is_none_is_ignored(api: Api, alice: Person, date: str) -> None:
    answer = ask(api.stranger, shelf(alice, "a"), "atom", **{"If-Modified-Since": date})
    assert answer.status_code == 200


def test_nothing_has_changed_later_than_now(api: Api, alice: Person) -> None:
    """Imported files bring times that may lie ahead; such a feed would pass for unchanged until then."""
    collection = shelf(alice, "a")
    ahead = datetime.now(UTC) + timedelta(days=999)
    with db.transaction() as session:
        session.execute(sa.update(Collection).values(updated_at=ahead))
    answer = ask(api.stranger, collection, "rss")
    assert parsedate_to_datetime(answer.headers["last-modified"]) <= datetime.now(UTC)
    later = api.later("bob", timedelta(minutes=1))
    assert ask(later, collection, "rss").content == answer.content


@by_format
def test_the_same_content_has_the_same_bytes_at_any_time(api: Api, alice: Person, kind: str) -> None:
    collection = alice.collection(visibility="public")
    later = api.later("bob", timedelta(days=3))
    assert ask(later, collection, kind).content == ask(api.stranger, collection, kind).content


@by_format
def test_a_look_at_the_head_sees_what_the_whole_would_say(api: Api, alice: Person, kind: str) -> None:
    collection = shelf(alice, "a")
    whole = ask(api.stranger, collection, kind)
    path = f"/collections/{collection['id']}/feed?format={kind}"
    head = api.stranger.call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "last-modified", "content-type", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    known = {"If-None-Match": whole.headers["etag"]}
    assert api.stranger.call("HEAD", path, headers=known).status_code == 304


def test_who_is_signed_in_keeps_nothing(alice: Person) -> None:
    assert ask(alice, shelf(alice, "a"), "rss").headers["cache-control"] == "no-store"

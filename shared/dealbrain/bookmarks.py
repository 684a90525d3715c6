"""Links in and out: Netscape bookmark files, and plain lists of addresses. Pure.

A bookmark file is read by its few tags. Python's own HTML parser takes time that grows with the square of
what is left open (20 kB of ``<a <a <a`` take it 20 seconds), and a bookmark file is hardly HTML anyway.
"""

import html
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import unquote, urlsplit

from dealbrain import facts, rows
from dealbrain.document import ItemEntry
from dealbrain.errors import Invalid, Problem
from dealbrain.rows import Row
from dealbrain.scalars import spell_instant

_TITLE = "/listing/listing/title"
_URL = "/listing/listing/listing_url"
_NOTES = "/notes"
_ADDED = "/added_at"

# ------------------------------------------------------------------------------------------- bookmarks

# A tag ends before the next one begins, so that each letter is looked at once.
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>")
_VALUE = r"""\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"']++))"""
_HREF = re.compile(rf"\shref{_VALUE}", re.IGNORECASE)
_ADD_DATE = re.compile(rf"\sadd_date{_VALUE}", re.IGNORECASE)
# Of a text between tags nobody reads more, however it is spelled.
_READ_MOST = 2 * facts.TEXT
# A bookmark takes a handful of tags, folders included.
_MOST_TAGS = 40 * facts.COLLECTION_ITEMS
_HEAD = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>{name}</TITLE>
<H1>{name}</H1>
<DL><p>
"""


def write(name: str, items: Sequence[ItemEntry]) -> str:
    """Write a bookmark file browsers import: the items that have a link, each with its public note."""
    lines = [_HEAD.format(name=_line(name))]
    for item in items:
        listing = item.entry.deal.listing
        if listing.listing_url is None:
            continue
        added = int(item.added_at.timestamp())
        url = html.escape(listing.listing_url)
        lines.append(f'    <DT><A HREF="{url}" ADD_DATE="{added}">{_line(listing.title)}</A>\n')
        if item.notes:
            lines.append(f"    <DD>{_line(item.notes)}\n")
    return "".join([*lines, "</DL><p>\n"])


def _line(text: str) -> str:
    """Escape a text, and keep its line breaks from being read as the format's own."""
    return html.escape(text).replace("\r", "&#13;").replace("\n", "&#10;")


def read(raw: bytes) -> tuple[str | None, Iterator[Row]]:
    """Read a bookmark file: what it is called, and each bookmark as a row of HREF, ADD_DATE, TITLE and DD.

    Raises:
        Malformed: no UTF-8, or a NUL.
        Invalid: more tags than all bookmarks a collection takes can have.
    """
    tags = _tags(rows.decoded(_uncommented(raw)))
    return next((inside for tag, _, inside in tags if tag == "h1"), None), _bookmarks(tags)


def _uncommented(raw: bytes) -> bytes:
    if raw.count(b"<!--") > _MOST_TAGS:
        raise _too_many()
    first, *others = raw.split(b"<!--")
    return first + b"".join(one.partition(b"-->")[2] for one in others)


type _Tag = tuple[str, str, str]
"""A tag's name in lower case, its attributes, and the text up to the next tag."""


def _tags(text: str) -> list[_Tag]:
    marks = list(islice(_TAG.finditer(text), _MOST_TAGS + 1))
    if len(marks) > _MOST_TAGS:
        raise _too_many()
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return [
        (mark[1].lower(), mark[2], _unescaped(text[mark.end() : min(end, mark.end() + _READ_MOST)]).strip())
        for mark, end in zip(marks, ends, strict=False)
    ]


def _too_many() -> Invalid:
    return rows.refusal("too_many_rows", f"A file brings at most {facts.COLLECTION_ITEMS} links; split it.")


def _bookmarks(tags: Sequence[_Tag]) -> Iterator[Row]:
    for place, (tag, attributes, title) in enumerate(tags):
        if tag == "a":
            yield _bookmark(attributes, title, _note_after(tags, place))


def _note_after(tags: Sequence[_Tag], place: int) -> str:
    for tag, _, inside in tags[place + 1 : place + 4]:
        if tag == "dd":
            return inside
        if tag in {"a", "dt"}:
            break
    return ""


def _bookmark(attributes: str, title: str, note: str) -> Row:
    link, date = _value(_HREF, attributes), _value(_ADD_DATE, attributes)
    cells = {"HREF": link, "ADD_DATE": date, "TITLE": title, "DD": note}
    said = {_URL: link, _TITLE: title or title_of(link)} | ({_NOTES: note} if note else {})
    places = {_URL: "HREF", _TITLE: "TITLE", _NOTES: "DD"}
    problems = []
    if date:
        try:
            said[_ADDED] = spell_instant(datetime.fromtimestamp(int(date[:20]), UTC))
        except (ValueError, OverflowError, OSError):
            problems.append(Problem("/ADD_DATE", "bad_date", "A bookmark's date is in seconds since 1970."))
    return Row(cells, said, places, tuple(problems))


def _value(pattern: re.Pattern[str], attributes: str) -> str:
    mark = pattern.search(attributes)
    return _unescaped(next(filter(None, mark.groups()), "")[:_READ_MOST]) if mark else ""


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:
        # A character by a number of thousands of digits is none.
        return text


# --------------------------------------------------------------------------------------- lists of links

_LINE = re.compile(r"[^\r\n]++")
_LINK = re.compile(r"https?://[^\s<>\"]++", re.IGNORECASE)
# What stands between a link and the words beside it, and marks of lists.
_BESIDE = " \t-\u2013\u2014|:,;*\u2022<>()[]\"'"
_NUMBERED = re.compile(r"^\s*\d{1,3}[.)]\s")


def read_links(raw: bytes) -> Iterator[Row]:
    """Read one link a line; words before or after it are the title.

    Raises:
        Malformed: no UTF-8, or a NUL.
        Invalid: a line nobody wrote.
    """
    rows.refuse_shapeless(raw)
    lines = (mark[0] for mark in _LINE.finditer(rows.decoded(raw)))
    return (_linked(line) for line in lines if line.strip())


def is_list(text: bytes) -> bool:
    """Whether a text is a list of links: most of its lines have one."""
    lines = [line for line in text.split(b"\n") if line.strip()]
    return 2 * sum(b"http://" in line or b"https://" in line for line in lines) > len(lines)


def _linked(line: str) -> Row:
    cells = {"line": line}
    links = _LINK.findall(line)
    if len(links) != 1:
        told = (
            "There is no http:// or https:// link in this line." if not links else "One link a line, please."
        )
        return Row(cells, problems=(Problem("/line", "one_link", told),))
    before, _, after = line.partition(links[0])
    link = links[0].rstrip(".,;:!?'" if "(" in links[0] else ".,;:!?')]")
    words = (part.strip(_BESIDE) for part in (_NUMBERED.sub("", before), after))
    title = " ".join(part for part in words if part)
    return Row(cells, {_URL: link, _TITLE: title or title_of(link)}, {_URL: "line", _TITLE: "line"})


# ------------------------------------------------------------------------------------------------ both


def title_of(link: str) -> str:
    """Call an offer after where it is: host and path, as people read them."""
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return link[: facts.TITLE]
    path = unquote(parts.path, errors="replace").rstrip("/")
    return f"{host}{path}".replace("\x00", "")[: facts.TITLE]

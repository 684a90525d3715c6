"""Links: bookmark files out and in, and lists of addresses as people paste them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import bookmarks, facts, rows
from dealbrain.errors import Invalid, Malformed
from dealbrain.rows import Gathered

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

# As a browser writes it: folders, a separator, an icon, upper and lower case, a comment.
BROWSERS = b"""<!DOCTYPE NETSCAPE-Bookmark-file-1>
<!-- This is an automatically generated file.
     <A HREF="https://not.example/">not a bookmark</A> -->
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Bookmarks</TITLE>
<H1>My &amp; your PCs</H1>
<DL><p>
    <DT><H3 ADD_DATE="1700000000">Laptops</H3>
    <DL><p>
        <DT><A HREF="https://shop.example/t480?a=1&amp;b=2" ADD_DATE="1700000000"
            ICON="data:image/png;base64,AA==">Lenovo &lt;T480&gt;</A>
        <DD>quiet &amp; cheap
        <HR>
        <DT><a href='https://shop.example/no-title' tags="x y"></a>
    </DL><p>
    <DT><A ADD_DATE=1700000001 HREF=https://shop.example/plain>Plain</A>
    <DT><A HREF="javascript:alert(1)">Bookmarklet</A>
    <DT><A HREF="place:sort=8">Most visited</A>
</DL><p>
"""


def read(raw: bytes) -> Gathered:
    return rows.gather(bookmarks.read(raw)[1], NOW)


def links(text: str) -> Gathered:
    return rows.gather(bookmarks.read_links(text.encode()), NOW)


def said(found: Gathered) -> list[tuple[str, str | None]]:
    return [(item.entry.deal.listing.title, item.entry.deal.listing.listing_url) for item in found.items]


def test_a_browsers_file_is_read() -> None:
    heading, _ = bookmarks.read(BROWSERS)
    found = read(BROWSERS)
    assert heading == "My & your PCs"
    assert said(found) == [
        ("Lenovo <T480>", "https://shop.example/t480?a=1&b=2"),
        ("shop.example/no-title", "https://shop.example/no-title"),
        ("Plain", "https://shop.example/plain"),
    ]
    assert [item.notes for item in found.items] == ["quiet & cheap", None, None]
    assert found.items[0].added_at == datetime.fromtimestamp(1_700_000_000, UTC)


def test_what_leads_nowhere_is_refused_by_its_link() -> None:
    found = read(BROWSERS)
    assert [(row.index, row.problems[0].pointer, row.problems[0].code) for row in found.refused] == [
        (3, "/3/HREF", "url_scheme"),
        (4, "/4/HREF", "url_scheme"),
    ]


@pytest.mark.parametrize("date", ["soon", "99999999999999999999", "-99999999999999999"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    found = read(f'<DT><A HREF="https://a.example/" ADD_DATE="{date}">a</A>'.encode())
    assert [row.problems[0].pointer for row in found.refused] == ["/0/ADD_DATE"]


def test_what_was_written_is_read_again() -> None:
    items = read(BROWSERS).items
    again = read(bookmarks.write("Mine", items).encode())
    assert again.refused == []
    assert [replace(item, added_at=NOW) for item in again.items] == [
        replace(item, added_at=NOW) for item in items
    ]
    assert again.items[0].added_at == items[0].added_at


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)


@given(TEXTS.filter(lambda text: text.strip()), TEXTS)
def test_any_title_and_note_survive_a_bookmark_file(title: str, note: str) -> None:
    (item,) = links("x https://a.example/b").items
    deal = item.entry.deal
    listing = deal.listing.model_copy(update={"title": title})
    entry = replace(item.entry, deal=deal.model_copy(update={"listing": listing}))
    written = bookmarks.write(title, [replace(item, entry=entry, notes=note or None)])
    assert written.count("<A ") == 1
    heading, _ = bookmarks.read(written.encode())
    (again,) = read(written.encode()).items
    # As HTML has it, space around a text and returns in it are no part of it.
    assert plain(again.entry.deal.listing.title) == plain(title)
    assert plain(again.notes or "") == plain(note)
    assert plain(heading or "") == plain(title)


def plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())


@pytest.mark.parametrize("text", ["</A><script>alert(1)</script>", '"><img src=x>', "&amp;", "</TITLE></H1>"])
def test_nothing_of_a_title_is_markup(text: str) -> None:
    (item,) = links("x https://a.example/b").items
    deal = item.entry.deal
    listing = deal.listing.model_copy(update={"title": text})
    entry = replace(item.entry, deal=deal.model_copy(update={"listing": listing}))
    written = bookmarks.write(text, [replace(item, entry=entry, notes=text)])
    assert "<script" not in written
    assert "<img" not in written
    assert said(read(written.encode())) == [(text, "https://a.example/b")]


def test_an_offer_without_a_link_is_no_bookmark() -> None:
    (item,) = links("x https://a.example/b").items
    deal = item.entry.deal
    listing = deal.listing.model_copy(update={"listing_url": None})
    entry = replace(item.entry, deal=deal.model_copy(update={"listing": listing}))
    assert "<DT>" not in bookmarks.write("x", [replace(item, entry=entry)])


HOSTILE = (b"<a ", b"<!--", b"<", b"b='", b"&#9", b"<a href=", b'<a x="', b"</", b"<![CDATA[", b"<a b='c=\"")


@pytest.mark.parametrize("unit", HOSTILE)
def test_what_is_left_open_takes_no_time_and_fails_nobody(unit: bytes) -> None:
    raw = unit * (200_000 // len(unit))
    for begin in (b"", b"<a href='https://a.example/'>", b"<a "):
        try:
            found = read(begin + raw)
        except Invalid:
            continue
        assert len(found.items) + len(found.refused) <= facts.COLLECTION_ITEMS


def test_more_bookmarks_than_a_collection_takes_are_refused() -> None:
    one = b'<DT><A HREF="https://a.example/">a</A>\n'
    assert len(read(one * facts.COLLECTION_ITEMS).items) == facts.COLLECTION_ITEMS
    for count in (facts.COLLECTION_ITEMS + 1, 20_000):
        with pytest.raises(Invalid) as refused:
            read(one * count)
        assert refused.value.problems[0].code == "too_many_rows"


def test_a_character_by_an_endless_number_is_none() -> None:
    found = read(b"<A HREF='https://a.example/'>&#" + b"9" * 9_000 + b";</A>")
    assert [row.problems[0].pointer for row in found.refused] == ["/0/TITLE"]


# --------------------------------------------------------------------------------------- lists of links

LINES = {
    "https://www.shop.example/dell/7490/": ("shop.example/dell/7490", "https://www.shop.example/dell/7490/"),
    "Dell 7490: https://shop.example/1": ("Dell 7490", "https://shop.example/1"),
    "https://shop.example/1 - Dell 7490": ("Dell 7490", "https://shop.example/1"),
    "* [Dell 7490](https://shop.example/1)": ("Dell 7490", "https://shop.example/1"),
    "1. https://shop.example/1, Dell": ("Dell", "https://shop.example/1"),
    "Dell <https://shop.example/1> as new": ("Dell as new", "https://shop.example/1"),
    "https://shop.example/a_(b)": ("shop.example/a_(b)", "https://shop.example/a_(b)"),
    "HTTPS://Shop.example/X": ("shop.example/X", "HTTPS://Shop.example/X"),
    "https://shop.example/%F0%9F%94%A5/a%20b": (
        "shop.example/🔥/a b",
        "https://shop.example/%F0%9F%94%A5/a%20b",
    ),
}


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_a_line_is_a_link_with_or_without_words(line: str, expected: tuple[str, str]) -> None:
    assert said(links(f"\n{line}\r\n\n")) == [expected]


@pytest.mark.parametrize(
    "line", ["Dell", "javascript:alert(1)", "https://a.example/ https://b.example/", "ftp://a/"]
)
def test_a_line_that_is_no_one_link_is_refused(line: str) -> None:
    found = links(f"https://fine.example/\n{line}")
    assert [(row.index, row.problems[0].pointer) for row in found.refused] == [(1, "/1/line")]
    assert len(found.items) == 1


def test_an_empty_list_is_none() -> None:
    with pytest.raises(Invalid):
        links("\n \n")


@pytest.mark.parametrize("raw", [b"\xff", b"https://a.example/\x00", "https://a.example/".encode("utf-16")])
def test_what_is_no_text_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        rows.gather(bookmarks.read_links(raw), NOW)
    with pytest.raises(Malformed):
        bookmarks.read(raw)


@pytest.mark.parametrize("link", ["https://", "https://[::1", "https://a.example/" + "x" * 3_000, "x", ""])
def test_a_title_is_made_of_whatever_is_called_a_link(link: str) -> None:
    assert len(bookmarks.title_of(link)) <= facts.TITLE


@pytest.mark.parametrize(
    ("candidates", "name"),
    [
        (("  My\x00list\n ", "x"), "My list"),
        (("", None, "third"), "third"),
        (("x" * 200,), "x" * facts.COLLECTION_NAME),
        (("\u202e\u200b",), "Imported"),
    ],
)
def test_a_collection_is_called_after_the_first_that_is_a_name(
    candidates: tuple[str | None, ...], name: str
) -> None:
    assert rows.name_after(*candidates) == name


@pytest.mark.parametrize(
    ("file", "stem"),
    [
        ("my list.csv", "my list"),
        ("C:\\x\\a.b.txt", "a.b"),
        ("../../etc/passwd", "passwd"),
        (None, ""),
        (".csv", ".csv"),
    ],
)
def test_a_file_is_called_what_it_is_called_without_folder_and_ending(file: str | None, stem: str) -> None:
    assert rows.stem(file) == stem

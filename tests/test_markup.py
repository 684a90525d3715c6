"""Markdown of descriptions: what becomes of it, and what does not."""

import re

import pytest

from dealbrain import markup

RULES = 'rel="nofollow ugc noopener noreferrer"'


def tags(text: str) -> list[str]:
    """The elements a text is turned into, in their order."""
    return re.findall(r"<([a-z0-9]+)", markup.html(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("**Small** and _quiet_", ["p", "strong", "em"]),
        ("* one\n* two", ["ul", "li", "li"]),
        ("1. one", ["ol", "li"]),
        ("> said", ["blockquote", "p"]),
        ("`code`", ["p", "code"]),
        ("one\ntwo", ["p", "br"]),
        ("one\n\ntwo", ["p", "p"]),
    ],
)
def test_what_people_write_in_descriptions_is_formed(text: str, found: list[str]) -> None:
    assert tags(text) == found


@pytest.mark.parametrize(
    "url", ["https://a.example/x?y=1", "http://a.example/", "mailto:a@b.example", "HTTPS://a.example/"]
)
@pytest.mark.parametrize("form", ["[x]({})", "[x][1]\n\n[1]: {}", "<{}>"])
def test_a_link_to_a_site_or_a_mailbox_leads_there_and_tells_nothing(url: str, form: str) -> None:
    assert re.search(f'<a href="{re.escape(url)}" {RULES}>', markup.html(form.format(url)))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "&#106;avascript:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "file:///etc/hosts",
        "ftp://a.example/",
        "tel:+1",
        "//a.example/",
        "/sign-out",
        "../x",
        "?q=1",
        "#x",
        "x",
        "httpsx://a.example/",
    ],
)
@pytest.mark.parametrize("form", ["[x]({})", "[x][1]\n\n[1]: {}", "<{}>", "![x]({})"])
def test_what_leads_elsewhere_is_no_link(url: str, form: str) -> None:
    assert "<a" not in markup.html(form.format(url))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<b>bold</b>",
        "a <img src=x onerror=alert(1)> b",
        "<!-- -->",
        "<style>p {}</style>",
        "</p><form action=/x>",
    ],
)
def test_html_is_text(text: str) -> None:
    assert set(tags(text)) <= {"p"}
    assert markup.html(text).count("&lt;") == text.count("<")


@pytest.mark.parametrize("text", ["# Large", "###### Small", "Large\n=====", "Less\n---"])
def test_there_are_no_headings_that_compete_with_the_pages(text: str) -> None:
    assert not re.search(r"<h[1-6]", markup.html(text))


def test_no_picture_is_fetched_from_strangers() -> None:
    assert tags("![x](https://a.example/x.png)") == ["p", "a"]


@pytest.mark.parametrize(
    "text", ['[x](https://a.example/ "t\\" onclick=x y=\\"")', '[x](https://a.example/"onclick=x)']
)
def test_nothing_gets_out_of_an_attribute(text: str) -> None:
    (link,) = re.findall(r"<a [^>]*>", markup.html(text))
    assert re.sub(r'="[^"]*"', "", link) in {"<a href title rel>", "<a href rel>"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**Small** and _quiet_", "Small and quiet"),
        ("* one\n* two", "one two"),
        ("one\ntwo\n\n> three", "one two three"),
        ("[the list](https://a.example/)", "the list"),
        ("<b>x</b>", "<b>x</b>"),
        ("", ""),
    ],
)
def test_the_words_alone_are_in_one_line(text: str, words: str) -> None:
    assert markup.plain(text) == words

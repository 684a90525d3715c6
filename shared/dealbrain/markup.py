"""Markdown as people write it in descriptions, as HTML that can do no harm. Pure."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# A description is read in other places too, where an address without its site would lead nowhere.
_LEADS = re.compile(r"https?://|mailto:", re.IGNORECASE)
# No HTML of theirs, no headings that compete with the page's, no pictures fetched from strangers.
_LEFT_OUT = ["heading", "lheading", "image", "html_block", "html_inline"]


def html(text: str) -> str:
    """Turn Markdown (CommonMark) into HTML in which every letter of theirs is text.

    Links are kept where they lead to http, https or mail, and tell neither where they stand nor that we
    vouch for them.
    """
    made: str = _reader().render(text)
    return made


def plain(text: str) -> str:
    """The words of a Markdown text alone, in one line."""
    words = [
        "".join(" " if child.type.endswith("break") else child.content for child in one.children)
        for one in _reader().parse(text)
        if one.children
    ]
    return " ".join(" ".join(words).split())


@lru_cache(maxsize=1)
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(_LEFT_OUT)
    reader.add_render_rule("link_open", _link)
    reader.validateLink = _leads  # type: ignore[method-assign]  # its own lets through what it does not know
    return reader


def _leads(url: str) -> bool:
    return bool(_LEADS.match(url))


def _link(renderer: Any, tokens: "Sequence[Token]", index: int, options: Any, _environment: object) -> str:  # noqa: ANN401 - markdown-it's own
    tokens[index].attrSet("rel", "nofollow ugc noopener noreferrer")
    made: str = renderer.renderToken(tokens, index, options, {})
    return made

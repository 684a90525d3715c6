"""What pages fetch besides themselves, by names that change with the content: each may be kept for ever."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dealbrain.facts import STATIC

FOLDER = Path(__file__).with_name("static")
PATH = f"/{STATIC}"
FOR_EVER = "public, max-age=31536000, immutable"

_DIGEST_LETTERS = 12
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# In our own files; in a script only whole lines are.
_COMMENTS = {
    ".css": re.compile(rb"[ \t]*/\*.*?\*/\n?", re.DOTALL),
    ".js": re.compile(rb"^[ \t]*//[^\n]*\n", re.MULTILINE),
    ".svg": re.compile(rb"<!--.*?-->", re.DOTALL),
}
# What is served, and the files it is made of, one behind the other: a page asks for one script, not three.
_MADE_OF = {
    "app.css": ("app.css",),
    "app.js": ("htmx-4.0.1.min.js", "app.js"),
    "workspace.js": ("workspace.js",),
    "sortable.js": ("sortable-1.15.7.min.js",),
    "icon.svg": ("icon.svg",),
}


@dataclass(frozen=True)
class Asset:
    """A file as it is served."""

    name: str
    """With a hash of the content, such as ``app-0123456789ab.css``."""
    media_type: str
    content: bytes


def address(name: str) -> str:
    """The path a file is served at.

    Args:
        name: as pages call it, such as ``app.css``.

    Raises:
        KeyError: there is none of this name.
    """
    return PATH + _made()[name].name


def served() -> Mapping[str, Asset]:
    """Every file by the name it is served under."""
    return {one.name: one for one in _made().values()}


@lru_cache(maxsize=1)
def _made() -> Mapping[str, Asset]:
    return {name: _asset(name, parts) for name, parts in _MADE_OF.items()}


def _served(file: Path) -> bytes:
    """A file as browsers get it: without what it tells those who change it."""
    content = file.read_bytes()
    return content if ".min." in file.name else _COMMENTS[file.suffix].sub(b"", content)


def _asset(name: str, parts: tuple[str, ...]) -> Asset:
    content = b"\n".join(_served(FOLDER / part) for part in parts)
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_LETTERS]
    path = Path(name)
    return Asset(f"{path.stem}-{digest}{path.suffix}", _KINDS[path.suffix], content)

"""Templates of pages: values reach them as text and leave them escaped.

The only markup is the templates' own, and that of a description's Markdown, which ``markup`` makes harmless.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from dealbrain import assets, cardspec, charts, jsontext, markup, scalars
from dealbrain.document import ItemStatus

FOLDER = Path(__file__).with_name("templates")
# What stands for a status where there is no room for its word.
MARKS = {
    ItemStatus.undecided: "?",
    ItemStatus.shortlisted: "★",
    ItemStatus.rejected: "✕",
    ItemStatus.bought: "✓",
}


def html(template: str, values: Mapping[str, object]) -> str:
    """What a template shows of these values.

    Args:
        template: its file in ``templates``.
        values: by the names the template calls them.
    """
    return templates().get_template(template).render(values)


@lru_cache(maxsize=1)
def templates() -> Environment:
    """All templates, with what every one of them may call."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.globals.update(
        asset=assets.address,
        card=cardspec,
        course=charts.course,
        marks=MARKS,
        pixels=cardspec.PIXELS,
        statuses=tuple(ItemStatus),
    )
    made.filters.update(FILTERS)
    return made


def _shown(value: object) -> object:
    if value is None:
        return ""
    return cardspec.calm(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _markdown(text: str) -> object:
    return Markup(markup.html(cardspec.calm(text)))  # noqa: S704 - made from text in which every letter is escaped


def _as_is(text: str | None) -> object:
    """For what is edited: the field holds every letter that is stored."""
    return escape(text or "")


def _data(value: object) -> object:
    """JSON inside a page, where nothing may look like markup."""
    spelled = jsontext.dumps(value)
    for letter in "<>&\u2028\u2029":
        spelled = spelled.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(spelled)  # noqa: S704 - every letter that means something in HTML is spelled otherwise


def _day(value: date | datetime) -> str:
    return f"{value.day} {value:%b %Y}"


def _iso(value: date | datetime) -> str:
    return scalars.spell_instant(value) if isinstance(value, datetime) else value.isoformat()


def _money(value: Decimal | float | None) -> str:
    # A breakdown is JSON, whose amounts are numbers.
    return "" if value is None else cardspec.dollars(scalars.exact(value))


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


FILTERS: Mapping[str, Callable[..., object]] = {
    "markdown": _markdown,
    "plain": markup.plain,
    "as_is": _as_is,
    "data": _data,
    "day": _day,
    "iso": _iso,
    "money": _money,
    "counted": _counted,
    "place": scalars.place,
    "capacity": cardspec.capacity,
    "json": jsontext.dumps,
    "host": lambda url: urlsplit(url).hostname or "",
}

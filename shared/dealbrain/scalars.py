"""Strict scalars shared by the portable file and the API, and how their refusals are told.

Pydantic's lax mode takes "12" and true as numbers, and its strict mode refuses every enum, date and
integer price when it validates Python values, as Powertools does. So each scalar says itself what it
takes: values as the JSON reader makes them, and those our own code holds (Decimal, aware datetime).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from dealbrain import facts, jsontext
from dealbrain.errors import Problem
from dealbrain.jsontext import Json

# A free object stands at most nine levels deep in a file, so what we take anywhere can be written
# everywhere and still be read.
FREE_DEPTH = jsontext.MAX_DEPTH - 10

_CENT = Decimal("0.01")
_MONEY_MOST = Decimal(str(facts.MONEY_MOST))
_LOCAL_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
_NAIVE = re.compile(_LOCAL_TIME)
_NO_LINK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
_RFC_3339 = re.compile(_LOCAL_TIME + r"([Zz]|[+-][0-9]{2}:[0-9]{2})")


def pointer(*steps: str | int) -> str:
    """Spell steps into a document as a JSON Pointer (RFC 6901); no steps give the whole, ""."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def place(pointer: str) -> str:
    """A place in a file (RFC 6901) as people read it: what is counted is counted from 1."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    words = [str(int(step) + 1) if step.isdecimal() else step.replace("_", " ") for step in steps]
    # Nobody misses the wrappings: an item's listing has a listing in it.
    kept = [word for word, before in zip(words, ["", *words], strict=False) if word not in {before, "data"}]
    return ", ".join(kept)


def exact(value: object) -> Decimal:
    """Take a number as its shortest decimal spelling says, never as its binary neighbour.

    Raises:
        PydanticCustomError: a boolean, a text or anything else that is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number_type", "This should be a number, and not a text or a boolean.")
    made = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not made.is_finite():
        raise PydanticCustomError("finite_number", "This should be a finite number.")
    return made


def spell_instant(value: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC with Z, without a fraction when there is none."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def is_naive(text: str) -> bool:
    """Whether a text is a date and time that says no offset."""
    return _NAIVE.fullmatch(text) is not None


def depth(value: Json) -> int:
    """Count the levels of objects and lists in a value; 0 for a scalar."""
    deepest = 0
    todo = [(value, 1)]
    while todo:
        one, level = todo.pop()
        if isinstance(one, dict | list):
            deepest = max(deepest, level)
            inside = one.values() if isinstance(one, dict) else one
            todo.extend((child, level + 1) for child in inside)
    return deepest


def problems(errors: Iterable[ErrorDetails], *, at: str = "") -> list[Problem]:
    """Tell pydantic's errors as problems, each at its JSON Pointer below ``at``."""
    return [problem for error in errors for problem in _told(error, at)]


# What pydantic says of models and tuples, in the words of JSON.
_TOLD = {
    "missing": ("missing", "This is required."),
    "model_type": ("object_type", "This should be an object."),
    "tuple_type": ("list_type", "This should be a list."),
    "extra_forbidden": ("unknown_field", "There is no such field here."),
}


def _told(error: ErrorDetails, at: str) -> list[Problem]:
    place = at + pointer(*error["loc"])
    flaws = error.get("ctx", {}).get("flaws")
    if flaws is not None:
        return [Problem(place + inside, code, message) for inside, code, message in flaws]
    code, message = _TOLD.get(error["type"], (error["type"], error["msg"]))
    return [Problem(place, code, message if message.endswith(".") else f"{message}.")]


def _money(value: object, *, least: Decimal) -> Decimal:
    amount = exact(value)
    if not least <= amount <= _MONEY_MOST:
        raise PydanticCustomError(
            "money_range",
            "An amount lies between {least} and {most}.",
            {"least": f"{least:,}", "most": f"{_MONEY_MOST:,}"},
        )
    if amount != round(amount, 2):
        raise PydanticCustomError("money_decimals", "An amount has at most two decimals.")
    # Adding zero turns -0.00 into 0.00.
    return amount.quantize(_CENT) + 0


def _amount(least: Decimal) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    return (
        BeforeValidator(partial(_money, least=least)),
        PlainSerializer(jsontext.number, when_used="json"),
        WithJsonSchema({"type": "number", "minimum": float(least), "maximum": facts.MONEY_MOST}),
    )


def _number(value: object) -> float:
    return float(exact(value))


def _spell_number(value: float) -> int | float:
    # A larger whole number would be spelled with hundreds of digits, which readers refuse.
    return int(value) if value.is_integer() and abs(value) <= facts.SAFE_INTEGER else value


def _instant(value: object) -> datetime:
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        value = _parsed(value)
    if not isinstance(value, datetime):
        raise PydanticCustomError(
            "instant_format", "This should be a date and time with an offset, as in 2026-01-31T12:00:00Z."
        )
    if value.tzinfo is None:
        raise PydanticCustomError("naive_timestamp", "This time says no offset; end it with Z for UTC.")
    return value.astimezone(UTC)


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("instant_value", "There is no such date and time.") from None


def _url(text: str) -> str:
    if _NO_LINK.search(text):
        raise PydanticCustomError("url_letters", "A link contains no spaces and no control characters.")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise PydanticCustomError("url_syntax", "This is no link anybody can follow.") from None
    if parts.scheme not in {"http", "https"}:
        raise PydanticCustomError("url_scheme", "A link begins with http:// or https://.")
    # Browsers read a backslash as a slash, so that the host would be another than the one checked here.
    if not host or "\\" in parts.netloc:
        raise PydanticCustomError("url_host", "A link names a host.")
    if "@" in parts.netloc:
        raise PydanticCustomError("url_credentials", "A link carries no user name and no password.")
    return text


type Flaw = tuple[str, str, str]


def _free_object(value: object) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise PydanticCustomError("object_type", "This should be an object.")
    flaws = _flaws(value) if value else ()
    if flaws:
        raise PydanticCustomError("free_object", "No file can carry this object.", {"flaws": flaws})
    return value


def _flaws(whole: dict[str, Any]) -> list[Flaw]:
    found: list[Flaw] = []
    todo: list[tuple[tuple[str | int, ...], dict[str, Any] | list[Any]]] = [((), whole)]
    while todo:
        steps, one = todo.pop()
        if len(steps) >= FREE_DEPTH:
            told = f"Free objects nest at most {FREE_DEPTH} levels."
            found.append((pointer(*steps), "too_deep", told))
            continue
        for step, child in one.items() if isinstance(one, dict) else enumerate(one):
            if isinstance(child, dict | list):
                todo.append(((*steps, step), child))
            elif flaw := _scalar_flaw(child):
                found.append((pointer(*steps, step), *flaw))
    return found


def _scalar_flaw(value: object) -> tuple[str, str] | None:
    if isinstance(value, str | None):
        return None
    if not isinstance(value, int | float):
        return "json_type", "This is no JSON value."
    # NaN is within no bounds.
    if not abs(value) <= facts.SAFE_INTEGER:
        return "number_range", "A number here lies between -2^53 and 2^53."
    return None


def text(most: int = facts.TEXT, *, least: int = 0) -> StringConstraints:
    """Bound the code points of a ``str`` it annotates."""
    return StringConstraints(strict=True, min_length=least, max_length=most)


Text = Annotated[str, text()]
"""A text of at most 10,000 code points, kept as given."""

Money = Annotated[Decimal, *_amount(Decimal(0))]
"""US dollars, 0 to 9,999,999.99, at most two decimals; a JSON number outside, a Decimal inside."""

SignedMoney = Annotated[Decimal, *_amount(-_MONEY_MOST)]
"""US dollars that may be below zero: adjustments, and prices after them."""

Whole = Annotated[int, Field(strict=True, ge=0, le=facts.SAFE_INTEGER)]
"""A count, capacity, mark or year: a JSON integer from 0 to 2^53."""

Count = Annotated[int, Field(strict=True, ge=1, le=facts.SAFE_INTEGER)]
"""A number of things that are there: a JSON integer from 1."""

Position = Annotated[int, Field(strict=True, ge=-facts.SAFE_INTEGER, le=facts.SAFE_INTEGER)]
"""A place in an order as somebody wrote it: any JSON integer that every reader agrees on."""

Reference = Annotated[int, Field(strict=True, ge=-facts.BIGINT_MOST, le=facts.BIGINT_MOST)]
"""A number by which another program knows a thing; never used to find one of ours."""

Number = Annotated[
    float,
    BeforeValidator(_number),
    PlainSerializer(_spell_number, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
"""A finite JSON number."""

Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(spell_instant, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment in UTC; RFC 3339 with an offset outside, an aware datetime inside."""

Url = Annotated[str, StringConstraints(strict=True, max_length=facts.URL), AfterValidator(_url)]
"""A link people can follow: http or https, a host, no credentials; the text is kept as given."""

FreeObject = Annotated[
    dict[str, Json],
    PlainValidator(_free_object),
    WithJsonSchema({"type": "object"}),
]
"""Any JSON object: finite numbers up to 2^53 either way, key order and spelling kept."""

"""JSON as we accept and write it: the one reader for untrusted text, and the one writer.

The standard reader lets pass what bites later: duplicate keys (two readers, two meanings), NaN and
infinities, numbers of any length, lone surrogates and NUL (which Postgres cannot hold, and which
break a pooled connection), and nesting deep enough to exhaust a stack. This one refuses them.
"""

import json
import math
import re
from decimal import Decimal
from typing import Any

from dealbrain.errors import Malformed
from dealbrain.facts import JSON_VALUES

MAX_DEPTH = 32
MAX_INTEGER_DIGITS = 40
# A text of fewer characters always passes, one of twice as many never.
TEXT_MOST = 1_000_000
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


def loads(raw: bytes | str) -> Json:
    """Read one JSON text.

    Raises:
        Malformed: not UTF-8, not JSON, deeper than 32 levels, more values or a longer text than anybody
            means, a duplicate key, a number that is not finite or absurdly long, a lone surrogate, or a NUL.
    """
    text = _decode(raw) if isinstance(raw, bytes) else raw
    _refuse_shape(text)
    try:
        value: Json = json.loads(  # noqa: TID251 - this is the reader the rule sends everybody to
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        raise Malformed(f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    refuse_bad_text(value)
    return value


def dumps(value: object, *, indent: int | None = None) -> str:
    """Write JSON: strict (no NaN), letters as they are, Decimals as numbers, keys in the order given."""
    separators = None if indent else (",", ":")
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators, default=_default
    )


def number(value: Decimal) -> int | float:
    """Spell a Decimal as JSON does: 399 rather than 399.00.

    A binary float's shortest spelling is exact for up to 15 significant digits; our money has nine.
    """
    return int(value) if value == value.to_integral_value() else float(value)


def is_text(text: str) -> bool:
    """Whether a string can be stored and sent: no NUL, no lone surrogate."""
    return _NO_TEXT.search(text) is None


def is_utf8(raw: bytes) -> bool:
    """Whether bytes are text at all."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def refuse_bad_text(value: Json) -> None:
    """Walk a parsed value without recursion and refuse keys and strings that are no text."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            if not is_text(one):
                raise Malformed("A text contains a NUL or half of a surrogate pair, which is no letter.")
        elif isinstance(one, list):
            todo.extend(one)
        elif isinstance(one, dict):
            todo.extend(one)
            todo.extend(one.values())


def _decode(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"Not UTF-8: byte {error.start} cannot be read.") from None
    if text.startswith("\ufeff"):
        raise Malformed("The text begins with a byte order mark; save it as plain UTF-8.")
    return text


# A string, or the rest of the text when it does not end, so that no letter is looked at twice.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKET = re.compile(r"[^\[\]{}]++")


def _refuse_shape(text: str) -> None:
    """Refuse too many values, too deep ones and too long ones before a parser makes anything of them."""
    blocks = range(0, len(text) - TEXT_MOST, TEXT_MOST)
    if any(text.find('"', start, start + TEXT_MOST) < 0 for start in blocks):
        raise Malformed(f"Somewhere a text, or nothing but spaces, is longer than {TEXT_MOST:,} characters.")
    if text.count("[") + text.count("{") + text.count(",") <= MAX_DEPTH:
        return
    outside = _STRING.sub("", text)
    values = outside.count(",") + outside.count("[") + outside.count("{")
    if values > JSON_VALUES:
        raise Malformed(f"There are more than {JSON_VALUES:,} values in this text.")
    depth = 0
    for bracket in _NO_BRACKET.sub("", outside):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"Nested deeper than {MAX_DEPTH} levels.")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed(f"The key {double[:80]!r} stands twice in one object.")
    return made


def _refuse_constant(name: str) -> Any:  # noqa: ANN401 - it never returns; the reader wants a value type
    raise Malformed(f"{name} is no JSON number.")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Malformed(f"The number {text[:40]} is too large.")
    return value


def _int(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise Malformed(f"The number {text[:40]}… is too long.")
    return int(text)


def _default(value: object) -> int | float:
    if isinstance(value, Decimal):
        return number(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")

"""An offer's form: what it shows of an offer, and what whoever filled it in wants changed. Pure.

A field is called by the JSON Pointer of what it is about, as problems and doubts are. Only what differs from
what the form showed is a change, so that what it does not show, or cannot show as it is, stays untouched.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import batched
from typing import Any

from dealbrain import jsontext
from dealbrain.errors import Malformed, Problem

type Fields = dict[str, str]
"""What stands in each field of a form; nothing is an empty text."""

_PARTS = {
    "/performance/cpu": ("name",),
    "/performance/gpu": ("name",),
    "/performance/ram": ("total_gb", "ddr_generation"),
    "/performance/storage_primary": ("capacity_gb", "medium"),
    "/performance/storage_secondary": ("capacity_gb", "medium"),
}
_DETAILS = tuple(f"/metadata/{name}" for name in ("manufacturer", "series", "model_number", "form_factor"))
_PLAIN = tuple(
    f"/{name}"
    for name in (
        *("title", "price_usd", "price_date", "condition", "status", "listing_url", "seller"),
        *("device_model", "notes"),
    )
)
_FIELDS = (*_PLAIN, *(f"{part}/{name}" for part, names in _PARTS.items() for name in names), *_DETAILS)
_LINKS = "/other_urls"
_LINK = re.compile(rf"{_LINKS}/([0-9]{{1,2}})/(url|label)", re.ASCII)
# What belongs to a part as it was, and would be wrong of another.
_TOLD_BY = {"/performance/ram/total_gb": ("module_count", "capacity_per_module_gb")}
_LINKS_LEAST = 3
_GROUPED = re.compile(r"\$?\s*([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?", re.ASCII)
# What pydantic says of a text that was no number or day, for people.
_ADVICE = {
    "number_type": "Write an amount in dollars, such as 399 or 399.50.",
    "int_type": "Write a whole number.",
    "instant_format": "Write a day as 2026-01-31.",
    "missing": "This is needed.",
}


# ------------------------------------------------------------------------------------- what a form shows


def shown(said: Mapping[str, Any]) -> Fields:
    """What a form shows of an offer.

    Args:
        said: the offer as ``NewListing`` takes it, or a part of that.
    """
    plain = {pointer: _spelled(pointer, _at(said, pointer)) for pointer in _FIELDS}
    return plain | _numbered((link["url"], link.get("label")) for link in said.get("other_urls") or ())


def sent(fields: Mapping[str, list[str]]) -> Fields:
    """What was filled in: the fields that are an offer's, its links without the lines left empty."""
    plain = {pointer: fields[pointer][0].strip() for pointer in _FIELDS if pointer in fields}
    # A note may begin with spaces on purpose.
    if "/notes" in fields:
        plain["/notes"] = fields["/notes"][0]
    named = {pointer: values[0].strip() for pointer, values in fields.items() if _LINK.fullmatch(pointer)}
    rows = sorted({int(pointer.split("/")[2]) for pointer in named})
    if not rows:
        return plain
    links = ((named.get(f"{_LINKS}/{row}/url", ""), named.get(f"{_LINKS}/{row}/label", "")) for row in rows)
    return plain | _numbered(links)


def seen(fields: Mapping[str, list[str]]) -> Fields:
    """What a form says it showed, in its field ``seen``; nothing where it does not say so.

    Raises:
        Malformed: it says that in no way of ours.
    """
    said = jsontext.loads(fields["seen"][0]) if "seen" in fields else {}
    if not isinstance(said, dict):
        raise Malformed("The form could not be read; load the page again and send it once more.")
    return sent({name: [text] for name, text in said.items() if isinstance(text, str)})


def _numbered(links: Iterable[tuple[str, str | None]]) -> Fields:
    kept = [(url, _line(label or "")) for url, label in links if url or label]
    # One more can always be written.
    kept += [("", "")] * max(_LINKS_LEAST - len(kept), 1)
    return {
        f"{_LINKS}/{row}/{name}": text
        for row, link in enumerate(kept)
        for name, text in zip(("url", "label"), link, strict=True)
    }


def links(fields: Fields) -> list[tuple[str, str]]:
    """The pairs of pointers of the links a form has lines for: an address and what it is called."""
    return list(batched((pointer for pointer in fields if _LINK.fullmatch(pointer)), 2, strict=True))


def _at(said: Mapping[str, Any], pointer: str) -> Any:  # noqa: ANN401 - JSON is any JSON
    inside: Any = said
    for step in pointer.split("/")[1:]:
        inside = inside.get(step) if isinstance(inside, Mapping) else None
    return inside


def _spelled(pointer: str, value: Any) -> str:  # noqa: ANN401 - the same
    if value is None:
        return ""
    if pointer == "/price_usd":
        amount = Decimal(str(value))
        return f"{amount:.0f}" if amount == amount.to_integral_value() else f"{amount:.2f}"
    if pointer == "/price_date":
        return str(value)[:10]
    if pointer == "/notes":
        return lines(str(value))
    return _line(str(value))


def lines(text: str | None) -> str:
    """A text of several lines as browsers show it and send it back to us; none is empty."""
    return (text or "").replace("\r\n", "\n").replace("\r", "\n")


def _line(text: str) -> str:
    """A text as browsers keep it in a field of one line, and as we take it from there."""
    return text.replace("\r", "").replace("\n", "").strip()


# -------------------------------------------------------------------------------------- what is changed


def typed(filled: Fields, seen: Fields) -> Fields:
    """Of what was filled in what somebody typed: the rest is as the form showed it, and may be old by now.

    Args:
        filled: what was filled in.
        seen: what the form showed, as far as it is known.
    """
    plain = {
        pointer: text for pointer, text in filled.items() if pointer in _FIELDS and text != seen.get(pointer)
    }
    if list(_linked(filled)) == list(_linked(seen)):
        return plain
    return plain | {pointer: text for pointer, text in filled.items() if _LINK.fullmatch(pointer)}


def overtaken(new: Fields, seen: Fields, now: Fields) -> tuple[Problem, ...]:
    """The fields in which somebody typed something, and somebody else something else meanwhile.

    Args:
        new: what was typed.
        seen: what the form showed before.
        now: what a form shows by now.
    """
    words = "By now “{}” stands here, from another window. Save again to put yours in its place."
    found = [
        Problem(pointer, "conflict", words.format(now.get(pointer, "")))
        for pointer, text in new.items()
        if not _LINK.fullmatch(pointer)
        and pointer in seen
        and now.get(pointer, "") not in {seen[pointer], text}
    ]
    # Links are replaced as a whole.
    if links(new) and links(seen) and list(_linked(now)) not in (list(_linked(seen)), list(_linked(new))):
        urls = ", ".join(link["url"] for link in _linked(now) if "url" in link)
        found.append(Problem(links(new)[0][0], "conflict", words.format(urls)))
    return tuple(found)


def changes(filled: Fields, said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an offer that differ from what the form showed, as ``ListingChange`` takes them.

    Each whole: what of it the form does not show is as it was.

    Args:
        filled: what was filled in.
        said: the offer as it is; empty for a new one.
    """
    before = shown(said)
    changed = {
        pointer: text for pointer, text in filled.items() if pointer in _FIELDS and text != before[pointer]
    }
    found = {pointer[1:]: _meant(pointer, changed[pointer]) for pointer in _PLAIN if pointer in changed}
    for name in ("performance", "metadata"):
        inside = {pointer: text for pointer, text in changed.items() if pointer.startswith(f"/{name}/")}
        if inside:
            found[name] = _changed_whole(said.get(name), inside)
    if links(filled) and list(_linked(filled)) != list(_linked(before)):
        found["other_urls"] = list(_linked(filled))
    return found


def _changed_whole(before: Mapping[str, Any] | None, changed: Fields) -> dict[str, Any] | None:
    """Performance or metadata with what was changed in it."""
    whole = deepcopy(dict(before or {}))
    for pointer, text in changed.items():
        _set(whole, pointer, _meant(pointer, text))
    emptied = [
        part.split("/")[2]
        for part, names in _PARTS.items()
        if all((whole.get(part.split("/")[2]) or {}).get(name) is None for name in names)
    ]
    return {name: value for name, value in whole.items() if name not in emptied} or None


def _set(whole: dict[str, Any], pointer: str, value: object) -> None:
    *parents, last = pointer.split("/")[2:]
    inside = whole
    for step in parents:
        inside = inside.setdefault(step, {})
    if last == "name":
        # Another processor or graphics card has other cores and marks.
        inside.clear()
    for told in _TOLD_BY.get(pointer, ()):
        inside.pop(told, None)
    if value is None:
        inside.pop(last, None)
    else:
        inside[last] = value


def _linked(filled: Fields) -> Iterator[dict[str, str]]:
    for url, label in links(filled):
        link = {"url": filled[url]} if filled[url] else {}
        if filled[label]:
            link["label"] = filled[label]
        if link:
            yield link


def _meant(pointer: str, text: str) -> Any:  # noqa: ANN401 - a title is a text, a price is a Decimal
    """What was filled in as a value; what is none stays a text, which is refused where it is read."""
    if not text:
        # An offer has a title always; everything else may be unknown.
        return text if pointer == "/title" else None
    if pointer == "/price_usd":
        return _amount(text)
    if pointer == "/price_date":
        return _day(text)
    if pointer.endswith("_gb"):
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else text
    return text


def _amount(text: str) -> Decimal | str:
    return Decimal(text.strip("$ ").replace(",", "")) if _GROUPED.fullmatch(text) else text


def _day(text: str) -> datetime | str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def advised(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The same problems in the words of whoever fills in a form."""
    return tuple(Problem(one.pointer, one.code, _ADVICE.get(one.code, one.message)) for one in problems)

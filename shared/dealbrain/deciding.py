"""A preview as a form in which its owner decides, and that form read back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dealbrain import access, cardspec, jsontext
from dealbrain.document import ArtifactType
from dealbrain.errors import Problem
from dealbrain.identity import Person
from dealbrain.jsontext import Json
from dealbrain.scalars import exact
from dealbrain.shapes import Decision, Difference, Duplicate, Preview, Row, Strategy

type Said = Mapping[str, Sequence[str]]
"""What a form said: every value of every field."""

# What is shown beside a row: the best matches; whoever wants to compare more has the API.
BESIDE = 3

# One choice for all rows: what a row's choice begins with, if it has such a one; else it is as suggested.
FOR_ALL = {
    "suggested": "As suggested",
    "create": "All new",
    "use": "Use what is here",
    "update": "Update mine",
    "skip": "Skip all",
}


@dataclass(frozen=True)
class Known:
    """A listing of ours beside a row of a file."""

    id: int
    title: str
    seller: str | None
    price_usd: Decimal | None
    as_of: date
    is_mine: bool


@dataclass(frozen=True)
class Beside:
    """What of ours a preview names, by its ids; what is gone meanwhile is missing."""

    listings: Mapping[int, Known]
    collections: Mapping[int, str]
    """What all collections of whoever decides are called: where the rows can go."""


@dataclass(frozen=True)
class Choice:
    """One thing that can be decided, and what it is called."""

    value: str
    label: str


@dataclass(frozen=True)
class Wrong:
    """What is wrong with decisions: by the row it is about, and the rest."""

    rows: Mapping[int, Sequence[str]] = field(default_factory=dict)
    rest: Sequence[str] = ()


def beside(session: Session, who: Person, shown: Preview) -> Beside:
    """Look up what a preview names only by numbers."""
    ids = {one.entity_id for row in shown.rows for one in best(row)}
    found = access.readable_listings(session, ids)
    known = {
        row.id: Known(row.id, row.title, row.seller, row.price_usd, row.as_of, access.is_owner(who, row))
        for row in found.values()
    }
    return Beside(known, access.own_names(session, who) if shown.collection else {})


def best(row: Row) -> list[Duplicate]:
    """The matches shown beside a row."""
    return [*row.duplicates[:BESIDE], *row.variants[:BESIDE]]


# ------------------------------------------------------------------------------------------------ choices


def choices(row: Row, kind: ArtifactType, known: Beside) -> list[Choice]:
    """What can be decided of a row."""
    return [Choice("create", "Add as a new offer"), *_existing(row, kind, known), Choice("skip", "Skip")]


def _existing(row: Row, kind: ArtifactType, known: Beside) -> Iterator[Choice]:
    for number, one in enumerate(row.duplicates[:BESIDE]):
        found = known.listings.get(one.entity_id)
        if found is None:
            continue
        which = f" ({found.title[:40]})" if number else ""
        if kind is ArtifactType.collection:
            yield Choice(f"use-{found.id}", f"Use the one here{which}")
        if found.is_mine:
            yield Choice(f"update-{found.id}", f"Update mine{which}")


def suggestion(row: Row, shown: Preview, known: Beside) -> str:
    """The choice that a preview suggests for a row."""
    if shown.type is ArtifactType.collection:
        return (
            f"use-{row.duplicates[0].entity_id}" if row.suggested is Decision.use_existing else row.suggested
        )
    if shown.suggested_strategy is Strategy.update_existing:
        updates = (one.value for one in choices(row, shown.type, known) if one.value.startswith("update-"))
        return next(updates, "create")
    return "skip" if shown.suggested_strategy is Strategy.skip else "create"


def chosen(row: Row, shown: Preview, said: Said, known: Beside) -> str:
    """The choice for a row: what the form said, for it or for all; else what is suggested."""
    suggested = suggestion(row, shown, known)
    for_all = next(iter(said.get("all", ())), "")
    if not for_all:
        return next(iter(said.get(f"row-{row.index}", ())), suggested)
    values = [one.value for one in choices(row, shown.type, known)]
    return next((value for value in values if value.split("-")[0] == for_all), suggested)


def top_choices(shown: Preview, known: Beside) -> list[Choice]:
    """Where the rows of a file can go, the suggested place first; without what has nothing to do with it."""
    new = Choice(Strategy.create_new, "Into a new private collection")
    mine = [_merge(one, known) for one in _alike(shown) if one in known.collections]
    return [*mine, new] if shown.suggested_strategy is Strategy.merge_items else [new, *mine]


def other_choices(shown: Preview, known: Beside) -> list[Choice]:
    """Where else they can go: the caller's other collections."""
    return [_merge(one, known) for one in known.collections if one not in _alike(shown)]


def _alike(shown: Preview) -> list[int]:
    return [one.entity_id for one in shown.collection.duplicates] if shown.collection else []


def _merge(collection_id: int, known: Beside) -> Choice:
    return Choice(f"merge-{collection_id}", f"Into my collection “{known.collections[collection_id]}”")


# --------------------------------------------------------------------------------------------- differences


def spread(differences: Sequence[Difference]) -> Iterator[tuple[str, str | None, str | None]]:
    """What differs, field by field and in words: its name, what the file says, what ours says."""
    for one in differences:
        yield from _spread(
            one.field.removeprefix("performance.").removeprefix("metadata."), one.file, one.ours
        )


def _spread(name: str, file: Json, ours: Json) -> Iterator[tuple[str, str | None, str | None]]:
    if isinstance(file, dict) and isinstance(ours, dict):
        for key in sorted(file.keys() | ours.keys()):
            if file.get(key) != ours.get(key):
                # A CPU's "cpu_mark" says already whose it is.
                yield from _spread(
                    key if key.startswith(name) else f"{name} {key}", file.get(key), ours.get(key)
                )
    elif name.endswith("_usd"):
        yield _words(name.removesuffix("_usd")), _dollars(file), _dollars(ours)
    else:
        yield _words(name), _said(file), _said(ours)


def _words(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def _dollars(value: Json) -> str | None:
    return cardspec.dollars(exact(value)) if isinstance(value, int | float) else _said(value)


def _said(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else jsontext.dumps(value)


# -------------------------------------------------------------------------------------------- reading back


def decided(shown: Preview, said: Said, known: Beside) -> dict[str, Any]:
    """Read a form's choices as ``shapes.Confirm`` spells them, where they differ from what is suggested."""
    values: dict[str, Any] = {"preview_id": str(shown.preview_id)}
    if shown.type is ArtifactType.deal:
        return values | _deal(chosen(shown.rows[0], shown, said, known))
    top, _, number = next(iter(said.get("top", ())), Strategy.create_new.value).partition("-")
    if top == "merge":
        values |= {"merge_strategy": Strategy.merge_items.value, "target_collection_id": _id(number)}
    else:
        values |= {"merge_strategy": top}
    return values | {"decisions": list(_rows(shown, said, known))}


def _deal(choice: str) -> dict[str, Any]:
    decision, _, number = choice.partition("-")
    if decision == "update":
        return {"merge_strategy": Strategy.update_existing.value, "target_listing_id": _id(number)}
    return {"merge_strategy": {"create": Strategy.create_new.value}.get(decision, decision)}


def _rows(shown: Preview, said: Said, known: Beside) -> Iterator[dict[str, Any]]:
    for row in shown.rows:
        choice = chosen(row, shown, said, known)
        apart = [_id(number) for number in said.get(f"apart-{row.index}", ())]
        if choice == suggestion(row, shown, known) and not apart:
            continue
        decision, _, number = choice.partition("-")
        target = {"listing_id": _id(number)} if number else {}
        spelled = {"use": Decision.use_existing.value}.get(decision, decision)
        yield {"index": row.index, "decision": spelled, "not_same": apart, **target}


def _id(number: str) -> int | str:
    """A number of ours; what is none stays as it is and is refused by its shape."""
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else number


def wrong(problems: Sequence[Problem], wanted: Mapping[str, Any]) -> Wrong:
    """Tell beside which row each problem with decisions stands."""
    rows: dict[int, list[str]] = {}
    rest = []
    for one in problems:
        steps = one.pointer.split("/")
        if steps[1:2] == ["decisions"] and len(steps) > 2:
            rows.setdefault(wanted["decisions"][int(steps[2])]["index"], []).append(one.message)
        else:
            rest.append(one.message)
    return Wrong(rows, rest)

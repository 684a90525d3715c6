"""The geometry of a price's course: where its points stand in a picture, and the line between them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import accumulate

type Seen = tuple[datetime, Decimal]
"""A price, and when it was seen."""


@dataclass(frozen=True)
class Course:
    """A course of prices in a picture of so many units; x grows with time, and up is dear."""

    dots: tuple[tuple[str, str], ...]
    """Where each price stands, in the order of the prices."""
    path: str
    """The line through them as SVG path data: a price stays until the next one is seen."""


def course(points: Sequence[Seen], width: int, height: int, margin: int) -> Course:
    """Lay out prices, the first seen first, two at least; the margin is left free on every side.

    Raises:
        ValueError: a single price has no course.
    """
    if len(points) < 2:
        raise ValueError("A course has two prices at least.")
    across = _shares([Decimal(at.timestamp()) for at, _ in points], grows=True)
    down = [1 - share for share in _shares([price for _, price in points], grows=False)]
    dots = tuple(
        (_unit(margin + x * (width - 2 * margin)), _unit(margin + y * (height - 2 * margin)))
        for x, y in zip(across, down, strict=True)
    )
    return Course(dots, _stepped(dots))


def _shares(values: Sequence[Decimal], *, grows: bool) -> list[float]:
    """Where each value lies between the least (0) and the most (1); all the same are spread, or lie amid."""
    # Clocks may go back, but what was heard of later stands no further left.
    kept = list(accumulate(values, max)) if grows else list(values)
    least, most = min(kept), max(kept)
    if least != most:
        return [float((value - least) / (most - least)) for value in kept]
    return [place / (len(kept) - 1) if grows else 0.5 for place in range(len(kept))]


def _stepped(dots: Sequence[tuple[str, str]]) -> str:
    (left, height), *others = dots
    return f"M{left} {height}" + "".join(f"H{x}V{y}" for x, y in others)


def _unit(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

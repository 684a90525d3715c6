"""Tidying up what expired. Nothing depends on it: expiry is checked wherever something is read."""

from datetime import datetime

from dealbrain import pending, previews


def sweep(now: datetime) -> int:
    """Remove every preview whose time, the grace included, is over.

    Returns:
        How many were removed; a second run finds none of them.
    """
    removed = 0
    for pointer in pending.outlived(now):
        previews.forget(pointer)
        removed += 1
    return removed

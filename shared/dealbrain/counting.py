"""What others do with a collection, counted without making anybody wait.

Everybody writes a row of their own (``hits``). Whoever finds the collection's row free counts it there at
once (the hit is *folded*), and nobody waits for the row: what found it taken is folded by the next sweep. A
counter is the folded number plus the hits not folded yet, so none is lost and none counts twice.

**Popular** is views + 5 x copies. **Trending** is the same with every hit worth half as much after five days:
the sum over hits of weight x 2^(t / 5 days). Only the order matters, and with t counted from a fixed moment
instead of from now it never changes by itself; what is stored is the binary logarithm of that sum.
"""

import hmac
import math
import secrets
from collections.abc import Collection as Many
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dealbrain.shapes import Counters
from dealbrain.tables import Collection, Hit, ShareToken, ViewerKey

HALF_LIFE = timedelta(days=5)
# A copy says more than a look.
COPY_WEIGHT = 5
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def none() -> Counters:
    """Answer what is counted of a collection that is new."""
    return Counters(views=0, copies=0, exports=0)


class What(StrEnum):
    """What is counted: of a collection, and the looks through one share token."""

    view = "view"
    copy = "copy"
    export = "export"
    token = "token"  # noqa: S105 - a word, no secret


def viewed(session: Session, collection_id: int, viewer: str | None, now: datetime) -> None:
    """Count a look at a collection, once for each viewer and day (UTC).

    A viewer is whatever tells one from another, and only a hash of it is kept; None is not counted.
    """
    if viewer is not None:
        _note(session, What.view, collection_id, _hashed(session, viewer, now), now)


def token_viewed(session: Session, token_id: int, viewer: str | None, now: datetime) -> None:
    """Count a look through a share token, once for each viewer and day (UTC)."""
    if viewer is not None:
        _note(session, What.token, token_id, _hashed(session, viewer, now), now)


def copied(session: Session, collection_id: int, copy_id: int, now: datetime) -> None:
    """Count a copy of a collection."""
    _note(session, What.copy, collection_id, str(copy_id), now)


def exported(session: Session, collection_id: int, now: datetime) -> None:
    """Count a collection carried away as a file."""
    _note(session, What.export, collection_id, str(uuid4()), now)


def popularity(row: Collection) -> int:
    """What a collection weighs in the order of popularity."""
    return row.views + COPY_WEIGHT * row.copies


def counters(session: Session, collection_ids: Many[int]) -> dict[int, Counters]:
    """What was counted of each of these collections."""
    numbers = (
        getattr(Collection, name) + _unfolded(what, Collection.id)
        for name, what in (("views", What.view), ("copies", What.copy), ("exports", What.export))
    )
    statement = sa.select(Collection.id, *numbers).where(Collection.id.in_(collection_ids))
    return {
        row[0]: Counters(views=row[1], copies=row[2], exports=row[3]) for row in session.execute(statement)
    }


def token_views(session: Session, token_ids: Many[int]) -> dict[int, int]:
    """How often each of these share tokens was looked through."""
    number = ShareToken.views + _unfolded(What.token, ShareToken.id)
    statement = sa.select(ShareToken.id, number).where(ShareToken.id.in_(token_ids))
    return dict(session.execute(statement).all())


def forget(session: Session, before: date) -> int:
    """Fold what waits for it, then remove the hits and the viewers' keys of the days before one.

    Returns:
        How many hits were removed.
    """
    waiting = sa.select(Hit).where(~Hit.folded).order_by(Hit.of_id).with_for_update(skip_locked=True)
    for hit in session.scalars(waiting).all():
        session.execute(_fold_of(hit.what), _said(What(hit.what), hit.of_id, hit.day, hit.by, hit.at))
    session.execute(sa.delete(ViewerKey).where(ViewerKey.day < before))
    of_nothing = ~sa.or_(
        sa.exists().where(Hit.what == What.token, ShareToken.id == Hit.of_id),
        sa.exists().where(Hit.what != What.token, Collection.id == Hit.of_id),
    )
    over = sa.delete(Hit).where(Hit.day < before, Hit.folded | of_nothing)
    return len(session.execute(over.returning(Hit.of_id)).all())


def _unfolded(what: What, of_id: sa.SQLColumnExpression[int]) -> sa.ScalarSelect[int]:
    counted = sa.select(sa.func.count()).select_from(Hit)
    return counted.where(Hit.what == what, Hit.of_id == of_id, ~Hit.folded).scalar_subquery()


# ----------------------------------------------------------------------------------------- viewers


def _hashed(session: Session, viewer: str, now: datetime) -> str:
    key = _key(session, now.astimezone(UTC).date())
    return hmac.digest(key.encode(), viewer.encode(), "sha256").hex()


def _key(session: Session, day: date) -> str:
    """What the day's viewers are hashed with; whoever comes first makes it."""
    kept = _keys()
    if day not in kept:
        wanted = sa.select(ViewerKey.key).where(ViewerKey.day == day)
        found = session.scalar(wanted)
        if found is None:
            made = insert(ViewerKey).values(day=day, key=secrets.token_hex(32))
            session.execute(made.on_conflict_do_nothing())
            # Not kept: this transaction may still fail.
            return session.scalars(wanted).one()
        kept.clear()
        kept[day] = found
    return kept[day]


@lru_cache(maxsize=1)
def _keys() -> dict[date, str]:
    """The key this process used last."""
    return {}


# ----------------------------------------------------------------------------------------- hits


def _note(session: Session, what: What, of_id: int, by: str, now: datetime) -> None:
    statement = _NOTE_TOKEN if what is What.token else _NOTE
    session.execute(statement, _said(what, of_id, now.astimezone(UTC).date(), by, now))


def _fold_of(what: str) -> sa.TextClause:
    return _FOLD_TOKEN if what == What.token else _FOLD


def _said(what: What, of_id: int, day: date, by: str, at: datetime) -> dict[str, Any]:
    return {"what": what, "id": of_id, "day": day, "by": by, "at": at, "height": _height(what, at)}


def _height(what: What, at: datetime) -> float | None:
    """The binary logarithm of what a hit adds to trending."""
    weight = {What.view: 1, What.copy: COPY_WEIGHT}.get(what)
    return None if weight is None else (at - _EPOCH) / HALF_LIFE + math.log2(weight)


def _noting(table: str) -> str:
    """SQL: write a hit, folded if the row it counts for is free.

    Nothing but a look is written where one is counted, and one lost in a crash is worth less than a wait for
    the disk; said in the same statement, because a look should cost a reader one and no more.
    """
    return f"""
WITH held AS (
    SELECT id FROM {table} WHERE id = :id FOR NO KEY UPDATE SKIP LOCKED
), hit AS (
    INSERT INTO hits (what, of_id, day, by, at, folded)
    SELECT :what, :id, :day, :by, :at, EXISTS (SELECT FROM held)
    FROM set_config('synchronous_commit', CASE WHEN :what IN ('{What.view}', '{What.token}') THEN 'off'
        ELSE current_setting('synchronous_commit') END, true)
    ON CONFLICT DO NOTHING RETURNING folded
)"""  # noqa: S608 - our own tables


# SQL: take a hit that waits.
_TAKING = """
WITH hit AS (
    UPDATE hits SET folded = true
    WHERE what = :what AND of_id = :id AND day = :day AND by = :by AND NOT folded RETURNING folded
)"""
# Below 2^-500 nothing shows beside 1, and far below Postgres would refuse to calculate.
_COUNTING = f""", folded AS (
    UPDATE collections SET
        views = views + CAST(:what = '{What.view}' AS int),
        copies = copies + CAST(:what = '{What.copy}' AS int),
        exports = exports + CAST(:what = '{What.export}' AS int),
        trending = CASE WHEN CAST(:height AS float8) IS NULL THEN trending
            ELSE greatest(trending, :height)
                 + ln(1 + exp(-ln(2) * least(abs(trending - :height), 500))) / ln(2) END
    WHERE id = :id AND EXISTS (SELECT FROM hit WHERE folded)
    RETURNING id, trending, views + {COPY_WEIGHT} * copies AS popular
)
UPDATE ranks SET trending = folded.trending, popular = folded.popular
FROM folded WHERE ranks.collection_id = folded.id"""  # noqa: S608 - our own words
_COUNTING_A_LOOK = """
UPDATE share_tokens SET views = views + 1 WHERE id = :id AND EXISTS (SELECT FROM hit WHERE folded)"""
_NOTE, _FOLD = (sa.text(one + _COUNTING) for one in (_noting("collections"), _TAKING))
_NOTE_TOKEN, _FOLD_TOKEN = (sa.text(one + _COUNTING_A_LOOK) for one in (_noting("share_tokens"), _TAKING))

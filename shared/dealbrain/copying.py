"""A collection as a private one of one's own: what anybody reads of it, at the prices of the moment."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dealbrain import access, counting, facts, jsontext, showing
from dealbrain.document import ItemStatus, Visibility
from dealbrain.errors import Conflict, NotFound
from dealbrain.identity import Person
from dealbrain.shapes import CollectionSummary, NewCopy
from dealbrain.tables import Collection, IdempotencyKey, Item, Listing


def copy(
    session: Session, who: Person, collection_id: int, wanted: NewCopy, key: str | None, now: datetime
) -> tuple[CollectionSummary, bool]:
    """Copy a collection that is public, the caller's own, or opened by the token sent along.

    With a key it happens once in 24 hours, however often and however concurrently it is asked for.

    Returns:
        The copy, and whether this call made it (and not an earlier one with the same key).

    Raises:
        NotFound: absent, or not theirs to read.
        Conflict: something else was asked for under this key.
    """
    act = _Act(session, who, access.enrol(session, who, now), now)
    if key is not None and not _first(act, collection_id, key, wanted):
        return _done(act, collection_id, key, wanted), False
    made = _copied(act, collection_id, wanted)
    if key is not None:
        _remember(act, collection_id, key, made)
    # Last, because others who copy the same collection wait from here to the end of the transaction.
    counting.copied(session, collection_id, made.id, now)
    return made, True


@dataclass(frozen=True)
class _Act:
    """Somebody copying, in a transaction."""

    session: Session
    who: Person
    owner_id: int
    now: datetime


def _copied(act: _Act, collection_id: int, wanted: NewCopy) -> CollectionSummary:
    source = access.copyable(act.session, act.who, collection_id, act.now, wanted.token)
    is_own = access.is_owner(act.who, source)
    row = Collection(
        owner_id=act.owner_id,
        name=wanted.name or name_of_copy(source.name),
        description=source.description,
        visibility=Visibility.private,
        copied_from_id=source.id,
        # Nobody can tell whether keys we do not know were meant for others.
        extra=source.extra if is_own else {},
        created_at=act.now,
        updated_at=act.now,
    )
    act.session.add(row)
    act.session.flush()
    item_count = _put_items(act, source.id, row.id, with_extra=is_own)
    return showing.own_summary(row, item_count, counting.none())


def _put_items(act: _Act, source_id: int, copy_id: int, *, with_extra: bool) -> int:
    """Put the source's items into the copy, in their order, without what their owner thinks of them.

    Returns:
        How many there are.
    """
    put = {
        "collection_id": sa.literal(copy_id),
        "listing_id": Item.listing_id,
        "status": sa.literal(ItemStatus.undecided.value),
        "notes": Item.notes,
        "position": Item.position,
        "added_at": sa.literal(act.now),
        "price_when_added_usd": Listing.price_usd,
        "extra": Item.extra if with_extra else sa.literal({}, sa.JSON),
    }
    found = sa.select(*put.values()).join(Listing, Item.listing_id == Listing.id)
    found = found.where(Item.collection_id == source_id).order_by(Item.position, Item.id)
    done = act.session.execute(sa.insert(Item).from_select([*put], found).returning(Item.id))
    return len(done.all())


# ------------------------------------------------------------------------------------------ asked twice


def _first(act: _Act, collection_id: int, key: str, wanted: NewCopy) -> bool:
    """Set the mark; a rival in flight makes this wait until it has committed or given up."""
    mark = {
        "account_id": sa.literal(act.owner_id),
        # Of a collection that is not there, no mark.
        "collection_id": Collection.id,
        "key": sa.literal(key),
        "request": sa.literal(_digest(wanted)),
        "reply": sa.literal({}, sa.JSON),
        "created_at": sa.literal(act.now),
    }
    source = sa.select(*mark.values()).where(Collection.id == collection_id)
    put = insert(IdempotencyKey).from_select([*mark], source)
    # One that is too old is as good as none.
    statement = put.on_conflict_do_update(
        index_elements=[*IdempotencyKey.__table__.primary_key],
        set_={name: put.excluded[name] for name in ("request", "reply", "created_at")},
        where=IdempotencyKey.created_at <= act.now - facts.IDEMPOTENCY_LIFE,
    )
    return act.session.scalar(statement.returning(IdempotencyKey.key)) is not None


def _done(act: _Act, collection_id: int, key: str, wanted: NewCopy) -> CollectionSummary:
    mark = act.session.get(IdempotencyKey, (act.owner_id, collection_id, key))
    if mark is None:
        raise NotFound
    if mark.request != _digest(wanted):
        raise Conflict("Another copy was asked for under this Idempotency-Key; take a new key for this one.")
    return CollectionSummary.model_validate(mark.reply)


def _remember(act: _Act, collection_id: int, key: str, made: CollectionSummary) -> None:
    mark = sa.update(IdempotencyKey).where(
        IdempotencyKey.account_id == act.owner_id,
        IdempotencyKey.collection_id == collection_id,
        IdempotencyKey.key == key,
    )
    act.session.execute(mark.values(reply=made.model_dump(mode="json")))


def _digest(wanted: NewCopy) -> str:
    said = wanted.model_dump(mode="json", exclude_none=True)
    return hashlib.sha256(jsontext.dumps(said).encode()).hexdigest()


# ----------------------------------------------------------------------------------------------- names

# Joiners, skin tones, tags and the later parts of a Korean syllable, besides the combining marks.
_JOINED = re.compile("[\u1160-\u11ff\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
# Two of these letters are one flag.
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def name_of_copy(name: str) -> str:
    """Say in a name that it is a copy's, in as many code points as a name may have."""
    whole = f"Copy of {name}"
    end = min(facts.COLLECTION_NAME, len(whole))
    while 0 < end < len(whole) and _is_inside_a_letter(whole, end):
        end -= 1
    return whole[:end].rstrip()


def _is_inside_a_letter(text: str, at: int) -> bool:
    """Whether what stands on both sides is seen as one (Unicode Annex 29, rules GB6 to GB13, in short)."""
    before, after = text[at - 1], text[at]
    flags = at - len(text[:at].rstrip(_FLAG_LETTERS))
    return (
        unicodedata.category(after).startswith("M")
        or _JOINED.match(after) is not None
        or before == "\u200d"
        or (flags % 2 == 1 and after in _FLAG_LETTERS)
    )

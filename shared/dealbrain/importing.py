"""Files coming in: read, compared with everything we have, and kept for their owner to confirm."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import (
    access,
    distinct,
    exporting,
    intake,
    jsontext,
    offering,
    previews,
    resembling,
    uploading,
)
from dealbrain.document import ArtifactType, CollectionFile, DealEntry, DealFile
from dealbrain.errors import Invalid, Problem
from dealbrain.facts import ANSWER_BYTES, PREVIEW_LIFE
from dealbrain.forms import Sent
from dealbrain.identity import Person
from dealbrain.intake import Artifact, Taken, kind_of
from dealbrain.jsontext import Json
from dealbrain.matching import Match, Offer
from dealbrain.pending import Pending
from dealbrain.previews import Kept
from dealbrain.resembling import Likeness
from dealbrain.rows import Refused
from dealbrain.shapes import (
    Decision,
    Difference,
    Duplicate,
    Notice,
    Outcome,
    Preview,
    PreviewCollection,
    RefusedError,
    RefusedRow,
    Row,
    Strategy,
)
from dealbrain.spreadsheets import Mapped
from dealbrain.tables import Account, Collection, Item

CERTAIN = 1.0

# So many matches a preview shows, of all rows together; of each row the best one in any case.
MATCHES = 2_000
# As far as this, in letters, a value that differs is shown.
SHOWN = 200

# So many rows are compared at once; in between, whoever asks is told how far it is.
BATCH = 100

type Told = Callable[[int, int], None]
"""Is told how many of how many rows are done."""


def preview(
    session: Session, who: Person, kind: ArtifactType, sent: Sent, columns: Mapped | None, now: datetime
) -> Preview:
    """Read a file, compare it with everything we have, and keep the result for its owner.

    Args:
        session: the transaction.
        who: whose preview it becomes.
        kind: what the address imports.
        sent: the file, or a reference to one that was uploaded, whose number the preview takes over.
        columns: for a table, which column says what.
        now: when it was sent.

    Raises:
        Malformed: the bytes are not what they are said to be.
        Invalid: the file is wrong; carries every problem with its place, or is of the other type.
        UnsupportedType: a kind of file this does not read.
        NotFound, Expired, Conflict, TooLarge: of an upload, as ``uploading.reading`` says.
    """
    upload_id = intake.upload_named(sent)
    if upload_id is None:
        taken = intake.read(kind, sent, columns, now)
        return _keep(session, who, taken, _pointer(who, kind, now), now, _nobody)
    with uploading.reading(who, upload_id, kind, now) as upload:
        taken = intake.read(kind, upload.sent, columns, now)
        pointer = replace(_pointer(who, kind, now), id=upload_id)
        return _keep(session, who, taken, pointer, now, upload.told)


def preview_either(
    session: Session, who: Person, sent: Sent, columns: Mapped | None, now: datetime
) -> Preview:
    """The same for a file of whichever type it turns out to be.

    Raises:
        Malformed, Invalid, UnsupportedType, NotFound, Expired, Conflict, TooLarge: as ``preview``.
    """
    try:
        return preview(session, who, ArtifactType.collection, sent, columns, now)
    except Invalid as wrong:
        if all(one.code != intake.WRONG_TYPE for one in wrong.problems):
            raise
        return preview(session, who, ArtifactType.deal, sent, columns, now)


def keep(
    session: Session,
    who: Person,
    artifact: Artifact,
    raw: bytes,
    now: datetime,
    refused: Sequence[Refused] = (),
) -> Preview:
    """Compare a file that was read with everything we have, and keep the result for its owner."""
    taken = Taken(artifact, raw, refused)
    return _keep(session, who, taken, _pointer(who, kind_of(artifact), now), now, _nobody)


def _pointer(who: Person, kind: ArtifactType, now: datetime) -> Pending:
    return Pending(str(uuid4()), who.sub, kind, now + PREVIEW_LIFE)


def _nobody(_done: int, _total: int) -> None:
    """Nobody knows the number of this preview yet, so nobody asks how far it is."""


def _keep(
    session: Session, who: Person, taken: Taken, pointer: Pending, now: datetime, told: Told
) -> Preview:
    judged = _judge(session, who, deals_of(taken.artifact), now, told)
    shown = _answerable(session, who, taken, judged, pointer)
    revisions = {str(one.listing.id): one.listing.revision for alike in judged.alike for one in alike}
    body = {
        "read_at": now.isoformat(),
        "revisions": revisions,
        "preview": shown.model_dump(mode="json"),
        "refused": [asdict(one) for one in taken.refused],
        "read": [_as_read(entry) for entry in judged.ours],
    }
    previews.keep(Kept(pointer, taken.raw, body))
    return shown


# What an offer is told by, next to its title and price.
_PARTS = {"cpu": {"name"}, "gpu": {"name"}, "ram": {"total_gb"}, "storage_primary": {"capacity_gb", "medium"}}


def _as_read(entry: DealEntry) -> dict[str, Any]:
    listing, parts = entry.deal.listing, entry.deal.performance
    return {
        "price_usd": None if listing.price_usd is None else str(listing.price_usd),
        "seller": listing.seller,
        "performance": parts and parts.model_dump(mode="json", include=_PARTS),
    }


@dataclass(frozen=True)
class _Judged:
    """The rows of a file, what of ours each resembles, and which repeat an earlier one."""

    entries: Sequence[DealEntry]
    ours: Sequence[DealEntry]
    """The same as we would store them: completed, and with our own numbers."""
    alike: Sequence[Sequence[Likeness]]
    known: Mapping[int, DealEntry]
    """Each listing that is alike, by its id, as a file of the caller's says it."""
    repeats: Mapping[int, tuple[int, Match]]


def _answerable(session: Session, who: Person, taken: Taken, judged: _Judged, pointer: Pending) -> Preview:
    """Make the preview; where no answer carries it, with the best match of each row alone.

    Raises:
        Invalid: it is too long all the same.
    """
    for most in (resembling.MOST_A_ROW, 1):
        few = replace(judged, alike=[alike[:most] for alike in judged.alike])
        shown = _shown(session, who, taken, few, pointer)
        spelled = shown.model_dump_json(ensure_ascii=True)
        # It stands in the answer as a text, with every quote escaped.
        if len(spelled) + spelled.count('"') + spelled.count("\\") <= ANSWER_BYTES:
            return shown
    problem = Problem("", "too_long_a_preview", "Too much is to be said of this file; split it.")
    raise Invalid("This file is too much for one preview.", problems=(problem,))


def _judge(session: Session, who: Person, entries: Sequence[DealEntry], now: datetime, told: Told) -> _Judged:
    offers = [resembling.offer_of(entry.deal) for entry in entries]
    most = max(1, min(resembling.MOST_A_ROW, MATCHES // max(1, len(offers))))
    found: list[list[Likeness]] = []
    told(0, len(offers))
    for some in batched(offers, BATCH, strict=False):
        alike = _not_told_apart(session, who, some, resembling.listings(session, some))
        found += (one[:most] for one in alike)
        told(len(found), len(offers))
    ours = [exporting.deal(row, private=True) for row in offering.would_be(session, entries, now)]
    listings = {one.listing.id: one.listing for some in found for one in some}
    known = {
        listing_id: exporting.deal(row, private=access.is_owner(who, row))
        for listing_id, row in listings.items()
    }
    return _Judged(entries, ours, found, known, resembling.repeats(offers))


def _not_told_apart(
    session: Session, who: Person, offers: Sequence[Offer], alike: Sequence[Sequence[Likeness]]
) -> list[list[Likeness]]:
    """Leave out what the person said is something else."""
    told = distinct.told(session, who.sub, map(distinct.key, offers))
    if not told:
        return [list(some) for some in alike]
    return [
        [one for one in some if distinct.pair(offer, resembling.offer_in(one.listing)) not in told]
        for offer, some in zip(offers, alike, strict=True)
    ]


def _shown(session: Session, who: Person, taken: Taken, judged: _Judged, pointer: Pending) -> Preview:
    artifact = taken.artifact
    rows = [_row(index, judged) for index in range(len(judged.entries))]
    matches = sorted((one for row in rows for one in row.duplicates), key=lambda one: -one.match_score)
    head, strategy = None, _deal_strategy(rows[0], judged.alike[0], who) if rows else Strategy.create_new
    if isinstance(artifact, CollectionFile):
        head, strategy = _head(session, who, artifact, judged)
    return Preview(
        preview_id=UUID(pointer.id),
        type=kind_of(artifact),
        expires_at=pointer.expires_at,
        suggested_strategy=strategy,
        collection=head,
        rows=_with_warnings(rows, artifact),
        duplicates=matches,
        warnings=[Notice(**vars(notice)) for notice in artifact.warnings],
        refused=[
            RefusedRow(index=one.index, errors=[RefusedError(**vars(problem)) for problem in one.problems])
            for one in taken.refused
        ],
    )


def _row(index: int, judged: _Judged) -> Row:
    entry, alike = judged.ours[index], judged.alike[index]
    spelled = [(_duplicate(entry, one, judged), one.match.kind) for one in alike]
    duplicates = [one for one, kind in spelled if kind == "duplicate"]
    variants = [one for one, kind in spelled if kind == "variant"]
    outcome, suggested = Outcome.new, Decision.create
    if duplicates:
        certain = duplicates[0].match_score == CERTAIN
        outcome, suggested = Outcome.duplicate, Decision.use_existing if certain else Decision.create
    elif variants:
        outcome = Outcome.variant
    warnings = [*_recomputed(index, judged)]
    if index in judged.repeats:
        earlier, match = judged.repeats[index]
        outcome = Outcome.repeat
        suggested = Decision.skip if match.score == CERTAIN else suggested
        title = judged.ours[earlier].deal.listing.title
        words = f"Repeats “{title}”, which stands before it: {match.reason}."
        warnings.append(Notice(pointer="", code="repeat", message=words))
    return Row(
        index=index,
        title=entry.deal.listing.title,
        outcome=outcome,
        duplicates=duplicates,
        variants=variants,
        suggested=suggested,
        warnings=warnings,
    )


def _recomputed(index: int, judged: _Judged) -> Iterator[Notice]:
    """Tell where a file's numbers are not those we reckon ourselves and will keep."""
    theirs, ours = judged.entries[index].deal, judged.ours[index].deal
    for name, said, known in resembling.recomputed(theirs, ours):
        told = f"The file says {said} for {name}; we compute {'nothing' if known is None else known}."
        yield Notice(pointer="", code="recomputed", message=told)


def _duplicate(entry: DealEntry, one: Likeness, judged: _Judged) -> Duplicate:
    found = resembling.duplicate(entry, judged.known[one.listing.id], one)
    shown = [
        Difference(field=one.field, file=_short(one.file), ours=_short(one.ours)) for one in found.differences
    ]
    return found.model_copy(update={"differences": shown})


def _short(value: Json) -> Json:
    """A value as far as it is shown; of a longer object the beginning of its JSON."""
    spelled = value if isinstance(value, str) else jsontext.dumps(value)
    return value if len(spelled) <= SHOWN else f"{spelled[:SHOWN]}…"


def _with_warnings(rows: list[Row], artifact: Artifact) -> list[Row]:
    """Give each row the notices of its own place in the file."""
    if isinstance(artifact, DealFile):
        return rows
    by_row: dict[int, list[Notice]] = {}
    for notice in artifact.warnings:
        steps = notice.pointer.split("/")
        if steps[1:3] == ["data", "items"] and len(steps) > 3:
            by_row.setdefault(int(steps[3]), []).append(Notice(**vars(notice)))
    return [row.model_copy(update={"warnings": row.warnings + by_row.get(row.index, [])}) for row in rows]


def _deal_strategy(row: Row, alike: Sequence[Likeness], who: Person) -> Strategy:
    for one, spelled in zip(alike, row.duplicates, strict=False):
        if spelled.match_score == CERTAIN and access.is_owner(who, one.listing):
            return Strategy.update_existing if spelled.differences else Strategy.skip
    return Strategy.create_new


def _head(
    session: Session, who: Person, artifact: CollectionFile, judged: _Judged
) -> tuple[PreviewCollection, Strategy]:
    owner_id = session.scalar(sa.select(Account.id).where(Account.sub == who.sub))
    found = resembling.collections(session, owner_id, artifact.head.name)
    ours = {alike[0].listing.id for alike in judged.alike if alike and alike[0].match.score == CERTAIN}
    duplicates = [
        _collection_duplicate(session, row, match, ours, len(judged.entries)) for row, match in found
    ]
    same = any(one.match_score == CERTAIN for one in duplicates)
    head = PreviewCollection(
        name=artifact.head.name, description=artifact.head.description, duplicates=duplicates
    )
    return head, Strategy.merge_items if same else Strategy.create_new


def _collection_duplicate(
    session: Session, row: Collection, match: Match, ours: set[int], count: int
) -> Duplicate:
    present = session.scalar(
        sa.select(sa.func.count()).where(Item.collection_id == row.id, Item.listing_id.in_(ours))
    )
    return Duplicate(
        entity_type="collection",
        entity_id=row.id,
        match_score=match.score,
        match_reason=f"{match.reason}; has {present} of the {count} listings in the file",
        differences=[],
    )


def deals_of(artifact: Artifact) -> list[DealEntry]:
    """The deals of a file; a file of one deal keeps what stands around it with the deal."""
    if isinstance(artifact, CollectionFile):
        return [item.entry for item in artifact.items]
    around = {exporting.AROUND + place: value for place, value in artifact.extra.items()}
    return [DealEntry(artifact.entry.deal, artifact.entry.extra | around)]

"""Doing what a preview showed, exactly once.

The mark in Postgres, written in the same transaction as the rows, alone decides who was first.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dealbrain import (
    access,
    collecting,
    distinct,
    importing,
    jsontext,
    offering,
    previews,
    reading,
    resembling,
    undoing,
)
from dealbrain.document import ArtifactType, CollectionFile, DealEntry, ItemEntry, Visibility
from dealbrain.errors import AlreadyUsed, Invalid, NotFound, Problem, TargetChanged
from dealbrain.identity import Person
from dealbrain.importing import deals_of
from dealbrain.intake import Artifact, kind_of
from dealbrain.previews import Kept
from dealbrain.rows import Refused
from dealbrain.shapes import (
    Confirm,
    Counts,
    Decision,
    Imported,
    Preview,
    Row,
    RowDecision,
    Strategy,
)
from dealbrain.tables import Collection, Import, Item, Listing
from dealbrain.undoing import Before, Changes, Gathered

_TOP = {
    ArtifactType.deal: (Strategy.create_new, Strategy.update_existing, Strategy.skip),
    ArtifactType.collection: (Strategy.create_new, Strategy.merge_items, Strategy.skip),
}


def confirm(
    session: Session, who: Person, kind: ArtifactType, wanted: Confirm, now: datetime
) -> tuple[Imported, bool]:
    """Do what a preview showed, exactly once.

    Returns:
        The answer, and whether this call did it (and not an earlier one with the same decisions).

    Raises:
        NotFound: unknown preview, or somebody else's; a target that is not there or not the caller's.
        Expired: its time is over.
        AlreadyUsed: confirmed before with other decisions.
        TargetChanged: what was shown is no longer so; carries a fresh preview.
        Invalid: decisions that do not fit the preview.
    """
    owner_id = access.enrol(session, who, now)
    done = _done(session, owner_id, kind, wanted)
    if done is not None:
        return done, False
    kept = previews.find(str(wanted.preview_id), who.sub, now)
    if kept.pointer.kind != kind:
        raise NotFound
    plan = _plan(kept, kind, wanted)
    if wanted.merge_strategy is Strategy.skip:
        return _skipped(kept, kind, len(plan.rows)), False
    if _first(session, owner_id, kind, wanted, now):
        return _import(_Act(session, who, owner_id, now), plan), True
    done = _done(session, owner_id, kind, wanted)
    if done is None:
        raise NotFound
    return done, False


def _title(artifact: Artifact) -> str:
    return artifact.head.name if isinstance(artifact, CollectionFile) else artifact.entry.deal.listing.title


def _done(session: Session, owner_id: int, kind: ArtifactType, wanted: Confirm) -> Imported | None:
    mark = session.get(Import, wanted.preview_id, populate_existing=True)
    if mark is None:
        return None
    if mark.owner_id != owner_id or mark.kind != kind:
        raise NotFound
    if mark.request != _digest(wanted):
        raise AlreadyUsed(
            "This preview was confirmed already, with other decisions.", members={"import_id": str(mark.id)}
        )
    return Imported.model_validate(mark.reply)


def _first(session: Session, owner_id: int, kind: ArtifactType, wanted: Confirm, now: datetime) -> bool:
    """Set the mark; a rival in flight makes this wait until it has committed or given up."""
    mark = insert(Import).values(
        id=wanted.preview_id,
        owner_id=owner_id,
        kind=kind,
        title="",
        request=_digest(wanted),
        reply={},
        created_at=now,
    )
    statement = mark.on_conflict_do_nothing(index_elements=[Import.id]).returning(Import.id)
    return session.scalar(statement) is not None


def _digest(wanted: Confirm) -> str:
    said = wanted.model_dump(mode="json", exclude_none=True)
    said["decisions"] = sorted(said.get("decisions", ()), key=lambda one: one["index"])
    return hashlib.sha256(jsontext.dumps(said).encode()).hexdigest()


@dataclass(frozen=True)
class _Act:
    """Somebody confirming, in a transaction."""

    session: Session
    who: Person
    owner_id: int
    now: datetime


@dataclass(frozen=True)
class _Plan:
    """A confirm, completed: every row of the file with what is to happen to it."""

    artifact: Artifact
    raw: bytes
    rows: Sequence[tuple[DealEntry, Decision, int | None]]
    """The deal, the decision, and the listing of ours it concerns."""
    revisions: Mapping[str, int]
    refused: Sequence[Refused]
    wanted: Confirm


def _plan(kept: Kept, kind: ArtifactType, wanted: Confirm) -> _Plan:
    artifact = reading.read(kept.raw, now=datetime.fromisoformat(kept.body["read_at"]).astimezone(UTC))
    shown = Preview.model_validate(kept.body["preview"])
    _refuse_misfit(wanted, kind, shown)
    said = {one.index: one for one in wanted.decisions or ()}
    if kind is ArtifactType.deal:
        said = {0: _top_decision(wanted)}
    decided = [_decided(row, said.get(row.index)) for row in shown.rows]
    rows = [(entry, *one) for entry, one in zip(deals_of(artifact), decided, strict=True)]
    return _Plan(artifact, kept.raw, rows, kept.body["revisions"], previews.refused_in(kept), wanted)


def _refuse_misfit(wanted: Confirm, kind: ArtifactType, shown: Preview) -> None:
    problems = []
    if wanted.merge_strategy not in _TOP[kind]:
        problems.append(
            Problem("/merge_strategy", "wrong_strategy", f"must be one of {', '.join(_TOP[kind])}")
        )
    for strategy, name in (
        (Strategy.update_existing, "target_listing_id"),
        (Strategy.merge_items, "target_collection_id"),
    ):
        given, needed = getattr(wanted, name) is not None, wanted.merge_strategy is strategy
        if given and not needed:
            problems.append(Problem(f"/{name}", "not_expected", f"goes with {strategy} only"))
        if needed and not given:
            problems.append(Problem(f"/{name}", "missing", f"is needed for {strategy}"))
    if wanted.decisions is not None and kind is ArtifactType.deal:
        problems.append(Problem("/decisions", "not_expected", "a deal has no rows to decide on"))
    problems.extend(_misfit_decisions(wanted.decisions or (), shown))
    if problems:
        raise Invalid("The decisions do not fit this preview.", problems=tuple(problems))


def _misfit_decisions(decisions: Sequence[RowDecision], shown: Preview) -> list[Problem]:
    problems = []
    times = Counter(one.index for one in decisions)
    for place, one in enumerate(decisions):
        if one.index >= len(shown.rows):
            problems.append(
                Problem(f"/decisions/{place}/index", "no_such_row", "the preview has no such row")
            )
            continue
        if times[one.index] > 1:
            problems.append(Problem(f"/decisions/{place}/index", "repeated", "decides on a row twice"))
        concerns = one.decision in {Decision.use_existing, Decision.update}
        if concerns and one.listing_id is None and not shown.rows[one.index].duplicates:
            problems.append(Problem(f"/decisions/{place}/listing_id", "missing", "nothing is known to use"))
        if not concerns and one.listing_id is not None:
            problems.append(
                Problem(f"/decisions/{place}/listing_id", "not_expected", f"{one.decision} takes none")
            )
        problems += _misfit_not_same(place, one, shown.rows[one.index])
    return problems


def _misfit_not_same(place: int, one: RowDecision, row: Row) -> Iterator[Problem]:
    beside = {match.entity_id for match in (*row.duplicates, *row.variants)}
    _, chosen = _decided(row, one) if row.duplicates else (None, one.listing_id)
    for number, listing_id in enumerate(one.not_same):
        at = f"/decisions/{place}/not_same/{number}"
        if listing_id not in beside:
            yield Problem(at, "not_shown", "is not shown beside this row")
        elif listing_id == chosen:
            yield Problem(at, "contradiction", "is what the row is to be")


def _top_decision(wanted: Confirm) -> RowDecision:
    if wanted.merge_strategy is Strategy.update_existing:
        return RowDecision(index=0, decision=Decision.update, listing_id=wanted.target_listing_id)
    return RowDecision(index=0, decision=Decision.create)


def _decided(row: Row, said: RowDecision | None) -> tuple[Decision, int | None]:
    decision = said.decision if said else row.suggested
    if decision not in {Decision.use_existing, Decision.update}:
        return decision, None
    chosen = said.listing_id if said and said.listing_id is not None else row.duplicates[0].entity_id
    return decision, chosen


def _skipped(kept: Kept, kind: ArtifactType, count: int) -> Imported:
    counts = Counts(created=0, updated=0, used=0, skipped=count)
    return Imported(import_id=UUID(kept.pointer.id), id=None, type=kind, listing_ids=[], counts=counts)


# -------------------------------------------------------------------------------------- carrying it out


def _import(act: _Act, plan: _Plan) -> Imported:
    """Carry a plan out, and write beside its mark what was answered and what undoing it needs."""
    reply, changes = _carry_out(act, plan)
    act.session.execute(
        sa.update(Import)
        .where(Import.id == plan.wanted.preview_id)
        .values(
            title=_title(plan.artifact),
            reply=reply.model_dump(mode="json"),
            changes=changes.model_dump(mode="json"),
        )
    )
    return reply


def _carry_out(act: _Act, plan: _Plan) -> tuple[Imported, Changes]:
    targets = _targets(act, plan)
    before = {listing_id: Before.of(targets[listing_id]) for listing_id in _updated(plan)}
    made = _settle_rows(act, plan, targets)
    _tell_apart(act, plan)
    artifact = plan.artifact
    gathered = _collect(act, artifact, made, plan.wanted) if isinstance(artifact, CollectionFile) else None
    done = [row for row in made if row is not None]
    changes = Changes(
        created=[row.id for row in done if row.id not in targets],
        updated=before,
        revisions={row.id: row.revision for row in done if row.id not in targets or row.id in before},
        collection=gathered,
    )
    top = gathered.id if gathered else next((row.id for row in done), None)
    return _reply(plan, top, done), changes


def _reply(plan: _Plan, top: int | None, done: Sequence[Listing]) -> Imported:
    counts = Counter(decision for _, decision, _ in plan.rows)
    return Imported(
        import_id=plan.wanted.preview_id,
        id=top,
        type=kind_of(plan.artifact),
        listing_ids=list(dict.fromkeys(row.id for row in done)),
        counts=Counts(
            created=counts[Decision.create],
            updated=counts[Decision.update],
            used=counts[Decision.use_existing],
            skipped=counts[Decision.skip],
        ),
    )


def _updated(plan: _Plan) -> set[int]:
    return {chosen for _, decision, chosen in plan.rows if chosen and decision is Decision.update}


def _targets(act: _Act, plan: _Plan) -> dict[int, Listing]:
    """Lock the listings the plan updates, in one order, and refuse it if a target is not as it was shown."""
    updated = _updated(plan)
    chosen = {listing_id for _, _, listing_id in plan.rows if listing_id is not None}
    found = access.readable_listings(act.session, chosen - updated)
    if updated:
        found |= access.editable_listings(act.session, act.who, updated)
    for listing_id in sorted(chosen):
        shown, row = plan.revisions.get(str(listing_id)), found.get(listing_id)
        if row is None and (shown is None or _is_anothers(act.session, listing_id)):
            raise NotFound
        if row is None or (shown is not None and row.revision != shown):
            raise _changed(act, plan)
    return found


def _is_anothers(session: Session, listing_id: int) -> bool:
    """Whether a listing the caller may not change belongs to somebody (and is not gone or nobody's now)."""
    return session.scalar(sa.select(Listing.owner_id).where(Listing.id == listing_id)) is not None


def _changed(act: _Act, plan: _Plan) -> TargetChanged:
    fresh = importing.keep(act.session, act.who, plan.artifact, plan.raw, act.now, plan.refused)
    return TargetChanged(
        "Something this import builds on has changed since the preview; here is a fresh one.",
        members={"preview": fresh.model_dump(mode="json")},
    )


def _settle_rows(act: _Act, plan: _Plan, targets: Mapping[int, Listing]) -> list[Listing | None]:
    """Do what was decided of every row; the listing it comes to, or None where it is skipped."""
    entries = [entry for entry, decision, _ in plan.rows if decision is Decision.create]
    new = iter(offering.add_deals(act.session, act.owner_id, entries, act.now))
    made: list[Listing | None] = []
    for entry, decision, chosen in plan.rows:
        if decision is Decision.update and chosen is not None:
            offering.replace_with_deal(act.session, targets[chosen], entry, act.now)
        is_new = decision is Decision.create
        made.append(next(new) if is_new else targets[chosen] if chosen is not None else None)
    return made


def _tell_apart(act: _Act, plan: _Plan) -> None:
    """Remember which offers the person said are not the same as a row."""
    said = plan.wanted.decisions or ()
    found = access.readable_listings(act.session, {listing_id for one in said for listing_id in one.not_same})
    pairs, problems = [], []
    for place, one in enumerate(said):
        theirs = resembling.offer_of(plan.rows[one.index][0].deal)
        for number, listing_id in enumerate(one.not_same):
            if listing_id not in found:
                raise _changed(act, plan)
            pair = distinct.pair(theirs, resembling.offer_in(found[listing_id]))
            if pair is None:
                at = f"/decisions/{place}/not_same/{number}"
                problems.append(
                    Problem(at, "same_offer", "has the same address, or the same title and seller")
                )
            else:
                pairs.append(pair)
    if problems:
        raise Invalid("Some of these are the same by all we can tell.", problems=tuple(problems))
    distinct.remember(act.session, act.owner_id, pairs, act.now)


def _collect(
    act: _Act, artifact: CollectionFile, made: Sequence[Listing | None], wanted: Confirm
) -> Gathered:
    """Put the rows' listings into the collection they go to: a new private one, or one of the caller's."""
    if wanted.target_collection_id is not None:
        row = access.editable(act.session, act.who, wanted.target_collection_id)
    else:
        row = _new_collection(act, artifact)
    present = access.items_of(act.session, row.id)
    there = {item.listing_id for item in present}
    behind = max((item.position for item in present), default=0)
    added = []
    for entry, listing in zip(artifact.items, made, strict=True):
        if listing is not None and listing.id not in there:
            there.add(listing.id)
            added.append(_item(row.id, listing.id, entry, behind))
    collecting.refuse_overflow(len(there))
    act.session.add_all(added)
    act.session.flush()
    _keep_prices(act.session, row.id)
    if wanted.target_collection_id is not None and added:
        collecting.touch(act.session, row, act.now)
    return undoing.gathered(row, added, made=wanted.target_collection_id is None)


def _new_collection(act: _Act, artifact: CollectionFile) -> Collection:
    head = artifact.head
    row = Collection(
        owner_id=act.owner_id,
        name=head.name,
        description=head.description,
        # Whatever the file says: publishing is a decision of its own.
        visibility=Visibility.private,
        extra=artifact.extra,
        created_at=head.created_at,
        updated_at=head.updated_at,
    )
    act.session.add(row)
    act.session.flush()
    return row


def _item(collection_id: int, listing_id: int, entry: ItemEntry, behind: int) -> Item:
    return Item(
        collection_id=collection_id,
        listing_id=listing_id,
        status=entry.status,
        notes=entry.notes,
        private_notes=entry.private_notes,
        position=behind + entry.position,
        added_at=entry.added_at,
        extra=entry.extra,
    )


def _keep_prices(session: Session, collection_id: int) -> None:
    """Note for the new items what their listings cost now."""
    price = sa.select(Listing.price_usd).where(Listing.id == Item.listing_id).scalar_subquery()
    session.execute(
        sa.update(Item)
        .where(Item.collection_id == collection_id, Item.price_when_added_usd.is_(None))
        .values(price_when_added_usd=price)
        .execution_options(synchronize_session=False)
    )

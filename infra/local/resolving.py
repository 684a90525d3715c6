"""``python -m infra.local.resolving``: how the processors of real offers resolve, into docs/catalog.md.

Prints a sample drawn by a fixed seed, name by name with what it was taken for, for a person to judge;
what that person found wrong stands in ``JUDGED`` and its share in the page.
"""

import csv
import hashlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from dealbrain import catalog, hardware
from dealbrain.catalog import Known
from dealbrain.db import transaction
from dealbrain.document import Cpu
from infra.local import loading
from infra.local.demo import MARKS, OFFERS
from infra.local.run import ROOT, system

PAGE = ROOT / "docs" / "catalog.md"
BEGIN, END = "<!-- written by infra.local.resolving -->", "<!-- end -->"
SEED = 7
SAMPLE = 200

EXACT = "an exact model"
FAMILY = "a family, marked `estimated`"
UNKNOWN = "not at all"
NOTHING = "no processor named"


@dataclass(frozen=True)
class Judgement:
    """What a person found looking at a sample one by one."""

    sample: str
    """Digest of the names and what they were taken for: of another sample nothing is known yet."""
    wrong: Mapping[int, str]
    """By the row's number in the list (the header is row 1): the kind of the error."""


JUDGED = Judgement(
    "6f0eea7c4d91d92f",
    {
        924: "the seller's name is of another line than what the graphics and the clock beside it tell",
        1944: "another column names the exact model",
        2144: "only the clocks tell the model, and nobody reads them",
        2819: "another column names the exact model",
    },
)


@dataclass(frozen=True)
class Resolved:
    """An offer's processor as written, and what the catalog makes of it."""

    row: int
    name: str
    known: Known

    @property
    def outcome(self) -> str:
        """One of the four."""
        if not self.name:
            return NOTHING
        if self.known.estimate:
            return FAMILY
        return EXACT if self.known.exact.cpu_mark_multi else UNKNOWN

    def spelled(self) -> str:
        """The name and what it was taken for, on one line."""
        best = self.known.best
        taken = f"{best.manufacturer}, {best.cores} cores, marks {best.cpu_mark_multi}/{best.cpu_mark_single}"
        return f"{self.name!r} -> {self.outcome}" + (f": {taken}" if best.cpu_mark_multi else "")


def resolve(offers: Path) -> list[Resolved]:
    """Ask the catalog for the processor of every offer of a list."""
    with offers.open(encoding="utf-8", newline="") as text:
        names = [" ".join(row["Processor"].split()) for row in csv.DictReader(text)]
    with transaction() as session:
        known = catalog.resolve_all(session, [Cpu(name=name) for name in names])
    return [
        Resolved(row, name, one)
        for row, (name, one) in enumerate(zip(names, known, strict=True), loading.FIRST_ROW)
    ]


def drawn(resolved: Sequence[Resolved]) -> list[Resolved]:
    """The sample: of the offers that name something, the same every time."""
    named = [one for one in resolved if one.name]
    return sorted(random.Random(SEED).sample(named, SAMPLE), key=lambda one: one.row)  # noqa: S311 - no secret


def digest(sample: Sequence[Resolved]) -> str:
    """A short mark of a sample and its resolution."""
    said = "\n".join(f"{one.row} {one.spelled()}" for one in sample)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def missed_by(resolved: Sequence[Resolved]) -> tuple[float, int]:
    """How far the families' medians are from the truth, as far as it is known.

    Offers that name an exact model are asked for again as if they named its line and generation only.

    Returns:
        The median error of the multi-thread mark as a share of the true one, and the number of offers.
    """
    true = [one for one in resolved if one.outcome == EXACT and hardware.find_cpu(one.name)]
    found = [hardware.find_cpu(one.name) for one in true]
    broad = [Cpu(name=f"{cpu.line} gen {cpu.generation}") for cpu in found if cpu]
    with transaction() as session:
        estimates = [known.estimate for known in catalog.resolve_all(session, broad)]
    errors = [
        abs(estimate.cpu_mark_multi - mark) / mark
        for one, estimate in zip(true, estimates, strict=True)
        if estimate and estimate.cpu_mark_multi and (mark := one.known.exact.cpu_mark_multi)
    ]
    return median(errors), len(errors)


def figures(resolved: Sequence[Resolved]) -> Iterator[str]:
    """The lines of the page that are measured."""
    counts = Counter(one.outcome for one in resolved)
    spellings = Counter({one.name: one.outcome for one in resolved if one.name}.values())
    named = len(resolved) - counts[NOTHING]
    yield "| Resolved to | Offers | Of those that name something | Spellings |"
    yield "|---|---|---|---|"
    for outcome in (EXACT, FAMILY, UNKNOWN):
        share = counts[outcome] / named
        yield f"| {outcome} | {counts[outcome]:,} | {share:.1%} | {spellings[outcome]} |"
    yield f"| {NOTHING} | {counts[NOTHING]:,} | | |"
    yield f"| all | {len(resolved):,} | {named:,} | {spellings.total()} |"
    yield ""
    error, offers = missed_by(resolved)
    yield (
        f"What a family's median is worth: for half of {offers} offers that name an exact Core model, the "
        f"median of its generation is within {error:.0%} of the model's own multi-thread mark."
    )
    yield ""
    yield from judged(drawn(resolved))


def judged(sample: Sequence[Resolved]) -> Iterator[str]:
    """What was found looking at the sample one by one, if it was this one."""
    if digest(sample) != JUDGED.sample:
        yield f"The sample of {len(sample)} (seed {SEED}) is no longer the one that was judged by hand."
        return
    outcomes = Counter(one.outcome for one in sample)
    wrong = len(JUDGED.wrong)
    yield (
        f"A sample of {len(sample)} offers that name something (seed {SEED}), each looked at by hand: "
        + ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in (EXACT, FAMILY, UNKNOWN))
        + f". **Wrong: {wrong} ({wrong / len(sample):.1%}).**"
    )
    yield ""
    for kind, number in Counter(JUDGED.wrong.values()).most_common():
        yield f"* {number}: {kind}"


def main() -> int:
    """Load the marks into a system of its own, resolve, print the sample, write the page."""
    missing = [file.name for file in (MARKS, OFFERS) if not file.exists()]
    if missing:
        print(f"The real lists are not here: {' and '.join(missing)}.")
        return 1
    with tempfile.TemporaryDirectory(prefix="dealbrain-") as folder, system(Path(folder), durable=False):
        loading.processors(MARKS)
        resolved = resolve(OFFERS)
        lines = list(figures(resolved))
    for one in drawn(resolved):
        print(f"{one.row:5}  {one.spelled()}")
    print(f"\nSample {digest(drawn(resolved))}\n", *lines, sep="\n")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Our cards beside other ways of drawing them, the same card, interleaved in one run: `make bench-cards`.

Nothing here claims a number; the table says which goals are reached. Take its ratios, not its milliseconds.
"""

import base64
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from dealbrain import cardspec
from dealbrain.cardspec import PIXELS, Format, Size, Style
from functions.drawing.browser import HERE
from infra.local import gateway
from infra.routes import routes
from tests.bench import contender
from tests.bench.conftest import milliseconds
from tests.cards import SPEC, VARIANTS
from tests.makers import Api

pytestmark = pytest.mark.bench

ROOT = Path(__file__).parents[2]
ANCHORS = Path(__file__).with_name("anchors")
INSTALLED = ROOT / "build" / "anchors"

WARM_UP, ROUNDS, ROUNDS_OF_TWELVE, COLD_STARTS = 12, 40, 5, 5
# The sleeping way takes over half a second a card; more of them tell nothing more.
SLEEPING_ONE_IN = 8
AT_ONCE, SLEEPING_AT_ONCE = 120, 6
IN_A_ROW, WEIGHED_EVERY = 600, 100
HITS = 200

CARD = SPEC.model_dump(mode="json")

# What card.html gives this card, for those that cannot read it: colours, and the measures it settles on.
COLOURS = {
    Style.light: {
        "ground": "#ffffff", "ink": "#111827", "muted": "#4b5563", "rule": "#e5e7eb", "accent": "#15803d",
        "badge": "#15803d", "badge_ink": "#ffffff", "score": "#dcfce7", "score_ink": "#166534",
    },
    Style.dark: {
        "ground": "#1f2937", "ink": "#f9fafb", "muted": "#cbd5e1", "rule": "#4b5563", "accent": "#4ade80",
        "badge": "#4ade80", "badge_ink": "#052e16", "score": "#14532d", "score_ink": "#bbf7d0",
    },
}  # fmt: skip
MEASURES = {
    Size.social: {"pad": "34px 52px 28px", "gap": 20, "title": 43, "price": 83, "body": 29, "small": 26},
    Size.instagram: {"pad": "52px 68px 44px", "gap": 26, "title": 56, "price": 114, "body": 38, "small": 33},
    Size.story: {"pad": "250px 76px 250px", "gap": 34, "title": 63, "price": 135, "body": 46, "small": 39},
}


@pytest.fixture(scope="session")
def commands() -> Mapping[str, Sequence[str]]:
    """Every way as a command that draws what it is told line by line; installs what is not ours."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.fail("The anchors need Node.js 20 or later: install Debian's packages nodejs and npm.")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in ANCHORS.iterdir():
        shutil.copy(file, INSTALLED)
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
        cwd=INSTALLED,
        check=True,
    )
    browsers = {
        way: [sys.executable, "-m", "tests.bench.contender", way] for way in ("ours", "page", "sleep")
    }
    others = {way: [node, f"{INSTALLED}/contender.mjs", way, f"{HERE}/fonts"] for way in ("satori", "takumi")}
    return browsers | others


@dataclass
class Contender:
    """One way of drawing, running."""

    command: Sequence[str]
    titles: Iterator[int] = field(default_factory=itertools.count)

    def __enter__(self) -> Self:
        self.process = psutil.Popen(
            self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()

    def draw(self, style: Style, size: Size, kind: Format, title: int | None = None) -> tuple[float, int]:
        """Draw the card under a title of that number, or of one never seen before; milliseconds and bytes."""
        width, height = PIXELS[size]
        asked = {
            "card": {**CARD, "title": f"{CARD['title']} {next(self.titles) if title is None else title}"},
            "style": style,
            "size": size,
            "kind": kind,
            "width": width,
            "height": height,
            "colours": COLOURS[style],
            "measures": MEASURES[size],
        }
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["milliseconds"], len(base64.b64decode(answer["picture"]))

    def social(self, kind: Format = Format.png) -> tuple[float, int]:
        return self.draw(Style.light, Size.social, kind)

    def warm(self) -> None:
        """Draw some unmeasured."""
        for _, kind in product(range(WARM_UP), Format):
            if self.social(kind)[0] > 1000 * contender.SLEEP_SECONDS:
                break

    def twelve(self) -> float:
        """Milliseconds of all variants of one card never seen before."""
        title = next(self.titles)
        return sum(self.draw(*variant, title)[0] for variant in VARIANTS)

    def megabytes(self) -> tuple[list[float], list[float]]:
        """Its share of memory (PSS): of the whole tree, and without the process itself."""
        own = self.process.memory_full_info().pss
        below = 0
        for one in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                below += one.memory_full_info().pss
        return [(own + below) / 1e6], [below / 1e6]


type Found = dict[str, dict[str, list[float]]]
"""Figures by way and by what they are of."""


def first_picture(command: Sequence[str]) -> float:
    """Milliseconds from starting the process to its first picture."""
    began = time.perf_counter()
    with Contender(command) as started:
        started.social()
        return 1000 * (time.perf_counter() - began)


def weight(command: Sequence[str]) -> tuple[list[float], list[float]]:
    """Megabytes after all variants, with no other browser running that would share some."""
    with Contender(command) as alone:
        alone.twelve()
        return alone.megabytes()


def cards_a_second(command: Sequence[str], count: int) -> float:
    """Draw so many cards with two processes."""
    with Contender(command) as one, Contender(command) as other, ThreadPoolExecutor(2) as both:
        list(both.map(lambda each: each.warm(), (one, other)))
        began = time.perf_counter()
        list(both.map(lambda each: [each.social() for _ in range(count // 2)], (one, other)))
        return count / (time.perf_counter() - began)


def measured(commands: Mapping[str, Sequence[str]]) -> Found:
    found: Found = {way: defaultdict(list) for way in commands}
    for _, (way, command) in product(range(COLD_STARTS), commands.items()):
        found[way]["cold"].append(first_picture(command))
    with ExitStack() as stack:
        running = {way: stack.enter_context(Contender(command)) for way, command in commands.items()}
        for each in running.values():
            each.warm()
        for turn in range(ROUNDS):
            draw_by_turns(running, turn, found)
        for turn in range(ROUNDS_OF_TWELVE):
            for way, each in running.items():
                if way != "sleep" or turn == 0:
                    found[way]["twelve"].append(each.twelve())
    for way, command in commands.items():
        found[way]["memory"], found[way]["below"] = weight(command)
        found[way]["at once"].append(cards_a_second(command, SLEEPING_AT_ONCE if way == "sleep" else AT_ONCE))
    return found


def draw_by_turns(running: Mapping[str, "Contender"], turn: int, found: Found) -> None:
    for (way, each), kind in product(running.items(), Format):
        if way != "sleep" or turn % SLEEPING_ONE_IN == 0:
            milliseconds, size = each.social(kind)
            found[way][kind].append(milliseconds)
            found[way][f"{kind} bytes"].append(size)


def p50(taken: Sequence[float]) -> float:
    return statistics.median(taken)


def p95(taken: Sequence[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1] if len(taken) > 1 else taken[0]


def table(found: Found) -> Iterator[str]:
    heads = ("way", "PNG ms", "KB", "JPEG ms", "KB", "all 12 ms", "cold ms", "memory MB", "cards/s by two")
    yield "{:<8}{:>16}{:>6}{:>16}{:>6}{:>16}{:>18}{:>12}{:>16}".format(*heads)
    for way, one in found.items():
        ranges = {
            what: f"{p50(one[what]):.0f} / {p95(one[what]):.0f}" for what in ("png", "jpeg", "twelve", "cold")
        }
        yield (
            f"{way:<8}{ranges['png']:>16}{p50(one['png bytes']) / 1000:>6.0f}"
            f"{ranges['jpeg']:>16}{p50(one['jpeg bytes']) / 1000:>6.0f}"
            f"{ranges['twelve']:>16}{ranges['cold']:>18}{one['memory'][0]:>12.0f}{one['at once'][0]:>16.1f}"
        )


def goals(found: Found) -> Iterator[tuple[str, float, str, float]]:
    """What is wanted: its name, what it is, and of what it shall be at most or at least."""

    def ratio(what: str, way: str) -> float:
        return p50(found["ours"][what]) / p50(found[way][what])

    ours = found["ours"]
    yield "warm PNG : satori", ratio("png", "satori"), "<=", 0.65
    yield "warm JPEG : satori", ratio("jpeg", "satori"), "<=", 0.75
    yield "all twelve : satori", ratio("twelve", "satori"), "<=", 0.6
    yield "all twelve : takumi (aspiration)", ratio("twelve", "takumi"), "<=", 1
    yield "sleeping way : ours, PNG", 1 / ratio("png", "sleep"), ">=", 40
    yield "first picture : satori", ratio("cold", "satori"), "<=", 1
    yield "PNG, KB", p50(ours["png bytes"]) / 1000, "<=", 120
    yield "PNG, KB (aspiration)", p50(ours["png bytes"]) / 1000, "<=", 60
    yield "cards a second, two renderers", ours["at once"][0], ">=", 40
    yield "memory of Chromium, MB", ours["below"][0], "<=", 260
    yield "memory with Python, MB", ours["memory"][0], "<=", 300


def test_our_way_beside_the_others(
    commands: Mapping[str, Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(commands)
    with capsys.disabled():
        print("\n\nMedian / 95th percentile; cold is from the start of the process to the first picture.\n")
        print(*table(found), "", sep="\n")
        for name, is_, compared, goal in goals(found):
            reached = is_ <= goal if compared == "<=" else is_ >= goal
            print(f"{name:<36}{is_:>8.2f}   {compared} {goal:g}: {'reached' if reached else 'NOT reached'}")


def test_six_hundred_cards_in_a_row(
    commands: Mapping[str, Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with Contender(commands["ours"]) as ours:
        weighed = []
        for turn in range(IN_A_ROW + 1):
            if turn % WEIGHED_EVERY == WEIGHED_EVERY // 10:
                weighed += ours.megabytes()[0]
            ours.draw(*VARIANTS[turn % len(VARIANTS)])
    with capsys.disabled():
        said = " ".join(f"{one:.0f}" for one in weighed)
        print(f"\nmemory every {WEIGHED_EVERY} of {IN_A_ROW} cards, MB: {said}", end="")


def test_a_card_that_is_stored(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """A hit's handler time beside what its two objects take from the stand-in for S3, in turns.

    The stand-in is a program in Python on the same two cores: what it takes by itself, asked over plain HTTP
    without any library of AWS's, is no time of the handler's.
    """
    listing = api.person("alice").listing()
    path = api.stranger.get(f"/listings/{listing['id']}/card-image").headers["location"]
    assert api.stranger.get(path.removeprefix("/v1")).status_code == httpx.codes.OK
    card = cardspec.parse_card(path.removeprefix("/v1/cards/"))
    found = gateway.Gateway(routes())._match(gateway.Sent("GET", path))
    assert found
    assert card
    endpoint, parameters = found
    events = [gateway.event(gateway.Sent("GET", path), endpoint.key, parameters) for _ in range(HITS)]
    address = f"{api.system.stores_url}/{api.system.settings.generated_bucket}"
    objects = [f"{address}/{key}" for key in (card.spec_key, card.picture_key)]
    handled, stored, worked = [], [], []
    with ThreadPoolExecutor(2) as both:
        for event in events:
            began = time.process_time()
            handled += milliseconds(1, lambda: endpoint.handler(event, gateway.Context(endpoint.module)))  # noqa: B023 - called at once
            worked.append(1000 * (time.process_time() - began))
            stored += milliseconds(1, lambda: list(both.map(read_plainly, objects)))
    without = [ours - theirs for ours, theirs in zip(handled, stored, strict=True)]
    with capsys.disabled():
        print(f"\na hit's handler time, ms: {p50(handled):.1f} / {p95(handled):.1f}")
        print(f"its two objects at once from the stand-in, plain HTTP: {p50(stored):.1f} / {p95(stored):.1f}")
        print(f"the one less the other, turn by turn: {p50(without):.1f} / {p95(without):.1f}   <= 10")
        print(f"processor time of the handler's process: {p50(worked):.1f} / {p95(worked):.1f}", end="")


def read_plainly(address: str) -> bytes:
    """An object of the store, with nothing in between."""
    named = urlsplit(address)
    assert named.hostname
    # Whose request it is has to be said; whether it is true the stand-in does not ask.
    credential = "Credential=local/20260101/us-east-1/s3/aws4_request"
    signed = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"
    with closing(HTTPConnection(named.hostname, named.port)) as connection:
        connection.request("GET", named.path, headers={"Authorization": signed})
        answer = connection.getresponse()
        assert answer.status == httpx.codes.OK
        return answer.read()

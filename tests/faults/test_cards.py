"""Cards through the whole path: address, gate, Lambda's stand-in, Chromium; whatever of it fails."""

import hashlib
import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from PIL import Image

from dealbrain import access, carding, cardspec, db, files, licensing
from dealbrain.carding import Picture
from dealbrain.cardspec import MEDIA_TYPE, PIXELS, Card, CardSpec, Format, Size, Style, Variant
from dealbrain.facts import RENDERER_CONCURRENCY, Bucket
from functions.carding.picture import PLACEHOLDERS
from infra.local.lambdas import Function, lambdas
from infra.local.processes import free_port, wait_until
from infra.local.run import RENDERER, RENDERER_HANDLER, System, aws_environment
from infra.local.run import renderer as local_renderer
from tests.cards import PATIENCE, patient
from tests.makers import Api, Person, drawn, renderer_at

MAGIC = {Format.png: b"\x89PNG\r\n\x1a\n", Format.jpeg: b"\xff\xd8\xff"}
VARIANTS = list(product(Style, Size, Format))
MOST_SECONDS = 10


def fresh(person: Person, **fields: Any) -> int:
    """A listing nobody has ever drawn."""
    listing_id: int = person.listing(title=f"Machine {uuid4()}", listing_url=None, **fields)["id"]
    return listing_id


def address(
    person: Person,
    listing_id: int,
    style: Style = Style.light,
    size: Size = Size.social,
    kind: Format = Format.png,
) -> str:
    """Where a card is today."""
    answer = person.get(f"/listings/{listing_id}/card-image?style={style}&size={size}&format={kind}")
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "no-store")
    found: str = answer.headers["location"]
    return found.removeprefix("/v1")


def is_placeholder(answer: httpx.Response, style: Style, size: Size, kind: Format) -> bool:
    name = cardspec.placeholder_name(style, size, kind)
    return (
        answer.status_code == 503
        and answer.content == (PLACEHOLDERS / name).read_bytes()
        and answer.headers["content-type"] == MEDIA_TYPE[kind]
        and answer.headers["cache-control"] == "no-store"
        and int(answer.headers["retry-after"]) > 0
    )


# ----------------------------------------------------------------------------------------- as it should


@pytest.mark.parametrize(("style", "size", "kind"), VARIANTS)
def test_every_card_has_the_size_and_the_format_asked(
    api: Api, style: Style, size: Size, kind: Format
) -> None:
    alice = api.person("alice")
    answer = drawn(api.stranger.get, address(api.stranger, alice.listing()["id"], style, size, kind))
    assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE[kind])
    assert answer.content.startswith(MAGIC[kind])
    assert Image.open(BytesIO(answer.content)).size == PIXELS[size]


@pytest.mark.parametrize(("style", "size", "kind"), VARIANTS)
def test_every_placeholder_has_the_size_and_the_format_of_the_card(
    style: Style, size: Size, kind: Format
) -> None:
    content = (PLACEHOLDERS / cardspec.placeholder_name(style, size, kind)).read_bytes()
    picture = Image.open(BytesIO(content))
    assert (picture.size, picture.format) == (PIXELS[size], kind.upper())


def test_a_card_may_be_kept_for_ever_and_says_its_version(alice: Person) -> None:
    path = address(alice, fresh(alice))
    answer = drawn(alice.get, path)
    assert answer.headers["cache-control"] == "public, max-age=31536000, s-maxage=86400, immutable"
    assert answer.headers["etag"] == f'"{path.rpartition("/")[2]}"'


def test_a_second_look_gives_the_same_bytes(alice: Person) -> None:
    path = address(alice, fresh(alice))
    assert drawn(alice.get, path).content == alice.get(path).content


def test_a_look_without_a_body_says_the_same_of_the_card(alice: Person) -> None:
    path = address(alice, fresh(alice))
    got, head = drawn(alice.get, path), alice.call("HEAD", path)
    told = ("cache-control", "etag", "content-type")
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers[name] for name in told] == [got.headers[name] for name in told]


def test_another_price_has_another_address(alice: Person) -> None:
    listing_id = fresh(alice)
    before = address(alice, listing_id)
    alice.patch(f"/listings/{listing_id}", {"price_usd": 123.45})
    assert address(alice, listing_id) != before


def test_what_no_card_shows_changes_no_address(alice: Person) -> None:
    listing_id = fresh(alice)
    before = address(alice, listing_id)
    alice.patch(f"/listings/{listing_id}", {"notes": "bought from a friend", "custom_fields": {"shelf": 3}})
    assert address(alice, listing_id) == before


def test_an_old_address_leads_to_the_card_of_today(alice: Person) -> None:
    listing_id = fresh(alice)
    path = address(alice, listing_id)
    before = drawn(alice.get, path).content
    alice.patch(f"/listings/{listing_id}", {"price_usd": 1})
    assert leads_to_today(alice.get(path), listing_id)
    assert drawn(alice.get, address(alice, listing_id)).content != before


# ------------------------------------------------------------------------------------ the licence to draw


def card_of(path: str) -> Card:
    found = cardspec.parse_card(path.removeprefix("/cards/"))
    assert found
    return found


def withdraw(path: str) -> None:
    """Delete the spec of a card, its licence."""
    files.delete(Bucket.generated, [card_of(path).spec_key])


def leads_to_today(answer: httpx.Response, listing_id: int) -> bool:
    today = f"/v1/listings/{listing_id}/card-image?style=light&size=social&format=png"
    said = answer.status_code, answer.headers["location"], answer.headers["cache-control"]
    return said == (302, today, "no-store")


def test_a_card_whose_spec_is_gone_leads_to_the_one_of_today(alice: Person) -> None:
    listing_id = fresh(alice)
    path = address(alice, listing_id)
    assert drawn(alice.get, path).status_code == 200
    withdraw(path)
    assert leads_to_today(alice.get(path), listing_id)


def test_an_address_nobody_gave_out_leads_to_the_one_of_today(alice: Person) -> None:
    listing_id = fresh(alice)
    assert leads_to_today(alice.get(f"/cards/{listing_id}/light-social-{'0' * 32}.png"), listing_id)


def test_a_render_that_comes_late_does_not_open_a_closed_address(alice: Person) -> None:
    listing_id = fresh(alice)
    path = address(alice, listing_id)
    picture = drawn(alice.get, path).content
    withdraw(path)
    files.put(Bucket.generated, card_of(path).picture_key, picture, "image/png")
    assert leads_to_today(alice.get(path), listing_id)


# --------------------------------------------------------------------------- Chromium hangs, dies, is absent


def renderers() -> list[psutil.Process]:
    """The renderer's processes of this system, and of no other on this machine."""
    found = []
    # What they begin is for a moment a copy of them.
    for one in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            is_ours = one.environ().get("AWS_ENDPOINT_URL") == os.environ["AWS_ENDPOINT_URL"]
            found += [one] if "awslambdaric" in one.cmdline() and is_ours else []
    return found


def chromiums() -> list[psutil.Process]:
    """Every process of every Chromium that they started."""
    found: list[psutil.Process] = []
    for renderer in renderers():
        with suppress(psutil.NoSuchProcess):
            found += renderer.children(recursive=True)
    return found


def tell(processes: list[psutil.Process], what: signal.Signals) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(what)


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def timed(person: Person, path: str) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return person.get(path), time.monotonic() - began


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Hang processes; those that are still there afterwards go on."""
    assert processes
    tell(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(processes, signal.SIGCONT)


def test_a_hung_chromium_costs_a_placeholder_and_the_next_card_is_fine(alice: Person, tmp_path: Path) -> None:
    drawn(alice.get, address(alice, fresh(alice)))
    path = address(alice, fresh(alice), Style.dark, Size.story, Format.jpeg)
    hung = chromiums()
    with stopped(hung):
        answer, seconds = timed(alice, path)
        # The renderer gives its Chromium eight seconds, then kills it.
        wait_until(lambda: any(map(is_gone, hung)), "The end of the hung one", seconds=60, log=tmp_path)
    assert is_placeholder(answer, Style.dark, Size.story, Format.jpeg)
    assert seconds < MOST_SECONDS
    assert drawn(alice.get, path).status_code == 200


def test_a_killed_chromium_is_replaced(alice: Person) -> None:
    drawn(alice.get, address(alice, fresh(alice)))
    killed = chromiums()
    assert killed
    tell(killed, signal.SIGKILL)
    assert drawn(alice.get, address(alice, fresh(alice))).status_code == 200


def test_a_renderer_killed_while_it_draws_costs_at_most_a_placeholder(alice: Person) -> None:
    drawn(alice.get, address(alice, fresh(alice)))
    path, victims = address(alice, fresh(alice)), renderers()
    killer = threading.Timer(0.5, tell, (victims, signal.SIGKILL))
    with stopped(victims):
        killer.start()
        answer, seconds = timed(alice, path)
        killer.join()
    assert answer.status_code == 200 or is_placeholder(answer, Style.light, Size.social, Format.png)
    assert seconds < MOST_SECONDS
    assert drawn(alice.get, path).status_code == 200


def test_an_absent_chromium_costs_a_placeholder_like_the_card(alice: Person, tmp_path: Path) -> None:
    nowhere = {"DEALBRAIN_CHROMIUM": "/nowhere/chromium"}
    with (
        lambdas(tmp_path, Function(RENDERER, RENDERER_HANDLER, environment=nowhere)) as url,
        renderer_at(url),
    ):
        for variant in VARIANTS:
            answer, seconds = timed(alice, address(alice, fresh(alice), *variant))
            assert is_placeholder(answer, *variant)
            assert seconds < MOST_SECONDS


def test_an_absent_renderer_costs_a_placeholder_and_the_next_card_is_fine(alice: Person) -> None:
    path = address(alice, fresh(alice))
    with renderer_at(f"http://127.0.0.1:{free_port()}"):
        assert is_placeholder(alice.get(path), Style.light, Size.social, Format.png)
    assert drawn(alice.get, path).status_code == 200


def test_a_placeholder_to_a_look_without_a_body_says_so_too(alice: Person) -> None:
    path = address(alice, fresh(alice))
    with renderer_at(f"http://127.0.0.1:{free_port()}"):
        answer = alice.call("HEAD", path)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (503, b"", "image/png")


# ---------------------------------------------------------------------------- the store fails or is slow


class Troubled:
    """Stands before the file store and lets everything through but what it is to fail or to hold back."""

    def __init__(self, upstream: str) -> None:
        self.trouble: tuple[str, str] | None = None
        """The method it is about, and what happens to it."""
        self.over = threading.Event()
        store, through = self, httpx.Client(base_url=upstream, verify=False)  # noqa: S501 - plain HTTP

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if store.trouble == (self.command, "slow"):
                    store.over.wait(MOST_SECONDS)
                self.close_connection = True
                if store.trouble == (self.command, "failing"):
                    self.send_error(503)
                    return
                told = dict(self.headers)
                answer = through.request(self.command, self.path, headers=told, content=body)
                with suppress(OSError):  # nobody may be waiting any more
                    self.send_response(answer.status_code)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer.content)

            do_GET = do_PUT = do_POST = do_HEAD = pass_on  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @contextmanager
    def having(self, trouble: tuple[str, str]) -> Iterator[None]:
        self.trouble = trouble
        self.over.clear()
        try:
            yield
        finally:
            self.trouble = None
            self.over.set()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def troubled(running: System) -> Iterator[Troubled]:
    with closing(Troubled(running.stores_url)) as standing:
        yield standing


@pytest.fixture
def _our_store(troubled: Troubled, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All but the renderer reach the store through it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", troubled.url)
    files._client.cache_clear()
    yield
    files._client.cache_clear()


@contextmanager
def impatient(troubled: Troubled, trouble: tuple[str, str]) -> Iterator[None]:
    """Trouble that is not waited for as long as else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "READ_SECONDS", 0.3)
        patch.setattr(carding, "GATE_PATIENCE", timedelta(seconds=2))
        files._client.cache_clear()
        with troubled.having(trouble):
            yield
    files._client.cache_clear()


GETS, PUTS = [("GET", "failing"), ("GET", "slow")], [("PUT", "failing"), ("PUT", "slow")]
STORY = (Style.dark, Size.story, Format.jpeg)


@pytest.mark.parametrize("trouble", GETS + PUTS, ids=" ".join)
@pytest.mark.parametrize("query", ["", "&download=1"], ids=["look", "download"])
@pytest.mark.usefixtures("_our_store")
def test_who_looks_for_a_card_while_the_store_has_trouble_gets_a_placeholder_and_later_the_card(
    alice: Person, troubled: Troubled, trouble: tuple[str, str], query: str
) -> None:
    listing_id = fresh(alice)
    with impatient(troubled, trouble):
        answer = alice.get(f"/listings/{listing_id}/card-image?style=dark&size=story&format=jpeg{query}")
    assert is_placeholder(answer, *STORY)
    assert drawn(alice.get, address(alice, listing_id, *STORY)).status_code == 200


@pytest.mark.parametrize("trouble", GETS, ids=" ".join)
@pytest.mark.usefixtures("_our_store")
def test_a_gate_whose_store_has_trouble_answers_with_a_placeholder_and_later_with_the_card(
    alice: Person, troubled: Troubled, trouble: tuple[str, str]
) -> None:
    path = address(alice, fresh(alice), *STORY)
    with impatient(troubled, trouble):
        assert is_placeholder(alice.get(path), *STORY)
    assert drawn(alice.get, path).status_code == 200


@pytest.mark.usefixtures("_our_store")
def test_a_gate_waits_no_longer_than_its_patience_for_a_store_that_is_slower(
    alice: Person, troubled: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(alice, fresh(alice), *STORY)
    monkeypatch.setattr(files, "READ_SECONDS", 2 * MOST_SECONDS)
    monkeypatch.setattr(carding, "GATE_PATIENCE", timedelta(seconds=2))
    files._client.cache_clear()
    with troubled.having(("GET", "slow")):
        answer, seconds = timed(alice, path)
    assert is_placeholder(answer, *STORY)
    assert seconds < MOST_SECONDS


@pytest.fixture(scope="module")
def their_store(
    troubled: Troubled, running: System, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a renderer answers that reaches the store through it."""
    environment = {**running.settings.environment(), **aws_environment(troubled.url)}
    with lambdas(tmp_path_factory.mktemp("lambdas"), local_renderer(environment)) as url:
        yield url


@pytest.mark.parametrize("trouble", GETS + PUTS, ids=" ".join)
def test_a_renderer_whose_store_has_trouble_costs_a_placeholder_and_the_next_card_is_fine(
    alice: Person, troubled: Troubled, their_store: str, trouble: tuple[str, str]
) -> None:
    path = address(alice, fresh(alice), *STORY)
    with renderer_at(their_store):
        with troubled.having(trouble):
            answer, seconds = timed(alice, path)
        assert is_placeholder(answer, *STORY)
        assert seconds < MOST_SECONDS
        assert drawn(alice.get, path).status_code == 200


# ------------------------------------------------------------------------------------------ many at once


def test_more_cards_than_the_renderer_takes_end_as_pictures_or_placeholders(alice: Person) -> None:
    paths = [address(alice, fresh(alice)) for _ in range(3 * RENDERER_CONCURRENCY)]
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(lambda path: timed(alice, path), paths))
    for answer, seconds in answers:
        assert answer.status_code == 200 or is_placeholder(answer, Style.light, Size.social, Format.png)
        assert seconds < MOST_SECONDS
    assert {drawn(alice.get, path).status_code for path in paths} == {200}


def test_never_more_renderers_than_reserved(alice: Person) -> None:
    paths = [address(alice, fresh(alice)) for _ in range(3 * RENDERER_CONCURRENCY)]
    with ThreadPoolExecutor(len(paths)) as pool:
        asked = [pool.submit(alice.get, path) for path in paths]
        most = 0
        while not all(one.done() for one in asked):
            most = max(most, len(renderers()))
    assert 1 <= most <= RENDERER_CONCURRENCY


def test_one_card_asked_by_many_at_once_is_the_same_for_all(alice: Person) -> None:
    path = address(alice, fresh(alice))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: alice.get(path), range(8)))
    assert {one.status_code for one in answers} <= {200, 503}
    pictures = {one.content for one in answers if one.status_code == 200}
    assert pictures | {drawn(alice.get, path).content} == {alice.get(path).content}


# ------------------------------------------------------------------------------------------------ racing


@dataclass(frozen=True)
class Write:
    """A price given to a listing, and when (monotonic seconds)."""

    listing_id: int
    price: int
    began: float
    ended: float


@dataclass(frozen=True)
class Look:
    """Where somebody was sent who began to look for a card then, and what was found there."""

    listing_id: int
    variant: Variant
    began: float
    picture: str | None
    """Its digest; None where a placeholder was, or nothing any more."""


WRITERS = READERS = LISTINGS = 3
ROUNDS = 6


@dataclass
class Race:
    """Prices change while others look for the card of the moment and have it drawn, over HTTP."""

    alice: Person
    specs: Mapping[int, CardSpec]
    """By listing, what its card says but for the price."""
    writes: list[Write] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    prices: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def pictures(self) -> int:
        """How many looks found one."""
        return sum(look.picture is not None for look in self.looks)

    def run_until(self, pictures: float, turns: int) -> None:
        """Race again and again, as on a busy machine many a look is overtaken."""
        for _ in range(ROUNDS):
            self.run(turns)
            if self.pictures >= pictures:
                return

    def run(self, turns: int) -> None:
        """So many looks, and as many changes: each look lets one go at the same moment."""
        due = SimpleQueue[int | None]()
        with ThreadPoolExecutor(READERS + WRITERS) as threads:
            writing = [threads.submit(self._write, due) for _ in range(WRITERS)]
            reading = [threads.submit(self._read, due, turns // READERS, one) for one in range(READERS)]
            try:
                for reader in reading:
                    reader.result()
            finally:
                for _ in writing:
                    due.put(None)
            for writer in writing:
                writer.result()

    def _write(self, due: SimpleQueue[int | None]) -> None:
        while (listing_id := due.get()) is not None:
            price, began = next(self.prices), time.monotonic()
            assert self.alice.patch(f"/listings/{listing_id}", {"price_usd": price}).status_code == 200
            self.writes.append(Write(listing_id, price, began, time.monotonic()))

    def _read(self, due: SimpleQueue[int | None], turns: int, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - which card is looked at is no secret
        for turn in range(turns):
            listing_id = chance.choice(list(self.specs))
            due.put(listing_id)
            began = time.monotonic()
            path = address(self.alice, listing_id, Style.light, Size.social, list(Format)[turn % 2])
            answer = self.alice.get(path)
            picture = digest(answer.content) if answer.status_code == 200 else None
            self.looks.append(Look(listing_id, card_of(path).variant, began, picture))

    def priced(self, listing_id: int, price: int) -> CardSpec:
        """What the card of a listing of unknown hardware says at a price: nothing else of it changes."""
        return self.specs[listing_id].model_copy(update={"price": f"${price:,}"})

    def told(self) -> dict[str, Write]:
        """What an address may tell of, by its digest."""
        return {cardspec.digest(self.priced(one.listing_id, one.price)): one for one in self.writes}

    def outdated(self) -> list[Look]:
        """Looks that led to a price which another one had taken the place of before they began."""
        told = self.told()
        return [look for look in self.looks if told[look.variant.digest].ended < self._settled(look)]

    def _settled(self, look: Look) -> float:
        """When the last of the changes began that were over before the look: no older one counts any more."""
        over = (one for one in self.writes if one.listing_id == look.listing_id and one.ended < look.began)
        return max((one.began for one in over), default=0)

    def mistaken(self) -> list[Look]:
        """Pictures that are not, byte for byte, what their address says."""
        told = self.told()
        with closing(patient()) as browser:

            @cache
            def right(variant: Variant) -> str:
                write = told[variant.digest]
                spec = self.priced(write.listing_id, write.price)
                return digest(browser.draw(spec, variant.style, variant.size, variant.format))

            seen = [look for look in self.looks if look.picture]
            return [look for look in seen if look.picture != right(look.variant)]


def digest(picture: bytes) -> str:
    return hashlib.sha256(picture).hexdigest()


def ready(alice: Person) -> Race:
    """A race between some listings that cost one dollar so far, before anybody started."""
    specs, writes = {}, []
    for _ in range(LISTINGS):
        listing_id = fresh(alice, price_usd=1, performance=None)
        stored = files.get(Bucket.generated, card_of(address(alice, listing_id)).spec_key)
        assert stored
        specs[listing_id] = cardspec.from_bytes(stored)
        writes.append(Write(listing_id, 1, 0, 0))
    return Race(alice, specs, writes)


def test_racing_prices_never_show_a_card_that_is_outdated_or_not_what_its_address_says(
    alice: Person, count: Callable[[int, int], int]
) -> None:
    turns = count(18, 2_001)
    race = ready(alice)
    race.run_until(turns / 4, turns)
    assert (race.outdated(), race.mistaken()) == ([], [])
    assert race.pictures >= turns / 4, f"only {race.pictures} of {len(race.looks)} looks found a picture"


# On a busy machine few looks of a race find a picture that another look has found before.
CONTROL = 60


def test_an_address_that_is_remembered_by_listing_would_be_seen(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    race, kept, find = ready(alice), dict[int, licensing.Shown](), licensing.listing
    monkeypatch.setattr(
        licensing, "listing", lambda session, one, now: kept.setdefault(one, find(session, one, now))
    )
    race.run(CONTROL)
    assert race.outdated()


def test_a_picture_that_is_remembered_by_listing_would_be_seen(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    race, kept, find = ready(alice), dict[str, Picture](), carding.picture
    monkeypatch.setattr(carding, "picture", lambda card: kept.setdefault(card.place, find(card)))
    race.run(CONTROL)
    assert race.mistaken()


def test_a_picture_drawn_of_the_moment_and_not_of_its_spec_would_be_seen(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    race = ready(alice)
    with closing(patient()) as browser:

        def of_the_moment(card: Card) -> Picture:
            # The moment in which a price changes between the order and the drawing, made certain.
            alice.patch(f"/listings/{card.place}", {"price_usd": 77_777})
            race.writes.append(Write(int(card.place), 77_777, 0, 0))
            with db.transaction() as session:
                spec = licensing.of_listing(access.readable_listing(session, int(card.place))).spec
            variant = card.variant
            drawn = browser.draw(spec, variant.style, variant.size, variant.format)
            return Picture(drawn, hit=False, milliseconds=1)

        monkeypatch.setattr(carding, "_invoke", of_the_moment)
        # Whoever is given up on would go on with a browser that is closed.
        monkeypatch.setattr(carding, "GATE_PATIENCE", PATIENCE)
        race.run_until(1, 6)
    assert race.mistaken()


def test_what_is_outdated_is_told_from_what_was_overtaken_meanwhile(alice: Person) -> None:
    race = ready(alice)
    (one, *_), race.writes = race.specs, []
    race.writes = [Write(one, 1, 1, 2), Write(one, 2, 3, 6), Write(one, 3, 5, 8)]

    def says(price: int, began: float) -> bool:
        variant = Variant(Style.light, Size.social, Format.png, cardspec.digest(race.priced(one, price)))
        race.looks = [Look(one, variant, began, None)]
        return not race.outdated()

    assert [says(1, 4), says(1, 7), says(2, 7), says(2, 9), says(3, 9)] == [True, False, True, True, True]

"""Cards through the whole path: address, gate, Lambda's stand-in, Chromium; whatever of it fails."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from PIL import Image

from dealbrain import carding, cardspec, files
from dealbrain.cardspec import MEDIA_TYPE, PIXELS, Card, Format, Size, Style
from dealbrain.facts import RENDERER_CONCURRENCY, Bucket
from functions.carding.picture import PLACEHOLDERS
from infra.local.lambdas import Function, lambdas
from infra.local.processes import free_port, wait_until
from infra.local.run import RENDERER, RENDERER_HANDLER
from tests.makers import Api, Person

MAGIC = {Format.png: b"\x89PNG\r\n\x1a\n", Format.jpeg: b"\xff\xd8\xff"}
VARIANTS = list(product(Style, Size, Format))
MOST_SECONDS = 10
# A picture after a failure: a machine that is busy may need a few of the gate's four seconds to start anew.
TRIES = 6


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


def drawn(person: Person, path: str) -> httpx.Response:
    """Ask as a browser does that is told to come back."""
    for _ in range(TRIES):
        answer = person.get(path)
        if answer.status_code != 503:
            break
    return answer


def is_placeholder(answer: httpx.Response, style: Style, size: Size, kind: Format) -> bool:
    name = cardspec.placeholder_name(style, size, kind)
    return (
        answer.status_code == 503
        and answer.content == (PLACEHOLDERS / name).read_bytes()
        and answer.headers["content-type"] == MEDIA_TYPE[kind]
        and answer.headers["cache-control"] == "no-store"
        and int(answer.headers["retry-after"]) > 0
    )


@pytest.fixture
def alice(api: Api) -> Person:
    return api.person("alice")


# ----------------------------------------------------------------------------------------- as it should


@pytest.mark.parametrize(("style", "size", "kind"), VARIANTS)
def test_every_card_has_the_size_and_the_format_asked(
    api: Api, style: Style, size: Size, kind: Format
) -> None:
    alice = api.person("alice")
    answer = drawn(api.stranger, address(api.stranger, alice.listing()["id"], style, size, kind))
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
    answer = drawn(alice, path)
    assert answer.headers["cache-control"] == "public, max-age=31536000, s-maxage=86400, immutable"
    assert answer.headers["etag"] == f'"{path.rpartition("/")[2]}"'


def test_a_second_look_gives_the_same_bytes(alice: Person) -> None:
    path = address(alice, fresh(alice))
    assert drawn(alice, path).content == alice.get(path).content


def test_a_look_without_a_body_says_the_same_of_the_card(alice: Person) -> None:
    path = address(alice, fresh(alice))
    got, head = drawn(alice, path), alice.call("HEAD", path)
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
    before = drawn(alice, path).content
    alice.patch(f"/listings/{listing_id}", {"price_usd": 1})
    assert leads_to_today(alice.get(path), listing_id)
    assert drawn(alice, address(alice, listing_id)).content != before


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
    assert drawn(alice, path).status_code == 200
    withdraw(path)
    assert leads_to_today(alice.get(path), listing_id)


def test_an_address_nobody_gave_out_leads_to_the_one_of_today(alice: Person) -> None:
    listing_id = fresh(alice)
    assert leads_to_today(alice.get(f"/cards/{listing_id}/light-social-{'0' * 32}.png"), listing_id)


def test_a_render_that_comes_late_does_not_open_a_closed_address(alice: Person) -> None:
    listing_id = fresh(alice)
    path = address(alice, listing_id)
    picture = drawn(alice, path).content
    withdraw(path)
    files.put(Bucket.generated, card_of(path).picture_key, picture, "image/png")
    assert leads_to_today(alice.get(path), listing_id)


# --------------------------------------------------------------------------- Chromium hangs, dies, is absent


def renderers() -> list[psutil.Process]:
    """The renderer's processes of this system, and of no other on this machine."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found += [one] if "awslambdaric" in one.cmdline() else []
    return found


def chromiums() -> list[psutil.Process]:
    """Every process of every Chromium that they started."""
    return [one for renderer in renderers() for one in renderer.children(recursive=True)]


def tell(processes: list[psutil.Process], what: signal.Signals) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(what)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


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
    drawn(alice, address(alice, fresh(alice)))
    path = address(alice, fresh(alice), Style.dark, Size.story, Format.jpeg)
    hung = chromiums()
    with stopped(hung):
        answer, seconds = timed(alice, path)
        # The renderer gives its Chromium eight seconds, then kills it.
        wait_until(lambda: any(map(is_gone, hung)), "The end of the hung one", seconds=12, log=tmp_path)
    assert is_placeholder(answer, Style.dark, Size.story, Format.jpeg)
    assert seconds < MOST_SECONDS
    assert drawn(alice, path).status_code == 200


def test_a_killed_chromium_is_replaced(alice: Person) -> None:
    drawn(alice, address(alice, fresh(alice)))
    killed = chromiums()
    assert killed
    tell(killed, signal.SIGKILL)
    assert drawn(alice, address(alice, fresh(alice))).status_code == 200


def test_a_renderer_killed_while_it_draws_costs_at_most_a_placeholder(alice: Person) -> None:
    drawn(alice, address(alice, fresh(alice)))
    path, victims = address(alice, fresh(alice)), renderers()
    killer = threading.Timer(0.5, tell, (victims, signal.SIGKILL))
    with stopped(victims):
        killer.start()
        answer, seconds = timed(alice, path)
        killer.join()
    assert answer.status_code == 200 or is_placeholder(answer, Style.light, Size.social, Format.png)
    assert seconds < MOST_SECONDS
    assert drawn(alice, path).status_code == 200


@contextmanager
def renderer_at(url: str) -> Iterator[None]:
    """Let the gate of this process order from another renderer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        carding._client.cache_clear()
        yield
    carding._client.cache_clear()


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
    assert drawn(alice, path).status_code == 200


def test_a_placeholder_to_a_look_without_a_body_says_so_too(alice: Person) -> None:
    path = address(alice, fresh(alice))
    with renderer_at(f"http://127.0.0.1:{free_port()}"):
        answer = alice.call("HEAD", path)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (503, b"", "image/png")


# ------------------------------------------------------------------------------------------ many at once


def test_more_cards_than_the_renderer_takes_end_as_pictures_or_placeholders(alice: Person) -> None:
    paths = [address(alice, fresh(alice)) for _ in range(3 * RENDERER_CONCURRENCY)]
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(lambda path: timed(alice, path), paths))
    for answer, seconds in answers:
        assert answer.status_code == 200 or is_placeholder(answer, Style.light, Size.social, Format.png)
        assert seconds < MOST_SECONDS
    assert {drawn(alice, path).status_code for path in paths} == {200}


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
    assert pictures | {drawn(alice, path).content} == {alice.get(path).content}

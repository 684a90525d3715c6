"""A real Chromium draws, dies, hangs, is attacked. Without one these tests fail and say what to install."""

import hashlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import product
from pathlib import Path

import psutil
import pytest
from PIL import Image

from dealbrain import cardspec, facts
from dealbrain.cardspec import PIXELS, CardSpec, Format, Size, Source, Style
from functions.drawing import browser as drawing
from functions.drawing.browser import Browser, RendererDown, find_chromium

SOURCE = Source(
    title="Dell OptiPlex 7060 Micro Desktop PC, 16GB RAM, 512GB NVMe, Windows 11 Pro",
    price_usd=Decimal("1299.50"),
    adjusted_price_usd=Decimal("1105.00"),
    cpu="Intel Core i5-8500T",
    ram_gb=16,
    ram_generation="ddr4",
    storage_gb=512,
    storage_medium="nvme",
    score=82.4,
    tier="great",
    verdict="Our estimate is about 18 % above the price.",
    as_of=date(2025, 11, 2),
    link="deals.example/d/1042",
    manufacturer="Dell",
    series="OptiPlex",
)
SPEC = cardspec.of(SOURCE)
CROWDED = cardspec.of(
    replace(
        SOURCE,
        title="HP EliteDesk 800 G6 Desktop Mini Business PC (Intel 10-Core i9-10900T, 64GB DDR4) " * 4,
        price_usd=Decimal(str(facts.MONEY_MOST)),
        cpu="AMD Ryzen Threadripper PRO 7995WX 96-Core Processor with a name that goes on and on",
        ram_gb=2048,
        storage_gb=8192,
        score=100,
        tier="premium",
        verdict="Our estimate is about 23 % below the price; it rests on the processor. " * 5,
        manufacturer="Hewlett Packard Enterprise",
        series="EliteDesk 800 G6 Mini Business Series, Third Edition",
    )
)
UNBROKEN = cardspec.of(replace(SOURCE, title="W" * 255, cpu="X" * 200, verdict="Y" * 250, series="Z" * 90))
BARE = cardspec.of(
    replace(
        SOURCE,
        price_usd=None,
        cpu=None,
        ram_gb=None,
        ram_generation=None,
        storage_gb=None,
        storage_medium=None,
        score=None,
        tier=None,
        verdict="",
        manufacturer=None,
        series=None,
    )
)
SPECS = {
    "usual": SPEC,
    "crowded": CROWDED,
    "unbroken": UNBROKEN,
    "bare": BARE,
    "bare but dear": BARE.model_copy(update={"price": CROWDED.price, "price_class": "known"}),
}


HTML = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<style>*{display:none}</style>",
    "</h1></body><svg onload=alert(1)>",
    "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe>",
)
COUNT = "function () { return this.querySelectorAll('*').length; }"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with closing(Browser()) as shared:
        yield shared


@pytest.fixture
def own() -> Iterator[Browser]:
    """A browser to be mistreated, with a deadline that need not be waited for long."""
    with closing(Browser(deadline=timedelta(seconds=4))) as mine:
        yield mine


def draw(
    browser: Browser, spec: CardSpec = SPEC, size: Size = Size.social, kind: Format = Format.png
) -> bytes:
    return browser.draw(spec, Style.light, size, kind)


def page(browser: Browser) -> drawing._Page:
    assert browser._page
    return browser._page


def run(browser: Browser, function: str, *values: object) -> object:
    """Call a function in the page, as a card's own drawing does."""
    return page(browser).run(time.monotonic() + 5, function, *values)


def processes(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


# What is drawn.


@pytest.mark.parametrize(("style", "size", "kind"), list(product(Style, Size, Format)))
def test_a_card_is_a_real_picture_of_exactly_the_size_asked(
    browser: Browser, style: Style, size: Size, kind: Format
) -> None:
    picture = Image.open(BytesIO(browser.draw(SPEC, style, size, kind)))
    picture.load()
    assert (picture.size, picture.format) == (PIXELS[size], kind.upper())


@pytest.mark.parametrize("kind", Format)
def test_the_same_spec_gives_the_same_bytes_from_another_chromium(browser: Browser, kind: Format) -> None:
    first = draw(browser, kind=kind)
    draw(browser, CROWDED, Size.story)
    with closing(Browser()) as other:
        assert hashlib.sha256(draw(other, kind=kind)).digest() == hashlib.sha256(first).digest()


def test_another_spec_gives_another_picture(browser: Browser) -> None:
    assert draw(browser, SPEC.model_copy(update={"price": "$1"})) != draw(browser)


def test_a_picture_for_links_is_small(browser: Browser) -> None:
    assert len(draw(browser)) <= 120_000


def test_light_is_light(browser: Browser) -> None:
    picture = Image.open(BytesIO(draw(browser))).convert("RGB")
    assert picture.getpixel((picture.width - 1, 0)) == (255, 255, 255)


@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_nothing_reaches_into_the_margin(browser: Browser, spec: CardSpec, size: Size) -> None:
    draw(browser, spec, size)
    outside = """function () {
      const margin = getComputedStyle(this.body);
      const right = innerWidth - parseFloat(margin.paddingRight);
      const bottom = innerHeight - parseFloat(margin.paddingBottom);
      return [...this.body.querySelectorAll('*')].filter(place => {
        const range = this.createRange();
        range.selectNodeContents(place);
        const text = place.children.length ? place.getBoundingClientRect() : range.getBoundingClientRect();
        const clipped = getComputedStyle(place).overflow === 'hidden' || place.closest('[dir]');
        const box = clipped ? place.getBoundingClientRect() : text;
        return box.right > right + 1 || box.bottom > bottom + 1;
      }).map(place => place.outerHTML);
    }"""
    assert run(browser, outside) == []


@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_no_part_of_a_card_covers_another(browser: Browser, spec: CardSpec, size: Size) -> None:
    draw(browser, spec, size)
    covered = """function () {
      const boxes = ['.price', '.specs', '.score', '.verdict', 'footer', 'h1'].map(name => {
        const range = this.createRange();
        range.selectNodeContents(this.querySelector(name));
        return name === '.price' ? range.getBoundingClientRect()
          : this.querySelector(name).getBoundingClientRect();
      });
      return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
    }"""
    assert run(browser, covered) == 0


def test_what_is_unknown_leaves_no_empty_box(browser: Browser) -> None:
    draw(browser, BARE)
    boxes = """function () {
      return ['.tier', '.maker', '.specs', '.score', '.verdict', '.adjusted']
        .filter(name => this.querySelector(name).offsetHeight);
    }"""
    assert run(browser, boxes) == []


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("Deal", "Inter"),
        ("Мини-ПК", "Inter"),
        ("Προσφορά", "Inter"),
        ("حاسوب", "Noto Sans Arabic"),
        ("מחשב", "Noto Sans Hebrew"),
        ("कंप्यूटर", "Noto Sans Devanagari"),
        ("คอมพิวเตอร์", "Noto Sans Thai"),
        ("迷你主机", "Noto Sans CJK SC"),
        ("パソコン", "Noto Sans CJK SC"),
        ("컴퓨터", "Noto Sans CJK SC"),
        ("🔥", "Noto Color Emoji"),
        ("➤", "Noto Sans Symbols2"),
    ],
)
def test_every_script_is_drawn_with_a_font_of_ours(browser: Browser, text: str, family: str) -> None:
    draw(browser, cardspec.of(replace(SOURCE, title=text)))
    until = time.monotonic() + 5
    ask = page(browser).ask
    ask(until, "DOM.enable")
    ask(until, "CSS.enable")
    root = ask(until, "DOM.getDocument")["root"]["nodeId"]
    title = ask(until, "DOM.querySelector", nodeId=root, selector="h1")["nodeId"]
    fonts = ask(until, "CSS.getPlatformFontsForNode", nodeId=title)["fonts"]
    assert {font["familyName"] for font in fonts} == {family}


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize(
    ("tier", "score"), [("great", 90), ("good", 60), ("fair", 20), ("premium", 90), (None, 60)]
)
def test_every_text_keeps_a_contrast_of_four_and_a_half(
    browser: Browser, style: Style, tier: str | None, score: float
) -> None:
    """Contrast as WCAG 2.2 defines it, between each text and the nearest ground behind it."""
    browser.draw(cardspec.of(replace(SOURCE, tier=tier, score=score)), style, Size.social, Format.png)
    weakest = """function () {
      const light = colour => {
        const [r, g, b] = colour.match(/[0-9.]+/g).map(part => part / 255)
          .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = place => {
        const colour = getComputedStyle(place).backgroundColor;
        return colour === 'rgba(0, 0, 0, 0)' ? ground(place.parentElement) : colour;
      };
      const texts = [...this.body.querySelectorAll('*')]
        .filter(place => place.offsetHeight && !place.children.length && place.textContent.trim());
      return Math.min(...texts.map(place => {
        const [a, b] = [light(getComputedStyle(place).color), light(ground(place))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      }));
    }"""
    ratio = run(browser, weakest)
    assert isinstance(ratio, float)
    assert ratio >= 4.5


# Text stays text, and nothing leaves.


@pytest.mark.parametrize("payload", HTML)
def test_no_text_is_read_as_html(browser: Browser, payload: str) -> None:
    draw(browser)
    before = run(browser, COUNT)
    line = cardspec.SpecLine(label=payload, value=payload)
    texts = dict.fromkeys(
        ("title", "maker", "price", "adjusted", "tier", "score", "verdict", "as_of", "link"), payload
    )
    draw(browser, SPEC.model_copy(update={**texts, "specs": (line, line, line)}))
    assert (run(browser, COUNT), run(browser, "function () { return this.title; }")) == (before, "")


def test_the_count_of_elements_would_tell(own: Browser) -> None:
    draw(own)
    before = run(own, COUNT)
    run(own, "function (html) { this.querySelector('h1').innerHTML = html; }", HTML[1])
    assert run(own, COUNT) != before


REACH = """function (address) {
  fetch(address).catch(() => 0);
  new Image().src = address;
  navigator.sendBeacon(address, 'x');
  try { new WebSocket(address.replace('http', 'ws')); } catch {}
  this.querySelector('h1').innerHTML = `<img src="${address}"><iframe src="${address}"></iframe>`;
  for (const rel of ['prefetch', 'preconnect', 'stylesheet']) {
    const link = this.createElement('link');
    Object.assign(link, { rel, href: address });
    this.head.append(link);
  }
}"""


@pytest.fixture
def canary() -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}/"


def visited(listener: socket.socket, seconds: float) -> bool:
    return bool(select.select([listener], [], [], seconds)[0])


def test_a_page_told_to_fetch_reaches_nobody(own: Browser, canary: tuple[socket.socket, str]) -> None:
    listener, address = canary
    draw(own, cardspec.of(replace(SOURCE, title=f"<img src='{address}'>")))
    run(own, REACH, address)
    page(own).ask(time.monotonic() + 5, "Page.navigate", url=address)
    assert not visited(listener, 1)


def test_without_the_fence_the_canary_sings(
    own: Browser, canary: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, address = canary
    unfenced = tuple(flag for flag in drawing.FLAGS if not flag.startswith("--proxy"))
    monkeypatch.setattr(drawing, "FLAGS", unfenced)
    draw(own)
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page(own).ask(time.monotonic() + 5, "Network.emulateNetworkConditions", **online)
    # No answer comes from a canary that only listens.
    with pytest.raises(drawing._Late):
        page(own).ask(time.monotonic() + 1, "Page.navigate", url=address)
    assert visited(listener, 1)


def test_the_policy_of_the_page_alone_stops_what_a_text_could_do(
    own: Browser, canary: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, address = canary
    unfenced = tuple(flag for flag in drawing.FLAGS if not flag.startswith("--proxy"))
    monkeypatch.setattr(drawing, "FLAGS", unfenced)
    draw(own)
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page(own).ask(time.monotonic() + 5, "Network.emulateNetworkConditions", **online)
    run(own, "function (address) { new Image().src = address; fetch(address).catch(() => 0); }", address)
    assert not visited(listener, 1)


# Chromium dies, hangs, or is not there.


def test_a_killed_chromium_is_replaced_unseen(own: Browser) -> None:
    first = draw(own)
    page(own)._process.send_signal(signal.SIGKILL)
    assert draw(own) == first


def test_a_killed_page_is_replaced_unseen(own: Browser) -> None:
    first = draw(own)
    for process in processes(page(own)._process.pid):
        if "--type=renderer" in process.cmdline():
            process.kill()
    assert draw(own) == first


def test_a_chromium_killed_while_it_draws_is_replaced_unseen(own: Browser) -> None:
    first = draw(own)
    group = page(own)._process.pid
    os.killpg(group, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.killpg, (group, signal.SIGKILL))
    killer.start()
    assert draw(own) == first
    killer.join()


def test_a_hung_chromium_is_given_up_at_the_deadline() -> None:
    with closing(Browser(deadline=timedelta(seconds=1.5))) as own:
        draw(own)
        os.killpg(page(own)._process.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(RendererDown, match=r"within 1\.5 s"):
            draw(own)
        assert 1.5 <= time.monotonic() - began < 2


def test_of_a_hung_chromium_no_process_and_no_file_is_left(own: Browser) -> None:
    draw(own)
    group, home = page(own)._process.pid, page(own)._home
    os.killpg(group, signal.SIGSTOP)
    with pytest.raises(RendererDown):
        draw(own)
    assert (processes(group), home.exists()) == ([], False)


def test_after_a_hung_chromium_the_next_card_is_drawn(own: Browser) -> None:
    first = draw(own)
    os.killpg(page(own)._process.pid, signal.SIGSTOP)
    with pytest.raises(RendererDown):
        draw(own)
    assert draw(own) == first


def test_waiting_for_another_card_counts_against_the_deadline() -> None:
    with (
        closing(Browser(deadline=timedelta(seconds=0.3))) as own,
        own._turn,
        pytest.raises(RendererDown, match="Other"),
    ):
        draw(own)


def test_a_program_that_ends_at_once_is_given_up_after_two_attempts() -> None:
    with closing(Browser("/bin/false")) as own, pytest.raises(RendererDown, match="failed twice"):
        draw(own)


def test_a_wrong_path_is_refused_with_the_setting_to_correct() -> None:
    with (
        closing(Browser("/nowhere/chromium")) as own,
        pytest.raises(RendererDown, match="setting 'chromium'"),
    ):
        draw(own)


def test_where_no_chromium_is_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(RendererDown, match="chromium-headless-shell"):
        find_chromium()


def test_a_download_of_playwrights_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / ".cache/ms-playwright/chromium_headless_shell-1200/linux/headless_shell"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_chromium() == str(program)


def test_closing_leaves_no_process_and_no_file() -> None:
    own = Browser()
    draw(own)
    group, home = page(own)._process.pid, page(own)._home
    own.close()
    assert (processes(group), home.exists()) == ([], False)


def test_chromium_is_renewed_after_so_many_cards(own: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "RECYCLE_AFTER", 2)
    pids = []
    for _ in range(4):
        draw(own)
        pids.append(page(own)._process.pid)
    assert [pids[0] == pids[1], pids[1] == pids[2], pids[2] == pids[3]] == [True, False, True]


def test_chromium_learns_nothing_of_our_environment(own: Browser) -> None:
    draw(own)
    assert set(psutil.Process(page(own)._process.pid).environ()) <= {
        "PATH",
        "HOME",
        "FONTCONFIG_FILE",
        "LANG",
        "PWD",
    }

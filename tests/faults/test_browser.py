"""A real Chromium is attacked, dies, hangs, runs out of room. Without one these tests say what to install."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import psutil
import pytest

from dealbrain import cardspec, facts
from dealbrain.cardspec import CardSpec, Format, Size, Style
from functions.drawing import browser as drawing
from functions.drawing.browser import Browser, RendererDown, find_chromium
from infra.local.processes import wait_until
from tests.cards import CROWDED, PATIENCE, SPEC, page, patient, run, show, soon


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that keeps the deadline of the product from its first card on."""
    with closing(patient()) as shared:
        draw(shared)
        shared._seconds = facts.RENDER_DEADLINE.total_seconds()
        yield shared


@pytest.fixture
def own() -> Iterator[Browser]:
    """A browser to be mistreated."""
    with closing(patient()) as mine:
        yield mine


def draw(
    browser: Browser, spec: CardSpec = SPEC, size: Size = Size.social, kind: Format = Format.png
) -> bytes:
    return browser.draw(spec, Style.light, size, kind)


def processes(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def ended(group: int) -> bool:
    """Whether every process of a group ends; one that was killed may take its time on a busy machine."""
    psutil.wait_procs(processes(group), timeout=PATIENCE.total_seconds())
    return not processes(group)


# -------------------------------------------------------------------------------------- text stays text


SCRIPT = "document.title='owned'"
# What is tried, each in every wrapping.
ATTEMPTS = (
    f"<script>{SCRIPT}</script>",
    f"<script type=module>{SCRIPT}</script>",
    f"<svg><script>{SCRIPT}</script></svg>",
    f'<img src=x onerror="{SCRIPT}">',
    f'<svg onload="{SCRIPT}">',
    f'<body onload="{SCRIPT}">',
    f'<details open ontoggle="{SCRIPT}">',
    f'<input autofocus onfocus="{SCRIPT}">',
    f'<video><source onerror="{SCRIPT}"></video>',
    f'<a href="javascript:{SCRIPT}">here</a>',
    f'<iframe src="javascript:parent.{SCRIPT}"></iframe>',
    f'<iframe srcdoc="<script>parent.{SCRIPT}</script>"></iframe>',
    f'<object data="javascript:{SCRIPT}"></object>',
    '<embed src="data:text/html,owned">',
    f'<form action="javascript:{SCRIPT}"><button>',
    f'<math href="javascript:{SCRIPT}">CLICK</math>',
    "<title>owned</title>",
    "<base href='//owned.example/'>",
    "<meta http-equiv=refresh content='0;url=//owned.example/'>",
    '<meta http-equiv=Content-Security-Policy content="default-src *">',
    "<link rel=stylesheet href='//owned.example/x.css'>",
    "<style>*{display:none}</style>",
    "<style>@import '//owned.example/x.css'</style>",
    "<style>main{background:url(//owned.example/x)}</style>",
    "*{display:none!important}",
    "}.price{font-size:1px}/*",
    "expression(alert(1))",
    "<b style='position:fixed;inset:0;background:red'>",
    "<main class=dark>",
    "<template shadowrootmode=open><slot></slot></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<plaintext>",
    "<textarea>",
    "<table><td>",
    "<slot name=title>",
    "<dialog open>owned</dialog>",
    "<portal src='//owned.example/'>",
    "{{constructor.constructor('owned')()}}",
    "${document.title='owned'}",
    "javascript:alert(1)",
)
WRAPPINGS = (
    "{}",
    "</h1></main></body>{}",
    "\"'>{}<!--",
    "]]>--></style></script>{}",
    "<svg><foreignObject>{}",
)
FIELDS = ("title", "maker", "price", "adjusted", "tier", "score", "verdict", "as_of", "link")
# All there is besides text and the classes that a card sets on the root.
STRUCTURE = """function () {
  const told = place => [place.tagName, ...[...place.attributes].map(one => one.name + one.value)].join(' ');
  const below = [...this.documentElement.querySelectorAll('*')].map(told);
  return JSON.stringify([this.title, this.styleSheets.length, this.documentElement.className, below]);
}"""
TEXTS = """function () {
  return [...this.querySelectorAll('[data-text], .specs li > *')].map(place => place.textContent);
}"""


def poisoned(payload: str) -> CardSpec:
    line = cardspec.SpecLine(label=payload, value=payload)
    return SPEC.model_copy(update={**dict.fromkeys(FIELDS, payload), "specs": (line,) * 4})


def structure(browser: Browser) -> str:
    """What a card must not change; the size of its letters may be another."""
    return re.sub(r"step-\d", "step", run(browser, STRUCTURE))


def test_there_are_two_hundred_payloads() -> None:
    assert len({wrapping.format(attempt) for wrapping in WRAPPINGS for attempt in ATTEMPTS}) == 200


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_payload_in_every_field_changes_nothing_but_text(browser: Browser, wrapping: str) -> None:
    draw(browser)
    before, changed = structure(browser), []
    for payload in map(wrapping.format, ATTEMPTS):
        show(browser, poisoned(payload))
        if structure(browser) != before or set(run(browser, TEXTS)) != {payload}:
            changed.append(payload)
    assert changed == []


@pytest.mark.parametrize("payload", ATTEMPTS[:2])
def test_a_payload_is_drawn_as_what_it_is(browser: Browser, payload: str) -> None:
    assert draw(browser, poisoned(payload)) != draw(browser, poisoned(payload.replace("owned", "bowed")))


@pytest.mark.parametrize("attempt", ["<img src=x>", "<style>*{display:none}</style>", "<b class=x>y</b>"])
def test_what_is_read_as_html_would_be_seen(own: Browser, attempt: str) -> None:
    draw(own)
    before = structure(own)
    run(own, "function (html) { this.querySelector('h1').innerHTML = html; }", attempt)
    assert structure(own) != before


# As much of each as a field may hold, or more.
HEAVY = {
    "marks on every letter": ("a" + "\u0300\u0323\u0334\u20dd" * 2) * 40,
    "marks on one letter": "x" + "\u0323" * 50_000,
    "emoji joined": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d" * 50,
    "no place to break": "W" * 5_000,
    "all the scripts": "Aжλ\u0639\u05d0\u0915\u0e01\u8ff7\u30d1\ucef4\U0001f525" * 30,
    "both directions by turns": "a\u0639" * 150,
    "ligatures": "\ufdfd" * 300,
}


@pytest.mark.parametrize("text", HEAVY.values(), ids=HEAVY)
@pytest.mark.parametrize("size", Size)
def test_heavy_text_in_every_field_is_drawn_before_the_deadline(
    browser: Browser, text: str, size: Size
) -> None:
    draw(browser, CardSpec.model_validate(poisoned(text).model_dump()), size)


def test_without_a_limit_a_text_would_stop_chromium(own: Browser) -> None:
    draw(own)
    own._seconds = 2
    with pytest.raises(RendererDown, match="was killed"):
        draw(own, SPEC.model_copy(update=dict.fromkeys(("title", "maker", "verdict"), "a\u0639" * 50_000)))


# --------------------------------------------------------------------------------------- nothing leaves


# Ways to fetch, each told an address of its own.
VECTORS: Mapping[str, str] = {
    "fetch": "fetch(url)",
    "fetch-no-cors": "fetch(url, { mode: 'no-cors' })",
    "fetch-keepalive": "fetch(url, { method: 'POST', mode: 'no-cors', keepalive: true, body: 'x' })",
    "xhr": "const x = new XMLHttpRequest(); x.open('GET', url); x.send()",
    "xhr-post": "const x = new XMLHttpRequest(); x.open('POST', url); x.send('x')",
    "beacon": "navigator.sendBeacon(url, 'x')",
    "websocket": "new WebSocket(url.replace('http', 'ws'))",
    "eventsource": "new EventSource(url)",
    "worker": "new Worker(url)",
    "shared-worker": "new SharedWorker(url)",
    "import": "import(url).catch(() => 0)",
    "image": "new Image().src = url",
    "audio": "new Audio(url).load()",
    "font": "const f = new FontFace('x', `url(${url})`); document.fonts.add(f); f.load().catch(() => 0)",
    "open": "open(url)",
    "img": "html(`<img src='${url}'>`)",
    "srcset": "html(`<img srcset='${url} 1x'>`)",
    "picture": "html(`<picture><source srcset='${url}'><img></picture>`)",
    "svg-image": "html(`<svg><image href='${url}' width=9 height=9 /></svg>`)",
    "svg-use": "html(`<svg><use href='${url}#x'></use></svg>`)",
    "iframe": "html(`<iframe src='${url}'></iframe>`)",
    "srcdoc": "html(`<iframe srcdoc=\"<img src='${url}'>\"></iframe>`)",
    "object": "html(`<object data='${url}'></object>`)",
    "embed": "html(`<embed src='${url}'>`)",
    "video": "html(`<video src='${url}' preload=auto></video>`)",
    "poster": "html(`<video poster='${url}'></video>`)",
    "track": "html(`<video src=data:,><track default kind=subtitles src='${url}'></video>`)",
    "input": "html(`<input type=image src='${url}'>`)",
    "stylesheet": "tag('link', { rel: 'stylesheet', href: url })",
    "icon": "tag('link', { rel: 'icon', href: url })",
    "prefetch": "tag('link', { rel: 'prefetch', href: url })",
    "preload": "tag('link', { rel: 'preload', as: 'image', href: url })",
    "modulepreload": "tag('link', { rel: 'modulepreload', href: url })",
    "preconnect": "tag('link', { rel: 'preconnect', href: url })",
    "manifest": "tag('link', { rel: 'manifest', href: url })",
    "script": "tag('script', { src: url })",
    "module": "tag('script', { type: 'module', src: url })",
    "speculation": "tag('script', { type: 'speculationrules', textContent: "
    "JSON.stringify({ prefetch: [{ source: 'list', urls: [url] }] }) })",
    "css-import": "tag('style', { textContent: `@import '${url}'` })",
    "css-background": "tag('style', { textContent: `header { background: url('${url}') }` })",
    "css-border": "tag('style', { textContent: `h1 { border-image: url('${url}') 9 }` })",
    "css-content": "tag('style', { textContent: `h1::before { content: url('${url}') }` })",
    "css-mask": "tag('style', { textContent: `footer { mask-image: url('${url}') }` })",
    "css-font": "tag('style', { textContent: `@font-face { font-family: Fetched; src: url('${url}') }"
    " .verdict { font-family: Fetched }` })",
    "css-cursor": "tag('style', { textContent: `main { cursor: url('${url}'), auto }` })",
    "form": "html(`<iframe name=there></iframe><form method=post action='${url}' target=there></form>`);"
    " document.querySelector('form').submit()",
    "ping": "html(`<a ping='${url}' href='#here'>x</a>`); document.querySelector('a').click()",
    "rtc": "const p = new RTCPeerConnection({ iceServers: [{ urls: url.replace('http://', 'turn:')"
    ".replace(/[/][^/]*$/, '?transport=tcp'), username: 'u', credential: 'c' }] });"
    " p.createDataChannel('x'); p.createOffer().then(o => p.setLocalDescription(o))",
}
TRY = """function (vector, url) {
  const html = text => {
    const place = document.createElement('div');
    document.querySelector('main').append(place);
    place.innerHTML = text;
  };
  const tag = (name, values) => {
    document.head.append(Object.assign(document.createElement(name), values));
  };
  try { new Function('url', 'html', 'tag', vector)(url, html, tag)?.catch?.(() => 0); } catch {}
}"""
SETTLED = 1


class Canary:
    """A server that notes what reaches it."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.connections = 0
        canary = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                canary.connections += 1
                super().setup()

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                canary.paths.add(self.path.strip("/"))
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def canary() -> Iterator[Canary]:
    listening = Canary()
    thread = threading.Thread(target=listening.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield listening
    listening.server.shutdown()
    listening.server.server_close()
    thread.join()


@pytest.fixture
def unfenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No dead proxy and no policy in the page; ``online`` does away with the rest."""
    open_flags = tuple(flag for flag in drawing.FLAGS if not flag.startswith("--proxy"))
    monkeypatch.setattr(drawing, "FLAGS", open_flags)
    read = drawing._file
    monkeypatch.setattr(drawing, "_file", lambda name: read(name).replace("Content-Security-Policy", "none"))


def online(browser: Browser) -> None:
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page(browser).ask(soon(), "Network.emulateNetworkConditions", **conditions)


def reach_out(browser: Browser, canary: Canary) -> None:
    """Try every vector, and leave them time to get through."""
    for name, vector in VECTORS.items():
        run(browser, TRY, vector, f"{canary.address}/{name}")
    draw(browser)
    threading.Event().wait(SETTLED)


def test_forty_ways_to_fetch_reach_nobody(own: Browser, canary: Canary) -> None:
    assert len(VECTORS) >= 40
    draw(own, poisoned(f"<img src='{canary.address}'>"))
    reach_out(own, canary)
    page(own).ask(soon(), "Page.navigate", url=canary.address)
    threading.Event().wait(SETTLED)
    assert (canary.connections, canary.paths) == (0, set())


@pytest.mark.usefixtures("unfenced")
def test_without_the_fence_they_do(own: Browser, canary: Canary, tmp_path: Path) -> None:
    draw(own)
    online(own)
    reach_out(own, canary)
    wait_until(lambda: len(canary.paths & set(VECTORS)) >= 30, "The canary", seconds=20, log=tmp_path)


def test_the_policy_of_the_page_alone_stops_what_a_text_could_do(
    own: Browser, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_flags = tuple(flag for flag in drawing.FLAGS if not flag.startswith("--proxy"))
    monkeypatch.setattr(drawing, "FLAGS", open_flags)
    draw(own)
    online(own)
    run(own, "function (url) { new Image().src = url; fetch(url).catch(() => 0); }", canary.address)
    threading.Event().wait(SETTLED)
    assert canary.connections == 0


# --------------------------------------------------------------- Chromium dies, hangs, or is not there


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


def test_a_hung_chromium_is_given_up_at_the_deadline(own: Browser) -> None:
    draw(own)
    os.killpg(page(own)._process.pid, signal.SIGSTOP)
    own._seconds = 1.5
    with pytest.raises(RendererDown, match=r"within 1\.5 s"):
        draw(own)


def hang(own: Browser, processes: Iterable[psutil.Process]) -> None:
    """Stop processes and see the next card given up, without waiting for long."""
    for process in processes:
        process.suspend()
    patient, own._seconds = own._seconds, 1
    with pytest.raises(RendererDown):
        draw(own)
    own._seconds = patient


def test_of_a_hung_chromium_no_process_and_no_file_is_left(own: Browser) -> None:
    draw(own)
    group, home = page(own)._process.pid, page(own)._home
    hang(own, processes(group))
    assert (ended(group), home.exists()) == (True, False)


def test_after_a_hung_chromium_the_next_card_is_drawn(own: Browser) -> None:
    first = draw(own)
    hang(own, processes(page(own)._process.pid))
    assert draw(own) == first


def test_a_stopped_page_alone_is_given_up_and_replaced(own: Browser) -> None:
    first = draw(own)
    group = page(own)._process.pid
    hang(own, [one for one in processes(group) if "--type=renderer" in one.cmdline()])
    assert (draw(own), ended(group)) == (first, True)


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
    own = patient()
    draw(own)
    group, home = page(own)._process.pid, page(own)._home
    own.close()
    assert (ended(group), home.exists()) == (True, False)


def test_chromium_is_renewed_after_so_many_cards(own: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "RECYCLE_AFTER", 2)
    pids = []
    for _ in range(4):
        draw(own)
        pids.append(page(own)._process.pid)
    assert [pids[0] == pids[1], pids[1] == pids[2], pids[2] == pids[3]] == [True, False, True]


RENDERER = """
from tests.cards import SPEC, VARIANTS, patient
patient().draw(SPEC, *VARIANTS[0])
print(flush=True)
input()
"""


@pytest.fixture
def renderer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has drawn a card; its temporary folder is that of the test."""
    command = [sys.executable, "-c", RENDERER]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as started:
        assert started.stdout
        started.stdout.readline()
        yield started
        started.kill()


def kill(renderer: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Kill it and see its Chromium go; those of its processes that do not."""
    chromium = psutil.Process(renderer.pid).children(recursive=True)
    assert chromium
    renderer.kill()
    renderer.wait()
    return psutil.wait_procs(chromium, timeout=10)[1]


def test_a_killed_renderer_leaves_no_chromium_behind(renderer: subprocess.Popen[bytes]) -> None:
    assert kill(renderer) == []


def test_what_a_killed_renderer_left_on_the_disk_goes_with_the_next_start_and_nothing_else(
    renderer: subprocess.Popen[bytes], tmp_path: Path, own: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (left,) = tmp_path.iterdir()
    with closing(patient()) as while_it_runs:
        draw(while_it_runs)
        assert left.exists()
        kill(renderer)
        draw(own)
        assert set(tmp_path.iterdir()) == {page(while_it_runs)._home, page(own)._home}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A temporary folder of a few megabytes, where Chromium and its files will be."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", tmp_path], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("Only root may make a small disk.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        yield tmp_path
    # Lazily, because what was killed a moment ago may not be quite gone.
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def fill(disk: Path) -> Path:
    everything = disk / "everything"
    with suppress(OSError), everything.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return everything


def test_on_a_full_disk_no_chromium_starts_and_nothing_is_left(small_disk: Path, own: Browser) -> None:
    everything = fill(small_disk)
    with pytest.raises(RendererDown, match="No space left"):
        draw(own)
    assert list(small_disk.iterdir()) == [everything]


def test_once_there_is_room_the_next_card_is_drawn(small_disk: Path, own: Browser, browser: Browser) -> None:
    everything = fill(small_disk)
    with pytest.raises(RendererDown):
        draw(own)
    everything.unlink()
    assert draw(own) == draw(browser)


def test_a_chromium_whose_disk_fills_up_goes_on_or_is_replaced(
    small_disk: Path, own: Browser, browser: Browser
) -> None:
    draw(own, CROWDED)
    everything = fill(small_disk)
    with suppress(RendererDown):
        assert draw(own) == draw(browser)
    everything.unlink()
    assert draw(own, CROWDED, Size.story) == draw(browser, CROWDED, Size.story)


def test_card_after_card_its_memory_does_not_grow(own: Browser, count: Callable[[int, int], int]) -> None:
    weighed = []
    for turn in range(1, count(75, 600) + 1):
        draw(own, SPEC.model_copy(update={"score": str(turn)}), *list(product(Size, Format))[turn % 6])
        # Midway between two collections of garbage, so that each time as much has come since the last.
        if turn >= 25 and turn % drawing.COLLECT_EVERY == drawing.COLLECT_EVERY // 2:
            weighed.append(sum(one.memory_full_info().pss for one in processes(page(own)._process.pid)))
    # The first figure is of a Chromium that has seen every size.
    assert max(weighed) <= 1.2 * weighed[0], [round(one / 1e6) for one in weighed]


def test_chromium_learns_nothing_of_our_environment(own: Browser) -> None:
    draw(own)
    assert set(psutil.Process(page(own)._process.pid).environ()) <= {
        "PATH",
        "HOME",
        "TMPDIR",
        "FONTCONFIG_FILE",
        "LANG",
        "PWD",
    }

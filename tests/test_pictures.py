"""What a card looks like, from a real Chromium: the references, the layout, the letters, the bytes.

Without a Chromium these tests fail and say what to install.
"""

import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from functools import cache
from io import BytesIO

import pytest
from PIL import Image

from dealbrain import cardspec, jsontext, scoring
from dealbrain.cardspec import PIXELS, CardSpec, Format, Size, Style
from dealbrain.document import Condition, Cpu, Gpu, Performance, Ram, Storage, StorageMedium
from functions.drawing import browser as drawing
from functions.drawing import png
from functions.drawing.browser import Browser
from tests import cards
from tests.bench import contender
from tests.cards import (
    BARE,
    CROWDED,
    SOURCE,
    SPEC,
    SPECS,
    VARIANTS,
    difference,
    opened,
    page,
    patient,
    reduced,
    reference,
    run,
    show,
    soon,
)

# What two drawings of one card may differ by, square by square (cards.difference): by far less than a word.
MEAN_MOST, SQUARE_MOST = 0.6, 20

every_variant = pytest.mark.parametrize(("style", "size", "kind"), VARIANTS)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
every_size = pytest.mark.parametrize("size", Size)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with closing(patient()) as shared:
        yield shared


def draw(
    browser: Browser, spec: CardSpec = SPEC, size: Size = Size.social, kind: Format = Format.png
) -> bytes:
    return browser.draw(spec, Style.light, size, kind)


type Picture = Callable[[CardSpec, Style, Size, Format], bytes]


@pytest.fixture(scope="module")
def picture(browser: Browser) -> Picture:
    """A card's picture, drawn by whichever test asks for it first."""
    return cache(browser.draw)


def alike(one: Image.Image, other: Image.Image) -> bool:
    mean, most = difference(one, other)
    return mean <= MEAN_MOST and most <= SQUARE_MOST


# -------------------------------------------------------------------------------------- the references


@every_variant
def test_a_card_looks_like_its_reference(picture: Picture, style: Style, size: Size, kind: Format) -> None:
    golden = Image.open(reference(style, size, kind)).convert("RGB")
    assert alike(reduced(picture(SPEC, style, size, kind)), golden), (
        f"{style}-{size}-{kind} looks different. If that is meant: {cards.__doc__}"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"price": "$1,298.50"},
        {"title": SPEC.title.replace("16GB", "32GB")},
        {"score_class": "fair"},
        {"tier": ""},
    ],
    ids=str,
)
def test_a_small_change_would_be_seen(browser: Browser, changed: dict[str, object]) -> None:
    golden = Image.open(reference(Style.light, Size.social, Format.png)).convert("RGB")
    assert not alike(reduced(draw(browser, SPEC.model_copy(update=changed))), golden)


def test_whoever_changes_the_template_raises_its_version() -> None:
    assert cards.recorded() == (cardspec.TEMPLATE_VERSION, cards.fingerprint()), (
        f"The template, its fonts or its words changed; addresses must change with them. {cards.__doc__}"
    )


@pytest.fixture(scope="module")
def playwright() -> Iterator[contender.Draw]:
    """In a process of its own: there is one Playwright in a process, and pages may be tested in this one."""
    program = [sys.executable, "-m", contender.__name__, "page"]
    told = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=told) as process:
        asking, answering = process.stdin, process.stdout
        assert asking
        assert answering

        def drawn(spec: CardSpec, style: Style, size: Size, kind: Format) -> bytes:
            asked = {"card": spec.model_dump(mode="json"), "style": style, "size": size, "kind": kind}
            asking.write(jsontext.dumps(asked).encode() + b"\n")
            asking.flush()
            return base64.b64decode(json.loads(answering.readline())["picture"])

        yield drawn
        asking.close()


@every_size
@pytest.mark.parametrize("style", Style)
def test_a_card_is_what_playwright_takes_of_the_same_page(
    picture: Picture, playwright: contender.Draw, style: Style, size: Size
) -> None:
    ours = picture(SPEC, style, size, Format.png)
    assert alike(reduced(ours), reduced(playwright(SPEC, style, size, Format.png)))


# --------------------------------------------------------------------------- the experiment, and without it


def test_our_chromium_draws_elements_on_a_canvas(browser: Browser) -> None:
    draw(browser)
    assert page(browser).on_canvas


@pytest.fixture(scope="module")
def without() -> Iterator[Browser]:
    """A browser that knows nothing of elements on a canvas."""
    with closing(patient()) as plain:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawing, "FLAGS", tuple(flag for flag in drawing.FLAGS if flag != drawing.CANVAS))
            draw(plain)
        yield plain


@every_variant
def test_a_chromium_that_cannot_takes_screenshots_of_the_same_cards(
    picture: Picture, without: Browser, style: Style, size: Size, kind: Format
) -> None:
    assert not page(without).on_canvas
    plain = without.draw(SPEC, style, size, kind)
    assert opened(plain).size == PIXELS[size]
    assert alike(reduced(plain), reduced(picture(SPEC, style, size, kind)))


def test_a_screenshot_for_links_is_small_too(without: Browser) -> None:
    assert len(draw(without, CROWDED)) <= 120_000


# ------------------------------------------------------------------------------------------- the bytes


@every_variant
def test_a_card_is_a_real_picture_of_exactly_the_size_asked(
    picture: Picture, style: Style, size: Size, kind: Format
) -> None:
    image = Image.open(BytesIO(picture(SPEC, style, size, kind)))
    image.load()
    assert (image.size, image.format) == (PIXELS[size], kind.upper())


def test_the_same_spec_gives_the_same_bytes_from_another_chromium_in_another_order(browser: Browser) -> None:
    first = {kind: digest(draw(browser, kind=kind)) for kind in Format}
    with closing(patient()) as other:
        draw(other, CROWDED, Size.story)
        assert {kind: digest(draw(other, kind=kind)) for kind in reversed(Format)} == first


def digest(picture: bytes) -> str:
    return hashlib.sha256(picture).hexdigest()


def test_another_spec_gives_another_picture(browser: Browser) -> None:
    assert draw(browser, SPEC.model_copy(update={"price": "$1"})) != draw(browser)


@every_spec
@pytest.mark.parametrize("style", Style)
def test_a_picture_for_links_is_small(picture: Picture, spec: CardSpec, style: Style) -> None:
    assert len(picture(spec, style, Size.social, Format.png)) <= 120_000


def test_a_usual_picture_for_links_is_smaller_still(picture: Picture) -> None:
    assert len(picture(SPEC, Style.light, Size.social, Format.png)) <= 60_000


@every_size
@pytest.mark.parametrize("kind", Format)
def test_no_picture_is_large(picture: Picture, size: Size, kind: Format) -> None:
    assert max(len(picture(spec, Style.light, size, kind)) for spec in SPECS.values()) < 300_000


@every_spec
@pytest.mark.parametrize(("style", "ground"), [(Style.light, (255, 255, 255)), (Style.dark, (31, 41, 55))])
def test_light_is_light_and_dark_is_slate(
    picture: Picture, spec: CardSpec, style: Style, ground: tuple[int, int, int]
) -> None:
    image = opened(picture(spec, style, Size.social, Format.png))
    assert image.getpixel((image.width - 1, 0)) == ground


def test_the_ground_of_the_score_is_exactly_its_colour(picture: Picture) -> None:
    image = opened(picture(SPEC, Style.light, Size.social, Format.png))
    assert (0xDC, 0xFC, 0xE7) in {colour for _, colour in image.getcolors(256) or []}


def noise(chance: random.Random) -> bytes:
    return chance.randbytes(600)


def flat(chance: random.Random) -> bytes:
    return b"".join(bytes([chance.randrange(200)]) * chance.randrange(1, 700) for _ in range(12))


def stripes(chance: random.Random) -> bytes:
    return bytes(chance.choices((0, 7, 255), k=300)) * 40


@pytest.mark.parametrize("kind", [noise, flat, stripes])
@pytest.mark.parametrize("width", [1, 3, 32, 299, 1079, 1200])
def test_deflated_rows_are_the_rows(
    browser: Browser, kind: Callable[[random.Random], bytes], width: int
) -> None:
    draw(browser)
    sent = kind(random.Random(width)) * 4  # noqa: S311 - made-up pixels, no secret
    sent = sent[: len(sent) // (width + 1) * (width + 1)] or bytes(width + 1)
    deflate = """function (width, height, sent) {
      onTheCanvas = '';
      Object.assign(canvas, { width, height });
      rows.set(Uint8Array.fromBase64(sent));
      return deflated().toBase64();
    }"""
    stream = run(browser, deflate, width, len(sent) // (width + 1), base64.b64encode(sent).decode())
    assert zlib.decompress(base64.b64decode(stream), -zlib.MAX_WBITS) == sent


def test_rows_of_another_size_are_no_picture() -> None:
    compressed = zlib.compress(bytes(12))[2:-4]
    with pytest.raises(ValueError, match="no rows of 4 by 4 pixels"):
        png.indexed((4, 4), bytes(3), compressed)


# ------------------------------------------------------------------------------------------ the layout


MARGINS = """function () {
  const card = this.querySelector('main'), box = card.getBoundingClientRect();
  const margin = getComputedStyle(card);
  const right = box.right - parseFloat(margin.paddingRight);
  const bottom = box.bottom - parseFloat(margin.paddingBottom);
  return [...card.querySelectorAll('*')].filter(place => {
    const range = this.createRange();
    range.selectNodeContents(place);
    const text = place.children.length ? place.getBoundingClientRect() : range.getBoundingClientRect();
    const clipped = getComputedStyle(place).overflow === 'hidden' || place.closest('[dir]');
    const box = clipped ? place.getBoundingClientRect() : text;
    return box.right > right + 1 || box.bottom > bottom + 1;
  }).map(place => place.outerHTML);
}"""


@every_size
@every_spec
def test_nothing_reaches_into_the_margin(browser: Browser, spec: CardSpec, size: Size) -> None:
    show(browser, spec, size)
    assert run(browser, MARGINS) == []


@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_no_part_of_a_card_covers_another(browser: Browser, spec: CardSpec, size: Size) -> None:
    show(browser, spec, size)
    covered = """function () {
      const parts = 'header h1 .price .specs .score .verdict footer';
      const boxes = parts.split(' ').map(name => {
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
    show(browser, BARE)
    boxes = """function () {
      return ['.tier', '.maker', '.specs', '.score', '.verdict', '.adjusted']
        .filter(name => this.querySelector(name).offsetHeight);
    }"""
    assert run(browser, boxes) == []


@every_size
@every_spec
def test_price_title_and_score_are_legible_at_200_pixels(
    browser: Browser, spec: CardSpec, size: Size
) -> None:
    show(browser, spec, size)
    heights = """function (width) {
      const scaled = name => parseFloat(getComputedStyle(this.querySelector(name)).fontSize) * 200 / width;
      return [scaled('.price'), scaled('.score b'), scaled('h1')];
    }"""
    price, score, title = run(browser, heights, PIXELS[size][0])
    assert min(price / 6.5, score / 9, title / 4.5) >= 1


@every_size
def test_a_long_title_is_cut_after_three_lines(browser: Browser, size: Size) -> None:
    show(browser, CROWDED, size)
    lines = """function () {
      const title = this.querySelector('h1');
      return Math.floor(title.clientHeight / parseFloat(getComputedStyle(title).lineHeight));
    }"""
    assert run(browser, lines) == 3


@pytest.mark.parametrize("names", [(), ("ram",), ("ram", "storage_primary")], ids=str)
@pytest.mark.parametrize("price", [Decimal(130), Decimal(1300), None], ids=str)
@every_size
def test_the_longest_verdict_is_shown_whole(
    browser: Browser, size: Size, price: Decimal | None, names: tuple[str, ...]
) -> None:
    """By its family, with a graphics card left out, far above the price or without one, parts supposed."""
    whole = Performance(
        cpu=Cpu(name="Core i5 8th Gen", cpu_mark_multi=99_000),
        gpu=Gpu(name="GeForce MX150", manufacturer="NVIDIA"),
        ram=Ram(total_gb=16),
        storage_primary=Storage(capacity_gb=512, medium=StorageMedium.nvme),
    )
    machine = whole.model_copy(update=dict.fromkeys(names))
    verdict = scoring.appraise(machine, Condition.used, price, estimated=True).verdict
    show(browser, cardspec.of(replace(SOURCE, price_usd=price, verdict=verdict)), size)
    cut = """function () {
      const verdict = this.querySelector('.verdict');
      return [verdict.textContent, verdict.scrollHeight > verdict.clientHeight];
    }"""
    assert run(browser, cut) == [verdict, False]
    assert "by CPU family, GPU left out" in verdict
    assert ("Half of such offers ask $1," if not names else "Supposed: 8 GB RAM") in verdict


BROKEN = """function () {
  return [...this.querySelectorAll('.specs b')]
    .filter(place => place.clientHeight > 1.5 * parseFloat(getComputedStyle(place).lineHeight)).length;
}"""


@pytest.mark.parametrize("title", ["Beelink SER5", "迷你主机", SOURCE.title])
@every_size
def test_hardware_takes_one_line_each_when_the_price_can_make_room(
    browser: Browser, title: str, size: Size
) -> None:
    show(browser, cardspec.of(replace(SOURCE, title=title)), size)
    assert run(browser, BROKEN) == 0


def test_a_name_too_long_for_that_takes_two(browser: Browser) -> None:
    show(browser, CROWDED)
    assert run(browser, BROKEN) == 1


@every_size
def test_all_four_of_a_collections_best_are_there(browser: Browser, size: Size) -> None:
    show(browser, cards.COLLECTION, size)
    shown = """function () {
      return [...this.querySelectorAll('.specs li')].filter(line => line.offsetHeight).length;
    }"""
    assert run(browser, shown) == 4


def test_arabic_runs_from_right_to_left(browser: Browser) -> None:
    show(browser, cardspec.of(replace(SOURCE, title="حاسوب مكتبي صغير")))
    right = """function () {
      const range = this.createRange(), title = this.querySelector('h1');
      range.selectNodeContents(title);
      return title.getBoundingClientRect().right - range.getBoundingClientRect().right;
    }"""
    assert run(browser, right) < 1


@every_size
def test_what_runs_from_right_to_left_still_stands_beside_its_score(browser: Browser, size: Size) -> None:
    line = cardspec.SpecLine(label="91", value="حاسوب مكتبي صغير")
    show(browser, cards.COLLECTION.model_copy(update={"specs": (line,)}), size)
    left = """function () {
      const range = this.createRange(), value = this.querySelector('.specs b');
      range.selectNodeContents(value);
      return range.getBoundingClientRect().left - value.getBoundingClientRect().left;
    }"""
    assert run(browser, left) < 1


# ---------------------------------------------------------------------------- letters and colours


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
    show(browser, cardspec.of(replace(SOURCE, title=text)))
    until = soon()
    ask = page(browser).ask
    ask(until, "DOM.enable")
    ask(until, "CSS.enable")
    root = ask(until, "DOM.getDocument")["root"]["nodeId"]
    title = ask(until, "DOM.querySelector", nodeId=root, selector="h1")["nodeId"]
    fonts = ask(until, "CSS.getPlatformFontsForNode", nodeId=title)["fonts"]
    assert {font["familyName"] for font in fonts} == {family}


WEAKEST = """function () {
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


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize(
    ("tier", "score"), [("great", 90), ("good", 60), ("fair", 20), ("premium", 90), (None, 60)]
)
def test_every_text_keeps_a_contrast_of_four_and_a_half(
    browser: Browser, style: Style, tier: str | None, score: float
) -> None:
    """Contrast as WCAG 2.2 defines it, between each text and the nearest ground behind it."""
    show(browser, cardspec.of(replace(SOURCE, tier=tier, score=score)), style=style)
    assert run(browser, WEAKEST) >= 4.5


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("name", ["bare", "a collection"])
def test_every_text_of_other_cards_does_too(browser: Browser, style: Style, name: str) -> None:
    show(browser, SPECS[name], style=style)
    assert run(browser, WEAKEST) >= 4.5


def test_a_weak_contrast_would_be_seen(browser: Browser) -> None:
    show(browser, SPEC)
    run(browser, "function () { this.querySelector('.verdict').style.color = '#888'; }")
    weakest = run(browser, WEAKEST)
    run(browser, "function () { this.querySelector('.verdict').style.color = ''; }")
    assert weakest < 4.5

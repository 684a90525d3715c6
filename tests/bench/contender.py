"""Ways of drawing our card with a browser, as a process: ``python -m tests.bench.contender WAY``.

A line of JSON in (``{card, style, size, kind}``) gives a line of JSON out (``{milliseconds, picture}``, the
picture in base64), so that every way is timed, weighed and started in the same manner.

``ours``: the product's own browser. ``page``: Playwright with one page that is kept, its elements updated,
and ``screenshot``. ``sleep``: Playwright with a new page for each card, network idle, half a second of sleep.
"""

import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dealbrain.cardspec import PIXELS, CardSpec, Format, Size, Style
from functions.drawing.browser import FLAGS, HERE, JPEG_QUALITY, Browser, find_chromium, own_fonts

type Draw = Callable[[CardSpec, Style, Size, Format], bytes]

SLEEP_SECONDS = 0.5
# How pictures come out the same; what only our own way of talking needs is left out.
SAME = [flag for flag in FLAGS if flag.startswith(("--hide", "--font", "--disable-lcd", "--force-color"))]


@contextmanager
def ours() -> Iterator[Draw]:
    """The product's browser."""
    with closing(Browser()) as browser:
        yield browser.draw


@contextmanager
def page() -> Iterator[Draw]:
    """One page, kept."""
    with _chromium() as browser:
        kept = _prepared(browser.new_page(bypass_csp=True))
        yield lambda spec, style, size, kind: _shot(kept, spec, style, size, kind)


@contextmanager
def sleep() -> Iterator[Draw]:
    """A page for each card."""
    with _chromium() as browser:

        def draw(spec: CardSpec, style: Style, size: Size, kind: Format) -> bytes:
            with closing(browser.new_page(bypass_csp=True)) as fresh:
                _prepared(fresh).wait_for_load_state("networkidle")
                time.sleep(SLEEP_SECONDS)
                return _shot(fresh, spec, style, size, kind)

        yield draw


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - our own way starts without it

    with TemporaryDirectory() as home, sync_playwright() as driver:
        environment: dict[str, str | float | bool] = {
            "HOME": home,
            "FONTCONFIG_FILE": str(own_fonts(Path(home))),
        }
        browser = driver.chromium.launch(executable_path=find_chromium(), args=SAME, env=environment)
        try:
            yield browser
        finally:
            browser.close()


def _prepared(fresh: Any) -> Any:
    fresh.set_content((HERE / "card.html").read_text(encoding="utf-8"))
    fresh.add_script_tag(content=(HERE / "card.js").read_text(encoding="utf-8"))
    return fresh


def _shot(shown: Any, spec: CardSpec, style: Style, size: Size, kind: Format) -> bytes:
    width, height = PIXELS[size]
    shown.set_viewport_size({"width": width, "height": height})
    card = [spec.model_dump(mode="json"), f"{style} {size}", width, height]
    shown.evaluate("card => showCard(...card)", card)
    quality = {"quality": JPEG_QUALITY} if kind is Format.jpeg else {}
    picture: bytes = shown.screenshot(type=kind.value, **quality)
    return picture


def main(way: str) -> None:
    """Draw what is asked, line by line."""
    with {"ours": ours, "page": page, "sleep": sleep}[way]() as draw:
        for line in sys.stdin:
            asked = json.loads(line)
            spec = CardSpec.model_validate(asked["card"])
            began = time.perf_counter()
            picture = draw(spec, Style(asked["style"]), Size(asked["size"]), Format(asked["kind"]))
            milliseconds = 1000 * (time.perf_counter() - began)
            answer = {"milliseconds": milliseconds, "picture": base64.b64encode(picture).decode()}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

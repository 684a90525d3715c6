"""Draw the pictures shown in place of a card that was not drawn; run it after changing the template."""

from contextlib import closing
from io import BytesIO
from itertools import product
from pathlib import Path

from PIL import Image

from dealbrain.cardspec import CardSpec, Format, Size, Style, placeholder_name
from functions.drawing.browser import Browser

FOLDER = Path(__file__).parents[2] / "functions/carding/placeholders"
COLOURS = 64

SPEC = CardSpec(
    title="This card is being drawn",
    maker="",
    price="One moment, please",
    price_class="unknown",
    adjusted="",
    tier="",
    tier_class="",
    score="",
    score_class="",
    specs=(),
    verdict="Try again in a few seconds.",
    as_of="",
    link="",
)


def main() -> None:
    """Write all twelve."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with closing(Browser()) as browser:
        for style, size, kind in product(Style, Size, Format):
            drawn = browser.draw(SPEC, style, size, Format.png)
            (FOLDER / placeholder_name(style, size, kind)).write_bytes(_small(drawn, kind))


def _small(png: bytes, kind: Format) -> bytes:
    # They travel with every gate's code: a palette suffices for a few flat colours and grey edges.
    picture = Image.open(BytesIO(png)).convert("RGB")
    out = BytesIO()
    if kind is Format.png:
        picture.quantize(COLOURS).save(out, "PNG", optimize=True)
    else:
        picture.save(out, "JPEG", quality=22, progressive=True)
    return out.getvalue()


if __name__ == "__main__":
    main()

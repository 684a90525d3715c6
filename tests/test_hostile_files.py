"""Thousands of damaged files of every kind: each is read or refused; what is read reads the same again."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from dealbrain import forms, intake, reading, spreadsheets
from dealbrain.document import ArtifactType
from dealbrain.errors import Refusal
from dealbrain.facts import Media
from dealbrain.forms import Sent
from dealbrain.intake import Taken
from tests.makers import Api, made

SAMPLES = Path(__file__).parent / "golden" / "samples"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

TABLE = b"""title;url;Price;Condition;RAM;SSD;CPU;notes;date;score
"Dell ""7490"" new";https://shop.example/1;$1,299.99;Like New;16 GB;1 TB;i5-8350U;"two
lines";2026-01-02;61.5
'=HP;https://shop.example/2;199;refurb;8;256;AMD Ryzen 5 5600G;;;
"""
BOOKMARKS = b"""<!DOCTYPE NETSCAPE-Bookmark-file-1><!-- x --><TITLE>T</TITLE><H1>Mine &amp; yours</H1><DL><p>
<DT><A HREF="https://shop.example/1?a=1&amp;b=2" ADD_DATE="1700000000">Dell &#55357; &lt;7490&gt;</A><DD>note
<DT><A HREF='https://shop.example/2' ICON="data:x">HP</A></DL>
"""
LINKS = b"Dell 7490: https://shop.example/1\n* [HP](https://shop.example/2)\nhttps://shop.example/a%20b/\n"
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n'
    b"Content-Type: %s\r\n\r\n%s\r\n--b--\r\n"
)

NASTY = (
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc0\xaf", b"\r", b"\n", b"\t", b" " * 300),
    *(b'"', b"'", b"<", b">", b"<!--", b"-->", b"<a ", b"href=", b"&#", b"&#x110000;", b"&#xD800;"),
    *(b"=", b";", b","),
    *(
        b"[",
        b"{",
        b"}",
        b"]" * 40,
        b"[" * 40,
        b'{"a":' * 40,
        b"\\",
        b"\\ud800",
        b"\\u0000",
    ),
    *(b"null", b"true", b"NaN"),
    *(
        b"1e999",
        b"-0.0",
        b"9" * 60,
        b"1e-400",
        b"0.005",
        b"-1",
        b"99999999999999999999",
    ),
    *(b"2026-02-30", b"24:00:00Z"),
    *(
        b"--b",
        b"--b--",
        b"\r\n--b\r\n",
        b"Content-Type: x",
        b"javascript:alert(1)",
        b"https://",
        b"https://[::1",
    ),
    *("\u202e".encode(), "🔥".encode() * 200, "\u0301".encode() * 50, b"x" * 12_000, b"USD", "€".encode()),
)


def bases() -> list[Sent]:
    files = [Sent(path.read_bytes(), Media.json) for path in sorted(SAMPLES.glob("*.json"))]
    others = [Sent(TABLE, Media.csv), Sent(BOOKMARKS, Media.html), Sent(LINKS, Media.text)]
    sent = files + others * len(files)
    form = "multipart/form-data; boundary=b"
    packed = [Sent(FORM % (one.media_type.encode(), one.content), form) for one in others]
    return sent + packed * 2


def damaged(seed: int, base: bytes) -> bytes:
    """The same with some of its bytes gone, doubled, moved or replaced by what hurts."""
    chance = random.Random(seed)  # noqa: S311 - the same damage each time is the point
    raw = bytearray(base)
    for _ in range(chance.randint(1, 6)):
        at, to = sorted(chance.randrange(len(raw) + 1) for _ in range(2))
        to = min(to, at + chance.choice((1, 8, 200)))
        piece = bytes(raw[at:to])
        nasty = chance.choice(NASTY)
        raw[at:to] = chance.choice((b"", piece * 2, piece[::-1], nasty, piece + nasty))
    return bytes(raw)


def read(body: bytes, content_type: str) -> Taken:
    columns = spreadsheets.mapping(None)
    return intake.read(ArtifactType.collection, forms.file_in(body, content_type), columns, NOW)


def cases(most: int) -> Iterator[tuple[Sent, bytes]]:
    every = bases()
    for seed in range(most):
        base = every[seed % len(every)]
        yield base, damaged(seed, base.content)


def test_whatever_is_sent_is_read_or_refused(count: Callable[[int, int], int]) -> None:
    ends: Counter[tuple[str, str]] = Counter()
    for base, body in cases(count(2_000, 50_000)):
        try:
            taken = read(body, base.media_type)
        except Refusal as refusal:
            ends[base.media_type, refusal.code] += 1
            continue
        ends[base.media_type, "read"] += 1
        assert reading.read(taken.raw, now=NOW) == taken.artifact
    kinds = {base.media_type for base in bases()}
    # Otherwise the damage would be too small, or so large that nothing is looked at.
    assert {kind for kind, end in ends if end == "read"} == kinds
    assert {kind for kind, end in ends if end != "read"} == kinds


def test_over_the_wire_none_is_a_fault_of_ours(api: Api, count: Callable[[int, int], int]) -> None:
    alice = api.person("alice")
    wrong: list[tuple[int, bytes]] = []
    for base, body in cases(count(150, 5_000)):
        answer = alice.post("/collections/import", content=body, headers={"Content-Type": base.media_type})
        if answer.status_code not in {201, 400, 413, 415, 422}:
            wrong.append((answer.status_code, body))
    assert wrong == []
    made(alice.post("/collections/import", content=LINKS, headers={"Content-Type": Media.text}))

"""Thousands of damaged files of every kind: each is read or refused; what is read reads the same again."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dealbrain import facts, forms, intake, reading, spreadsheets
from dealbrain.document import ArtifactType
from dealbrain.errors import Refusal
from dealbrain.facts import Media
from dealbrain.forms import Sent
from dealbrain.intake import Taken
from infra.local.run import ROOT
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


# ------------------------------------------------------------------------------------ made to cost a lot

# A kind of file, how it begins, what it goes on with as far as it may, and how it ends; as Python spells it.
HOSTILE = {
    "empty lists": ("json", b"[", b"[],", b"1]"),
    "numbers": ("json", b"[", b"1,", b"1]"),
    "open brackets": ("json", b"", b"[", b""),
    "quotes in a text": ("json", b'["', b'\\"', b'"]'),
    "backslashes": ("json", b'["', b"\\\\", b'"]'),
    "spaces": ("json", b"[1,2", b" ", b"]"),
    "a long text with one wide letter": ("json", '["\U0001f525'.encode(), b"x", b'"]'),
    "texts with one wide letter": ("json", '["\U0001f525"'.encode(), b',"' + b"x" * 99_000 + b'"', b"]"),
    "unknown keys": ("json", b'{"data":{', None, b'"x":1}}'),
    "empty lines": ("csv", b"title\n", b"\n", b""),
    "commas": ("csv", b"title\n", b",", b""),
    "a quote left open": ("csv", b'title\n"', b"x\n", b""),
    "wide rows": ("csv", b"title" + b",c" * 199 + b"\n", b"x," * 199 + b"x\n", b""),
    "tags left open": ("html", b"", b"<a ", b""),
    "comments left open": ("html", b"", b"<!--", b""),
    "attributes": ("html", b"<a ", b"b='", b">"),
    "letters by numbers": ("html", b"<a href='x'>", b"&#9", b""),
    "links on end": ("text", b"", b"https://", b"\n"),
    "lines of words": ("text", b"", b"https://a.example/ " + b"w " * 20_000 + b"\n", b""),
}
# Runs alone, so that what it takes of memory is its own; more than it may take, it does not get.
ALONE = """
import re, resource, sys, time
from datetime import UTC, datetime
from dealbrain import document, forms, intake
from dealbrain.document import ArtifactType
from dealbrain.errors import Refusal
from dealbrain.facts import Media

def memory(what):
    return int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1])

kind, begin, unit, end = eval(sys.argv[1])
size, most = int(sys.argv[2]), int(sys.argv[3])
unit = unit or b"".join(b'"%d":1,' % number for number in range(99_000))
count = 1 if len(unit) > 500_000 else (size - len(begin) - len(end)) // len(unit)
body = begin + unit * count + end
# The models are there in a function that has read anything before.
document.CollectionDocument.model_rebuild()
document.DealDocument.model_rebuild()
resource.setrlimit(resource.RLIMIT_DATA, ((memory("VmData") + most) * 1024,) * 2)
# What the process before this one took is remembered otherwise.
open("/proc/self/clear_refs", "w").write("5")
before, started, used = memory("VmHWM"), time.perf_counter(), time.process_time()
try:
    intake.read(ArtifactType.collection, forms.Sent(body, Media[kind]), None, datetime.now(UTC))
    said = "read"
except Refusal as refusal:
    said = refusal.detail
took, used, more = time.perf_counter() - started, time.process_time() - used, memory("VmHWM") - before
print(f"{len(body) / 1e6:5.1f} MB {took:6.2f} s ({used:5.2f} s) {more / 1e3:6.0f} MB more   {said[:60]}")
"""
KIBIBYTES_MORE = 150_000


def read_alone(name: str, size: int, most: int = KIBIBYTES_MORE) -> str:
    """Read a hostile file of this size in a process that gets only so much more memory; what that cost.

    Raises:
        AssertionError: it wanted more.
    """
    path = {"PYTHONPATH": f"{ROOT}:{ROOT}/shared"}
    command = [sys.executable, "-c", ALONE, repr(HOSTILE[name]), str(size), str(most)]
    done = subprocess.run(command, env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    return f"{name:34} {done.stdout.strip()}"


def test_files_made_to_cost_a_lot_are_answered_within_150_megabytes(count: Callable[[int, int], int]) -> None:
    size = count(facts.IMPORT_BYTES, facts.UPLOAD_BYTES)
    for name in [*HOSTILE][:: count(6, 1)]:
        assert "MB more" in read_alone(name, size)


def test_a_file_that_wants_more_memory_would_be_seen() -> None:
    with pytest.raises(AssertionError, match="MemoryError"):
        read_alone("unknown keys", facts.IMPORT_BYTES, most=1_000)

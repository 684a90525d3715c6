"""How long files take on their way out and in, and what hostile ones cost; nothing here claims a number."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from dealbrain import facts
from infra.local.run import ROOT
from tests.bench.conftest import milliseconds
from tests.makers import LATITUDE, Api, fill

pytestmark = pytest.mark.bench

type Report = Callable[[str, list[float]], None]

MOST = facts.UPLOAD_BYTES
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
# Runs alone, so that what it takes of memory is its own.
READ = """
import re, sys, time
from datetime import UTC, datetime
from dealbrain import forms, intake
from dealbrain.document import ArtifactType
from dealbrain.errors import Refusal
from dealbrain.facts import Media

def peak():
    # What the process before this one took is remembered otherwise.
    found = open("/proc/self/status").read()
    open("/proc/self/clear_refs", "w").write("5")
    return int(re.search(r"VmHWM:\\s+(\\d+)", found)[1])

kind, begin, unit, end = eval(sys.argv[1])
most = int(sys.argv[2])
unit = unit or b"".join(b'"%d":1,' % number for number in range(99_000))
count = 1 if len(unit) > 500_000 else (most - len(begin) - len(end)) // len(unit)
body = begin + unit * count + end
before, started = peak(), time.perf_counter()
try:
    sent = forms.Sent(body, Media[kind])
    intake.read(ArtifactType.collection, sent, None, datetime.now(UTC))
    said = "read"
except Refusal as refusal:
    said = refusal.detail
took, after = time.perf_counter() - started, peak()
print(f"{len(body) / 1e6:5.1f} MB {took:6.2f} s {(after - before) / 1e3:6.0f} MB more   {said[:60]}")
"""


def test_files_out(api: Api, report: Report) -> None:
    alice = api.person("alice")
    collection = alice.collection()
    fill(collection, alice.listing(**LATITUDE), facts.COLLECTION_ITEMS)
    for kind in ("json", "csv", "html"):
        path = f"/collections/{collection['id']}/export?format={kind}"
        report(f"500 items as {kind}", milliseconds(10, lambda path=path: alice.get(path)))  # type: ignore[misc]


def test_files_in(api: Api, report: Report) -> None:
    alice = api.person("alice")
    table = "title,price,cpu\n" + "".join(f"machine number {n},{n},i5-{n}\n" for n in range(8_000, 8_500))
    kind = {"Content-Type": "text/csv"}
    path = "/collections/import"
    report(
        "a table of 500 rows",
        milliseconds(5, lambda: alice.post(path, content=table.encode(), headers=kind)),
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_hostile_file_costs(name: str) -> None:
    path = {"PYTHONPATH": f"{ROOT}:{ROOT}/shared"}
    command = [sys.executable, "-c", READ, repr(HOSTILE[name]), str(MOST)]
    done = subprocess.run(command, env=path, capture_output=True, text=True, check=True)
    print(f"{name:34} {done.stdout.strip()}")

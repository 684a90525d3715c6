"""The renderer's image, run by its own entrypoint where nothing can be written and nobody is known."""

import base64
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
import pytest

from dealbrain import cardspec
from dealbrain.cardspec import Card, CardSpec, Format, Size, Style, Variant
from infra import staging
from infra.local import sandbox
from infra.local.deployed import FunctionFailedError, invoke
from infra.local.lambdas import Function, lambdas
from infra.local.processes import tied
from infra.local.run import RENDERER, System, aws_environment
from infra.local.sandbox import GROUP, TMP_MB, USER, Image
from infra.local.stores import s3
from tests.cards import CROWDED, SPEC

WHY_NOT = sandbox.why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=f"no sandbox: {WHY_NOT}")

LISTING = 7
DRAWN: tuple[tuple[CardSpec, Style, Size, Format], ...] = (
    (SPEC, Style.light, Size.social, Format.png),
    (SPEC, Style.dark, Size.social, Format.png),
    (SPEC, Style.light, Size.instagram, Format.jpeg),
    (CROWDED, Style.dark, Size.story, Format.png),
    (CROWDED, Style.light, Size.social, Format.jpeg),
)
PROBE = """
import glob, os, shutil

def handler(event, context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    places = [place for depth in range(4) for place in glob.glob("/*" * depth) or "/"]
    return {
        "status": {name: value.split() for name, value in status.items()},
        "places": len(places),
        "writable": [
            place
            for place in places
            if os.path.isdir(place) and not place.startswith("/proc/") and os.access(place, os.W_OK)
        ],
        "changeable": [
            place for place in glob.glob("/*") if not os.statvfs(place).f_flag & os.ST_RDONLY
        ],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "tmp_mb": shutil.disk_usage("/tmp").total // 2**20,
    }
"""


@dataclass(frozen=True)
class Deployed:
    """The image behind the Invoke API, and a function beside it that tells what it sees."""

    url: str
    told: Mapping[str, str]
    """The environment it is given."""


@pytest.fixture(scope="module")
def deployed(running: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    built = tmp_path_factory.mktemp("image")
    code, packages = built / "code", built / "packages"
    code.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "BUILD", built)
        context = staging.image()
    image = sandbox.build(context, context / "functions/drawing/Dockerfile", code)
    sandbox.install(context / "layers/renderer.txt", packages)
    (code / "probe.py").write_text(PROBE)
    chromium = str(sandbox.own_chromium() or "")
    settings = running.settings.without_database().model_copy(update={"chromium": chromium})
    told = {**image.environment, **settings.environment(), **aws_environment(running.stores_url)}
    make = partial(Function, concurrency=1, environment=told, runtime=command(image, built))
    with lambdas(built, make(RENDERER, image.command[0]), make("probe", "probe.handler")) as url:
        yield Deployed(url, told)


def command(image: Image, built: Path) -> list[str]:
    mount_point = built / "root"
    mount_point.mkdir()
    return sandbox.command(image, built / "code", built / "packages", mount_point)


@pytest.fixture(scope="module")
def seen(deployed: Deployed) -> Any:
    """What the sandbox looks like from inside."""
    return invoke(deployed.url, "probe", {})


@pytest.fixture(scope="module")
def orders(running: System) -> list[dict[str, str]]:
    """What the gate would send for these cards, with their specs in place."""
    found = []
    for spec, style, size, kind in DRAWN:
        card = Card(cardspec.listing_place(LISTING), Variant(style, size, kind, cardspec.digest(spec)))
        s3(running.stores_url).put_object(
            Bucket=running.settings.generated_bucket,
            Key=card.spec_key,
            Body=cardspec.to_bytes(spec),
        )
        found.append({"card": card.name})
    return found


def drawn(url: str, orders: list[dict[str, str]]) -> list[bytes]:
    return [base64.b64decode(invoke(url, RENDERER, order)["picture"]) for order in orders]


def sandboxed_processes(name: str) -> list[psutil.Process]:
    """Our own processes that run under the sandbox's user and are called so."""
    found = []
    for one in psutil.Process().children(recursive=True):
        # Processes of others come and go.
        with suppress(psutil.NoSuchProcess):
            found += [one] if one.uids().real == USER and name in " ".join(one.cmdline()) else []
    return found


def test_five_cards_are_the_bytes_the_local_renderer_draws(
    deployed: Deployed, running: System, orders: list[dict[str, str]]
) -> None:
    pictures = drawn(deployed.url, orders)
    assert len(set(pictures)) == len(DRAWN)
    assert pictures == drawn(running.lambdas_url, orders)


def test_one_environment_draws_one_card_after_another_with_one_chromium(
    deployed: Deployed, orders: list[dict[str, str]]
) -> None:
    drawn(deployed.url, orders[:1])
    before = sandboxed_processes("remote-debugging-pipe") + sandboxed_processes("awslambdaric")
    drawn(deployed.url, orders[1:])
    assert sandboxed_processes("remote-debugging-pipe") + sandboxed_processes("awslambdaric") == before != []


def test_a_chromium_that_died_is_replaced(deployed: Deployed, orders: list[dict[str, str]]) -> None:
    first = drawn(deployed.url, orders[:1])
    for process in sandboxed_processes("remote-debugging-pipe"):
        process.kill()
    assert drawn(deployed.url, orders[:1]) == first


def test_a_chromium_that_hangs_costs_one_card(
    deployed: Deployed, orders: list[dict[str, str]], pytestconfig: pytest.Config
) -> None:
    if not pytestconfig.getoption("--full"):
        pytest.skip("waits for the whole deadline of a card; make test-full does")
    first = drawn(deployed.url, orders[:1])
    for process in sandboxed_processes("remote-debugging-pipe"):
        process.suspend()
    with pytest.raises(FunctionFailedError, match="RendererDown"):
        drawn(deployed.url, orders[:1])
    assert drawn(deployed.url, orders[:1]) == first


# --------------------------------------------------------------------------------------- the sandbox


def test_all_file_systems_but_tmp_are_read_only_whoever_writes(seen: Any) -> None:
    assert set(seen["changeable"]) == {"/tmp", "/proc"}  # noqa: S108 - that is the question


def test_nothing_but_tmp_can_be_written_to(seen: Any) -> None:
    assert seen["places"] > 500
    assert seen["writable"] == ["/tmp"]  # noqa: S108 - that is the question


def test_tmp_is_as_small_as_lambdas(seen: Any) -> None:
    assert seen["tmp_mb"] == TMP_MB


def test_the_user_has_no_rights_and_can_gain_none(seen: Any) -> None:
    wanted = ("Uid", "Gid", "Groups", "CapEff", "CapBnd", "NoNewPrivs")
    assert {name: set(seen["status"][name]) for name in wanted} == {
        "Uid": {str(USER)},
        "Gid": {str(GROUP)},
        "Groups": set(),
        "CapEff": {"0" * 16},
        "CapBnd": {"0" * 16},
        "NoNewPrivs": {"1"},
    }


def test_it_starts_in_the_folder_of_the_code(seen: Any) -> None:
    assert seen["folder"] == "/var/task"


def test_it_is_told_its_settings_and_what_lambda_and_the_dockerfile_say(
    deployed: Deployed, seen: Any
) -> None:
    environment = seen["environment"]
    assert deployed.told.items() <= environment.items()
    more = {name for name in environment.keys() - deployed.told if not name.startswith("AWS_")}
    # Python itself adds the locale where none is set.
    assert more == {"TZ", "LC_CTYPE"}


PARENT = """
import subprocess, sys
print(subprocess.Popen(sys.argv[1:]).pid, flush=True)
sys.stdin.read()
"""


def test_it_ends_with_a_killed_parent(tmp_path: Path) -> None:
    for folder in ("code", "packages"):
        (tmp_path / folder).mkdir()
    program = ("sh", "-c", "echo ready; exec sleep 60")
    asleep = command(Image(PurePosixPath("/var/task"), program, (), {}), tmp_path)
    parent = [sys.executable, "-c", PARENT, *tied(asleep)]
    with subprocess.Popen(parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        # The kernel forgets whose end it was to tell when a process changes its user, which it did by now.
        assert process.stdout.readline() == "ready\n"
        process.kill()
        child.wait(60)

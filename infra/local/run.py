"""The whole system on one machine: ``system()`` for tests and demo, run as a program for people."""

import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dealbrain.db import engine
from dealbrain.facts import ISSUER_KEYS, WARM
from dealbrain.migrations import upgrade
from dealbrain.settings import Settings, settings
from functions.carding import warm
from functions.sweeping import expired, forgotten, leftovers
from infra.local import seed
from infra.local.chromium import ensure_chromium
from infra.local.deployed import functions, invoke, name, remote
from infra.local.gateway import Context, Gateway, sign_in
from infra.local.hosted import sign_in_pages
from infra.local.issuer import Issuer
from infra.local.lambdas import Function, lambdas
from infra.local.notifications import notifications
from infra.local.postgres import postgres, sqlalchemy_url
from infra.local.processes import LOOPBACK, SetupError, address, listen, serve
from infra.local.stores import REGION, filled, s3, server
from infra.routes import routes

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".data"
PORT = 8000
POOL = 16
SWEEP_SECONDS = 3600.0
LOG = logging.getLogger(__name__)
RENDERER = "renderer"
RENDERER_HANDLER = "functions.drawing.handler.handler"


@dataclass(frozen=True)
class System:
    """A running system."""

    url: str
    """Scheme, host and port of the gateway."""
    settings: Settings
    issuer: Issuer
    stores_url: str
    """Where S3 and DynamoDB answer."""
    lambdas_url: str
    """Where Lambda's Invoke API answers."""


@contextmanager
def system(
    folder: Path,
    *,
    port: int = 0,
    database_url: str | None = None,
    durable: bool = True,
    isolated: bool = False,
    warming: bool = True,
) -> Iterator[System]:
    """Start every part on a data folder, migrate, publish the issuer's keys, serve; stop all on leaving.

    The environment is set for the functions that run in this process, and put back afterwards. Call it
    from the main thread: the parts end with the thread that started them.

    Args:
        folder: where everything is kept; made when absent, one system at a time.
        port: of the gateway on loopback; 0 takes any.
        database_url: another Postgres than our own.
        durable: false when nobody starts on this folder again, as in tests: no disk flushes, and what the
            stores hold is not kept.
        isolated: whether every function runs in processes of its own, as on AWS, instead of in this one.
        warming: whether what is shared has its card drawn ahead; without it a download of a card that
            nobody has looked at is a placeholder.

    Raises:
        SetupError: a part is missing or does not start; the sentence names the remedy.
    """
    with ExitStack() as parts:
        parts.enter_context(only_one(folder))
        listener = parts.enter_context(listen(port))
        # The stores take longest to get up, so the rest is done in the meantime.
        stores_url = parts.enter_context(server(folder))
        database = database_url or parts.enter_context(postgres(folder, durable=durable))
        upgrade(database)
        endpoints = routes()
        configured = local_settings(address(listener), database)
        parts.enter_context(filled(stores_url, folder, configured, durable=durable))
        environment = {**configured.environment(), **aws_environment(stores_url)}
        parts.enter_context(_environment(environment))
        deployed = functions(configured, aws_environment(stores_url)) if isolated else ()
        lambdas_url = parts.enter_context(lambdas(folder, renderer(environment), *deployed))
        parts.enter_context(_environment({"AWS_ENDPOINT_URL_LAMBDA": lambdas_url}))
        issuer = Issuer(folder, configured)
        _publish_keys(issuer, configured, stores_url)
        parts.callback(_forget_connections)
        if isolated:
            endpoints = [remote(one, lambdas_url) for one in endpoints]
        parts.enter_context(serve(Gateway([sign_in(issuer), *sign_in_pages(issuer), *endpoints]), listener))
        running = System(address(listener), configured, issuer, stores_url, lambdas_url)
        if warming:
            parts.enter_context(warm_ups(running, isolated=isolated))
        yield running


def warm_ups(running: System, *, isolated: bool = False) -> AbstractContextManager[None]:
    """Call the function that S3 would for what is put under warm/."""

    def notify(event: dict[str, Any]) -> None:
        if isolated:
            invoke(running.lambdas_url, name(warm.__name__), event)
        else:
            warm.handler(event, Context(warm.__name__))

    return notifications(running.stores_url, running.settings.generated_bucket, WARM, notify)


def renderer(environment: Mapping[str, str]) -> Function:
    """The function that draws, run from the checkout with the Chromium of this machine."""
    # Where a Chromium may be is a question of the path and of the person's home.
    here = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    here["PYTHONPATH"] = f"{ROOT}:{ROOT / 'shared'}"
    return Function(RENDERER, RENDERER_HANDLER, environment={**here, **environment})


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder for us alone; the kernel lets go of it however we end.

    Raises:
        SetupError: another system holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(
                f"Another system runs on {folder}; stop it first (Ctrl-C where it runs)."
            ) from None
        yield


def local_settings(origin: str, database: str = "") -> Settings:
    """What this machine's system is called; ``database`` is the SQLAlchemy address."""
    return Settings(
        public_origin=origin,
        generated_bucket="dealbrain-generated",
        private_bucket="dealbrain-private",
        static_bucket="dealbrain-static",
        pending_table="dealbrain-pending",
        renderer_function=RENDERER,
        token_issuer="http://localhost/issuer",  # noqa: S106 - a name, no password
        token_client_id="dealbrain-local",  # noqa: S106 - a name, no password
        sign_in_url=origin,
        database_url=database,
        database_pool=POOL,
        chromium=os.environ.get("CHROMIUM", ""),
    )


def aws_environment(stores_url: str) -> dict[str, str]:
    """What makes boto3 speak to the stand-ins and to nobody else."""
    return {
        "AWS_ENDPOINT_URL": stores_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        # What a person's own AWS account and proxy would change, were they heard.
        "AWS_SESSION_TOKEN": "",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{LOOPBACK},localhost",
    }


@contextmanager
def _environment(own: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(own)
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()


def _publish_keys(issuer: Issuer, configured: Settings, stores_url: str) -> None:
    s3(stores_url).put_object(
        Bucket=configured.private_bucket,
        Key=ISSUER_KEYS,
        Body=issuer.public_keys(),
        ContentType="application/json",
    )


def _forget_connections() -> None:
    engine().dispose()
    engine.cache_clear()


def main() -> None:
    """Run until Ctrl-C or SIGTERM."""
    # One line for each request would bury what is printed for the person.
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "WARNING")
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    # While parts are starting, both signals break off; from then on they let the parts stop in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stop = threading.Event()
    ensure_chromium()
    other = os.environ.get("DATABASE_URL")
    with system(DATA, port=_port(), database_url=sqlalchemy_url(other) if other else None) as running:
        _load_demo(running)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        _welcome(running)
        while not stop.wait(SWEEP_SECONDS):
            _sweep()
        print("Stopping …", flush=True)


def _port() -> int:
    text = os.environ.get("PORT") or str(PORT)
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise SetupError(f"PORT must be a number between 1 and 65535, not {text!r}.")
    return int(text)


def _sweep() -> None:
    for sweeping in (expired, forgotten, leftovers):
        try:
            sweeping.handler({"now": datetime.now(UTC).isoformat()}, Context(sweeping.__name__))
        except Exception:
            # As on AWS, where a sweep that fails is logged and the next one comes by the clock.
            LOG.exception("The sweep failed.")


def _load_demo(running: System) -> None:
    loaded = DATA / "demo-loaded"
    if not loaded.exists():
        print("Loading the demo data …", flush=True)
        seed.load(running.url)
        loaded.touch()


def _welcome(running: System) -> None:
    print(
        f"""
Deal Brain runs on {running.url} (Ctrl-C stops it; its data are in {DATA.name}/).

  Open            {running.url}/
  Sign in         {running.url}/sign-in
                  as {seed.CURATOR} or {seed.HUNTER}, who have collections already, or as anybody you name
  API             {running.url}/v1/docs
                  where a program signs in by
                  curl -X POST -H 'Content-Type: application/json' \\
                    -d '{{"username": "alice"}}' {running.url}/v1/dev/sign-in
""",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except SetupError as missing:
        sys.exit(str(missing))
    except KeyboardInterrupt:
        sys.exit(130)

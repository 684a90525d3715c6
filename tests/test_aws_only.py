"""What only AWS runs: making and signing in to the database, the issuer's keys, the ping, what deploys."""

import gc
import http.server
import json
import os
import re
import ssl
import threading
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import URLError

import boto3
import httpx
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pg8000.exceptions import InterfaceError
from PIL import Image
from sqlalchemy.exc import DBAPIError

from dealbrain import assets, db, deploying, facts, files, migrations
from dealbrain.errors import Malformed
from dealbrain.facts import ISSUER_KEYS, KEPT_IN, Bucket
from dealbrain.migrations import Login
from dealbrain.settings import PREFIX, settings
from dealbrain.tables import Table
from functions.accounts import copy_keys
from functions.carding.picture import PLACEHOLDERS
from functions.deploying import check, publish
from functions.migrating import bootstrap, upgrade
from functions.sweeping import ping
from infra.layer import AUTHORITIES
from infra.local import run, stores
from infra.local.lambdas import Function, lambdas
from infra.local.processes import wait_until
from infra.local.run import RENDERER, System, aws_environment
from tests.template import resolved, templates

KEY_SET = b'{"keys": [{"kid": "1", "kty": "RSA"}]}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, in one file: its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("authority") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


class Issuer(http.server.BaseHTTPRequestHandler):
    """Answers by the path asked for."""

    answers: ClassVar = {
        "/keys": KEY_SET,
        "/.well-known/jwks.json": KEY_SET,
        "/page": b"<html></html>",
        "/none": b'{"keys": []}',
        "/huge": KEY_SET[:-1] + b" " * copy_keys.SIZE_MOST + b"}",
    }

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answers[self.path])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _look_again_whom_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads the authorities once for a process."""
    monkeypatch.setattr(urllib.request, "_opener", None)


@contextmanager
def over_tls(authority: Path, answers: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def issuer(authority: Path) -> Iterator[str]:
    with over_tls(authority, Issuer) as address:
        yield address


type Tell = Callable[[str, str], None]


@pytest.fixture
def tell(running: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tell]:  # noqa: ARG001 - whose settings
    """Have functions read another value of a setting."""

    def other(name: str, value: str) -> None:
        monkeypatch.setenv(PREFIX + name.upper(), value)
        settings.cache_clear()

    yield other
    monkeypatch.undo()
    settings.cache_clear()


# Handlers that are none of ours, for functions whose answer is the question.
MADE_UP = """
import base64, os, pathlib

HERE = pathlib.Path(__file__).parent

def wakes(event, context):
    (HERE / "woken").touch()

def meets(event, context):
    # The kernel lets neither end of a pipe be opened without the other.
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    (HERE / "pipe").open("w" if name.endswith("docs") else "r").close()

def nothing(event, context):
    return {}

def missing(event, context):
    return {"missing": True}

def text(event, context):
    return {"picture": base64.b64encode(b"no picture").decode()}

def no_base64(event, context):
    return {"picture": "="}

def small(event, context):
    return {"picture": base64.b64encode((HERE / "small.png").read_bytes()).decode()}

def complains(event, context):
    raise RuntimeError(chr(0x1F4BB) * 5000)
"""


def made_up(folder: Path, name: str, handler: str) -> Function:
    (folder / "made_up.py").write_text(MADE_UP)
    environment = {"PYTHONPATH": str(folder)}
    return Function(name, f"made_up.{handler}", environment=environment, timeout=timedelta(seconds=30))


def deployed(running: System, name: str, module: str) -> Function:
    """A function of ours in a process of its own."""
    environment = {**running.settings.environment(), **aws_environment(running.stores_url)}
    return replace(run.renderer(environment), name=name, handler=f"{module}.handler")


# --------------------------------------------------------------------------------------- the key set


def test_a_key_set_is_fetched_from_an_issuer_the_authorities_vouch_for(
    issuer: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert copy_keys.fetched(f"{issuer}/keys") == KEY_SET


def test_an_issuer_nobody_vouches_for_is_not_believed(issuer: str) -> None:
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        copy_keys.fetched(f"{issuer}/keys")


@pytest.mark.parametrize("path", ["/page", "/none", "/huge"])
def test_whatever_is_no_key_set_is_not_kept(
    issuer: str, authority: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with pytest.raises((ValueError, Malformed)):
        copy_keys.fetched(f"{issuer}{path}")


@pytest.mark.parametrize("address", ["http://localhost/keys", "file:///etc/hostname", "ftp://localhost/keys"])
def test_keys_come_over_https_only(address: str) -> None:
    with pytest.raises(ValueError, match="HTTPS only"):
        copy_keys.fetched(address)


@pytest.fixture
def _own_keys_put_back(running: System) -> Iterator[None]:  # noqa: ARG001 - its stores
    """Others in this run verify tokens with them."""
    own = files.get(KEPT_IN[ISSUER_KEYS], ISSUER_KEYS)
    assert own is not None
    yield
    files.put(KEPT_IN[ISSUER_KEYS], ISSUER_KEYS, own, "application/json")


@pytest.mark.usefixtures("_own_keys_put_back")
def test_a_key_set_is_kept_where_functions_read_it(
    issuer: str, authority: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    tell("token_issuer", issuer)
    assert copy_keys.handler({}, None) == {"bytes": len(KEY_SET)}
    assert files.get(KEPT_IN[ISSUER_KEYS], ISSUER_KEYS) == KEY_SET


# -------------------------------------------------------------------------------------- the database


# pg8000 leaves the socket of a connection that came to nothing to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_database_that_does_not_encrypt_is_not_spoken_to(running: System, authority: Path) -> None:
    url = sa.make_url(running.settings.database_url).set(password="any").render_as_string(hide_password=False)
    plain = db.make_engine(url, pool=1)
    with plain.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    plain.dispose()
    engine = db.make_engine(url, pool=1, ca=str(authority))
    with pytest.raises(sa.exc.InterfaceError) as refused, engine.connect():
        pass
    assert isinstance(refused.value.orig, InterfaceError)
    del refused
    gc.collect()


def test_without_the_authorities_there_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        db.make_engine("postgresql+pg8000://app@host/dealbrain", pool=1, ca=str(tmp_path / "absent.pem"))


@pytest.mark.usefixtures("running")
def test_every_authority_in_the_layer_is_one_of_rds_and_vouches_for_itself_for_years() -> None:
    authorities = x509.load_pem_x509_certificates(AUTHORITIES.read_bytes())
    for one in authorities:
        one.verify_directly_issued_by(one)
        (name,) = one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert re.fullmatch(
            r"Amazon RDS [a-z]+-[a-z]+-\d Root CA (?:RSA2048|RSA4096|ECC384) G1", str(name.value)
        )
        assert one.not_valid_after_utc.year > 2050, name.value
    assert authorities


def test_every_connection_is_given_a_password_signed_for_a_quarter_of_an_hour(authority: Path) -> None:
    engine = db.make_engine("postgresql+pg8000://app@localhost:1/dealbrain", pool=1, ca=str(authority))
    seen: list[str] = []

    @sa.event.listens_for(engine, "do_connect")
    def see(_dialect: object, _record: object, _arguments: object, parameters: dict[str, str]) -> None:
        seen.append(parameters["password"])

    for _ in range(2):
        with pytest.raises(sa.exc.InterfaceError), engine.connect():
            pass
    assert [
        all(part in one for part in ("Action=connect", "DBUser=app", "X-Amz-Expires=900")) for one in seen
    ] == [
        True,
        True,
    ]


# ---------------------------------------------------------------------------------- a new database

PASSWORD = "correct-horse-battery-staple"
MASTER = Login("master", PASSWORD)
# As RDS has it: the master owns the database and may hand on rds_iam, and is no superuser.
AS_RDS = (
    "CREATE ROLE rds_iam",
    "CREATE ROLE master LOGIN CREATEROLE",
    "GRANT rds_iam TO master WITH ADMIN OPTION",
    "CREATE DATABASE fresh OWNER master",
)
WITHOUT_RDS = (
    "DROP DATABASE IF EXISTS fresh WITH (FORCE)",
    "DROP ROLE IF EXISTS app",
    "DROP ROLE IF EXISTS master",
    "DROP ROLE IF EXISTS rds_iam",
)
WHAT_APP_IS = """
SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'app'
"""
# Everything admitting could change twice.
RIGHTS = (
    WHAT_APP_IS,
    "SELECT roleid::regrole::text, member::regrole::text, admin_option FROM pg_auth_members ORDER BY 1, 2, 3",
    "SELECT datname, datacl::text FROM pg_database ORDER BY 1",
    "SELECT nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace ORDER BY 1",
)


@pytest.fixture
def fresh(running: System) -> Iterator[str]:
    """The address of a database RDS has just made, as settings say it: with the user that is to come."""
    ours = running.settings.database_url
    change(ours, *WITHOUT_RDS, *AS_RDS)
    yield sa.make_url(ours).set(username="app", database="fresh").render_as_string()
    change(ours, *WITHOUT_RDS)


def change(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def asked(url: str, *questions: str) -> list[list[tuple[Any, ...]]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [[tuple(row) for row in connection.exec_driver_sql(one)] for one in questions]
    engine.dispose()
    return found


def owners(url: str) -> dict[str, str]:
    found: list[Any]
    (found,) = asked(url, "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public'")
    return dict(found)


OWNED_BY_APP = dict.fromkeys([*Table.metadata.tables, "alembic_version"], "app")


def test_whoever_iam_signs_in_may_log_in_and_nothing_else_besides(fresh: str) -> None:
    migrations.admit(fresh, MASTER, "")
    member = "SELECT pg_has_role('app', 'rds_iam', 'member')"
    assert asked(fresh, "SELECT current_user", WHAT_APP_IS, member) == [
        [("app",)],
        [(True, False, False, False, False)],
        [(True,)],
    ]


def test_whoever_was_admitted_can_migrate_and_owns_every_table(fresh: str) -> None:
    migrations.admit(fresh, MASTER, "")
    migrations.upgrade(fresh)
    assert owners(fresh) == OWNED_BY_APP


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_whoever_was_only_made_and_not_admitted_cannot_migrate(running: System, fresh: str) -> None:
    change(running.settings.database_url, "CREATE ROLE app LOGIN")
    with pytest.raises(DBAPIError, match="permission denied for schema public"):
        migrations.upgrade(fresh)
    gc.collect()


def test_admitting_twice_changes_nothing(fresh: str) -> None:
    migrations.admit(fresh, MASTER, "")
    migrations.upgrade(fresh)
    before = asked(fresh, *RIGHTS)
    migrations.admit(fresh, MASTER, "")
    assert asked(fresh, *RIGHTS) == before


BROKEN: dict[str, tuple[str, Login]] = {
    "the master is another": ("fresh", Login("nobody", PASSWORD)),
    "the master may not": ("fresh", Login("app", PASSWORD)),
    "there is no such database": ("stale", MASTER),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("database", "login"), BROKEN.values(), ids=BROKEN)
def test_a_password_shows_in_no_error(running: System, fresh: str, database: str, login: Login) -> None:
    change(running.settings.database_url, "CREATE ROLE app LOGIN")
    url = sa.make_url(fresh).set(database=database)
    with pytest.raises(DBAPIError) as raised:
        migrations.admit(url.render_as_string(), login, "")
    assert PASSWORD not in "".join(traceback.format_exception(raised.value)) + repr(login)
    del raised
    gc.collect()


@dataclass(frozen=True)
class FirstDeployment:
    """What the stack of the data puts out, and the log of the migration inside the network."""

    event: dict[str, str]
    log: Path


@pytest.fixture
def first(
    running: System, fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FirstDeployment]:
    """A master's secret, and the migration as a function that is told where the database is."""
    output = templates()["data"]["Outputs"]["BootstrapEvent"]["Value"]
    event: dict[str, str] = json.loads(resolved(output, "data", {}))
    secrets = boto3.client("secretsmanager")
    secret = json.dumps({"username": MASTER.username, "password": MASTER.password})
    secrets.create_secret(Name=event["secret"], SecretString=secret)
    migration = deployed(running, event["upgrade"], upgrade.__name__)
    told = {**migration.environment, f"{PREFIX}DATABASE_URL": fresh}
    with lambdas(tmp_path, replace(migration, environment=told)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        yield FirstDeployment(event, tmp_path / f"{event['upgrade']}.log")
    secrets.delete_secret(SecretId=event["secret"], ForceDeleteWithoutRecovery=True)


def test_a_new_database_is_migrated_by_the_event_the_stack_puts_out(
    first: FirstDeployment, fresh: str
) -> None:
    assert bootstrap.handler(first.event, None) == {"status": "migrated"}
    assert owners(fresh) == OWNED_BY_APP


def test_a_migration_that_fails_is_told_without_the_password(running: System, first: FirstDeployment) -> None:
    change(running.settings.database_url, "DROP ROLE rds_iam")
    with pytest.raises(RuntimeError, match="see its log") as raised:
        bootstrap.handler(first.event, None)
    log = first.log.read_text()
    assert 'role "rds_iam" does not exist' in log
    assert PASSWORD not in str(raised.value) + log


# ------------------------------------------------------------------------------------------ the ping


def test_a_ping_wakes_a_function_that_is_there(running: System) -> None:
    event = {"functions": [running.settings.renderer_function]}
    assert ping.handler(event, None) == {"awake": 1}


@pytest.mark.usefixtures("running")
def test_a_ping_names_the_functions_that_do_not_answer() -> None:
    # Two that are deployed on AWS and not here, around one that is.
    names = ["dealbrain-meta-health", RENDERER, "dealbrain-meta-docs"]
    with pytest.raises(RuntimeError, match=r": dealbrain-meta-health, dealbrain-meta-docs$"):
        ping.handler({"functions": names}, None)


@pytest.mark.usefixtures("running")
def test_a_ping_does_not_wait_for_one_function_before_it_calls_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each of them answers only while the other one runs.
    names = ["dealbrain-meta-health", "dealbrain-meta-docs"]
    os.mkfifo(tmp_path / "pipe")
    with lambdas(tmp_path, *(made_up(tmp_path, name, "meets") for name in names)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        assert ping.handler({"functions": names}, None) == {"awake": 2}


# ----------------------------------------------------------------------------------------- the check

PING = "dealbrain-sweeping-ping"
SIGNED = "/answer?Signature=a%2Bb"
# What CloudFormation takes.
ANSWER_BYTES = 4096


class CloudFormation(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told: path, content type, body."""

    told: ClassVar[list[tuple[str, str | None, bytes]]] = []

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def cloud_formation(authority: Path) -> Iterator[str]:
    with over_tls(authority, CloudFormation) as address:
        yield address


@dataclass(frozen=True)
class Deployment:
    """A system about to be checked, and where CloudFormation awaits the answer."""

    address: str
    folder: Path

    def event(self, kind: str = "Create", **other: Any) -> dict[str, Any]:
        """What CloudFormation calls the check with."""
        said = {
            "RequestType": kind,
            "ResponseURL": self.address + SIGNED,
            "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/dealbrain-check/1",
            "RequestId": "5",
            "LogicalResourceId": "Check0",
            "ResourceType": "Custom::Check",
            "ResourceProperties": {"Ping": PING, "Functions": [RENDERER, "woken"]},
        }
        return {**said, **other}

    def told(self, event: dict[str, Any], function: Any = check) -> dict[str, str]:
        """What CloudFormation hears of it, which has to be one answer it can take."""
        CloudFormation.told.clear()
        # Asked of the module now, because by now every function has its role.
        function.handler(event, None)
        ((path, content_type, body),) = CloudFormation.told
        assert (path, content_type) == (SIGNED, "")
        assert len(body) < ANSWER_BYTES
        found: dict[str, str] = json.loads(body)
        return found


@pytest.fixture(scope="module")
def called(running: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The renderer, the ping and one function it wakes, and renderers that bring no card."""
    folder = tmp_path_factory.mktemp("check")
    Image.new("RGB", (8, 8)).save(folder / "small.png")
    ours = [deployed(running, RENDERER, RENDERER_MODULE), deployed(running, PING, ping.__name__)]
    theirs = [made_up(folder, one, one) for one in NO_CARD]
    with lambdas(folder, *ours, made_up(folder, "woken", "wakes"), *theirs) as url:
        yield url, folder


@pytest.fixture
def deployment(
    called: tuple[str, Path],
    cloud_formation: str,
    authority: Path,
    tell: Tell,  # noqa: ARG001 - put back last
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployment]:
    url, folder = called
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    check._client.cache_clear()
    yield Deployment(cloud_formation, folder)
    check._client.cache_clear()


RENDERER_MODULE = "functions.drawing.handler"
# Renderers that bring no card, and what is said of them.
NO_CARD = {
    "nothing": "no PNG of (1200, 630) pixels, but something else",
    "missing": "another template",
    "text": "no PNG of (1200, 630) pixels, but something else",
    "small": "no PNG of (1200, 630) pixels, but (8, 8)",
    "no_base64": "no PNG of (1200, 630) pixels, but something else",
    "complains": "It failed: RuntimeError",
}
BRINGS_NO_CARD = {**NO_CARD, "nobody": "Function not found"}


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_deployment_whose_renderer_draws_succeeds_and_everything_is_woken(
    deployment: Deployment, kind: str
) -> None:
    woken = deployment.folder / "woken"
    woken.unlink(missing_ok=True)
    assert deployment.told(deployment.event(kind)) == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "Check0",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/dealbrain-check/1",
        "RequestId": "5",
        "LogicalResourceId": "Check0",
    }
    wait_until(woken.exists, "The ping", seconds=20, log=deployment.folder / f"{PING}.log")


@pytest.mark.parametrize(("renderer", "reason"), BRINGS_NO_CARD.items(), ids=BRINGS_NO_CARD)
def test_a_deployment_whose_renderer_brings_no_card_fails_and_is_told_what_to_do(
    deployment: Deployment, tell: Tell, renderer: str, reason: str
) -> None:
    tell("renderer_function", renderer)
    told = deployment.told(deployment.event())
    assert told["Status"] == "FAILED"
    assert reason in told["Reason"]
    assert "read its log" in told["Reason"]
    assert "deploy again" in told["Reason"]


@pytest.mark.parametrize("wrong", [{"ResourceProperties": {}}, {"ResourceProperties": None}])
def test_an_event_that_is_none_of_ours_is_answered_too(deployment: Deployment, wrong: dict[str, Any]) -> None:
    assert deployment.told({**deployment.event(), **wrong})["Status"] == "FAILED"


def test_a_function_without_its_settings_answers_too(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"{PREFIX}RENDERER_FUNCTION")
    settings.cache_clear()
    told = deployment.told(deployment.event())
    assert told["Status"] == "FAILED"
    assert "renderer_function" in told["Reason"]


def test_deleting_succeeds_whatever_is_broken_and_names_what_is_deleted(
    deployment: Deployment, tell: Tell
) -> None:
    tell("renderer_function", "nothing")
    told = deployment.told(deployment.event("Delete", PhysicalResourceId="made by CloudFormation"))
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", "made by CloudFormation")


@pytest.mark.parametrize("scheme", ["http", "file", "ftp"])
def test_an_answer_goes_over_https_only(deployment: Deployment, scheme: str) -> None:
    address = deployment.address.replace("https", scheme, 1)
    with pytest.raises(ValueError, match="HTTPS only"):
        check.handler(deployment.event("Delete", ResponseURL=address), None)


def test_an_answer_is_given_to_nobody_the_authorities_do_not_vouch_for(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        check.handler(deployment.event("Delete"), None)


def test_a_check_ends_before_lambda_ends_it() -> None:
    assert check.ATTEMPTS * check.PATIENCE + deploying.ANSWER_PATIENCE < facts.CHORE_TIMEOUT


def test_the_nightly_ping_checks_nothing() -> None:
    assert check.handler({"warm": True}, None) == {"warm": True}


# ------------------------------------------------------------------------------------------ publishing


@pytest.fixture
def publication(deployment: Deployment) -> Deployment:
    """The same with an empty bucket, as at the first deployment."""
    files.delete(Bucket.static, files.keys(Bucket.static, ""))
    return deployment


def published(running: System) -> dict[str, tuple[str, str, bytes]]:
    """What the CDN finds: by path, what kind of file it is, how long it may be kept, and its bytes."""
    client = stores.s3(running.stores_url)
    found = {}
    for key in files.keys(Bucket.static, ""):
        answer = client.get_object(Bucket=running.settings.static_bucket, Key=key)
        found[f"/{key}"] = answer["ContentType"], answer["CacheControl"], answer["Body"].read()
    return found


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_deployment_puts_what_pages_fetch_where_the_cdn_looks_for_it(
    publication: Deployment, running: System, kind: str
) -> None:
    assert publication.told(publication.event(kind), publish)["Status"] == "SUCCESS"
    assert published(running) == {
        assets.PATH + name: (one.media_type, "public, max-age=31536000, immutable", one.content)
        for name, one in assets.served().items()
    }


def test_what_is_published_is_what_the_function_answers(publication: Deployment, running: System) -> None:
    publication.told(publication.event(), publish)
    with httpx.Client(base_url=running.url, verify=False) as http:  # noqa: S501 - plain HTTP
        for path, (media_type, cache_control, content) in published(running).items():
            answer = http.get(path)
            said = answer.headers["content-type"], answer.headers["cache-control"], answer.content
            assert said == (media_type, cache_control, content)


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_what_older_pages_ask_for_stays(publication: Deployment, running: System, kind: str) -> None:
    files.put(Bucket.static, f"{facts.STATIC}app-0.css", b"old", "text/css")
    publication.told(publication.event(kind), publish)
    assert f"{assets.PATH}app-0.css" in published(running)


def test_a_deployment_that_cannot_publish_fails_and_says_what_to_do(
    publication: Deployment, tell: Tell
) -> None:
    tell("static_bucket", "dealbrain-absent")
    told = publication.told(publication.event(), publish)
    assert told["Status"] == "FAILED"
    assert "read the log" in told["Reason"]
    assert "NoSuchBucket" in told["Reason"]


# ----------------------------------------------------------------------------------- the check's picture


@pytest.mark.parametrize("picture", sorted(PLACEHOLDERS.iterdir()), ids=lambda file: file.name)
def test_a_png_is_known_with_its_size(picture: Path) -> None:
    content = picture.read_bytes()
    found = Image.open(BytesIO(content))
    assert check.png_size(content) == (found.size if found.format == "PNG" else None)


@pytest.mark.parametrize("kept", [0, 8, 16, 24, -1])
def test_a_part_of_a_png_is_none(kept: int) -> None:
    whole = next(PLACEHOLDERS.glob("*.png")).read_bytes()
    assert check.png_size(whole[:kept]) is None

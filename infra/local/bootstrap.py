"""Set up .venv with Python 3.13 and the locked packages, and make sure there is a Chromium.

Runs under any Python from 3.9 on with nothing but its standard library, as root or not, on machines
without pip, without venv and with an externally managed Python (PEP 668).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
TOOLS = ROOT / ".tools"
GROUPS = ("runtime", "renderer", "dev")
VERSION = "3.13"


class Stuck(Exception):  # noqa: N818 - one sentence for a person: what is missing and what to do
    """Setting up cannot go on."""


def main(more: list[str]) -> None:
    """Bring .venv up to date; nothing to do when it matches the locks.

    Args:
        more: groups of pyproject.toml besides those that running needs, such as ``infra``.
    """
    works = _works([str(PYTHON), "--version"])
    stale = [group for group in (*GROUPS, *more) if not works or _installed(group) != _locked(group)]
    if stale:
        _set_up(stale)


def _locked(group: str) -> str:
    return hashlib.sha256(_lock(group).read_bytes()).hexdigest()


def _installed(group: str) -> str | None:
    stamp = _stamp(group)
    return stamp.read_text() if stamp.exists() else None


def _lock(group: str) -> Path:
    return ROOT / "layers" / f"{group}.txt"


def _stamp(group: str) -> Path:
    return VENV / f"{group}.sha256"


def _set_up(groups: list[str]) -> None:
    started = time.monotonic()
    uv = find_uv()
    if not _is_wanted(str(PYTHON)):
        make_venv(uv)
    _say(f"installing the locked packages into {VENV.name}")
    install = [uv, "pip", "install", "--python", str(PYTHON), "--require-hashes"]
    if _run([*install, *(word for group in groups for word in ("-r", str(_lock(group))))]):
        raise Stuck("The packages could not be installed (the reason stands above); check the network.")
    if _run([str(PYTHON), "-m", "infra.local.chromium"]):
        raise Stuck("Setting up stops here; the line above says what is missing.")
    for group in groups:
        _stamp(group).write_text(_locked(group))
    print(f"Set up after {time.monotonic() - started:.0f} s.", flush=True)


def find_uv() -> str:
    """Find uv, or bring it into .tools, with pip or with Debian's pip when there is none."""
    on_path = shutil.which("uv")
    own = str(TOOLS / "bin" / "uv")
    # A shim of pyenv may stand on the PATH and yet find no uv behind it.
    for found in (on_path, own):
        if found and _works([found, "--version"]):
            return found
    _say(f"fetching uv, which installs the rest, into {TOOLS.name}")
    pip = [sys.executable, "-m", "pip"]
    if not _works([*pip, "--version"]):
        pip = [sys.executable, f"{_debian_pip()}/pip"]
    _run(
        [*pip, "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target", str(TOOLS), "uv"]
    )
    if not _works([own, "--version"]):
        raise Stuck(
            "uv could not be fetched (the reason stands above); check the network, or install uv by hand."
        )
    return own


def _debian_pip() -> Path:
    """Fetch Debian's wheel of pip without being root: apt with state and cache of its own."""
    apt = TOOLS / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    _say("this Python has no pip; fetching Debian's")
    own = [f"Dir::State={apt}", f"Dir::Cache={apt}", "Dir::State::status=/var/lib/dpkg/status"]
    # Downloading as another user is what root's apt does, and cannot write into our folder.
    options = [word for option in [*own, "APT::Sandbox::User=root"] for word in ("-o", option)]
    for action in (["update"], ["download", "python3-pip-whl"]):
        if _run(["apt-get", "-qq", *options, *action], folder=apt):
            raise Stuck("There is no pip and Debian's could not be fetched; install the package python3-pip.")
    for package in apt.glob("python3-pip-whl_*.deb"):
        _run(["dpkg-deb", "-x", str(package), str(apt)])
    wheels = sorted((apt / "usr/share/python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise Stuck("Debian's package of pip holds no pip; install Debian's package python3-pip.")
    return wheels[-1]


def make_venv(uv: str) -> None:
    """Make .venv with Python 3.13: one of pyenv's, else what uv finds or downloads."""
    _say(f"making {VENV.name} with Python {VERSION}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    installed = sorted(map(str, pyenv.glob(f"versions/{VERSION}*/bin/python")), reverse=True)
    # uv downloads what it does not find, so what is there already comes first.
    for python in [*installed, VERSION]:
        shutil.rmtree(VENV, ignore_errors=True)
        if not _run([uv, "venv", "--quiet", "--python", python, str(VENV)]):
            return
    raise Stuck(
        f"Python {VERSION} is missing and could not be downloaded; install it "
        f"(for example: pyenv install {VERSION}) and run make again."
    )


def _is_wanted(python: str) -> bool:
    return _works([python, "-c", f"import sys; sys.exit('{VERSION}' != '%d.%d' % sys.version_info[:2])"])


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, cwd=ROOT).returncode == 0
    except OSError:
        return False


def _run(command: list[str], *, folder: Path = ROOT) -> int:
    """Run a program, its output shown; give its exit code, 127 when there is no such program."""
    # A virtual environment somebody is in must not be taken for ours.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'shared'}"
    # Said as root, pip's warning is about the system's Python, which is not what we write to.
    environment["PIP_ROOT_USER_ACTION"] = "ignore"
    try:
        return subprocess.run(command, check=False, cwd=folder, env=environment).returncode
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127


def _say(what: str) -> None:
    print(f"Setting up: {what} …", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Stuck as missing:
        sys.exit(str(missing))

"""The renderer's image without Docker: its Dockerfile read and done, and run as Lambda runs it.

Debian's packages are this machine's; what the Dockerfile copies, compiles, sets and starts is done as it
says, and of Python packages there are those of its lock and no others. It runs in a file system of its own
that cannot be written to but for a small /tmp, as a user without name, rights or home.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.util import cache_from_source
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

from infra.local.chromium import installed_chromium
from infra.local.processes import SetupError

# As seen in Lambda.
USER, GROUP = 993, 990
TMP_MB = 512
# What Docker sets where an image says nothing.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """What a Dockerfile makes."""

    folder: PurePosixPath
    """Where its program starts, and its code is."""
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]


def build(context: Path, dockerfile: Path, place: Path) -> Image:
    """Do what a Dockerfile says after its WORKDIR, into a folder that stands for it.

    Args:
        context: what the image is built from.
        dockerfile: its path.
        place: an empty folder, to be mounted where WORKDIR says.
    """
    said = list(_instructions(dockerfile.read_text(encoding="utf-8")))
    working = [name for name, _ in said].index("WORKDIR")
    last = dict(said)
    for name, arguments in said[working:]:
        match name, shlex.split(arguments):
            case "COPY", [source, target]:
                shutil.copytree(context / source, place / target)
            case "RUN", ["python", *rest]:
                subprocess.run([sys.executable, *rest], cwd=place, check=True)
    return Image(
        PurePosixPath(last["WORKDIR"]),
        tuple(json.loads(last["ENTRYPOINT"])),
        tuple(json.loads(last["CMD"])),
        {"PATH": PATH, **_variables(said)},
    )


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            name, _, arguments = line.partition(" ")
            yield name, arguments


def _variables(said: list[tuple[str, str]]) -> dict[str, str]:
    pairs = (pair for name, arguments in said if name == "ENV" for pair in shlex.split(arguments))
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def install(lock: Path, place: Path) -> None:
    """Put the packages of a lock into a folder, from those installed here, and no others.

    Raises:
        SetupError: one is not installed in the version of the lock.
    """
    for wanted in _locked(lock.read_text(encoding="utf-8")):
        found = distribution(wanted.name)
        if not wanted.specifier.contains(found.version):
            raise SetupError(f"{wanted} is locked, and {found.version} is installed; run `make setup`.")
        for file in found.files or ():
            # Programs stand beside the packages; nobody starts them here.
            if ".." not in file.parts:
                _copy(Path(str(found.locate_file(file))), place / file)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, with its byte code if it has any: pip, which installs in the image, makes it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Byte code is of use only beside a source as old as it was.
    shutil.copy2(source, target)
    compiled = Path(cache_from_source(str(source)))
    if source.suffix == ".py" and compiled.exists():
        _copy(compiled, Path(cache_from_source(str(target))))


def _locked(lock: str) -> Iterator[Requirement]:
    for line in lock.splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\"))
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


# $1 is the new root's mount point; its places follow, source and target each, up to "--".
_SCRIPT = f"""
set -eu
root=$1; shift
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
for place in usr etc proc; do mkdir $place; mount --rbind /$place $place; done
for link in bin sbin lib lib64; do
  if [ -L /$link ]; then cp -P /$link $link
  elif [ -d /$link ]; then mkdir $link; mount --rbind /$link $link; mount -o remount,ro,bind $link; fi
done
mkdir tmp dev
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir -m 1777 dev/shm
mount -t tmpfs -o mode=755 tmpfs usr/local
mkdir usr/local/bin
ln -s "$1" usr/local/bin/python; shift
while [ "$1" != -- ]; do
  mkdir -p ".$2"; mount --bind "$1" ".$2"; mount -o remount,ro,bind ".$2"; shift 2
done
shift
mount -t tmpfs -o size={TMP_MB}m,mode=1777 tmpfs tmp
for place in usr etc usr/local dev .; do mount -o remount,ro,bind $place; done
unset PWD OLDPWD
exec chroot . setpriv --reuid={USER} --regid={GROUP} --clear-groups --no-new-privs --bounding-set=-all \\
  --pdeathsig=KILL env -C "$@"
"""


def why_not() -> str:
    """Why no sandbox can be made here; empty when one can."""
    if os.geteuid():
        return "only root can mount a file system of its own"
    try_it = ["/bin/sh", "-c", "unshare --mount mount -t tmpfs tmpfs /tmp"]
    return subprocess.run(try_it, capture_output=True, text=True, check=False).stderr.strip()


def command(image: Image, code: Path, packages: Path, mount_point: Path) -> list[str]:
    """What runs an image's entrypoint in a sandbox; the name of a handler goes behind it.

    Args:
        image: what was built.
        code: the folder it was built into.
        packages: where its packages were installed.
        mount_point: an empty folder; everybody else sees it empty.
    """
    python = Path(sys.base_prefix)
    places = [(code, image.folder), (packages, _site_packages())]
    if python != Path("/usr"):
        places.insert(0, (python, python))
    if chromium := own_chromium():
        places.append((chromium.parent, chromium.parent))
    pairs = [str(path) for pair in places for path in pair]
    script = ["/bin/sh", "-c", _SCRIPT, "sh", str(mount_point), _interpreter(), *pairs, "--"]
    return ["unshare", "--mount", *script, str(image.folder), *image.entrypoint]


def own_chromium() -> Path | None:
    """This machine's Chromium, when it is not where Debian's package puts it."""
    found = Path(installed_chromium()).resolve()
    return None if found.is_relative_to("/usr") and not found.is_relative_to("/usr/local") else found


def _interpreter() -> str:
    """The Python under our environment: what the environment's link leads to."""
    return str(Path(sys.executable).resolve())


def _site_packages() -> Path:
    """Where that Python looks for packages."""
    asked = [_interpreter(), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())

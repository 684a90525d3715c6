"""Folders that become assets: the code of the zip functions, and what the image is built from.

Byte code is compiled here, with the Python the functions run on, and trusted as it is: file times are
lost on the way to AWS, and compiling at every cold start would take longer than all the rest.
"""

import compileall
import shutil
from collections.abc import Iterable
from pathlib import Path
from py_compile import PycInvalidationMode

from infra.routes import CONTAINER, FUNCTIONS

ROOT = FUNCTIONS.parent
BUILD = ROOT / "build"
LAYER = BUILD / "layer"
PACKAGE = ROOT / "shared" / "dealbrain"
NEVER = shutil.ignore_patterns("__pycache__", "*.pyc")
# What only pages are made of: the renderer would be another image whenever a style changes.
NO_PAGES = shutil.ignore_patterns("__pycache__", "*.pyc", "templates", "static")


def code() -> Path:
    """Stage functions/ without the container, and dealbrain/; the folder is what /var/task will be."""
    folder = _empty(BUILD / "code")
    shutil.copytree(FUNCTIONS, folder / "functions", ignore=_all_but_zip)
    shutil.copytree(PACKAGE, folder / "dealbrain", ignore=NEVER)
    precompile(folder, "/var/task")
    return folder


def image() -> Path:
    """Stage what the renderer's Dockerfile copies, in the places it copies it from."""
    folder = _empty(BUILD / "image")
    shutil.copytree(FUNCTIONS / CONTAINER, folder / "functions" / CONTAINER, ignore=NEVER)
    shutil.copytree(PACKAGE, folder / "shared" / "dealbrain", ignore=NO_PAGES)
    (folder / "layers").mkdir()
    shutil.copy(ROOT / "layers" / "renderer.txt", folder / "layers")
    return folder


def precompile(folder: Path, place: str) -> None:
    """Compile everything in a folder that will stand at a place; the same sources make the same bytes.

    Raises:
        SyntaxError: a module does not compile, which only our own may not.
    """
    compileall.compile_dir(
        folder,
        quiet=1,
        stripdir=folder,
        prependdir=place,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _all_but_zip(folder: str, names: Iterable[str]) -> set[str]:
    container = {CONTAINER} if Path(folder) == FUNCTIONS else set()
    return container | NEVER(folder, list(names))


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder

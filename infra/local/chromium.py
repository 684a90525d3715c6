"""Make sure there is a Chromium to draw cards with; run as a program, the last step of setting up."""

import os
import shutil
import subprocess
import sys

from functions.drawing.browser import RendererDown, find_chromium
from infra.local.processes import SetupError

DOWNLOAD_SECONDS = 600


def installed_chromium() -> str:
    """Path of the Chromium that will draw: ``CHROMIUM`` when set, else what is found.

    Raises:
        SetupError: there is none.
    """
    wanted = os.environ.get("CHROMIUM", "")
    if wanted and not shutil.which(wanted):
        raise SetupError(f"CHROMIUM is {wanted}, and there is no such program; correct or unset it.")
    try:
        return find_chromium(wanted)
    except RendererDown as missing:
        raise SetupError(str(missing)) from None


def ensure_chromium() -> str:
    """Find a Chromium or get one: Playwright's own download, else Debian's package when we are root.

    Raises:
        SetupError: there is none and neither way brought one; the sentence names the remedy.
    """
    for way in [] if os.environ.get("CHROMIUM") else _ways():
        try:
            return installed_chromium()
        except SetupError:
            print("No Chromium yet; trying:", " ".join(way), flush=True)
            _try(way)
    return installed_chromium()


def _ways() -> list[list[str]]:
    download = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    package = [["apt-get", "update"], ["apt-get", "install", "-y", "chromium-headless-shell"]]
    return [download, *(package if os.geteuid() == 0 else [])]


def _try(command: list[str]) -> None:
    try:
        subprocess.run(command, check=False, timeout=DOWNLOAD_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"That did not work: {error}", flush=True)


if __name__ == "__main__":
    try:
        ensure_chromium()
    except SetupError as missing:
        sys.exit(str(missing))

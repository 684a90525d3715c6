"""The walk of the demo with every function in processes of its own, as deployed.

What runs is the staged code under Lambda's own runtime, told nothing but its settings; whatever a function
quietly shares with its neighbours in one process is missing here. In the end the nightly ping wakes all.
"""

import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from functions.sweeping import expired, ping
from infra.local.chromium import ensure_chromium
from infra.local.client import UnkeptError
from infra.local.demo import walk
from infra.local.deployed import FunctionFailedError, invoke, name
from infra.local.processes import SetupError
from infra.local.run import RENDERER, System, system
from infra.routes import modules

LONG_PAST = "2000-01-01T00:00:00Z"


def main() -> int:
    """Walk, then wake every function; 0 when everything was as promised, else 1."""
    # Of the gateway in this process; functions hear nothing of it.
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "WARNING")
    ensure_chromium()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dealbrain-") as kept:
        folder = Path(kept)
        (folder / "out").mkdir()
        print("Starting a system with every function in processes of its own …", flush=True)
        with system(folder / "data", durable=False, isolated=True) as running:
            try:
                walk(running.url, folder / "out")
                print(f"\nThe nightly ping woke {wake(running)} functions.", flush=True)
            except (UnkeptError, FunctionFailedError) as broken:
                print(f"\nNot as promised: {broken}", flush=True)
                return 1
            print(memory(), flush=True)
    print(f"All as promised, in {time.monotonic() - started:.0f} s.", flush=True)
    return 0


def wake(running: System) -> int:
    """Sweep once and have the ping call every function; how many answered.

    Raises:
        FunctionFailedError: some did not; the message names them.
    """
    url = running.lambdas_url
    invoke(url, name(expired.__name__), {"now": LONG_PAST})
    others = [name(module) for module in modules() if module != ping.__name__]
    answer = invoke(url, name(ping.__name__), {"functions": [*others, RENDERER]})
    awake: int = answer["awake"]
    return awake


def memory() -> str:
    """How many runtimes there are at this moment, and what they take; shared pages are counted once."""
    used = []
    for one in psutil.Process().children(recursive=True):
        # Too many are idle after the ping, so that some end while they are asked.
        with suppress(psutil.NoSuchProcess):
            if "awslambdaric" in one.cmdline():
                used.append(one.memory_full_info().pss / 1_000_000)
    return f"{len(used)} runtimes take {sum(used):.0f} MB, the largest {max(used):.0f} MB."


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as missing:
        sys.exit(str(missing))
    except KeyboardInterrupt:
        sys.exit(130)

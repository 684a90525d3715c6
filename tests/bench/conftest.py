"""What benches share: medians, and a table on the terminal."""

import statistics
import time
from collections.abc import Callable

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--collections", default="10000", help="sizes of the markets discover is measured in")
    parser.addoption("--listings", default="10000", help="among how many listings duplicates are sought")


def milliseconds(times: int, work: Callable[[], object]) -> list[float]:
    """How long each of so many repetitions took."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def spelled(taken: list[float]) -> str:
    """Median and 95th percentile."""
    return f"p50 {statistics.median(taken):8.1f} ms   p95 {statistics.quantiles(taken, n=20)[-1]:8.1f} ms"


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str, list[float]], None]:
    """Print a line of figures, past pytest's capture."""

    def line(what: str, taken: list[float]) -> None:
        with capsys.disabled():
            print(f"\n{what:<52}{spelled(taken)}", end="")

    return line

"""The API as one person, or as a stranger, reaches it: for the demo data and for the demo."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx

# A first card may have to wait for a Chromium that is still starting.
PATIENCE_SECONDS = 30.0


class UnkeptError(Exception):
    """An answer was not as the API promises; the sentence says which."""


def kept(answer: httpx.Response, promised: Sequence[int]) -> httpx.Response:
    """Give an answer that has a status promised.

    Raises:
        UnkeptError: it has another.
    """
    if answer.status_code not in promised:
        asked = f"{answer.request.method} {answer.request.url.path}"
        statuses = " or ".join(str(int(one)) for one in promised)
        raise UnkeptError(f"{asked} answered {answer.status_code} instead of {statuses}: {answer.text[:300]}")
    return answer


class Client:
    """Somebody who calls the API; every answer is checked against the status promised."""

    def __init__(self, base_url: str, username: str | None = None) -> None:
        """Sign in as ``username``, or call as a stranger when there is none.

        Args:
            base_url: scheme, host and port of the system.
            username: a person's name; the local sign-in takes any.

        Raises:
            UnkeptError: the sign-in is refused.
        """
        # This machine's system is not behind anybody's proxy.
        self._http = httpx.Client(base_url=base_url, timeout=PATIENCE_SECONDS, trust_env=False)
        if username is not None:
            token = self.made("/dev/sign-in", {"username": username}, status=200)["access_token"]
            self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        """Use as a block, which closes the connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._http.close()

    def call(self, method: str, path: str, *promised: int, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        """Send one request below /v1 and give the answer as it came.

        Raises:
            UnkeptError: its status is none of those promised.
        """
        return kept(self._http.request(method, f"/v1{path}", **more), promised)

    def read(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """Get something as JSON.

        Raises:
            UnkeptError: there is no such thing.
        """
        found: dict[str, Any] = self.call("GET", path, 200, params=parameters).json()
        return found

    def made(self, path: str, body: object, *, status: int = 201) -> dict[str, Any]:
        """Make something and give its JSON.

        Raises:
            UnkeptError: it was not made.
        """
        answer: dict[str, Any] = self.call("POST", path, status, json=body).json()
        return answer

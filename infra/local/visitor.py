"""Pages as a browser without scripts reaches them: for the demo."""

from collections.abc import Sequence
from http import HTTPStatus
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

from infra.local.client import PATIENCE_SECONDS, UnkeptError, kept


class Visitor:
    """Somebody at a browser, or a stranger; every answer is checked against the status promised."""

    def __init__(self, base_url: str, username: str | None = None) -> None:
        """Sign in as ``username`` where everybody does, or look around as a stranger.

        Args:
            base_url: scheme, host and port of the system.
            username: a person's name; the local sign-in takes any.

        Raises:
            UnkeptError: the sign-in does not lead back.
        """
        self._url = base_url
        self._http = httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False)
        # Kept by ourselves: a jar gives secure cookies to https alone, a browser to this machine too.
        self._cookies: dict[str, str] = {}
        if username is not None:
            asked = self._lead("GET", "/sign-in?next=/collections")
            back = self._lead("POST", asked, {"username": username})
            if self._lead("GET", back) != "/collections":
                raise UnkeptError("Signing in does not lead back to where one was.")

    def __enter__(self) -> Self:
        """Use as a block, which closes the connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._http.close()

    def open(self, path: str, status: int = 200) -> str:
        """Give the text of a page.

        Raises:
            UnkeptError: it was answered with another status.
        """
        return self._call("GET", path, (status,)).text

    def send(self, path: str, **fields: str) -> str:
        """Send a form, and say where that leads.

        Raises:
            UnkeptError: it leads nowhere.
        """
        return self._lead("POST", path, fields)

    def _lead(self, method: str, path: str, fields: dict[str, str] | None = None) -> str:
        answer = self._call(method, path, (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER), fields)
        return answer.headers["location"]

    def _call(
        self, method: str, path: str, promised: Sequence[int], fields: dict[str, str] | None = None
    ) -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Accept": "text/html", "Cookie": cookies, "Origin": self._url}
        answer = self._http.request(method, urljoin(self._url, path), data=fields, headers=headers)
        for line in answer.headers.get_list("set-cookie"):
            self._cookies |= {name: one.value for name, one in SimpleCookie(line).items()}
        return kept(answer, promised)

"""People at real browsers: each visitor is a browser of their own, and whatever a page complains of fails."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from dealbrain import facts, sessions
from dealbrain.sessions import Session
from infra.local.chromium import installed_chromium
from infra.local.issuer import subject
from infra.local.run import System

PHONE = (360, 740)
DESKTOP = (1280, 900)
# So long a page may take to do or show something on a busy machine.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

type Visit = Callable[..., Page]


def script(name: str) -> str:
    """A script that tests run in a page, from the folder beside this."""
    return Path(__file__).with_name("scripts").joinpath(name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=installed_chromium(), args=["--no-sandbox"])


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What pages complained of: errors of scripts, what the policy forbade, what was answered 4xx or 5xx.

    A test that brings one about on purpose takes it out; what is left fails it.
    """
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def visit(running: System, chromium: Browser, complaints: list[str]) -> Iterator[Visit]:
    """Open a browser as somebody, or as a stranger, at a size and in a theme; answers its page."""
    contexts = []

    def open_browser(
        username: str | None = None,
        *,
        size: tuple[int, int] = DESKTOP,
        theme: str = "light",
        scripts: bool = True,
    ) -> Page:
        context = chromium.new_context(
            base_url=running.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        if username is not None:
            context.add_cookies([cookie(username, running.url)])
        page = context.new_page()
        listen(page, complaints)
        return page

    yield open_browser
    for context in contexts:
        context.close()


def cookie(username: str, url: str) -> SetCookieParam:
    """The cookie of somebody who signed in."""
    secret = sessions.begin(Session(subject(username), username), datetime.now(UTC))
    return {
        "name": facts.SESSION_COOKIE,
        "value": secret,
        "domain": url.partition("://")[2].partition(":")[0],
        "path": "/",
        "secure": True,
        "httpOnly": True,
        "sameSite": "Lax",
    }


def listen(page: Page, complaints: list[str]) -> None:
    def said(message: ConsoleMessage) -> None:
        # What was answered with a refusal is told below, with its address.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def answered(response: Response) -> None:
        # A card still being drawn is a placeholder, which the page asks for again.
        is_card = "/v1/cards/" in response.url or "/v1/collection-cards/" in response.url
        if response.status >= 400 and not is_card:
            complaints.append(f"{response.status} {response.request.method} {response.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", answered)

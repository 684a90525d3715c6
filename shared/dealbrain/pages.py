"""What a browser is answered: pages made from templates, forms that come back, and refusals people can read.

Values reach a template as text and leave it escaped; nothing of anybody's is ever markup, but a description's
Markdown, which ``markup`` makes harmless. Nothing runs and nothing is fetched but what we serve ourselves.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import uuid4

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from dealbrain import forms, jsontext, scalars, web
from dealbrain.caching import NO_STORE
from dealbrain.errors import Fault, Invalid, Malformed, Refusal, Unauthenticated, Unavailable
from dealbrain.facts import JSON_BODY_BYTES, URL, Media
from dealbrain.identity import Person
from dealbrain.settings import settings
from dealbrain.shapes import Request
from dealbrain.web import Api, Response

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

HTML = "text/html; charset=utf-8"
SIGN_IN = "/sign-in"
# A form has a handful of fields for each of a collection's 500 items at most.
FIELDS_MOST = 5_000
# What is no fault of the form's: sent again, it may be taken.
_FOR_NOW = (Unauthenticated, Unavailable, Fault)
# Asked by htmx for a piece of a page, not by somebody for a page.
HTMX = "hx-request"


class Page(Api):
    """The resolver of a page: it reads forms, ignores what strangers hang onto addresses, answers in HTML."""

    is_page = True
    is_written = False

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request; a form's empty fields are left out of the address first."""
        kept = _without_empty(event)
        if kept is None:
            return super().resolve(event, context)
        return {"statusCode": HTTPStatus.SEE_OTHER.value, "headers": {"Location": kept}, "body": ""}

    def tell(self, refusal: Refusal) -> Response[str]:
        """Lead to where one signs in, or say what is wrong and what can be done.

        No browser sends a token by itself: the program that did is told what is wrong with it, as everywhere.
        """
        is_unknown = isinstance(refusal, Unauthenticated)
        if is_unknown and web.header("authorization") is not None:
            return web.problem(refusal)
        is_sent = self.is_written and web.request()[0] not in web.READING and not is_piece()
        if is_sent and isinstance(refusal, _FOR_NOW) and (kept := self._unsent(refusal)):
            return kept
        return _to_sign_in() if is_unknown else refused(refusal)

    def _unsent(self, refusal: Refusal) -> Response[str] | None:
        """Hand back what somebody wrote, for the next page would be without it; a file only they can."""
        try:
            self._admit_body(self.current_event)
            media_type, sent = _written()
        except Refusal:
            return None
        if not any(any(values) for values in sent.values()):
            return None
        return refused(refusal, "unsent.html", media_type=media_type, sent=sent)

    def _admit(self, event: "APIGatewayProxyEventV2", now: datetime) -> None:
        # Even who is not signed in is made by nobody else to do anything, such as to sign in.
        if event.http_method not in web.READING and "authorization" not in event.headers:
            web.refuse_foreign(event.headers.get("origin"))
        super()._admit(event, now)

    def _unknown_parameters(self, _event: "APIGatewayProxyEventV2") -> tuple[()]:
        # Where a link was shared, others hang on what they count by.
        return ()


def page(
    *,
    signed_in: bool = False,
    body_limit: int = JSON_BODY_BYTES,
    takes: tuple[Media, ...] = (Media.fields,),
    advice: str = "",
    is_written: bool = False,
) -> Page:
    """Make the resolver of one page.

    Args:
        signed_in: whether who is not signed in is led to where one signs in.
        body_limit: bytes of a form taken.
        takes: kinds of forms it reads.
        advice: what somebody may do whose form is too large.
        is_written: whether people write into its form, which is handed back where it could
            not be taken just now.
    """
    made = Page(signed_in=signed_in, body_limit=body_limit, takes=takes, advice=advice)
    made.is_written = is_written
    return web.ready(made)


def _without_empty(event: Mapping[str, Any]) -> str | None:
    """The address without the parameters nobody filled in, if there are such: filters make long ones."""
    request = event["requestContext"]["http"]
    sent = parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True)
    if request["method"] != "GET" or all(value for _, value in sent):
        return None
    query = urlencode([(name, value) for name, value in sent if value])
    return quote(event["rawPath"]) + (f"?{query}" if query else "")


# ------------------------------------------------------------------------------------------------ answers


def render(
    template: str,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    /,
    *,
    csp: str | None = None,
    **values: object,
) -> Response[str]:
    """Answer a page.

    Args:
        template: its file in ``templates``.
        status: of the answer.
        headers: more of them.
        csp: another Content-Security-Policy than that of all pages, as ``policy`` makes it.
        values: what the template shows, besides what all show.
    """
    # Templates are dear to import, and an answer that only leads on needs none.
    from dealbrain import templating

    html = templating.html(template, _known_to_all(status) | values)
    said = {
        "Content-Security-Policy": csp or policy(),
        # Our own pages learn where a form stood, which is how a write is told from another site's; nobody
        # else does, since tokens stand in addresses.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Vary": "Accept-Encoding, Cookie, HX-Request",
    }
    return Response(status, HTML, html, {**said, **(headers or {})}, compress=True)


def _known_to_all(status: int) -> dict[str, object]:
    """What every template knows of who asks, and for what."""
    who, (method, here) = web.caller(), web.request()
    address = here + (f"?{web.query()}" if web.query() else "")
    is_reading = method in web.READING
    return {
        "me": who.username if isinstance(who, Person) else None,
        "origin": settings().public_origin,
        "here": here,
        "address": address,
        # A form's address may have no page of its own, and a page's may be wrong for its parameters.
        "way_back": here if is_reading else _came_from(),
        "again": address if is_reading else _came_from(),
        "with_query": partial(_with_query, here, web.query()),
        "status": HTTPStatus(status),
        # What a form brings along that must do its work once, however often it is sent.
        "once": uuid4().hex if isinstance(who, Person) else None,
    }


def _with_query(here: str, query: str, **changed: object) -> str:
    """This page's address with some of its parameters said otherwise, or, where None, not at all."""
    kept = [(name, value) for name, value in parse_qsl(query) if name not in changed]
    said = [(name, str(value)) for name, value in changed.items() if value is not None]
    return here + (f"?{urlencode(kept + said)}" if kept or said else "")


def is_piece() -> bool:
    """Whether htmx asks for a piece of the page that is open."""
    return web.header(HTMX) is not None


def policy(**more: str) -> str:
    """What a page may do: fetch from us and send to us, unless a line is said otherwise.

    Args:
        more: such lines, as in ``connect_src="'self' https://…"``.
    """
    said = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        # Browsers hold forms to it up to their last redirection, which may be to where one signs in.
        "form-action": f"'self' {settings().sign_in_url}",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return "; ".join(f"{name} {value}" for name, value in said.items())


def see_other(path: str) -> Response[str]:
    """Send the browser on to a page of ours after a form, so that loading again sends nothing again."""
    return Response(HTTPStatus.SEE_OTHER, None, "", {"Location": path, "Cache-Control": NO_STORE})


def refused(
    refusal: Refusal,
    template: str = "error.html",
    **values: Any,  # noqa: ANN401 - whatever the template shows
) -> Response[str]:
    """Say to a person what is wrong and what can be done; to htmx in one line, which the open page shows."""
    told = web.problem(refusal)
    # All it says but what kind of text it is, which is another one here.
    kept = {name: str(value) for name, value in told.headers.items() if name != "Content-Type"}
    if is_piece():
        return Response(told.status_code, "text/plain; charset=utf-8", _in_a_line(refusal), kept)
    return render(template, told.status_code, kept, refusal=refusal, **values)


def _in_a_line(refusal: Refusal) -> str:
    """What is wrong; where all that is said is that something is, the first thing that is."""
    if type(refusal) is not Invalid or not refusal.problems:
        return refusal.detail
    first = refusal.problems[0]
    place = scalars.place(f"/{first.pointer.lstrip('?/')}")
    return f"{place.capitalize()}: {first.message}" if place else first.message


def _to_sign_in() -> Response[str]:
    location = f"{SIGN_IN}?next={quote(_came_from(), safe='/')}"
    if is_piece() and web.request()[0] not in web.READING:
        # What somebody has typed would be gone with the page.
        sentence = "You are not signed in any more. Sign in in another tab, and go on here."
        return Response(
            HTTPStatus.UNAUTHORIZED, "text/plain; charset=utf-8", sentence, {"Cache-Control": NO_STORE}
        )
    if is_piece():
        # A redirection would be followed by the script, and not by the browser.
        return Response(
            HTTPStatus.UNAUTHORIZED, None, "", {"HX-Redirect": location, "Cache-Control": NO_STORE}
        )
    return see_other(location)


def _came_from() -> str:
    """Where to go on after signing in: this page, or the one whose form was sent."""
    method, path = web.request()
    if method in web.READING and not is_piece():
        return path + (f"?{web.query()}" if web.query() else "")
    try:
        came = urlsplit(web.header("hx-current-url") or web.header("referer") or "")
    except ValueError:
        return "/"
    is_ours = f"{came.scheme}://{came.netloc}" == settings().public_origin
    return local_path(came.path + (f"?{came.query}" if came.query else "")) if is_ours else "/"


def local_path(wanted: str | None) -> str:
    r"""A path of ours, whatever somebody wrote into an address; else our first page.

    Raises nothing: an address that leads elsewhere (``//there``, ``/\there``, ``https:there``) leads home.
    """
    if wanted and re.fullmatch(r"/(?![/\\])[\x21-\x7e]*", wanted) and "\\" not in wanted:
        return wanted
    return "/"


def way_on(wanted: str | None) -> str:
    """Where somebody goes on who signed in: a path of ours that is not about signing in."""
    path = local_path(wanted) if len(wanted or "") <= URL else "/"
    return "/" if path.startswith(SIGN_IN) else path


# -------------------------------------------------------------------------------------------------- forms


def fields() -> dict[str, list[str]]:
    """What a form said: every value of every field.

    Raises:
        Malformed: it is no form, or no text.
    """
    try:
        pairs = parse_qsl(
            web.body().decode(),
            keep_blank_values=True,
            strict_parsing=bool(web.body()),
            errors="strict",
            max_num_fields=FIELDS_MOST,
        )
    except ValueError:
        raise Malformed("The form could not be read; load the page again and send it once more.") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if not jsontext.is_text(name + value):
            raise Malformed("The form contains what is no text; write it again without.")
        # Browsers send line breaks as on a typewriter.
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


def _written() -> tuple[Media, dict[str, list[str]]]:
    """What kind of form was sent, and what was written into it.

    Raises:
        Malformed: it is no form, or no text.
    """
    if not web.content_type().startswith(Media.form):
        return Media.fields, fields()
    written, _ = forms.filled(web.body(), web.content_type(), FIELDS_MOST)
    return Media.form, {name: [value] for name, value in written.items()}


def said(sent: Mapping[str, list[str]], *names: str) -> dict[str, str | None]:
    """Those of these fields that were sent, by their names; empty ones are None."""
    return {name: sent[name][0] or None for name in names if name in sent}


def number(text: str | None) -> int | str | None:
    """A whole number as JSON says it; what is none stays the text it is, for the shape to refuse."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,19}", text, re.ASCII) else text


def read[T: Request](shape: type[T], values: Mapping[str, object]) -> T:
    """Read a form's values as the API reads the same in JSON.

    Raises:
        Invalid: some are wrong; names each.
    """
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise Invalid(
            "Something in the form is wrong.", problems=tuple(scalars.problems(error.errors()))
        ) from None

"""What a request sends as a file: its body as it is, or the part ``file`` of a form (RFC 7578). Pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealbrain.errors import Invalid, Malformed, Problem, UnsupportedType
from dealbrain.facts import COMPRESSED, FILE_NAME, Media

if TYPE_CHECKING:
    import multipart

FIELD = "file"
# Types that say nothing of what is inside; where a spreadsheet is installed, browsers call CSV the last one.
_VAGUE = frozenset({"", "application/octet-stream", "application/vnd.ms-excel"})
BY_ENDING = {
    "json": Media.json,
    "csv": Media.csv,
    "html": Media.html,
    "htm": Media.html,
    "txt": Media.text,
}
# One file, and room for what programs add by themselves, which is then refused by its name.
_MOST_PARTS = 8


@dataclass(frozen=True)
class Sent:
    """A file somebody sent: bytes, what kind they are said to be, and perhaps a name."""

    content: bytes
    media_type: str
    name: str | None = None


def file_in(body: bytes, content_type: str) -> Sent:
    """Find the file in a request's body.

    Args:
        body: as it was sent.
        content_type: the header, parameters included.

    Raises:
        Malformed: a form that is none.
        Invalid: a form without a part ``file``, or with other parts.
        UnsupportedType: compressed.
    """
    import multipart  # noqa: PLC0415 - whoever confirms or takes back what was sent loads this too, and needs no form

    media_type, parameters = multipart.parse_options_header(content_type)
    if media_type != Media.form:
        return checked(Sent(body, media_type))
    parts = _parts(body, parameters.get("boundary", ""), _MOST_PARTS)
    files = [sent for name, sent in parts if name == FIELD]
    problems = [
        Problem(f"/{name}", "unknown_field", "There is no such field.") for name, _ in parts if name != FIELD
    ]
    if len(files) != 1:
        problems.append(
            Problem(f"/{FIELD}", "one_file", "A form carries one file, in the field called file.")
        )
    if problems:
        raise Invalid("The form is not what this address reads; see errors.", problems=tuple(problems))
    return checked(files[0])


def checked(sent: Sent) -> Sent:
    """Refuse what is compressed.

    Raises:
        UnsupportedType: it is.
    """
    if sent.content.startswith(COMPRESSED):
        raise UnsupportedType("The file is compressed; unpack it and send what is inside.")
    return sent


def filled(body: bytes, content_type: str, most: int) -> tuple[dict[str, str], Sent | None]:
    """Read a page's form: what its fields say, and the file, where one was chosen.

    Args:
        body: as it was sent.
        content_type: the header, parameters included.
        most: how many parts it may have.

    Raises:
        Malformed: it is no such form, or what a field says is no text.
    """
    import multipart  # noqa: PLC0415 - as above

    _, parameters = multipart.parse_options_header(content_type)
    parts = _parts(body, parameters.get("boundary", ""), most)
    # Browsers send an empty part without a name where nobody chose a file.
    files = [sent for name, sent in parts if name == FIELD and (sent.name or sent.content)]
    try:
        said = {name: sent.content.decode() for name, sent in parts if name != FIELD}
    except UnicodeDecodeError:
        raise Malformed("What was typed is no UTF-8; load the page again and send it once more.") from None
    return said, files[0] if files else None


def _parts(body: bytes, boundary: str, most: int) -> list[tuple[str, Sent]]:
    import multipart  # noqa: PLC0415 - as above

    found: list[tuple[str, Sent]] = []
    content = bytearray()
    try:
        with multipart.PushMultipartParser(boundary, max_segment_count=most) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    segment = event
                elif event is not None:
                    content += event
                else:
                    found.append((segment.name or "", _sent(segment, bytes(content))))
                    content.clear()
    except multipart.MultipartError as error:
        raise Malformed(f"The form cannot be read: {error}.") from None
    return found


def _sent(segment: "multipart.MultipartSegment", content: bytes) -> Sent:
    name = segment.filename[:FILE_NAME] if segment.filename else None
    return Sent(content, kind_of(segment.content_type or "", name or ""), name)


def kind_of(media_type: str, name: str) -> str:
    """Take a type for what it says; where it says nothing, the ending of the name is a hint."""
    if media_type not in _VAGUE:
        return media_type
    return BY_ENDING.get(name.rpartition(".")[2].lower(), media_type or "application/octet-stream")

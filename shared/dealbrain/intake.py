"""Whatever kind of file is sent, as one of ours: read, and for the rest of its way like any other. Pure."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dealbrain import bookmarks, document, jsontext, reading, rows, spreadsheets
from dealbrain.document import ArtifactType, CollectionFile, DealFile
from dealbrain.errors import Invalid, NotFound, Problem, UnsupportedType
from dealbrain.facts import Media
from dealbrain.forms import Sent
from dealbrain.rows import Gathered, Refused
from dealbrain.spreadsheets import Mapped

type Artifact = DealFile | CollectionFile

WRONG_TYPE = "wrong_type"
# A reference to an upload is no longer.
_REFERENCE_BYTES = 200
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True)
class Taken:
    """A file that was read."""

    artifact: Artifact
    raw: bytes
    """What reading again gives the same artifact: a portable file, whatever was sent."""
    refused: Sequence[Refused] = ()


def upload_named(sent: Sent) -> str | None:
    """The upload a body refers to, which is a JSON object of that one key; None when it is a file itself.

    Raises:
        Malformed: no JSON.
        Invalid: the reference is no text.
        NotFound: it can be none of ours.
    """
    if sent.media_type != Media.json or len(sent.content) > _REFERENCE_BYTES:
        return None
    said = jsontext.loads(sent.content)
    if not isinstance(said, dict) or said.keys() != {"upload_id"}:
        return None
    if not isinstance(said["upload_id"], str):
        problem = Problem("/upload_id", "string_type", "This should be a text.")
        raise Invalid("The reference is wrong.", problems=(problem,))
    if not _UUID.fullmatch(said["upload_id"]):
        raise NotFound
    return said["upload_id"]


def read(kind: ArtifactType, sent: Sent, columns: Mapped | None, now: datetime) -> Taken:
    """Read a file of any kind that can be of this type.

    Args:
        kind: what the address imports.
        sent: the file.
        columns: for a table, which column says what; None leaves it to the headings.
        now: stands in for times the file does not say.

    Raises:
        Malformed: the bytes are not what they are said to be.
        Invalid: the file is wrong as a whole; carries every problem with its place.
        UnsupportedType: a kind of file this does not read.
    """
    if columns is not None and sent.media_type != Media.csv:
        problem = Problem("?mapping", "not_expected", f"A mapping goes with {Media.csv} only.")
        raise Invalid("The mapping goes with nothing.", problems=(problem,))
    if sent.media_type == Media.json:
        return Taken(_artifact(kind, sent.content, now), sent.content)
    if kind is ArtifactType.deal:
        raise UnsupportedType(f"A listing comes as {Media.json}, not as {sent.media_type[:80]!r}.")
    name, gathered = _gathered(sent, columns, now)
    artifact = gathered.collection(name, now)
    raw = document.write(artifact, exported_at=now, exported_by=None)
    return Taken(artifact, raw, gathered.refused)


def recognized(content: bytes) -> Media | None:
    """Tell what kind of file a text is, by how it begins; a shop's description, say, is none of them."""
    begins = content.removeprefix(codecs.BOM_UTF8).lstrip()
    if begins[:1] in {b"{", b"["}:
        return Media.json
    if begins[:1] == b"<":
        return Media.html
    if spreadsheets.is_table(begins):
        return Media.csv
    return Media.text if bookmarks.is_list(begins) else None


def kind_said(sent: Sent) -> str:
    """The kind of a file: as it is called, and where that says little, as it begins."""
    is_clear = sent.media_type in Media and sent.media_type != Media.text
    return sent.media_type if is_clear else recognized(sent.content) or sent.media_type


def _artifact(kind: ArtifactType, raw: bytes, now: datetime) -> Artifact:
    artifact = reading.read(raw, now=now)
    if kind_of(artifact) is not kind:
        problem = Problem(
            "/deal_brain_export/type", WRONG_TYPE, f"This address imports files of type {kind}."
        )
        raise Invalid(f"This is no file of type {kind}.", problems=(problem,))
    return artifact


def _gathered(sent: Sent, columns: Mapped | None, now: datetime) -> tuple[str, Gathered]:
    """Read the rows of a table, a bookmark file or a list, and find a name for all of them."""
    called = rows.stem(sent.name)
    if sent.media_type == Media.csv:
        return rows.name_after(called, "Imported table"), rows.gather(
            spreadsheets.read(sent.content, columns), now
        )
    if sent.media_type == Media.html:
        heading, found = bookmarks.read(sent.content)
        return rows.name_after(heading, called, "Imported links"), rows.gather(found, now)
    if sent.media_type == Media.text:
        return rows.name_after(called, "Imported links"), rows.gather(bookmarks.read_links(sent.content), now)
    known = (kind for kind in Media if kind is not Media.form)
    raise UnsupportedType(f"A file is {', '.join(known)}, not {sent.media_type[:80]!r}.")


def kind_of(artifact: Artifact) -> ArtifactType:
    """Which of the two types a file is of."""
    return ArtifactType.deal if isinstance(artifact, DealFile) else ArtifactType.collection

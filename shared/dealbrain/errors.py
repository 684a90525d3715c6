"""The refusals the product knows. There is no HTTP in here; web maps each class to a status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input: where, what, why.

    Where is an RFC 6901 pointer, ``?name`` for a parameter, ``Name:`` for a header.
    """

    pointer: str
    code: str
    message: str


class Refusal(Exception):  # noqa: N818 - a refusal is an answer to a person, not an error of ours
    """What we say no to, with a sentence for the person and members for their program."""

    code: ClassVar[str]

    def __init__(
        self, detail: str, *, problems: tuple[Problem, ...] = (), members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = problems
        self.members = dict(members or {})


class Malformed(Refusal):
    """Bytes that are no JSON we accept, or text that is no text."""

    code = "malformed_json"


class Invalid(Refusal):
    """Well formed but wrong; carries every problem at once."""

    code = "invalid"


class TooManyItems(Invalid):
    """A collection is full."""

    code = "too_many_items"


class TooManyTokens(Invalid):
    """A collection has as many live share tokens as one may have."""

    code = "too_many_tokens"


class Unauthenticated(Refusal):
    """Nobody, or somebody whose token we do not believe."""

    code = "unauthenticated"


class NotAllowed(Refusal):
    """What is asked for exists, and this is not the way to ask for it: another site sent the request."""

    code = "not_allowed"


class NotFound(Refusal):
    """Absent, or not yours: the same answer, so that existence is not told."""

    code = "not_found"

    def __init__(self, detail: str = "There is no such thing here, or it is not yours.") -> None:
        super().__init__(detail)


class MethodNotAllowed(Refusal):
    """The address exists, the method does not."""

    code = "method_not_allowed"


class Conflict(Refusal):
    """The request contradicts what is stored."""

    code = "conflict"


class AlreadyInCollection(Conflict):
    """A listing stands in a collection once."""

    code = "already_in_collection"


class AlreadyUsed(Conflict):
    """The preview was confirmed before, with other decisions."""

    code = "already_used"


class RevisionChanged(Conflict):
    """Somebody changed the order or the items in the meantime."""

    code = "revision_changed"


class TargetChanged(Conflict):
    """What the preview showed is no longer so; carries a fresh preview."""

    code = "target_changed"


class Expired(Refusal):
    """It was there and its time is over."""

    code = "expired"


class TooLarge(Refusal):
    """More bytes than we take."""

    code = "too_large"


class UnsupportedType(Refusal):
    """A content type this route does not read."""

    code = "unsupported_type"


class Unavailable(Refusal):
    """A part we need does not answer; worth trying again."""

    code = "unavailable"


class Fault(Refusal):
    """A defect of ours: the caller learns that it is not theirs, our log learns what it is."""

    code = "fault"

"""The environment, read once and checked. Everything else takes ``settings()``.

The stacks construct the same model and write it into each function, so that a missing variable fails
when the template is made and not at the first request.
"""

import os
from functools import lru_cache
from typing import Self

from pydantic import BaseModel, ConfigDict

PREFIX = "DEALBRAIN_"
# What libraries read. Pydantic would look through all installed packages for plugins at each cold start.
LIBRARIES = {"PYDANTIC_DISABLE_PLUGINS": "__all__"}


class Settings(BaseModel):
    """Where the parts are. Names only: no secret stands in an environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    public_origin: str
    """Scheme and host people see, without a trailing slash; links are made from it, never from a header."""
    generated_bucket: str
    private_bucket: str
    static_bucket: str
    pending_table: str
    renderer_function: str
    token_issuer: str
    token_client_id: str
    sign_in_url: str
    """Scheme and host of the issuer's pages, where people sign in and out; without a trailing slash."""
    cdn_fingerprint: str = ""
    """SHA-256 (hexadecimal) of the word by which our CDN is known; empty where there is none to believe."""
    database_url: str = ""
    """SQLAlchemy address with the pg8000 driver; empty for functions without a database."""
    database_ca: str = ""
    """File of the authorities that vouch for the database; empty where it is on this machine."""
    database_pool: int = 1
    """Connections kept. One suffices where one environment serves one request at a time."""
    chromium: str = ""
    """Path of the Chromium that draws cards; empty to look where it is usually installed."""

    def environment(self) -> dict[str, str]:
        """Spell these settings, and what libraries read, as environment variables for ``settings()``."""
        own = {PREFIX + name.upper(): str(value) for name, value in self.model_dump().items()}
        return own | LIBRARIES

    def without_database(self) -> Self:
        """The same settings for a function that has no business with the database."""
        return self.model_copy(update={"database_url": "", "database_ca": ""})


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the environment, once per process.

    Raises:
        pydantic.ValidationError: a variable is missing or of the wrong kind.
    """
    found = {
        name: os.environ[PREFIX + name.upper()]
        for name in Settings.model_fields
        if PREFIX + name.upper() in os.environ
    }
    return Settings.model_validate(found)

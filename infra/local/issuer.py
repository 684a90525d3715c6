"""The local stand-in for Cognito: its own key, and access tokens with Cognito's exact claims."""

import json
import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from dealbrain.settings import Settings

TOKEN_LIFE = timedelta(hours=1)
KEY_ID = "local-1"
PEOPLE = uuid.UUID("5f0a7a3e-52a5-4e2b-9d37-1f6b64a3f2d1")


class Issuer:
    """Signs for one issuer and one client, with a key kept in the data folder."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._key = _key(folder / "issuer.pem")
        self._settings = settings

    def token(self, username: str, now: datetime, life: timedelta = TOKEN_LIFE) -> str:
        """Mint an access token."""
        return self.sign(self.claims(username, now, life))

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign any claims, right or wrong: tests need both."""
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": KEY_ID})

    def claims(self, username: str, now: datetime, life: timedelta = TOKEN_LIFE) -> dict[str, Any]:
        """What Cognito writes into an access token; the subject follows from the name alone."""
        second = int(now.timestamp())
        return {
            "sub": subject(username),
            "iss": self._settings.token_issuer,
            "version": 2,
            "client_id": self._settings.token_client_id,
            "origin_jti": str(uuid.uuid4()),
            "event_id": str(uuid.uuid4()),
            "token_use": "access",
            "scope": "openid email",
            "auth_time": second,
            "exp": second + int(life.total_seconds()),
            "iat": second,
            "jti": str(uuid.uuid4()),
            "username": username,
        }

    def public_keys(self) -> bytes:
        """The key set (JWKS) by which others verify our tokens."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        named = {**key, "kid": KEY_ID, "use": "sig", "alg": "RS256"}
        return json.dumps({"keys": [named]}).encode()


def subject(username: str) -> str:
    """The ``sub`` of a local person: the same for the same name on every machine."""
    return str(uuid.uuid5(PEOPLE, username))


def _key(file: Path) -> rsa.RSAPrivateKey:
    if file.exists():
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
        output.write(pem)
    return made

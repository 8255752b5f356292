"""Endpoint keys at rest: encrypted with the newest key, readable with every key still named."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from optimization.catalog.errors import EndpointRefused, Fault


def key_encrypt(plain: str) -> str:
    return _fernet().encrypt(plain.encode()).decode() if plain else ""


def key_decrypt(encrypted: str) -> str:
    """Raises EndpointRefused if it was encrypted with a key that is no longer known."""
    if not encrypted:
        return ""
    try:
        return _fernet().decrypt(encrypted.encode()).decode()
    except InvalidToken as error:
        raise EndpointRefused(
            "The stored API key cannot be read, because SECRET_KEY or HANDGRAD_ENDPOINT_KEYS has changed: enter it again.",
            [Fault("/api_key", "enter it again")],
        ) from error


def _fernet() -> MultiFernet:
    return MultiFernet([*(Fernet(key) for key in settings.ENDPOINT_KEYS), Fernet(_derived())])


def _derived() -> bytes:
    """The key for installations that name none, from SECRET_KEY."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"handgrad endpoint keys")
    return base64.urlsafe_b64encode(kdf.derive(settings.SECRET_KEY.encode()))

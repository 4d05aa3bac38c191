"""The platform's own keys: one master key, and one derived key per purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import InvalidInput

MASTER_KEY_BYTES = 32


def make_master_key() -> str:
    """A new `BIONIC_MASTER_KEY`: 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode()


def make_api_key() -> str:
    """A new API key; the prefix lets secret scanners recognise it."""
    return f"bk_{secrets.token_urlsafe(32)}"


def derive_key(master_key: str, purpose: str) -> bytes:
    """32 bytes for one purpose, so that a key used in one place tells nothing about another's.

    Raises:
        InvalidInput: the master key is not 32 bytes in base64.
    """
    try:
        raw = base64.b64decode(master_key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != MASTER_KEY_BYTES:
        message = (
            "BIONIC_MASTER_KEY must be 32 bytes in base64. Make one with: "
            "python3 -c 'import base64,secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())'"
        )
        raise InvalidInput(message)
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"bionic/{purpose}".encode()).derive(raw)


def key_id(key: bytes) -> bytes:
    """Four bytes that name a key without telling it."""
    return hashlib.sha256(b"bionic/key-id" + key).digest()[:4]

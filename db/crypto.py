"""Encryption of secrets at rest: AES-256-GCM, each value bound to the row and field it belongs to."""

from __future__ import annotations

import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.discretion import DISCRETION
from common.errors import BionicError
from common.keys import derive_key, key_id

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_KEY_ID_BYTES = 4


class SecretUnreadable(BionicError):
    """A stored secret can't be decrypted: another master key, or a row that was moved or changed."""


class SecretBox:
    """Seals small values so that a stolen dump, or a value copied to another row, tells nothing.

    What passes through it is from then on blotted out of this process's logs.

    The layout is ``format ‖ key id ‖ nonce ‖ ciphertext and tag``; the key id makes key rotation possible.
    """

    def __init__(self, master_key: str) -> None:
        key = derive_key(master_key, "secrets-at-rest")
        self._key_id = key_id(key)
        self._cipher = AESGCM(key)

    def seal(self, value: str, row: str) -> bytes:
        """Encrypt `value` for `row` (a name such as ``agents/<id>/draft``)."""
        DISCRETION.learn(value)
        return self._seal(value, row)

    def _seal(self, value: str, row: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + self._key_id + nonce + self._cipher.encrypt(nonce, value.encode(), row.encode())

    def open(self, sealed: bytes, row: str) -> str:
        """Decrypt what `seal` made for the same `row`.

        Raises:
            SecretUnreadable: the master key changed, or the value belongs to another row.
        """
        value = self._open(sealed, row)
        DISCRETION.learn(value)
        return value

    def _open(self, sealed: bytes, row: str) -> str:
        head = len(_FORMAT) + _KEY_ID_BYTES
        if sealed[:head] != _FORMAT + self._key_id:
            raise SecretUnreadable(
                f"The secret of {row} was written with another BIONIC_MASTER_KEY. "
                "Restore that key, or enter the secret again."
            )
        nonce, body = sealed[head : head + _NONCE_BYTES], sealed[head + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, row.encode()).decode()
        except InvalidTag:
            raise SecretUnreadable(f"The secret of {row} was changed or belongs to another row.") from None

    def seal_map(self, values: dict[str, str], row: str) -> bytes | None:
        """Encrypt a map of secrets; an empty one needs no ciphertext."""
        for value in values.values():
            DISCRETION.learn(value)
        return self._seal(json.dumps(values, sort_keys=True), row) if values else None

    def open_map(self, sealed: bytes | None, row: str) -> dict[str, str]:
        """Decrypt what `seal_map` made."""
        if sealed is None:
            return {}
        values: dict[str, str] = json.loads(self._open(sealed, row))
        for value in values.values():
            DISCRETION.learn(value)
        return values

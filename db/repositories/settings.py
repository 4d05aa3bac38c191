"""Queries on global settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.crypto import SecretBox
from db.models import SettingRow

SECRET_KEYS = frozenset({"livekit_api_secret", "langfuse_secret_key", "storage_secret_access_key"})
PLAIN_KEYS = frozenset(
    {
        "livekit_url",
        "livekit_api_key",
        "langfuse_host",
        "langfuse_public_key",
        "storage_url",
        "storage_endpoint",
        "storage_region",
        "storage_access_key_id",
        "prices",
    }
)
KEYS = SECRET_KEYS | PLAIN_KEYS


@dataclass(frozen=True)
class StoredSettings:
    """Every setting that is set, by its key. Its `repr` shows no value."""

    values: dict[str, str] = field(repr=False)

    def get(self, key: str) -> str | None:
        """The value, or None where it is not set."""
        return self.values.get(key)


class SettingRepository:
    """Reads and writes settings; secrets are sealed on the way in and opened on the way out."""

    def __init__(self, db_session: AsyncSession, box: SecretBox) -> None:
        self._db_session = db_session
        self._box = box

    async def all(self) -> StoredSettings:
        """Every setting, secrets in clear: for use inside the platform, never for an answer."""
        rows = (await self._db_session.execute(select(SettingRow))).scalars()
        return StoredSettings({row.key: self._read(row) for row in rows})

    def _read(self, row: SettingRow) -> str:
        if row.sealed is not None:
            return self._box.open(row.sealed, f"settings/{row.key}")
        assert row.value is not None
        return row.value

    async def put(self, key: str, value: str | None) -> None:
        """Set `key`, or clear it with None."""
        assert key in KEYS, key
        if value is None:
            await self._db_session.execute(delete(SettingRow).where(SettingRow.key == key))
            return
        secret = key in SECRET_KEYS
        form = {
            "value": None if secret else value,
            "sealed": self._box.seal(value, f"settings/{key}") if secret else None,
        }
        statement = insert(SettingRow).values(key=key, **form)
        await self._db_session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=form))

"""Global settings: LiveKit, LangFuse, the storage of recordings, and prices."""

from __future__ import annotations

from dataclasses import dataclass

from agents.aftercare.cost import Prices
from agents.providers.secrets import hint
from api.postgres import Postgres
from api.schemas.settings import Redacted, SettingsAnswer, SettingsChange
from common.errors import FieldError, InvalidInput
from db.repositories.settings import PLAIN_KEYS, SECRET_KEYS, SettingRepository, StoredSettings

_HOST_OF_SECRET = {
    "livekit_api_secret": "livekit_url",
    "langfuse_secret_key": "langfuse_host",
    "storage_secret_access_key": "storage_endpoint",
}
_POINTERS = {
    "livekit_api_secret": "/livekitApiSecret",
    "langfuse_secret_key": "/langfuseSecretKey",
    "storage_secret_access_key": "/storageSecretAccessKey",
}


@dataclass(frozen=True)
class SettingService:
    """Shows and changes the settings."""

    postgres: Postgres

    async def get(self) -> SettingsAnswer:
        """Every setting, secrets redacted."""
        async with self.postgres.begin() as db_session:
            return _answer(await SettingRepository(db_session, self.postgres.box).all())

    async def put(self, change: SettingsChange) -> SettingsAnswer:
        """Change what `change` names.

        Raises:
            InvalidInput: a secret would follow to another server.
        """
        async with self.postgres.begin() as db_session:
            repository = SettingRepository(db_session, self.postgres.box)
            before = await repository.all()
            for key, value in _wanted(change, before).items():
                await repository.put(key, value)
            return _answer(await repository.all())


def _wanted(change: SettingsChange, before: StoredSettings) -> dict[str, str | None]:
    """The keys to write, with their new values."""
    wanted: dict[str, str | None] = {}
    for key in change.model_fields_set:
        value = getattr(change, key)
        if isinstance(value, Prices):
            wanted[key] = value.model_dump_json(by_alias=True)
        elif not isinstance(value, Redacted):
            wanted[key] = value
        elif not value.set:
            wanted[key] = None
    errors = [error for secret in _HOST_OF_SECRET if (error := _moved(secret, wanted, before))]
    if errors:
        raise InvalidInput("A stored secret does not follow to another server.", errors)
    return wanted


def _moved(secret: str, wanted: dict[str, str | None], before: StoredSettings) -> FieldError | None:
    """The error where a stored secret would be sent to another server than the one it was entered for.

    Otherwise anyone who may change settings could learn a secret that nobody may read.
    """
    host = _HOST_OF_SECRET[secret]
    stays = secret not in wanted and before.get(secret) is not None
    if stays and wanted.get(host) is not None and wanted[host] != before.get(host):
        return FieldError(_POINTERS[secret], "is required with another server: send the secret again")
    return None


def prices_of(stored: StoredSettings) -> Prices | None:
    """The price table, where there is one."""
    text = stored.get("prices")
    return Prices.model_validate_json(text) if text else None


def _answer(stored: StoredSettings) -> SettingsAnswer:
    plain: dict[str, object] = {key: stored.get(key) for key in PLAIN_KEYS}
    plain["prices"] = prices_of(stored)
    secrets = {key: hint(stored.get(key)) for key in SECRET_KEYS}
    return SettingsAnswer.model_validate(plain | secrets)

"""Where credentials come from, of LiveKit, LangFuse and the storage: the agent, else the settings, else the
environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from common.livekit import LiveKitCredentials
from common.settings import Settings
from common.storage import StoragePlace
from db.repositories.agents import StoredConfig
from db.repositories.settings import StoredSettings


def resolve_livekit(
    config: StoredConfig | None, stored: StoredSettings, settings: Settings
) -> LiveKitCredentials:
    """The LiveKit server for an agent with this config (None: for the platform itself).

    Each source is taken whole: the agent's key is never sent to the server of the settings. A source counts
    as set when it names a URL.
    """
    own = config.public.get("livekitConfig") if config else None
    if config and own:
        return LiveKitCredentials(
            own["url"], own["apiKey"], config.secrets.get("/livekitConfig/apiSecret", ""), "agent"
        )
    url = stored.get("livekit_url")
    if url:
        return LiveKitCredentials(
            url,
            stored.get("livekit_api_key") or "",
            stored.get("livekit_api_secret") or "",
            "settings",
            settings.livekit_internal_url if url == settings.livekit_url else None,
        )
    return LiveKitCredentials(
        settings.livekit_url,
        settings.livekit_api_key,
        settings.livekit_api_secret.get_secret_value(),
        "environment",
        settings.livekit_internal_url,
    )


@dataclass(frozen=True)
class LangFuseCredentials:
    """One LangFuse project."""

    host: str
    public_key: str
    secret_key: str = field(repr=False)


def resolve_langfuse(stored: StoredSettings, settings: Settings) -> LangFuseCredentials | None:
    """LangFuse of the settings, else of the environment; None when neither names all three parts."""
    secret = settings.langfuse_secret_key.get_secret_value() if settings.langfuse_secret_key else None
    environment = (settings.langfuse_host, settings.langfuse_public_key, secret)
    database = tuple(stored.get(f"langfuse_{part}") for part in ("host", "public_key", "secret_key"))
    for host, public_key, secret_key in (database, environment):
        if host and public_key and secret_key:
            return LangFuseCredentials(host.rstrip("/"), public_key, secret_key)
    return None


def resolve_storage(stored: StoredSettings, settings: Settings) -> StoragePlace:
    """Where recordings are kept: the bucket of the settings, else what the environment says."""
    if url := stored.get("storage_url"):
        return StoragePlace(
            url,
            stored.get("storage_endpoint"),
            stored.get("storage_region"),
            stored.get("storage_access_key_id"),
            stored.get("storage_secret_access_key"),
        )
    where, secret = settings.bionic_storage, settings.bionic_storage_secret_access_key
    return StoragePlace(
        where if where.startswith("s3://") else Path(where.removeprefix("file://")).absolute().as_uri(),
        settings.bionic_storage_endpoint,
        settings.bionic_storage_region,
        settings.bionic_storage_access_key_id,
        secret.get_secret_value() if secret else None,
    )

"""The process's settings. Nothing else reads the environment."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from common.discretion import DISCRETION

DEV_LIVEKIT_URL = "ws://localhost:7880"
DEV_LIVEKIT_API_KEY = "devkey-livekit-api-key-2024"
DEV_LIVEKIT_API_SECRET = "devkey-livekit-api-secret-2024-min-32-chars"  # noqa: S105 - published default for development


class Settings(BaseSettings):
    """Everything a process takes from its environment; names are those of the environment variables."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    database_url: str = "postgresql://postgres@localhost:5432/liveagents"
    """PostgreSQL, as `postgresql://…`; a unix socket goes in `?host=/path`."""

    temporal_address: str = "localhost:7233"
    temporal_namespace: str = "default"
    temporal_ui_url: str = "http://localhost:8233"
    """Base of the links into Temporal's web UI."""

    livekit_url: str = DEV_LIVEKIT_URL
    livekit_api_key: str = DEV_LIVEKIT_API_KEY
    livekit_api_secret: SecretStr = SecretStr(DEV_LIVEKIT_API_SECRET)
    livekit_internal_url: str | None = None
    """The same server as `livekit_url`, as other services reach it (inside a compose network, say)."""

    langfuse_host: str | None = None
    langfuse_public_key: str | None = None
    langfuse_secret_key: SecretStr | None = None

    bionic_master_key: SecretStr = Field(default=SecretStr(""))
    """32 random bytes in base64: encrypts secrets in Postgres and signs login links."""

    bionic_api_key: SecretStr = Field(default=SecretStr(""))
    """The API key that callers send as `Authorization: Bearer`."""

    bionic_api_host: str = "127.0.0.1"
    bionic_api_port: int = 8080
    bionic_trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Addresses and networks, separated by commas, whose `X-Forwarded-For` is believed: `10.0.0.0/8,::1`."""

    bionic_web_dir: str | None = None
    """Where the built console lies; default `web/console/dist` beside the code."""

    agent_runtime_api_url: str = "http://localhost:8080"
    """The API's own base URL as other services and the browser's login link see it."""

    bionic_host_name: str | None = Field(default=None, pattern=r"^[^/]+$")
    """Of a runtime host among others; by default its machine's, with a number when that one is taken. It is
    part of addresses of the API, so it holds no slash."""

    bionic_max_calls: int | None = Field(default=None, ge=1)
    """Calls that a runtime host takes; by default 12 for each core, and no more than one for each 100 MB."""

    bionic_max_cpu: float = Field(default=0.9, gt=0, le=1)
    """The share of its machine's CPU beyond which a host that has calls takes no more; 1 is no limit."""

    bionic_max_memory: float = Field(default=0.9, gt=0, le=1)
    """The same of its machine's memory."""

    bionic_call_memory_mb: int = Field(default=1000, ge=100)
    """A call that uses more memory than this is ended, so that its neighbours live."""

    bionic_join_seconds: float = Field(default=2.0, gt=0, le=60)
    """How long a caller may be in the room without an agent before another one is sent."""

    bionic_drain_seconds: float = Field(default=3600.0, gt=0)
    """How long a replica that takes no new calls may keep its running ones."""

    bionic_log_hours: float = Field(default=24.0, gt=0, le=366 * 24)
    """How long what agents log is kept in Postgres."""

    bionic_webhook_allow_private: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Networks that are not public and may be told of events all the same, written as above."""

    bionic_recording_days: int | None = Field(default=None, ge=1, le=36_500)
    """For how many days recordings are kept where their agent's config does not say; none: for ever."""

    bionic_transcript_days: int | None = Field(default=None, ge=1, le=36_500)
    """The same of what was said and done in calls."""

    bionic_call_days: int | None = Field(default=None, ge=1, le=36_500)
    """The same of calls, with all that they have."""

    bionic_storage: str = ".bionic/storage"
    """Where recordings are kept: a folder, which every process of the platform sees, or `s3://bucket/prefix`."""

    bionic_storage_endpoint: str | None = None
    """An S3-compatible server; by default AWS."""

    bionic_storage_region: str | None = None
    bionic_storage_access_key_id: str | None = None
    bionic_storage_secret_access_key: SecretStr | None = None

    bionic_spool: Annotated[Path, AfterValidator(Path.absolute)] = Path(".bionic/spool").absolute()
    """The folder of a runtime host in which recordings lie until they are over and in their storage. It
    should outlive the host's process."""

    @field_validator("bionic_trusted_proxies", "bionic_webhook_allow_private", mode="before")
    @classmethod
    def _are_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ValueError(
                "must be a PostgreSQL URL such as postgresql://user:password@host:5432/liveagents"
            )
        return value.replace("postgres://", "postgresql://", 1)


@cache
def get_settings() -> Settings:
    """The settings of this process, read once. Its secrets are blotted out of the log from then on."""
    settings = Settings()
    for name in Settings.model_fields:
        if isinstance(value := getattr(settings, name), SecretStr):
            DISCRETION.learn(value.get_secret_value(), for_ever=True)
    return settings

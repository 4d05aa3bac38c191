"""Global settings, as they come in and go out."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from agents.aftercare.cost import Prices
from agents.providers import urls
from api.schemas.base import Answer, Body

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Redacted(Body):
    """A secret as it was shown: sent back, it stays as it is."""

    set: bool
    hint: str | None = None


class SettingsChange(Body):
    """What to change: absent fields stay as they are, null clears."""

    livekit_url: Annotated[Text, AfterValidator(urls.livekit_url)] | None = None
    livekit_api_key: Text | None = None
    livekit_api_secret: Text | Redacted | None = None
    langfuse_host: Annotated[Text, AfterValidator(urls.http_url)] | None = None
    langfuse_public_key: Text | None = None
    langfuse_secret_key: Text | Redacted | None = None
    storage_url: Annotated[Text, AfterValidator(urls.bucket_url)] | None = None
    storage_endpoint: Annotated[Text, AfterValidator(urls.http_url)] | None = None
    storage_region: Text | None = None
    storage_access_key_id: Text | None = None
    storage_secret_access_key: Text | Redacted | None = None
    prices: Prices | None = None


class SettingsAnswer(Answer):
    """Every setting; of secrets only whether they are set, and how a long one ends."""

    livekit_url: str | None
    livekit_api_key: str | None
    livekit_api_secret: dict[str, Any]
    langfuse_host: str | None
    langfuse_public_key: str | None
    langfuse_secret_key: dict[str, Any]
    storage_url: str | None
    """The bucket in which recordings are kept; null: where the environment says."""
    storage_endpoint: str | None
    storage_region: str | None
    storage_access_key_id: str | None
    storage_secret_access_key: dict[str, Any]
    prices: Prices | None
    """What models cost; where it is set, each call that is over gets its cost."""

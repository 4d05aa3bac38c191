"""How Litestar reads our request bodies: by our own decoder, which knows where each field is."""

from __future__ import annotations

from typing import Any

from litestar.config.app import AppConfig
from litestar.plugins import InitPlugin

from api.schemas.base import Body, decode_body


class BodyPlugin(InitPlugin):
    """Must come after Litestar's Pydantic plugin, whose decoder would be asked first otherwise."""

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Put our decoder before all others."""
        app_config.type_decoders = [(_is_body, decode_body), *(app_config.type_decoders or [])]
        return app_config


def _is_body(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Body)

"""`/api/settings`."""

from __future__ import annotations

from litestar import Controller, get, put
from litestar.params import JSONBody

from api.dependencies import ThePlatform
from api.schemas.settings import SettingsAnswer, SettingsChange


class SettingController(Controller):
    """LiveKit and LangFuse for the whole platform. Secrets go in and never come out."""

    path = "/api/settings"
    tags = ("settings",)

    @get(operation_id="getSettings")
    async def get_settings(self, platform: ThePlatform) -> SettingsAnswer:
        """Every setting, secrets redacted."""
        return await platform.stored_settings.get()

    @put(operation_id="putSettings")
    async def put_settings(self, platform: ThePlatform, data: JSONBody[SettingsChange]) -> SettingsAnswer:
        """Change some settings; null clears one."""
        return await platform.stored_settings.put(data)

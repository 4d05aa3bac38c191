"""Global settings: LiveKit, LangFuse and the like, the platform's source of truth."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class SettingRow(Base):
    """One setting: plain text, or sealed when it is a secret."""

    __tablename__ = "settings"
    __table_args__ = (CheckConstraint("(value IS NULL) <> (sealed IS NULL)", name="ck_settings_one_form"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str | None]
    sealed: Mapped[bytes | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

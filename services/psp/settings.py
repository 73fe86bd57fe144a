"""What PSP is told from outside."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.details import CaseSettings

__all__ = ["Settings"]


class Settings(CaseSettings):
    """Prefix `PSP_`."""

    model_config = SettingsConfigDict(env_prefix="PSP_")
    service: ClassVar[str] = "psp"

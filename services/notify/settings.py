"""What notify must be told to start: nothing beside what every service needs."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

__all__ = ["NotifySettings"]


class NotifySettings(ServiceSettings):
    """Environment variables with the prefix `NOTIFY_`, and the shared ones with `SAMRAAD_`."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_")
    service: ClassVar[str] = "notify"

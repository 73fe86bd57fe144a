"""What notify must be told to start: hardly more than what every service needs."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.cases.working_time import ACKNOWLEDGE_WITHIN, LengthSetting
from shared.runtime.settings import ServiceSettings

__all__ = ["NotifySettings"]


class NotifySettings(ServiceSettings):
    """Environment variables with the prefix `NOTIFY_`, and the shared ones with `SAMRAAD_`."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_")
    service: ClassVar[str] = "notify"

    acknowledge_within: LengthSetting = ACKNOWLEDGE_WITHIN
    """How soon somebody must have acknowledged a notice before it is recalled."""

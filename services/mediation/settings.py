"""Settings of mediation."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.cases.report_details import CaseSettings
from shared.cases.working_time import CONTACT_PARTIES_WITHIN, LengthSetting

__all__ = ["Settings"]


class Settings(CaseSettings):
    """Prefix `MEDIATION_`."""

    model_config = SettingsConfigDict(env_prefix="MEDIATION_")
    service: ClassVar[str] = "mediation"

    contact_parties_within: LengthSetting = CONTACT_PARTIES_WITHIN
    """How long a case's first step may take, counted from its report."""

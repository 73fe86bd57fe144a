"""Settings of PSP."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.cases.report_details import CaseSettings
from shared.cases.working_time import JUDGE_NECESSITY_WITHIN, LengthSetting

__all__ = ["Settings"]


class Settings(CaseSettings):
    """Prefix `PSP_`."""

    model_config = SettingsConfigDict(env_prefix="PSP_")
    service: ClassVar[str] = "psp"

    judge_necessity_within: LengthSetting = JUDGE_NECESSITY_WITHIN
    """How long a case's first step may take, counted from its report."""

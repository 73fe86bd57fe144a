"""Settings of notify."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, AliasChoices, Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from services.notify.directory import read_staff
from shared.cases.working_time import ACKNOWLEDGE_WITHIN, LengthSetting
from shared.runtime.settings import ReadableFile, ServiceSettings

__all__ = ["NotifySettings"]


def _with_staff(file: Path) -> Path:
    read_staff(file)
    return file


class NotifySettings(ServiceSettings):
    """Environment variables with the prefix `NOTIFY_`, and the shared ones with `SAMRAAD_`."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_")
    service: ClassVar[str] = "notify"

    acknowledge_within: LengthSetting = ACKNOWLEDGE_WITHIN
    """How soon somebody must have acknowledged a notice before it is recalled."""
    demo_staff_file: Annotated[ReadableFile, AfterValidator(_with_staff)] | None = Field(
        default=None,
        validate_default=True,
        validation_alias=AliasChoices("SAMRAAD_DEMO_STAFF_FILE"),
    )
    """The synthetic staff of a demo, as YAML; without a demo nobody reads it."""

    @field_validator("demo_staff_file")
    @classmethod
    def _named_in_a_demo(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is None and info.data.get("demo"):
            raise ValueError("is not set, and a demo needs its staff")
        return file

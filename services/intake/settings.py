"""The settings of intake."""

import os
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator
from pydantic_settings import SettingsConfigDict

from services.intake.blind import BlindIndex
from shared.cases.working_time import TRIAGE_WITHIN, LengthSetting
from shared.runtime.settings import ReadableFile, ServiceSettings
from shared.security.data_keys import MasterKey

__all__ = ["Settings"]


def _with_index_key(path: Path) -> Path:
    BlindIndex(path.read_bytes())
    return path


def _with_master_key(path: Path) -> Path:
    MasterKey.read(path)
    return path


def _for_keys(path: Path) -> Path:
    there = path if path.exists() else path.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ValueError("the directory cannot be written to")
    return path


class Settings(ServiceSettings):
    """Prefix `INTAKE_`."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_")
    service: ClassVar[str] = "intake"

    master_key_file: Annotated[ReadableFile, AfterValidator(_with_master_key)]
    """What wraps the data keys of people, cases and reports."""
    index_key_file: Annotated[ReadableFile, AfterValidator(_with_index_key)]
    """32 bytes: the key of search marks and of all ids. If it is lost, no person is found again."""
    seal_keys_dir: Annotated[Path, AfterValidator(_for_keys)]
    """Where the private keys of the seal lie, one JWK a file; the first is made at first start."""
    service_tokens_dir: Path
    """One file per service that may fetch details, named after it, with its token."""
    triage_within: LengthSetting = TRIAGE_WITHIN
    """How long a report may wait for triage."""

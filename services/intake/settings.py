"""What intake is told from outside."""

from pathlib import Path
from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.settings import ReadableFile, ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """Prefix `INTAKE_`."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_")
    service: ClassVar[str] = "intake"

    master_key_file: ReadableFile
    """What wraps the data keys of people, cases and reports."""
    index_key_file: ReadableFile
    """32 bytes: the key of search marks and of all ids. Lost, nobody is found again."""
    seal_keys_dir: Path
    """Where the private keys of the seal lie, one JWK a file; the first is made at first start."""
    service_tokens_dir: Path
    """One file per service that may fetch details, named after it, with its token."""

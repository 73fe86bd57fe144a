"""What intake must be told to start: its own paths beside what every service needs."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

__all__ = ["IntakeSettings"]


class IntakeSettings(ServiceSettings):
    """Environment variables with the prefix `INTAKE_`, and the shared ones with `SAMRAAD_`."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_", frozen=True)

    index_key_file: Path
    """32 bytes: the key of blind marks and of all ids. Lost, nobody is found again."""
    seal_keys_dir: Path
    """Where the private keys of the seal lie, one JWK a file."""
    service_tokens_dir: Path
    """One file per service that may fetch details, named after it, with its token."""

"""The environment variables of each service, in every kind of stack: files, addresses, its port."""

from collections.abc import Mapping
from typing import Protocol

from shared.contracts.manifest import Manifest, Secret

__all__ = ["Places", "settings_of"]


class Places(Protocol):
    """The files and addresses of a service in one kind of stack."""

    @property
    def listens(self) -> tuple[str, int]:
        """The address and port that the service listens on."""

    @property
    def kafka(self) -> str:
        """The file with its login at the broker."""

    @property
    def mongo(self) -> str:
        """The file with its login at the database."""

    @property
    def master_key(self) -> str:
        """The file with the key that wraps its data keys."""

    @property
    def signing_key(self) -> str:
        """The file with the private key that it signs with."""

    @property
    def operator_token(self) -> str:
        """The file with the token that opens its operator API."""

    @property
    def secrets(self) -> Mapping[Secret, str]:
        """Files and folders of the secrets that not every service has."""

    def url(self, service: str) -> str:
        """The address of another service."""

    def token(self, service: str) -> str:
        """The file with its token for another service."""


_SETTING = {
    Secret.INDEX_KEY: "{prefix}INDEX_KEY_FILE",
    Secret.SEAL_KEYS: "{prefix}SEAL_KEYS_DIR",
    Secret.SERVICE_TOKENS: "{prefix}SERVICE_TOKENS_DIR",
    Secret.LOGIN: "SAMRAAD_CLIENT_SECRET_FILE",
}


def settings_of(service: Manifest, places: Places) -> dict[str, str]:
    """Return the environment of a service, apart from the variables common to all."""
    prefix, (host, port) = service.prefix, places.listens
    return {
        f"{prefix}HOST": host,
        f"{prefix}PORT": str(port),
        f"{prefix}KAFKA_FILE": places.kafka,
        f"{prefix}MONGO_FILE": places.mongo,
        f"{prefix}MASTER_KEY_FILE": places.master_key,
        f"{prefix}SIGNING_KEY_FILE": places.signing_key,
        f"{prefix}OPERATOR_TOKEN_FILE": places.operator_token,
        **{
            _SETTING[secret].format(prefix=prefix): places.secrets[secret]
            for secret in service.secrets
        },
        **{f"{prefix}{called.upper()}_URL": places.url(called) for called in service.calls},
        **{
            f"{prefix}{called.upper()}_TOKEN_FILE": places.token(called) for called in service.calls
        },
    }

"""Settings of every service: from the environment, with secrets as files. Each fault is one sentence."""

import ipaddress
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.engine.kafka.connection import Connection
from shared.engine.limits.memory_budget import DEFAULT_MIB, LEAST_MIB
from shared.security.signatures import PublicKeys, Signer

__all__ = ["ReadableFile", "SecretFile", "ServiceSettings", "from_environment"]

_SECRET_BYTES = 32


def _readable(path: Path) -> Path:
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ValueError("the file is not there, or may not be read")
    return path


def _secret(path: Path) -> Path:
    if len(_readable(path).read_bytes().strip()) < _SECRET_BYTES:
        raise ValueError(f"the file holds no secret of {_SECRET_BYTES} bytes or more")
    return path


def _signing_key(path: Path) -> Path:
    Signer.read("", _readable(path))
    return path


def _folder(path: Path) -> Path:
    if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        raise ValueError("the folder is not there, or may not be read")
    return path


def _site(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost" or host.endswith(".localhost")  # RFC 6761
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise ValueError("the site must use https; plain http is for loopback only")
    return url


ReadableFile = Annotated[Path, AfterValidator(_readable)]
SecretFile = Annotated[Path, AfterValidator(_secret)]
"""A file with one secret line. A short one is refused: it could be guessed."""
SigningKeyFile = Annotated[Path, AfterValidator(_signing_key)]
"""A file with a private key to sign with, as a JWK (`shared.security.signatures`)."""
Folder = Annotated[Path, AfterValidator(_folder)]


def _shared(name: str, default: Any) -> Any:
    return Field(default=default, validation_alias=AliasChoices(f"SAMRAAD_{name}"))


class ServiceSettings(BaseSettings):
    """Settings of a service process. Subclasses set `env_prefix` and `service`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)
    service: ClassVar[str]

    kafka_file: ReadableFile
    """The broker with our login, as librdkafka's properties in JSON."""
    mongo_file: ReadableFile
    """The database's address with our login."""
    signing_key_file: SigningKeyFile
    """The private key that this service alone signs with."""
    operator_token_file: SecretFile | None = None
    """The token that opens this service's operator API, and no other's."""
    host: str = "127.0.0.1"
    port: int
    instance: str | None = None
    """The process's name in its consumer groups, the same after a restart (static membership)."""
    restart_counts: Path | None = None
    """The file for the counters of `shared.runtime.restart_counter`; none by default."""

    memory_mib: Annotated[int, Field(ge=LEAST_MIB)] = _shared("MEMORY_MIB", DEFAULT_MIB)
    """The memory budget in MiB (see `shared.engine.limits.memory_budget`)."""
    site_url: Annotated[str, AfterValidator(_site)] = _shared("SITE_URL", "http://127.0.0.1")
    """The URL of the site for staff: https, because cookies say who somebody is."""
    issuer: str = _shared("ISSUER", "")
    client_secret_file: SecretFile | None = _shared("CLIENT_SECRET_FILE", None)
    session_secret_file: SecretFile | None = _shared("SESSION_SECRET_FILE", None)
    public_keys_dir: Folder = Field(validation_alias=AliasChoices("SAMRAAD_PUBLIC_KEYS_DIR"))
    """The public keys of all services."""
    assets_dir: Path | None = _shared("ASSETS_DIR", None)
    demo: bool = _shared("DEMO", default=False)
    trace_dir: Path | None = _shared("TRACE_DIR", None)
    """The folder for traces as lines of JSON; none by default."""
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
        ),
    )
    """OpenTelemetry's own setting: the collector for traces; none by default."""
    otel_disabled: bool = Field(default=False, validation_alias=AliasChoices("OTEL_SDK_DISABLED"))
    """OpenTelemetry's own switch."""

    @property
    def connection(self) -> Connection:
        """The connection to the broker."""
        return Connection(properties=json.loads(self.kafka_file.read_text()))

    @property
    def mongo_uri(self) -> str:
        """The URI of the database."""
        return self.mongo_file.read_text().strip()

    @property
    def signer(self) -> Signer:
        """What signs in the name of this service."""
        return Signer.read(self.service, self.signing_key_file)

    @property
    def public_keys(self) -> PublicKeys:
        """What checks the tokens of all services."""
        return PublicKeys(self.public_keys_dir)

    @property
    def is_traced(self) -> bool:
        """Whether traces are written or exported."""
        wanted = self.trace_dir is not None or self.otlp_endpoint is not None
        return wanted and not self.otel_disabled

    @property
    def operator_token(self) -> str | None:
        """The operators' token here; None if there is no file, and then nobody is an operator."""
        return self.operator_token_file.read_text().strip() if self.operator_token_file else None


S = TypeVar("S", bound=ServiceSettings)


def from_environment(settings: type[S]) -> S:
    """Read the settings, or stop the process with one sentence for each that is wrong."""
    try:
        return settings()
    except ValidationError as error:
        _stop(settings, error)


def _stop(settings: type[ServiceSettings], error: ValidationError) -> NoReturn:
    for fault in error.errors(include_url=False, include_input=False):
        name = _variable(settings, "".join(map(str, fault["loc"][:1])))
        message = (
            "is not set"
            if fault["type"] == "missing"
            else fault["msg"].removeprefix("Value error, ")
        )
        print(f"{settings.service}: {name}: {message}", file=sys.stderr)  # noqa: T201 - logging is not set up yet
    raise SystemExit(2)


def _variable(settings: type[ServiceSettings], name: str) -> str:
    """Name the environment variable of a setting, given its field or the variable itself."""
    field = settings.model_fields.get(name)
    alias = field.validation_alias if field is not None else name
    if isinstance(alias, AliasChoices):
        alias = str(alias.choices[0])
    prefix = settings.model_config.get("env_prefix", "")
    is_whole = isinstance(alias, str) and alias.isupper()
    return str(alias) if is_whole else f"{prefix}{name}".upper()

"""The parts of `docker-compose.yml` and of the ingress that follow from the manifests.

`deploy/derived.py` writes them between the markers of those files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from deploy.service_settings import settings_of
from deploy.site_routes import OPERATOR_PATHS, routes
from shared.contracts.discovery import manifests
from shared.contracts.manifest import Manifest, Secret

__all__ = ["CADDY_PARTS", "COMPOSE_PARTS", "OUTSIDE_PARTS"]

Part = Callable[[], list[str]]

PORT: Final = 8000
"""What every service listens on in its container."""
_SECRETS: Final = "/run/secrets"
_SEAL: Final = "/var/lib/samraad/seal"


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a container has what its service is to find."""

    service: Manifest

    @property
    def listens(self) -> tuple[str, int]:
        return "0.0.0.0", PORT  # noqa: S104 - a container's own network

    @property
    def kafka(self) -> str:
        return f"{_SECRETS}/kafka.json"

    @property
    def mongo(self) -> str:
        return f"{_SECRETS}/mongo.uri"

    @property
    def master_key(self) -> str:
        return f"{_SECRETS}/master.key"

    @property
    def signing_key(self) -> str:
        return f"{_SECRETS}/signing.key"

    @property
    def operator_token(self) -> str:
        return f"{_SECRETS}/operator.token"

    @property
    def secrets(self) -> Mapping[Secret, str]:
        return {
            Secret.INDEX_KEY: f"{_SECRETS}/index.key",
            Secret.SEAL_KEYS: _SEAL,
            Secret.SERVICE_TOKENS: f"{_SECRETS}/tokens",
            Secret.LOGIN: f"{_SECRETS}/client.secret",
        }

    def url(self, service: str) -> str:
        return f"http://{service}:{PORT}"

    def token(self, service: str) -> str:
        return f"{_SECRETS}/{service}.token"


def _services() -> list[str]:
    """Write a block for each service."""
    blocks = ["\n".join(_block(each)) for each in manifests()]
    return "\n\n".join(blocks).splitlines()


def _block(service: Manifest) -> list[str]:
    process = service.process
    volumes = [f"secrets-{service.name}:{_SECRETS}:ro"]
    if Secret.SEAL_KEYS in service.secrets:
        volumes.append(f"seal:{_SEAL}")
    settings = settings_of(service, _Places(service))
    return [
        f"  {service.name}:",
        "    <<: *service",
        f"    command: [{', '.join((service.module, *process.arguments))}]",
        *([f"    scale: {process.copies}"] if process.copies > 1 else []),
        f"    mem_limit: {process.memory_mib}m",
        "    environment:",
        "      <<: *shared",
        *(f"      {name}: {_quoted(value)}" for name, value in settings.items()),
        f"    networks: [{', '.join(_networks(service))}]",
        f"    volumes: [{', '.join(map(_quoted_always, volumes))}]",
    ]


def _networks(service: Manifest) -> list[str]:
    return ["stores", "pages", *(["outside"] if service.process.outside else [])]


def _quoted(value: str) -> str:
    return _quoted_always(value) if value.isdecimal() else value


def _quoted_always(value: str) -> str:
    return f'"{value}"'


def _secrets_dealt() -> list[str]:
    return [f"      - secrets-{each.name}:/dealt/{each.name}" for each in manifests()]


def _volumes() -> list[str]:
    return [f"  secrets-{each.name}: {{}}" for each in manifests()]


def _reaching_out() -> list[str]:
    """Let services reach stores elsewhere, where they do not reach the outside anyhow."""
    return [
        f"  {each.name}: {{networks: [{', '.join([*_networks(each), 'outside'])}]}}"
        for each in manifests()
        if not each.process.outside
    ]


def _site() -> list[str]:
    return [
        line
        for route, service in routes()
        for line in (f"\thandle {route} {{", f"\t\timport to {service}", "\t}")
    ]


def _operator() -> list[str]:
    names, paths = "|".join(each.name for each in manifests()), "|".join(OPERATOR_PATHS)
    return [f"\t@operator path_regexp operator ^/({names})/({paths})(/.*)?$"]


COMPOSE_PARTS: Final[Mapping[str, Part]] = {
    "secrets that are dealt out": _secrets_dealt,
    "services": _services,
    "volumes of secrets": _volumes,
}
"""Of `docker-compose.yml`."""
OUTSIDE_PARTS: Final[Mapping[str, Part]] = {"services that reach out": _reaching_out}
"""Of `docker-compose.external.yml`."""
CADDY_PARTS: Final[Mapping[str, Part]] = {"routes": _site, "operator's paths": _operator}
"""Of the ingress' `Caddyfile`."""

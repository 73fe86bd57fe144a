"""Where this machine's registries are: Maven Central, and npm's as npm itself would find it.

The default addresses come from `packageurl`, the reference list of package
types: no host is written here. npm's settings are read from its environment variables and from the
`.npmrc` files of the project, the user and the machine, the first one that sets a value wins.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from packageurl.validate import DEFINITIONS_BY_TYPE

from deploy.embedded.paths import CLONE

__all__ = ["Registry", "maven_central", "npm_registry", "npm_settings"]

PREFIX: Final = "npm_config_"
_VARIABLE: Final = re.compile(r"\$\{([^}?]+)(\??)\}")


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry as this machine reaches it."""

    name: str
    """What a person calls it."""
    url: str
    """Address, without a slash at its end."""
    authorization: str | None = None
    """What its header `Authorization` carries, where it wants a login."""
    proxy: str | None = None
    """Proxy of its own, where it is not the environment's."""
    certificates: Path | None = None
    """Certificates that it needs beside those of the machine."""


def maven_central() -> Registry:
    """Find Maven Central."""
    return Registry("Maven Central", _default("maven"))


def npm_registry(package: str) -> Registry:
    """Find the npm registry that has this package: a scope, `@scope/name`, may have its own."""
    settings = npm_settings()
    scope = package.partition("/")[0]
    url = settings.get(f"{scope}:registry") or settings.get("registry") or _default("npm")
    url = url.rstrip("/")
    certificates = settings.get("cafile")
    return Registry(
        "the npm registry",
        url,
        _authorization(settings, url),
        settings.get("https-proxy") or settings.get("proxy"),
        Path(certificates) if certificates else None,
    )


def npm_settings() -> dict[str, str]:
    """Read the settings that npm would read here; what is empty or `null` is left out."""
    settings: dict[str, str] = {}
    environment = _of_environment()
    user = Path(environment.get("userconfig") or Path.home() / ".npmrc")
    for_user = _read(user)
    prefix = environment.get("prefix") or for_user.get("prefix") or _prefix()
    for_all = Path(environment.get("globalconfig") or Path(prefix) / "etc" / "npmrc")
    for found in (_read(for_all), for_user, _read(CLONE / ".npmrc"), environment):
        settings |= found
    return {key: value for key, value in settings.items() if value not in {"", "null", "false"}}


def _default(kind: str) -> str:
    return DEFINITIONS_BY_TYPE[kind].default_repository_url.rstrip("/")


def _of_environment() -> dict[str, str]:
    """Read `npm_config_…` in any case; npm takes an underscore for a hyphen."""
    found = {}
    for name, value in os.environ.items():
        if name.lower().startswith(PREFIX) and value:
            key = name[len(PREFIX) :]
            found[key if key.startswith("//") else key.lower().replace("_", "-")] = value
    return found


def _prefix() -> str:
    """Find where npm is installed, if it is; its settings for all users are there."""
    node = shutil.which("node")
    return str(Path(node).resolve().parents[1]) if node else "/usr/local"


def _read(file: Path) -> dict[str, str]:
    """Read one `.npmrc`; one that is missing or unreadable is empty."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {}
    for line in lines:
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith((";", "#")):
            found[key.strip()] = _VARIABLE.sub(_value, value.strip().strip("\"'"))
    return found


def _value(variable: "re.Match[str]") -> str:
    """Replace `${NAME}`; one that is not set stays as it is, `${NAME?}` becomes nothing."""
    return os.environ.get(variable[1], "" if variable[2] else variable[0])


def _authorization(settings: dict[str, str], url: str) -> str | None:
    """Find the login for an address: kept for it or for a folder above it, `//host/path/:…`."""
    parts = urlsplit(url)
    place = f"//{parts.netloc.rpartition('@')[2]}{parts.path}/"
    while place.strip("/"):
        for key, scheme in (("_authToken", "Bearer"), ("_auth", "Basic")):
            if secret := settings.get(f"{place}:{key}"):
                return f"{scheme} {secret}"
        place = place.rstrip("/").rpartition("/")[0] + "/"
    return None

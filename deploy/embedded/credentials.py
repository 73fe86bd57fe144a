"""Logins, keys and tokens of one stack: made at random once, kept in files that we alone read."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_plus, urlencode

from deploy.embedded.paths import Home, write_private
from shared.contracts.discovery import manifests
from shared.contracts.manifest import Secret
from shared.security.signatures import new_signing_key, public_signing_key

SERVICES = tuple(each.name for each in manifests())
KAFKA_USERS = ("admin", "inspector", *SERVICES)
MONGO_USERS = ("admin", "inspector", *SERVICES)
TOKEN_SERVICES = tuple(each.name for each in manifests() if each.calls)
"""Services that ask another over HTTP, each with a token of its own."""
MASTER_KEY_BYTES = 96
INDEX_KEY_BYTES = 32


def make_local_secrets(home: Home) -> None:
    """Make every secret that no broker or database knows of, where it is missing."""
    for each in manifests():
        master_key = master_key_file(home, each.name)
        _once(master_key, lambda: secrets.token_bytes(MASTER_KEY_BYTES))
        if Secret.INDEX_KEY in each.secrets:
            index_key = index_key_file(home, each.name)
            index_key.parent.mkdir(mode=0o700, exist_ok=True)
            _once(index_key, lambda: secrets.token_bytes(INDEX_KEY_BYTES))
        if Secret.SEAL_KEYS in each.secrets:
            seal_keys_folder(home, each.name).mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_key_pair(home, each.name)
        operator_token = operator_token_file(home, each.name)
        operator_token.parent.mkdir(mode=0o700, exist_ok=True)
        _once(operator_token, _line)
    for name in ("session.secret", "issuer-client.secret"):
        _once(home.secrets / name, _line)
    for service in TOKEN_SERVICES:
        _once(service_token_file(home, service), _line)


def master_key_file(home: Home, service: str) -> Path:
    """Name the file with what wraps a service's data keys."""
    return home.secrets / "master" / f"{service}.key"


def index_key_file(home: Home, service: str) -> Path:
    """Name the file with the key of a service's search marks."""
    return home.secrets / service / "index.key"


def seal_keys_folder(home: Home, service: str) -> Path:
    """Name the folder with the keys that open letters to a service."""
    return home.secrets / service / "seal"


def signing_key_file(home: Home, service: str) -> Path:
    """Name the file with the private key that a service signs with."""
    return home.secrets / service / "signing.key"


def public_keys_folder(home: Home) -> Path:
    """Name the folder with the public keys of all services, a JWK set for each."""
    return home.secrets / "public-keys"


def _make_key_pair(home: Home, service: str) -> None:
    """Make a service's key pair where it is missing.

    The public key before stays beside the new one, for what was signed with it and is still valid.
    """
    private, public = signing_key_file(home, service), public_keys_folder(home) / f"{service}.json"
    for folder in (private.parent, public.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    _once(private, lambda: json.dumps(new_signing_key()) + "\n")
    key = public_signing_key(json.loads(private.read_text()))
    known = json.loads(public.read_text())["keys"] if public.exists() else []
    if key not in known:
        write_private(public, json.dumps({"keys": [key, *known[:1]]}, indent=1) + "\n")


def operator_token_file(home: Home, service: str) -> Path:
    """Name the file with the token that opens a service's operator API, and no other's."""
    return home.secrets / "operator-tokens" / service


def login_secret_file(home: Home) -> Path:
    """Name the file with the client secret at the login's issuer."""
    return home.secrets / "issuer-client.secret"


def service_token_file(home: Home, service: str) -> Path:
    """Name the file with the token that a service shows to another; its folder holds all of them."""
    return home.secrets / "service-tokens" / service


def new_password() -> str:
    """Make a password of 192 bits that needs no escaping anywhere."""
    return secrets.token_urlsafe(24)


def kafka_password(home: Home, user: str) -> str:
    """Read a broker user's password; one is made when the user is new."""
    file = kafka_file(home, user)
    if file.exists():
        return str(json.loads(file.read_text())["sasl.password"])
    return new_password()


def kafka_file(home: Home, user: str) -> Path:
    """Name the file with a broker user's address and login, in librdkafka's words."""
    return home.secrets / "kafka" / f"{user}.json"


def read_kafka_login(home: Home, user: str) -> dict[str, str]:
    """Read a broker user's address and login, ready for confluent_kafka."""
    login: dict[str, str] = json.loads(kafka_file(home, user).read_text())
    return login


def write_kafka_login(home: Home, user: str, bootstrap: str, password: str) -> None:
    """Keep a broker user's address and login; a moved port changes the address alone."""
    login = {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
    }
    _replace(kafka_file(home, user), json.dumps(login, indent=1) + "\n")


def inspector_password_file(home: Home) -> Path:
    """Name the file with nothing but the password of the broker's inspector."""
    return home.secrets / "kafka" / "inspector.password"


def keep_inspector_password(home: Home) -> None:
    """Write the inspector's password on a line of its own, for tools that know no librdkafka."""
    password = read_kafka_login(home, "inspector").get("sasl.password", "")
    _replace(inspector_password_file(home), password + "\n")


def mongo_file(home: Home, user: str) -> Path:
    """Name the file with a database user's URI."""
    return home.secrets / "mongo" / f"{user}.uri"


def mongo_password(home: Home, user: str) -> str:
    """Read a database user's password; one is made when the user is new."""
    file = mongo_file(home, user)
    if file.exists():
        return file.read_text().split("://", 1)[1].split("@", 1)[0].split(":", 1)[1]
    return new_password()


def write_mongo_login(
    home: Home, user: str, port: int, password: str, host: str = "127.0.0.1"
) -> None:
    """Keep a database user's URI; passwords are URL-safe, so nothing needs to be escaped."""
    options = urlencode({"replicaSet": "rs0", "authSource": "admin"})
    address = f"{quote_plus(user)}:{password}@{host}:{port}"
    database = user if user in SERVICES else ""
    _replace(mongo_file(home, user), f"mongodb://{address}/{database}?{options}\n")


def read_mongo_uri(home: Home, user: str) -> str:
    """Read a database user's URI."""
    return mongo_file(home, user).read_text().strip()


def mongo_key_file(home: Home) -> Path:
    """Make, once, the key that members of the replica set know each other by."""
    file = home.secrets / "mongo" / "replica-set.key"
    _once(file, lambda: secrets.token_urlsafe(96).replace("-", "+").replace("_", "/"))
    return file


def controller_password(home: Home) -> str:
    """Make, once, the password of the broker's own controller listener."""
    file = home.secrets / "kafka" / "controller.password"
    _once(file, _line)
    return file.read_text().strip()


def _line() -> str:
    return secrets.token_urlsafe(32) + "\n"


def _once(file: Path, make: Callable[[], str | bytes]) -> None:
    if not file.exists():
        write_private(file, make())


def _replace(file: Path, content: str) -> None:
    if not file.exists() or file.read_text() != content:
        write_private(file, content)

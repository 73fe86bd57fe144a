"""Makes every secret once and gives each container its own, as files that it alone can read.

    python -m deploy.containers.deal

It runs before anything else, without a network. The vault keeps all secrets; it copies them
into volumes, one per container, so that no service sees the login or the keys of another. A repeated
run keeps existing secrets, makes missing ones, and copies changed ones; `rotate` (beside
this) is how a secret gets a new value.

A file in `given/` of the operator's folder is used instead of a new secret: the login's
client secret (`issuer-client.secret`), a master key or its key service (`master-<service>.key`),
and the administrator's login at a Kafka or MongoDB of your own (`kafka.json`, `mongo.uri`).
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.embedded import credentials
from deploy.embedded.paths import Home, write_private
from deploy.kafka_settings import (
    BROKER,
    Listener,
    as_properties,
    broker_settings,
    java_quote,
)
from shared.contracts.discovery import manifests
from shared.contracts.manifest import Manifest, Secret

__all__ = ["OURS", "Places", "deal", "main", "make"]

OURS: Final = 10001
"""The user that services and jobs run as."""
BROKER_USER, DATABASE_USER = 1000, 999
"""The users that the images `apache/kafka` and `mongo` were made for."""
INNER_KAFKA, INNER_MONGO, MONGO_PORT = "kafka:9092", "mongo", 27017
CONTROLLER: Final = "127.0.0.1:9093"
PARTNERS_BIND: Final = "0.0.0.0:9094"
DATA: Final = "/var/lib/kafka/data"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the volumes are mounted, and what the outside is called."""

    vault: Path
    dealt: Path
    operator: Path
    partners_kafka: str
    site_url: str
    operator_url: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Places":
        """Read the environment; each has the value of `docker-compose.yml` where it is not set."""
        return cls(
            vault=Path(environment.get("SAMRAAD_VAULT", "/vault")),
            dealt=Path(environment.get("SAMRAAD_DEALT", "/dealt")),
            operator=Path(environment.get("SAMRAAD_OPERATOR", "/operator")),
            partners_kafka=environment.get("SAMRAAD_PARTNERS_KAFKA", "127.0.0.1:9094"),
            site_url=environment.get("SAMRAAD_SITE_URL", "http://127.0.0.1:8480"),
            operator_url=environment.get("SAMRAAD_OPERATOR_URL", "http://127.0.0.1:8481"),
        )

    @property
    def home(self) -> Home:
        """The vault as the stack on one machine would see it."""
        return Home(root=self.vault, cache=self.vault)

    @property
    def given(self) -> Path:
        """The logins at stores of the operator's own, as the jobs read them."""
        return self.vault / "given"


def make(places: Places) -> None:
    """Make what is missing in the vault, after what was given."""
    home = places.home
    for folder in ("kafka", "mongo", "master", "service-tokens"):
        (home.secrets / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    _take_given(places)
    credentials.make_local_secrets(home)
    if not (places.given / "kafka.json").exists():
        for user in ("admin", *credentials.SERVICES):
            password = credentials.kafka_password(home, user)
            credentials.write_kafka_login(home, user, INNER_KAFKA, password)
        credentials.controller_password(home)
    if not (places.given / "mongo.uri").exists():
        for user in ("admin", *credentials.SERVICES):
            password = credentials.mongo_password(home, user)
            credentials.write_mongo_login(home, user, MONGO_PORT, password, INNER_MONGO)
        credentials.mongo_key_file(home)


def _take_given(places: Places) -> None:
    handed = places.operator / "given"
    places.given.mkdir(mode=0o700, exist_ok=True)
    for name in ("kafka.json", "mongo.uri"):
        (places.given / name).unlink(missing_ok=True)
        if (handed / name).exists():
            write_private(places.given / name, (handed / name).read_bytes())
    targets = {
        "issuer-client.secret": "issuer-client.secret",
        **{f"master-{name}.key": f"master/{name}.key" for name in credentials.SERVICES},
    }
    for name, target in targets.items():
        if (handed / name).exists():
            write_private(places.home.secrets / target, (handed / name).read_bytes())


def deal(places: Places) -> None:
    """Give each container its files, and the operator what the command line needs."""
    secrets = places.home.secrets
    for service in manifests():
        _lay(places.dealt / service.name, OURS, _files_of(places.home, service))
    _lay(places.dealt / "kafka", BROKER_USER, _files_of_broker(places))
    key = secrets / "mongo" / "replica-set.key"
    _lay(
        places.dealt / "mongo", DATABASE_USER, {key.name: key.read_bytes()} if key.exists() else {}
    )
    _own(places.dealt / "seal", OURS)
    login = {"client.secret": credentials.login_secret_file(places.home).read_bytes()}
    _lay(places.dealt / "issuer", OURS, login)
    _give_operator(places)
    _own_all(places.vault, OURS)


def _files_of(home: Home, service: Manifest) -> dict[str, bytes]:
    """Give what one service reads."""
    wanted = {
        "kafka.json": credentials.kafka_file(home, service.name),
        "mongo.uri": credentials.mongo_file(home, service.name),
        "master.key": credentials.master_key_file(home, service.name),
        "signing.key": credentials.signing_key_file(home, service.name),
        **{
            f"public-keys/{each.name}.json": credentials.public_keys_folder(home)
            / f"{each.name}.json"
            for each in manifests()
        },
        "session.secret": home.secrets / "session.secret",
        "operator.token": credentials.operator_token_file(home, service.name),
    }
    if Secret.INDEX_KEY in service.secrets:
        wanted["index.key"] = credentials.index_key_file(home, service.name)
    if Secret.SERVICE_TOKENS in service.secrets:
        for calling in manifests():
            if service.name in calling.calls:
                file = credentials.service_token_file(home, calling.name)
                wanted[f"tokens/{calling.name}"] = file
    if Secret.LOGIN in service.secrets:
        wanted["client.secret"] = credentials.login_secret_file(home)
    for called in service.calls:
        wanted[f"{called}.token"] = credentials.service_token_file(home, service.name)
    return {
        name: file.read_bytes()
        for name, file in wanted.items()
        if file.exists()  # on a broker or database of yours, logins come with `settle`
    }


def _files_of_broker(places: Places) -> dict[str, bytes]:
    """Write the broker's settings, and the arguments that format its storage at its first start."""
    home = places.home
    if (places.given / "kafka.json").exists():
        return {}
    own = credentials.controller_password(home)
    settings = broker_settings(
        {
            "INNER": Listener(bind="0.0.0.0:9092", advertised=INNER_KAFKA),
            "PARTNERS": Listener(bind=PARTNERS_BIND, advertised=places.partners_kafka),
        },
        controller=CONTROLLER,
        data=DATA,
        password=own,
    )
    users = {
        "admin": credentials.read_kafka_login(home, "admin")["sasl.password"],
        BROKER: own,
    }
    arguments = ["kafka.tools.StorageTool", "format", "--cluster-id", _cluster_id(home)]
    arguments += ["--config", "/run/secrets/server.properties"]
    for name, password in users.items():
        arguments += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    return {
        "server.properties": as_properties(settings).encode(),
        "format.arguments": "\n".join(map(java_quote, arguments)).encode(),
    }


def _cluster_id(home: Home) -> str:
    file = home.secrets / "kafka" / "cluster.id"
    if not file.exists():
        write_private(file, f"S{credentials.new_password()[:21]}")
    return file.read_text().strip()


def _give_operator(places: Places) -> None:
    """Write what `samraad` on the host needs: addresses, the operator's tokens and login."""
    given = places.given / "kafka.json"
    if given.exists():
        login = json.loads(given.read_text())
    else:
        inside = credentials.read_kafka_login(places.home, "admin")
        login = {**inside, "bootstrap.servers": places.partners_kafka}
    addresses = {
        **{name: f"{places.operator_url}/{name}" for name in credentials.SERVICES},
        "partners": {"kafka": login["bootstrap.servers"], "web": places.site_url},
    }
    files = {
        "addresses.json": (json.dumps(addresses, indent=1) + "\n").encode(),
        **{
            f"secrets/operator-tokens/{name}": credentials.operator_token_file(
                places.home, name
            ).read_bytes()
            for name in credentials.SERVICES
        },
        "secrets/kafka/admin.json": (json.dumps(login, indent=1) + "\n").encode(),
    }
    owner = places.operator.stat().st_uid
    for name, content in files.items():
        _write(places.operator / name, content, owner)
    for folder in ("secrets", "secrets/kafka", "secrets/operator-tokens"):
        _own(places.operator / folder, owner)


def _lay(place: Path, owner: int, files: Mapping[str, bytes]) -> None:
    """Make a container's files what they are to be; the folder is its user's alone."""
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _write(place / name, content, owner)
    for folder in [place, *(one for one in place.rglob("*") if one.is_dir())]:
        _own(folder, owner)


def _write(file: Path, content: bytes, owner: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_bytes() != content:
        write_private(file, content)
    os.chown(file, owner, owner)
    file.chmod(0o400)


def _own(folder: Path, owner: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, owner, owner)
    folder.chmod(0o700)


def _own_all(folder: Path, owner: int) -> None:
    for place in [folder, *folder.rglob("*")]:
        os.chown(place, owner, owner)


def main(arguments: list[str]) -> int:
    """Make and distribute; wrong use is one sentence and exit code 2."""
    if arguments:
        sys.stderr.write("Use: deploy.containers.deal\n")
        return 2
    places = Places.read(os.environ)
    make(places)
    deal(places)
    sys.stdout.write("Each container has its secrets.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

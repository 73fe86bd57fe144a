"""A Kafka or MongoDB that is not ours, given by address: used as far as its login allows.

`$SAMRAAD_KAFKA` is `host:port[,host:port]` (no login) or a JSON file in librdkafka's words with an
address and a login; `$SAMRAAD_MONGO` is a URI, with a login where users are on, or a file with one.
With an administrator's login every service gets a login and rights of its own; with another all
services share the one that was given, and a warning names what is not restricted. There is no
inspector: a login that reads everything is for a stack that nobody works with.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from pymongo import MongoClient, uri_parser
from pymongo.errors import OperationFailure, PyMongoError

from deploy.broker import Broker
from deploy.embedded import credentials
from deploy.embedded.broker_rights import connect, make_topics, upsert_users
from deploy.embedded.database_rights import apply_rights
from deploy.embedded.errors import StackProblem, WrongUse
from deploy.embedded.paths import Home, write_private
from shared.contracts.topics import load

Report = Callable[[str], None]


def kafka_login() -> dict[str, str] | None:
    """Read `$SAMRAAD_KAFKA`; None when the stack brings its own broker.

    Raises WrongUse when it is neither an address nor a readable file.
    """
    given = os.environ.get("SAMRAAD_KAFKA", "").strip()
    if not given:
        return None
    if Path(given).is_file():
        try:
            login = json.loads(Path(given).read_text())
            return {str(key): str(value) for key, value in login.items()}
        except (ValueError, AttributeError) as problem:
            raise WrongUse("The file in SAMRAAD_KAFKA must hold one JSON object.") from problem
    if all(address.rpartition(":")[2].isdecimal() for address in given.split(",")):
        return {"bootstrap.servers": given, "security.protocol": "PLAINTEXT"}
    raise WrongUse("SAMRAAD_KAFKA must be host:port or a JSON file with address and login.")


def mongo_uri() -> str | None:
    """Read `$SAMRAAD_MONGO`; None when the stack brings its own database.

    Raises WrongUse when it is no MongoDB URI.
    """
    given = os.environ.get("SAMRAAD_MONGO", "").strip()
    if given and not given.startswith("mongodb") and Path(given).is_file():
        given = Path(given).read_text().strip()
    if given and not given.startswith(("mongodb://", "mongodb+srv://")):
        raise WrongUse("SAMRAAD_MONGO must be a mongodb:// URI or a file with one.")
    return given or None


def use_kafka(home: Home, login: Mapping[str, str], report: Report) -> None:
    """Make users, topics and rights on a broker that is not ours, as far as it lets us.

    Raises StackProblem when the topics cannot be made.
    """
    if (home.kafka / "meta.properties").exists():
        raise StackProblem(
            f"{home.root} keeps a broker of its own: to use SAMRAAD_KAFKA, set another SAMRAAD_HOME."
        )
    _keep_kafka(home, "admin", login)
    broker = Broker(connect(login))
    try:
        broker.rights()  # refused where there are no rights, or none for us to give
        for user in credentials.SERVICES:
            known = credentials.kafka_file(home, user)
            if not known.exists() or credentials.read_kafka_login(home, user) == dict(login):
                _keep_kafka(home, user, _with_user(login, user))
        upsert_users(home, login, credentials.SERVICES)
        make_topics(login, inspector=False)
    except KafkaException as problem:
        for user in credentials.SERVICES:
            _keep_kafka(home, user, login)
        _make_topics_only(broker, problem)
        report(
            "This Kafka does not let us make users and rights: all services share the given login, "
            "so nothing keeps one from writing or reading what belongs to another."
        )


def _with_user(login: Mapping[str, str], user: str) -> dict[str, str]:
    protocol = "SASL_SSL" if login["security.protocol"].endswith("SSL") else "SASL_PLAINTEXT"
    return {
        **login,
        "security.protocol": protocol,
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": credentials.new_password(),
    }


def _keep_kafka(home: Home, user: str, login: Mapping[str, str]) -> None:
    write_private(credentials.kafka_file(home, user), json.dumps(dict(login), indent=1) + "\n")


def _make_topics_only(broker: Broker, refused: KafkaException) -> None:
    try:
        there = broker.partitions()
        missing = [topic for topic in load().topics if topic.name not in there]
        if missing:
            broker.create(missing)
    except KafkaException:
        raise StackProblem(
            "The topics could not be made on this Kafka: its login may not, or it is out of reach."
        ) from refused


def use_mongo(home: Home, uri: str, report: Report) -> None:
    """Make roles and users in a MongoDB that is not ours, as far as it lets us.

    Raises StackProblem when it is out of reach or no replica set (steps need transactions).
    """
    if (home.mongo / "samraad-prepared").exists():
        raise StackProblem(
            f"{home.root} keeps a database of its own: to use SAMRAAD_MONGO, set another "
            "SAMRAAD_HOME."
        )
    _require_replica_set(uri)
    write_private(credentials.mongo_file(home, "admin"), uri + "\n")
    try:
        for user in credentials.SERVICES:
            if not _has_own_login(home, user):
                text = _mongo_with_user(uri, user, credentials.new_password())
                write_private(credentials.mongo_file(home, user), text + "\n")
        apply_rights(home, uri, inspector=False)
        locked_down = bool(uri_parser.parse_uri(uri, validate=False)["username"])
    except OperationFailure:
        locked_down = False
    if not locked_down:
        for user in credentials.SERVICES:
            write_private(credentials.mongo_file(home, user), _with_database(uri, user) + "\n")
        report(
            "This MongoDB does not let us make users and roles, or asks for no login: all services "
            "share the given one, so nothing keeps one from another's database or from changing "
            "its audit log."
        )


def _require_replica_set(uri: str) -> None:
    try:
        with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=10_000) as client:
            hello = client.admin.command("hello")
    except PyMongoError as problem:
        raise StackProblem("The MongoDB in SAMRAAD_MONGO is out of reach.") from problem
    if not hello.get("setName") and hello.get("msg") != "isdbgrid":
        raise StackProblem("The MongoDB in SAMRAAD_MONGO must be a replica set: steps need one.")


def _has_own_login(home: Home, user: str) -> bool:
    file = credentials.mongo_file(home, user)
    return file.exists() and f"://{user}:" in file.read_text()


def hosts(uri: str) -> str:
    """Give the hosts of a URI, without its login."""
    return _split(uri)[1]


def _split(uri: str) -> tuple[str, str, str]:
    """Part a URI into scheme, hosts and options."""
    scheme, _, rest = uri.partition("://")
    address, _, options = rest.partition("?")
    return scheme, address.rpartition("@")[2].partition("/")[0], options


def _mongo_with_user(uri: str, user: str, password: str) -> str:
    scheme, addresses, options = _split(uri)
    kept = [one for one in options.split("&") if one and not one.startswith("authSource=")]
    database = user if user in credentials.SERVICES else ""
    query = "&".join([*kept, "authSource=admin"])
    return f"{scheme}://{user}:{password}@{addresses}/{database}?{query}"


def _with_database(uri: str, user: str) -> str:
    """Name the service's database in a shared URI, keeping where its login is looked up."""
    scheme, _, rest = uri.partition("://")
    address, _, options = rest.partition("?")
    login_and_hosts, _, database = address.partition("/")
    if database or "@" in login_and_hosts:
        wanted = f"authSource={database or 'admin'}"
        options = options if "authSource=" in options else "&".join(filter(None, [options, wanted]))
    own = user if user in credentials.SERVICES else ""
    return f"{scheme}://{login_and_hosts}/{own}" + (f"?{options}" if options else "")

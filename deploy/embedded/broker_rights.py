"""Who may do what on Kafka: a login per service here, topics and ACLs from the manifests."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from deploy.embedded import credentials
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home
from deploy.topics import apply

REQUEST_SECONDS = 30.0
READY_SECONDS = 60.0
ITERATIONS = 4096


def connect(login: Mapping[str, str]) -> AdminClient:
    """Open an admin client that writes nothing to standard error while the broker starts."""
    patience = {
        "socket.connection.setup.timeout.ms": 5000,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 100,
    }
    return AdminClient({**login, **patience, "log_level": 0})


def wait_until_answering(
    login: Mapping[str, str],
    seconds: float = READY_SECONDS,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Wait until the broker takes this login and knows its cluster.

    `look` is called between two tries and may raise, for example when the broker has died. Raises
    StackProblem after `seconds`; a wrong password shows as a time-out in librdkafka.
    """
    until = time.monotonic() + seconds
    admin = connect(login)
    while True:
        try:
            if admin.list_topics(timeout=1).brokers:
                return
        except KafkaException as problem:
            if time.monotonic() > until:
                raise StackProblem(
                    "Kafka does not answer, or does not take the login of its administrator."
                ) from problem
        look()
        time.sleep(0.05)


def upsert_users(home: Home, login: Mapping[str, str], names: Iterable[str]) -> None:
    """Make or correct the logins of these users; raises KafkaException."""
    users: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(
            user,
            ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS),
            credentials.kafka_password(home, user).encode(),
        )
        for user in names
    ]
    admin = connect(
        login
    )  # kept until the answers are in: a client that goes away takes them along
    outcome: dict[str, Future[None]] = admin.alter_user_scram_credentials(users)
    for future in outcome.values():
        future.result(REQUEST_SECONDS)


def make_topics(login: Mapping[str, str], *, inspector: bool) -> None:
    """Make the declared topics and rights; raises KafkaException."""
    apply(connect(login), inspector=inspector)

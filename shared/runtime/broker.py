"""The FastStream broker of a service: it only consumes. The relay publishes from the outbox."""

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.engine.kafka.connection import Connection

__all__ = ["make_broker"]


def make_broker(connection: Connection, *, instance: str | None) -> KafkaBroker:
    """Return a broker for subscriptions; it is not connected yet."""
    return KafkaBroker(
        connection.properties["bootstrap.servers"].split(","),
        security=_security(connection),
        consumer_only=True,
        client_id=instance or "samraad",
        metadata_max_age_ms=1_500,
        logger=None,
    )


def _security(connection: Connection) -> BaseSecurity | None:
    known = connection.properties
    if not known.get("security.protocol", "PLAINTEXT").startswith("SASL"):
        return None
    kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    return kinds[known["sasl.mechanism"]](
        username=known["sasl.username"],
        password=known["sasl.password"],
        use_ssl=known["security.protocol"] == "SASL_SSL",
    )

"""Trying a listener of the broker: what one login may send and read."""

from contextlib import closing

from confluent_kafka import Consumer, KafkaError, Producer


def send(login: dict[str, str], topic: str) -> KafkaError | None:
    """Send one record; give what the broker had against it."""
    outcome: list[KafkaError | None] = []
    producer = Producer({**login, "log_level": 0, "message.timeout.ms": 10_000, "acks": "all"})
    producer.produce(topic, b"{}", key=b"k", on_delivery=lambda error, _: outcome.append(error))
    producer.flush(15)
    return outcome[0]


def refusal_of_reading(login: dict[str, str], topic: str, group: str) -> int | None:
    """Read a topic until a record, the end of a partition or a refusal comes."""
    settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.partition.eof": True}
    with closing(Consumer({**login, "log_level": 0, **settings})) as consumer:
        consumer.subscribe([topic])
        for _ in range(60):
            message = consumer.poll(0.5)
            if message is not None:
                error = message.error()
                end = error is None or error.code() == KafkaError._PARTITION_EOF
                return None if end else error.code()
    return KafkaError._TIMED_OUT


def is_refused(code: int | None) -> bool:
    return code in {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }

"""The broker as one process reaches it, and a partition as its lane sees it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from shared.errors import Unavailable

__all__ = ["Connection", "Partition"]

_LACKING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a service reaches the broker, in librdkafka's words (see `<PREFIX>_KAFKA_FILE`)."""

    properties: dict[str, str]

    @property
    def aiokafka(self) -> dict[str, Any]:
        """The same in aiokafka's words."""
        known = self.properties
        words: dict[str, Any] = {"bootstrap_servers": known["bootstrap.servers"].split(",")}
        for theirs, ours in (
            ("security.protocol", "security_protocol"),
            ("sasl.mechanism", "sasl_mechanism"),
            ("sasl.username", "sasl_plain_username"),
            ("sasl.password", "sasl_plain_password"),
        ):
            if theirs in known:
                words[ours] = known[theirs]
        return words

    async def topic_id(self, topic: str) -> str:
        """Return the id that the broker gave the topic when it was made.

        Raises:
            Unavailable: the broker does not say.

        """
        found = await self.topic_ids([topic])
        if topic not in found:
            raise Unavailable(f"the broker does not describe {topic}")
        return found[topic]

    async def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Return the ids of those topics that the broker describes now."""
        wanted = list(topics)

        def ask() -> dict[str, str]:
            admin = AdminClient({**self.properties, "log_level": 0})
            answers = admin.describe_topics(TopicCollection(wanted), request_timeout=10)
            found = {}
            for topic, answer in answers.items():
                with suppress(Exception):  # away, unknown, or not ours to see: it is left out
                    found[topic] = str(answer.result().topic_id)
            return found

        return await asyncio.to_thread(ask)

    async def lacks(self, topic: str) -> bool:
        """Whether the broker says that there is no such topic, or none for us to see."""

        def ask() -> bool:
            admin = AdminClient({**self.properties, "log_level": 0})
            answers = admin.describe_topics(TopicCollection([topic]), request_timeout=10)
            try:
                answers[topic].result()
            except KafkaException as refusal:
                return refusal.args[0].code() in _LACKING
            return False

        return await asyncio.to_thread(ask)


class Partition:
    """A partition of a running consumer, as its lane sees it."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        place: TopicPartition,
        topic_id: Callable[[str], Awaitable[str]],
    ) -> None:
        self.topic: str = place.topic
        self.partition: int = place.partition
        self._consumer = consumer
        self._place = place
        self._topic_id = topic_id

    async def bounds(self) -> tuple[str, int, int]:
        """See `Log`; raises Unavailable while the broker does not answer."""
        topic_id = await self._topic_id(self.topic)
        try:
            start = await self._consumer.beginning_offsets([self._place])
            end = await self._consumer.end_offsets([self._place])
        except Exception as error:
            raise Unavailable("the broker does not tell the log's bounds") from error
        return topic_id, start[self._place], end[self._place]

    def seek(self, offset: int) -> None:
        """See `Log`; nothing happens once the partition went elsewhere."""
        if self._assigned:
            self._consumer.seek(self._place, offset)

    def pause(self) -> None:
        """See `Log`; nothing happens once the partition went elsewhere."""
        if self._assigned:
            self._consumer.pause(self._place)

    def resume(self) -> None:
        """See `Log`; nothing happens once the partition went elsewhere."""
        if self._assigned:
            self._consumer.resume(self._place)

    @property
    def _assigned(self) -> bool:
        return self._place in self._consumer.assignment()

"""The broker as one process reaches it, and a partition as its worker sees it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Place
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError as AIOKafkaError
from aiokafka.errors import for_code
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from shared.errors import Unavailable

__all__ = ["Connection", "Partition"]

_ANSWER_S: Final = 10
_LACKING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)


class _Admin(AIOKafkaAdminClient):  # type: ignore[misc]  # aiokafka is not typed
    """Raises errors in answers: aiokafka 0.14 reads those of a loading coordinator as no offsets."""

    async def _send_request(self, *args: Any, **named: Any) -> Any:
        answer = await super()._send_request(*args, **named)
        if code := getattr(answer, "error_code", 0):
            raise for_code(code)(type(answer).__name__)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a service connects to the broker, with librdkafka's properties (see `<PREFIX>_KAFKA_FILE`)."""

    properties: dict[str, str]

    @property
    def aiokafka(self) -> dict[str, Any]:
        """The same as arguments of aiokafka's clients."""
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
            Unavailable: the broker does not answer.

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
                with suppress(Exception):  # no answer, unknown, or not authorized: it is left out
                    found[topic] = str(answer.result().topic_id)
            return found

        return await asyncio.to_thread(ask)

    async def matching(self, pattern: str | None) -> set[str]:
        """Return the topics of that pattern that we are authorized to see.

        Raises:
            Unavailable: the broker does not answer.

        """

        def ask() -> set[str]:
            admin = AdminClient({**self.properties, "log_level": 0})
            return set(admin.list_topics(timeout=_ANSWER_S).topics)

        if pattern is None:
            return set()
        try:
            known = await asyncio.to_thread(ask)
        except KafkaException as error:
            raise Unavailable("the broker does not list its topics") from error
        return {topic for topic in known if re.match(pattern, topic)}

    async def ends(self, topics: Iterable[str]) -> dict[tuple[str, int], tuple[int, int]]:
        """Return per partition the first offset that is kept and the next to be written.

        Topics that the broker does not know are left out.

        Raises:
            Unavailable: the broker does not answer.

        """
        wanted = list(topics)

        def ask() -> list[Place]:
            admin = AdminClient({**self.properties, "log_level": 0})
            places = []
            for answer in admin.describe_topics(
                TopicCollection(wanted), request_timeout=_ANSWER_S
            ).values():
                try:
                    known = answer.result()
                except KafkaException as refusal:
                    if refusal.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                        raise
                    continue
                places += [Place(known.name, each.id) for each in known.partitions]
            return places

        try:
            places = await asyncio.to_thread(ask) if wanted else []
            if not places:
                return {}
            async with asyncio.timeout(_ANSWER_S):
                return await self._bounds(places)
        except (KafkaException, AIOKafkaError, TimeoutError) as error:
            raise Unavailable("the broker does not return the offsets of our own topics") from error

    async def _bounds(self, places: Sequence[Place]) -> dict[tuple[str, int], tuple[int, int]]:
        """Ask as a consumer, because librdkafka's own `list_offsets` has crashed the process."""
        reader = AIOKafkaConsumer(
            **self.aiokafka, enable_auto_commit=False, auto_offset_reset="none"
        )
        await reader.start()
        try:
            reader.assign(places)
            starts = await reader.beginning_offsets(places)
            ends = await reader.end_offsets(places)
        finally:
            await reader.stop()
        return {(at.topic, at.partition): (starts[at], end) for at, end in ends.items()}

    async def shown(self, groups: Iterable[str], what: str) -> int:
        """Return the highest number in the metadata of the groups' committed offsets; 0 if none.

        Args:
            groups: the consumer groups.
            what: the prefix of such a number.

        Raises:
            Unavailable: the broker does not answer.

        """
        highest = 0
        admin = _Admin(**self.aiokafka, request_timeout_ms=_ANSWER_S * 1_000)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await admin.start()
                for group in groups:
                    for kept in (await admin.list_consumer_group_offsets(group)).values():
                        _, _, count = (kept.metadata or "").partition(what)
                        highest = max(highest, int(count) if count.isdecimal() else 0)
        except (AIOKafkaError, TimeoutError) as error:
            raise Unavailable("the broker does not return the offsets of our groups") from error
        finally:
            await admin.close()
        return highest

    async def lacks(self, topic: str) -> bool:
        """Whether the broker answers that there is no such topic, or that we are not authorized."""

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
    """A partition of a running consumer (see `shared.engine.consume.record_queue.Log`)."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        place: Place,
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
            raise Unavailable("the broker does not return the log's offsets") from error
        return topic_id, start[self._place], end[self._place]

    def seek(self, offset: int) -> None:
        """See `Log`. It does nothing once the partition is revoked."""
        if self._assigned:
            self._consumer.seek(self._place, offset)

    def pause(self) -> None:
        """See `Log`. It does nothing once the partition is revoked."""
        if self._assigned:
            self._consumer.pause(self._place)

    def resume(self) -> None:
        """See `Log`. It does nothing once the partition is revoked."""
        if self._assigned:
            self._consumer.resume(self._place)

    @property
    def _assigned(self) -> bool:
        return self._place in self._consumer.assignment()

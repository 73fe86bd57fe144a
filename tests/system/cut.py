"""A partner's topic whose beginning is cut off, as if it had lain there for too long."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

if TYPE_CHECKING:
    from tests.live import LiveStack
    from tests.system.command_line import CommandLine


def lose_the_beginning(stack: LiveStack, samraad: CommandLine) -> list[TopicPartition]:
    """Let letters come while intake is stopped, and be gone when it reads on; give where."""
    topic = f"partner.{samraad.partner}.reports"
    admin = AdminClient({**stack.kafka("admin"), "log_level": 0})
    pid = stack.pid("intake")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(1)  # what the broker still owes it is answered, with nothing
        _send_all_again(stack, samraad, topic)
        return _cut_all_but_the_last(admin, topic)
    finally:
        os.kill(pid, signal.SIGCONT)


def _send_all_again(stack: LiveStack, samraad: CommandLine, topic: str) -> None:
    """Send a partner's letters once more, three times over, byte by byte as they lie there."""
    reader = Consumer({**stack.kafka("inspector"), "group.id": "eyes", "log_level": 0})
    login = json.loads(samraad.file.read_text())["kafka"]
    producer = Producer({**login, "log_level": 0})
    for partition in range(3):
        at, end = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        reader.assign([TopicPartition(topic, partition, at)])
        while at < end:
            letter = reader.poll(10)
            assert letter is not None
            at = (letter.offset() or 0) + 1
            for _ in range(3):
                producer.produce(topic, letter.value(), letter.key(), headers=letter.headers())
    reader.close()
    assert producer.flush(30) == 0


def _cut_all_but_the_last(admin: AdminClient, topic: str) -> list[TopicPartition]:
    """Delete each partition's records but its last; give those that lost any."""
    found = admin.list_offsets(
        {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(3)}
    )
    ends = {place.partition: each.result(10).offset for place, each in found.items()}
    cut = [TopicPartition(topic, at, end - 1) for at, end in ends.items() if end > 2]
    for each in admin.delete_records(cut).values():
        each.result(10)
    return cut

"""Attacks on connections: a broker that resets them all at once, as one that is killed does."""

import asyncio
from contextlib import suppress

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition, client
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from shared.engine.kafka.connection import Connection
from shared.engine.kafka.connection_errors import name_broken_connections
from tests.edge.engine_world import EngineWorld
from tests.faults.gate import Gate, reset_at_once

RESETS = 15
SECONDS = 60.0


@pytest.fixture(autouse=True)
def _named():
    name_broken_connections()


def test_writing_to_a_connection_that_was_just_reset_is_a_kafka_error():
    uvloop.run(asyncio.wait_for(_write_until_it_is_noticed(), SECONDS))


async def _write_until_it_is_noticed():
    accepted = asyncio.Queue()
    server = await asyncio.start_server(lambda *ends: accepted.put_nowait(ends), "127.0.0.1", 0)
    gone, unanswered = [], []
    connection = await _bare(server.sockets[0].getsockname()[1], gone)
    try:
        _, peer = await accepted.get()
        reset_at_once(peer)
        with pytest.raises(KafkaConnectionError):
            await _ask_until_refused(connection, unanswered)
        assert (connection.connected(), len(gone)) == (False, 1)
    finally:
        connection.close()
        server.close()
        await asyncio.gather(*unanswered, return_exceptions=True)


async def _ask_until_refused(connection, unanswered):
    while connection.connected():
        unanswered.append(asyncio.ensure_future(connection.send(MetadataRequest([]))))
        await asyncio.sleep(0)


async def _bare(port, gone):
    """A connection as the client makes it, to a silent peer."""

    async def stay_silent(self):
        self._versions = {MetadataRequest.API_KEY: (0, 1)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AIOKafkaConnection, "_do_version_lookup", stay_silent)
        return await create_conn("127.0.0.1", port, on_close=lambda *_: gone.append(1))


def test_a_client_knows_its_brokers_however_often_all_connections_are_reset(
    kafka_and_mongo, monkeypatch
):
    uvloop.run(_reset_again_and_again(kafka_and_mongo, monkeypatch))


async def _reset_again_and_again(stack, monkeypatch):
    world = EngineWorld(stack)
    await world.make_topic(world.topic)
    host, port = world.login["bootstrap.servers"].split(":")
    async with Gate(host, int(port)).stand() as gate:

        async def through_the_gate(_host, _port, **more):
            return await create_conn("127.0.0.1", gate.port, **more)

        monkeypatch.setattr(client, "create_conn", through_the_gate)
        words = Connection(properties=world.login).aiokafka
        consumer = AIOKafkaConsumer(world.topic, **words, group_id=world.name)
        await consumer.start()
        place = TopicPartition(world.topic, 0)
        try:
            for number in range(RESETS):
                asking = consumer._client.force_metadata_update()
                await asyncio.sleep(0.001 * number)
                gate.reset()
                asking = (asking, consumer._client.force_metadata_update())
                assert await asyncio.wait_for(consumer.end_offsets([place]), SECONDS) == {place: 0}
                await asyncio.wait(asking, timeout=SECONDS)
                assert not consumer._client._sync_task.done(), f"after {number + 1} resets"
        finally:
            with suppress(asyncio.CancelledError):  # of a fetch that was under way
                await consumer.stop()
    await world.close()

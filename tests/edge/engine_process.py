"""The test service in a process of its own, which may be stopped, killed and left for dead.

Says "ready" on its standard output; what it is to read comes as one JSON argument:
`stuck_s` is the patience of its watchdog, `serve` the port of a service with pages, as it is run in
earnest, `kafka_gate` the port of a gate that all its connections to the broker pass, `grace_s` what
it has to end, and `deaf` how it does not let itself be ended: "task" or "loop".
"""

import asyncio
import json
import sys
import time
from contextlib import suppress

from aiokafka import client
from aiokafka.conn import create_conn

from shared import crash_points
from shared.engine.consume import watchdog
from shared.runtime import process
from shared.runtime.process import run
from tests.edge.engine_world import Behaviour, an_app, until


async def main(said):
    crash_points.arm(said["instance"])
    app, engine = make(said)
    async with app.router.lifespan_context(app):
        await until(lambda: engine.ready, "the service is ready")
        say_ready()
        await asyncio.Event().wait()


def serve(said):
    app, engine = make(said, port=said["serve"])

    async def say_when_ready():
        await until(lambda: engine.ready, "the service is ready")
        say_ready()

    process.GRACE_S = said.get("grace_s", process.GRACE_S)
    engine.background.append(say_when_ready)
    if "deaf" in said:
        engine.background.append(DEAF[said["deaf"]])
    run(app, engine.settings)


async def swallow():
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def block():
    await asyncio.sleep(2)
    time.sleep(3600)  # noqa: ASYNC251 - nothing else happens from now on


DEAF = {"task": swallow, "loop": block}


def make(said, **settings):
    watchdog.STUCK_S = said.get("stuck_s", watchdog.STUCK_S)
    if "kafka_gate" in said:

        async def through_the_gate(_host, _port, **more):
            return await create_conn("127.0.0.1", said["kafka_gate"], **more)

        client.create_conn = through_the_gate
    names = ("kafka_file", "mongo_file", "instance", "group")
    behaviour = Behaviour(said["told"])
    known = {name: said[name] for name in names}
    return an_app(said["name"], said["topics"], behaviour, **known, **settings)


def say_ready():
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    said = json.loads(sys.argv[1])
    if "serve" in said:
        serve(said)
    else:
        asyncio.run(main(said))

"""The test service in a process of its own, which may be stopped, killed and left for dead.

Prints "ready" on its standard output; what it is to read comes as one JSON argument:
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


async def main(options):
    crash_points.arm(options["instance"])
    app, engine = make(options)
    async with app.router.lifespan_context(app):
        await until(lambda: engine.ready, "the service is ready")
        print_ready()
        await asyncio.Event().wait()


def serve(options):
    app, engine = make(options, port=options["serve"])

    async def print_when_ready():
        await until(lambda: engine.ready, "the service is ready")
        print_ready()

    process.GRACE_S = options.get("grace_s", process.GRACE_S)
    engine.background.append(print_when_ready)
    if "deaf" in options:
        engine.background.append(DEAF[options["deaf"]])
    run(app, engine.settings)


async def swallow():
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def block():
    await asyncio.sleep(2)
    time.sleep(3600)  # noqa: ASYNC251 - nothing else happens from now on


DEAF = {"task": swallow, "loop": block}


def make(options, **settings):
    watchdog.STUCK_S = options.get("stuck_s", watchdog.STUCK_S)
    if "kafka_gate" in options:

        async def through_the_gate(_host, _port, **more):
            return await create_conn("127.0.0.1", options["kafka_gate"], **more)

        client.create_conn = through_the_gate
    names = ("kafka_file", "mongo_file", "instance", "group")
    behaviour = Behaviour(options["facts_topic"])
    known = {name: options[name] for name in names}
    return an_app(options["name"], options["topics"], behaviour, **known, **settings)


def print_ready():
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    if "serve" in options:
        serve(options)
    else:
        asyncio.run(main(options))

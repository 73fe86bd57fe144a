"""The test service in a process of its own that dies at crash points, and does what it is asked.

Each line on its standard input is one thing for it to do, as an operator or staff would ask for it
over HTTP; each is tried until it is done.
"""

import asyncio
import json
import sys
from contextlib import suppress
from uuid import UUID

from shared.contracts.envelope import Envelope
from shared.crash_points import arm
from shared.engine import Message
from shared.errors import Rejected, ServiceError
from tests.edge.engine_world import Behaviour, Emitted, an_app, until


async def main(options):
    arm(options["instance"])
    app, engine = an_app(
        options["name"],
        options["topics"],
        Behaviour(options["facts_topic"]),
        kafka_file=options["kafka_file"],
        mongo_file=options["mongo_file"],
        instance=options["instance"],
        group=options["group"],
    )
    async with app.router.lifespan_context(app):
        await until(lambda: engine.ready, "the service is ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            await until_done(engine, options, json.loads(line))
        await asyncio.Event().wait()


async def until_done(engine, options, asked):
    while True:
        with suppress(ServiceError):
            with suppress(Rejected):  # it was done in an earlier life
                await do(engine, options, **asked)
            return
        await asyncio.sleep(0.05)


async def do(engine, options, *, redrive=None, case=None, number=None, beside=None):
    if redrive is not None:
        await engine.parking_lot.redrive(redrive)
        return

    def decide(unit):
        document = unit.load("cases", case) or {"_id": case, "numbers": []}
        unit.save("cases", document | {"numbers": [*document["numbers"], number]})
        unit.add("effects", {"_id": f"{case}-{number}", "case_id": case, "number": number})
        unit.emit(Emitted(case_id=UUID(case), number=number, on=options["facts_topic"]))
        if beside is not None:
            letter = Envelope(id=f"{number}", source="/test", type="test.letter.v1", subject=case)
            unit.send(Message(beside, case, letter, b"{}"))

    await engine.store.act(f"act-{case}-{number}", {"cases": [case]}, decide)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

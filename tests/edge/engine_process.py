"""The test service in a process of its own, which may be stopped, killed and left for dead.

Says "ready" on its standard output; what it is to read comes as one JSON argument.
"""

import asyncio
import json
import sys

from shared.engine import crash_points
from tests.edge.engine_world import Behaviour, an_app, until


async def main(said):
    crash_points.arm(said["instance"])
    app, engine = an_app(
        said["name"],
        said["topics"],
        Behaviour(said["told"]),
        kafka_file=said["kafka_file"],
        mongo_file=said["mongo_file"],
        instance=said["instance"],
        group=said["group"],
    )
    async with app.router.lifespan_context(app):
        await until(lambda: engine.ready, "the service is ready")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

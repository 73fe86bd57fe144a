"""A process that has everything imported, and forks a life of the test service whenever it is asked.

A life begins in hundredths of a second, so that a machine of two cores stands hundreds of deaths in
some minutes. One JSON line on standard input begins one; a line on standard output tells each birth,
when it is ready, and each death.
"""

import asyncio
import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared import crash_points
from shared.runtime.process import collect_rarely
from tests.edge.engine_world import Behaviour, an_app

__all__ = ["main"]

_LOOK_S = 0.01


def main(said: dict[str, Any]) -> None:
    """Fork as long as somebody asks; when nobody does any more, end all that live."""
    living: dict[int, str] = {}
    pending = b""
    while True:
        readable, _, _ = select.select([0], [], [], _LOOK_S)
        if readable:
            some = os.read(0, 65_536)
            if not some:
                break
            *lines, pending = (pending + some).split(b"\n")
            for line in lines:
                asked = json.loads(line)
                living[_begin(said | asked)] = asked["name"]
        _bury(living)
    for pid in living:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _begin(said: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        _tell(born=said["name"], pid=pid)
        return pid
    try:
        _live(said)
    finally:
        os._exit(1)


def _live(said: dict[str, Any]) -> None:
    os.close(0)
    telling = os.dup(1)
    with Path(said["log"]).open("ab") as log:  # its standard output is how the nursery tells
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if said["crash"]:
        os.environ |= {"SAMRAAD_FAULTS": "1", "SAMRAAD_CRASH": said["crash"]}
        crash_points.arm(said["instance"])
    collect_rarely()
    app, engine = an_app(
        said["service"],
        said["topics"],
        Behaviour(said["told"]),
        kafka_file=said["kafka_file"],
        mongo_file=said["mongo_file"],
        instance=said["instance"],
        group=said["service"],
    )

    async def live() -> None:
        async with app.router.lifespan_context(app):
            while not engine.ready:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(_LOOK_S)
            os.write(telling, json.dumps({"ready": os.getpid()}).encode() + b"\n")
            await asyncio.Event().wait()

    asyncio.run(live())


def _bury(living: dict[int, str]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _tell(dead=living.pop(pid, "?"), pid=pid, code=os.waitstatus_to_exitcode(status))


def _tell(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

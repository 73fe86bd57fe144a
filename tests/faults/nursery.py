"""A process that has everything imported, and forks a life of the test service whenever it is asked.

A life begins in hundredths of a second, so that a machine of two cores can run hundreds of deaths in
some minutes. One JSON line on standard input begins one; a line on standard output reports each birth,
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


def main(options: dict[str, Any]) -> None:
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
                living[_begin(options | asked)] = asked["name"]
        _bury(living)
    for pid in living:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _begin(options: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        _report(born=options["name"], pid=pid)
        return pid
    try:
        _live(options)
    finally:
        os._exit(1)


def _live(options: dict[str, Any]) -> None:
    os.close(0)
    output = os.dup(1)
    with Path(options["log"]).open("ab") as log:  # its standard output belongs to the nursery
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if options["crash"]:
        os.environ |= {"SAMRAAD_FAULTS": "1", "SAMRAAD_CRASH": options["crash"]}
        crash_points.arm(options["instance"])
    collect_rarely()
    app, engine = an_app(
        options["service"],
        options["topics"],
        Behaviour(options["facts_topic"]),
        kafka_file=options["kafka_file"],
        mongo_file=options["mongo_file"],
        instance=options["instance"],
        group=options["service"],
    )

    async def live() -> None:
        async with app.router.lifespan_context(app):
            while not engine.ready:  # noqa: ASYNC110 - no event reports it
                await asyncio.sleep(_LOOK_S)
            os.write(output, json.dumps({"ready": os.getpid()}).encode() + b"\n")
            await asyncio.Event().wait()

    asyncio.run(live())


def _bury(living: dict[int, str]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _report(dead=living.pop(pid, "?"), pid=pid, code=os.waitstatus_to_exitcode(status))


def _report(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

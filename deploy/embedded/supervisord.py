"""The supervisor's process: PyPI's supervisor, with faster detection of exits and unlimited restarts.

The library looks at its children once a second and waits one second longer after each failed start,
without end. Here it looks five times a second, and the pauses between failing starts are `PAUSES`.
A process that had been running for a second starts again at once. Each start that nobody asked for
is counted beside the settings, in `lives/`.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.options import ServerOptions
from supervisor.states import ProcessStates
from supervisor.supervisord import Supervisor

from shared.runtime import restart_counter

LOOK_SECONDS = 0.2
PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds until the next try after one, two, … starts in a row that ended within a second."""
OWN_PID = "SAMRAAD_SUPERVISOR_PID"
"""Environment variable that children compare their parent with."""


class Restarts:
    """Counts, for each process, the starts that nobody asked for."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder

    def note(self, event: events.ProcessStateStartingEvent) -> None:
        """Look at a start."""
        if event.from_state in (ProcessStates.EXITED, ProcessStates.BACKOFF):
            restart_counter.restarts(self._folder / event.process.config.name).add()


class PatientSupervisor(Supervisor):  # type: ignore[misc]  # the library has no types
    """Restarts what died within a fraction of a second, and what cannot start for ever."""

    def runforever(self) -> None:
        """Look at the children often, and count their restarts."""
        restarts = Restarts(Path(self.options.configfile).parent / "lives")
        events.subscribe(events.ProcessStateStartingEvent, restarts.note)
        poll: Callable[[float], Any] = self.options.poller.poll
        self.options.poller.poll = lambda seconds: poll(min(seconds, LOOK_SECONDS))
        super().runforever()

    def tick(self, now: float | None = None) -> None:
        """Keep the pauses between failing starts short at first and bounded at last."""
        super().tick(now)
        for group in self.process_groups.values():
            for process in group.processes.values():
                if process.state == ProcessStates.BACKOFF:
                    process.backoff = min(process.backoff, len(PAUSES))
                    pause = PAUSES[process.backoff - 1]
                    process.delay = min(process.delay, time.time() + pause)


def main() -> None:
    """Run until a signal, with the supervisor library's own arguments."""
    os.environ[OWN_PID] = str(os.getpid())
    options = ServerOptions()
    options.realize(sys.argv[1:], doc=__doc__)
    options.first = True
    options.test = False
    try:
        PatientSupervisor(options).main()
    except asyncore.ExitNow:
        pass
    finally:
        options.close_httpservers()
        options.close_logger()


if __name__ == "__main__":
    main()

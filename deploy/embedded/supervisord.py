"""The supervisor's process: PyPI's supervisor, quicker to see a death and never tired of restarts.

The library looks at its children once a second and waits one second longer after each failed start,
without end. Here it looks five times a second, and no pause between two starts grows past
`LONGEST_PAUSE` seconds.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

from supervisor.medusa import asyncore_25 as asyncore
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor

LOOK_SECONDS = 0.2
LONGEST_PAUSE = 10
OWN_PID = "SAMRAAD_SUPERVISOR_PID"
"""Environment variable that children compare their parent with."""


class PatientSupervisor(Supervisor):  # type: ignore[misc]  # the library has no types
    """Restarts what died within a fraction of a second, and what cannot start for ever."""

    def runforever(self) -> None:
        """Look at the children often."""
        poll: Callable[[float], Any] = self.options.poller.poll
        self.options.poller.poll = lambda seconds: poll(min(seconds, LOOK_SECONDS))
        super().runforever()

    def tick(self, now: float | None = None) -> None:
        """Keep the pause between two failing starts bounded."""
        super().tick(now)
        for group in self.process_groups.values():
            for process in group.processes.values():
                process.backoff = min(process.backoff, LONGEST_PAUSE)


def main() -> None:
    """Run until told to stop, with the supervisor library's own arguments."""
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

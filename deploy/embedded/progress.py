"""Progress of a start or a stop, and the result of a start."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.embedded.download import Meter, silent


def _quiet(_text: str) -> None:
    """Print nothing."""


@dataclass(frozen=True)
class ProgressListener:
    """Callbacks for the progress of a start or a stop."""

    report: Callable[[str], None] = _quiet
    """Shows a sentence that stays on the screen."""
    step: Callable[[str], None] = _quiet
    """Shows the current step."""
    meter: Meter = silent


@dataclass(frozen=True)
class Up:
    """The result of a start."""

    ports: dict[str, int]
    kafka: str
    """The address of the broker, ours or an external one."""
    mongo: str
    """The address of the database, ours or an external one."""
    was_up: bool
    supervisor: "subprocess.Popen[bytes] | None"
    """The supervisor's process if this call started it."""
    late: list[str] = field(default_factory=list)
    """Services that were not ready in time."""

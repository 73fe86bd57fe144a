"""Whom to tell how far a start or a stop is, and what an `up` came to."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.embedded.download import Meter, silent


def _quiet(_text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class ProgressListener:
    """Whom to tell how far it is."""

    say: Callable[[str], None] = _quiet
    """A sentence that the person should still see when all is done."""
    step: Callable[[str], None] = _quiet
    """What is under way now."""
    meter: Meter = silent


@dataclass(frozen=True)
class Up:
    """What `up` came to."""

    ports: dict[str, int]
    kafka: str
    """Where the broker is, ours or another."""
    mongo: str
    """Where the database is, ours or another."""
    was_up: bool
    supervisor: "subprocess.Popen[bytes] | None"
    """The supervisor's process where this call started it."""
    late: list[str] = field(default_factory=list)
    """Services that were not ready in time."""

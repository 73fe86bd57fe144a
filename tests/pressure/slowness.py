"""A database that is many times slower than it should be."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["frozen"]

_CYCLE_S: Final = 0.5


@contextmanager
def frozen(pid: int, share: float) -> Iterator[None]:
    """Stop a process (SIGSTOP) for that share of each half second; 0 leaves it alone."""
    if not share:
        yield
        return
    over = threading.Event()

    def hold() -> None:
        while not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            over.wait(_CYCLE_S * share)
            os.kill(pid, signal.SIGCONT)
            over.wait(_CYCLE_S * (1 - share))

    holding = threading.Thread(target=hold, daemon=True)
    holding.start()
    try:
        yield
    finally:
        over.set()
        holding.join()

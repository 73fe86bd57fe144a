"""An idle process returns the memory of its last load to the machine.

The garbage collector runs seldom (`shared.runtime.process.collect_rarely`), and the allocator keeps
freed pages. So after a load a process would keep its largest size for ever.
"""

import asyncio
import ctypes
import gc
from contextlib import suppress
from time import process_time
from typing import Final

from shared.engine.failures.cancellation import is_cancelled

__all__ = ["release_memory_when_idle"]

_LOOK_S: Final = 5.0
_BUSY: Final = 0.1
"""Share of a core from which on a process is busy."""
_EVERY: Final = 6
"""An idle process releases memory at every so many checks, also without a load."""


async def release_memory_when_idle() -> None:
    """Release memory after a load, and from time to time when idle, until cancelled."""
    looks = _EVERY
    before = process_time()
    while not is_cancelled():
        await asyncio.sleep(_LOOK_S)
        spent, before = process_time() - before, process_time()
        if spent > _BUSY * _LOOK_S:
            looks = _EVERY
        elif looks >= _EVERY:
            looks = 1
            release_memory()
        else:
            looks += 1


def release_memory() -> None:
    """Collect garbage, and return free pages if the C library supports it (glibc)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

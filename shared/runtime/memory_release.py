"""A process at rest gives back to the machine what the last load took.

The collector runs seldom (`shared.runtime.process.collect_rarely`) and the allocator keeps what was freed, so
after a load a process would hold its most for as long as it lives.
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
"""Share of a core from which on a process is not at rest."""
_EVERY: Final = 6
"""Of so many looks at rest one gives back, also where no look saw a load."""


async def release_memory_when_idle() -> None:
    """Collect and trim when a load is over, and now and then at rest; until cancelled."""
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
    """Collect cycles, and hand free pages back where the C library can (glibc)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

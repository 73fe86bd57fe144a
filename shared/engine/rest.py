"""A process at rest gives back to the machine what the last load took.

The collector runs seldom (`shared.process.collect_rarely`) and the allocator keeps what was freed, so
after a load a process would hold its most for as long as it lives.
"""

import asyncio
import ctypes
import gc
from contextlib import suppress
from time import process_time
from typing import Final

from shared.engine.ending import told_to_end

__all__ = ["give_back_at_rest"]

_LOOK_S: Final = 5.0
_BUSY: Final = 0.2
"""Share of a core from which on a process is not at rest."""


async def give_back_at_rest() -> None:
    """Collect and trim once after each load, when it is over; until cancelled."""
    worked = True
    before = process_time()
    while not told_to_end():
        await asyncio.sleep(_LOOK_S)
        spent, before = process_time() - before, process_time()
        if spent > _BUSY * _LOOK_S:
            worked = True
        elif worked:
            worked = False
            give_back()


def give_back() -> None:
    """Collect cycles, and hand free pages back where the C library can (glibc)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

"""What a process holds of events and messages at once: one budget, shared by all that hold any.

A bound for each partition would add up: a process may be given any number of them. So the client,
the workers, their batches, the room and the relay take shares of one budget, whatever they are many.

The workers share a pool. A worker may take more as long as it holds less than what is left: alone it
gets half of the pool, of many each gets the same, and what stands idle reserves nothing. Whoever
holds anything is on its way to give it back (a worker in doubt, or halted, drops what it holds), and
one record passes however large it is, as soon as anything at all is left.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Final, Protocol

__all__ = ["DEFAULT_MIB", "LEAST_MIB", "Budget", "Member", "Pool"]

DEFAULT_MIB: Final = 64
LEAST_MIB: Final = 16
"""With less, a share would not hold one record of the largest size."""

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Budget:
    """How the budget of a process is split. Each share holds at least one item, of any size."""

    mib: int = DEFAULT_MIB

    @property
    def fetched(self) -> int:
        """Bytes that the client asks the broker for at once, on behalf of all partitions."""
        return self.mib * _MIB // 8

    @property
    def records(self) -> int:
        """Bytes of records in the workers, from their delivery until they had their effect."""
        return self.mib * _MIB // 2

    @property
    def batch(self) -> int:
        """Bytes that one batch may take, and again what it may load, and again what it may tell."""
        return self.mib * _MIB // 16

    @property
    def relayed(self) -> int:
        """Bytes of the outbox that the relay reads at once."""
        return self.mib * _MIB // 8


class Member(Protocol):
    """Whoever holds a part of a pool."""

    def adjust_flow(self) -> None:
        """Ask for more, or for nothing, as the pool allows now."""
        ...


class Pool:
    """Bytes that the workers of one process hold together."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._members: set[Member] = set()
        self._freed = asyncio.Event()
        self.full_at = self.moved_at = -inf
        """When it was full, and when a worker last brought a batch home; by the monotonic clock."""

    @property
    def free_bytes(self) -> int:
        """Bytes that are left: none, or less than none, while it is full."""
        return self._size - self._taken

    def join(self, member: Member) -> None:
        """Take in a member, which is told when it may go on."""
        self._members.add(member)

    def leave(self, member: Member) -> None:
        """Let a member go; it has given back what it held."""
        self._members.discard(member)

    def take(self, size: int) -> None:
        """Account for bytes that are held from now on; at the last of the room all stop asking."""
        self._taken += size
        if self.free_bytes <= 0:
            self.full_at = monotonic()
            self._tell()

    def give(self, size: int) -> None:
        """Give bytes back; whoever was short may go on."""
        if size:
            self._taken -= size
            self._freed.set()
            self._tell()

    def moved(self) -> None:
        """Note that a batch had its effect."""
        self.moved_at = monotonic()

    async def wait(self, seconds: float) -> None:
        """Wait until something is given back, for so long at most."""
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._freed.wait()

    def _tell(self) -> None:
        for member in self._members:
            member.adjust_flow()

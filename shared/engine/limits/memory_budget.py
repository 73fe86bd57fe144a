"""The memory budget of a process: the bytes of events and messages that it holds at once.

A limit per partition would add up, because a process may be assigned any number of them. So the
client, the workers, their batches, the parked events and the relay take shares of one budget.

The workers share a pool. A worker may take more while it holds less than what is free. So a single
worker gets half of the pool, many get equal parts, and an idle one reserves nothing. Each worker
releases its bytes in time: after a failure or a halt it drops its records. One record of any size is
taken as soon as any byte is free.
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
"""With less, a share would not hold a record of the largest size."""

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Budget:
    """The shares of a process's budget. Each share holds at least one item, of any size."""

    mib: int = DEFAULT_MIB

    @property
    def fetched(self) -> int:
        """Bytes that the client fetches at once, of all partitions."""
        return self.mib * _MIB // 8

    @property
    def records(self) -> int:
        """Bytes of records in the workers, from the poll to the commit."""
        return self.mib * _MIB // 2

    @property
    def batch(self) -> int:
        """Bytes of a batch's records, and again of its documents, and again of its messages."""
        return self.mib * _MIB // 16

    @property
    def relayed(self) -> int:
        """Bytes of the outbox that the relay loads at once."""
        return self.mib * _MIB // 8


class Member(Protocol):
    """A member of a pool: it takes bytes and gives them back."""

    def adjust_flow(self) -> None:
        """Ask for more or for nothing, as the pool's free bytes allow."""
        ...


class Pool:
    """The bytes that the workers of one process hold together."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._members: set[Member] = set()
        self._freed = asyncio.Event()
        self.full_at = self.moved_at = -inf
        """When it was last full, and when a worker last committed a batch; by the monotonic clock."""

    @property
    def free_bytes(self) -> int:
        """Free bytes; zero or negative while the pool is full."""
        return self._size - self._taken

    def join(self, member: Member) -> None:
        """Add a member. Its `adjust_flow` is called when bytes become free or run out."""
        self._members.add(member)

    def leave(self, member: Member) -> None:
        """Remove a member. It has given all its bytes back."""
        self._members.discard(member)

    def take(self, size: int) -> None:
        """Take bytes. If none are left, all members stop asking."""
        self._taken += size
        if self.free_bytes <= 0:
            self.full_at = monotonic()
            self._notify()

    def give(self, size: int) -> None:
        """Give bytes back. Members that were short may continue."""
        if size:
            self._taken -= size
            self._freed.set()
            self._notify()

    def moved(self) -> None:
        """Note a committed batch."""
        self.moved_at = monotonic()

    async def wait(self, seconds: float) -> None:
        """Wait until bytes are given back, for `seconds` at most."""
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._freed.wait()

    def _notify(self) -> None:
        for member in self._members:
            member.adjust_flow()

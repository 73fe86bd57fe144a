"""A gate in the network: everything that passes can be slowed down, delayed, or cut off.

A small TCP proxy between a client and a server. What is delayed is not refused: both
ends keep a silent connection, as they do when a cable is pulled.
"""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

__all__ = ["Gate"]

_AT_ONCE: Final = 65_536
_AT_ONCE_IS: Final = struct.pack("ii", 1, 0)


class Gate:
    """One server behind a gate."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        """Where clients come in."""
        self.delay_s = 0.0
        """How long everything is on its way, in each direction."""
        self._to = host, port
        self._writers: set[StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()

    @asynccontextmanager
    async def stand(self) -> AsyncIterator[Self]:
        """Let clients through as long as this lasts."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.let_through()
            self.reset()
            await asyncio.sleep(0.1)

    def hold_back(self) -> None:
        """Let no byte through from now on, and close nothing."""
        self._open.clear()

    def let_through(self) -> None:
        """Let through what was delayed, and all that follows."""
        self._open.set()

    def reset(self) -> None:
        """Reset every open connection, all in one moment, as the kernel does for the killed."""
        for writer in self._writers:
            reset_at_once(writer)
        self._writers.clear()

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            onward, back = await asyncio.open_connection(*self._to)
            self._writers |= {writer, back}
            await asyncio.gather(self._copy(reader, back), self._copy(onward, writer))
            self._writers -= {writer, back}

    async def _copy(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, RuntimeError):  # uvloop's word for a connection that is gone
            while some := await reader.read(_AT_ONCE):
                await asyncio.sleep(self.delay_s)
                await self._open.wait()
                writer.write(some)
                await writer.drain()
        writer.close()


def reset_at_once(writer: StreamWriter) -> None:
    """End a connection by a reset instead of a farewell."""
    raw_socket = writer.get_extra_info("socket")
    with suppress(OSError):
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE_IS)
    writer.transport.abort()

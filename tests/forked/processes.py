"""Processes that the server forks, seen as `subprocess` and `asyncio.subprocess` show theirs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any, Final

from deploy.embedded.paths import CLONE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["AsyncForked", "create_forked_process", "run_forked"]


class _Server:
    """The process that forks; it starts with the first request and ends with this process."""

    def __init__(self) -> None:
        self._beginning = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""

    def connect(self) -> socket.socket:
        """Open a connection for one request."""
        with self._beginning:
            if self._process is None:
                self._begin()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        return connection

    def _begin(self) -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("")  # the kernel gives it an address of its own
            listening.listen(64)
            self._address = listening.getsockname()
            number = listening.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forked.server", str(number)],
                cwd=CLONE,
                env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
                stdin=subprocess.PIPE,
                pass_fds=(number,),
            )


_SERVER: Final = _Server()


def _ask(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: Sequence[int],
) -> socket.socket:
    """Have a process forked; its id and its exit code come as lines over what is returned."""
    request = {
        "module": module,
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": str(CLONE),
    }
    connection = _SERVER.connect()
    written = json.dumps(request).encode() + b"\n"
    sent = socket.send_fds(connection, [written], streams)
    connection.sendall(written[sent:])
    return connection


def run_forked(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: str | None,
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run a module as `subprocess.run` runs `python -m`, with its output captured as text.

    Raises subprocess.TimeoutExpired after `timeout` seconds; the process is killed then.
    """
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as printed,
        tempfile.TemporaryFile() as complained,
    ):
        given.write((stdin or "").encode())
        given.seek(0)
        streams = [given.fileno(), printed.fileno(), complained.fileno()]
        with _ask(module, arguments, environment, streams) as connection:
            connection.settimeout(timeout)
            answers = connection.makefile("r")
            pid = int(answers.readline())
            try:
                code = int(answers.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired([module, *arguments], timeout) from None
        printed.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess(
            [module, *arguments], code, printed.read().decode(), complained.read().decode()
        )


class AsyncForked:
    """A process as `asyncio.subprocess.Process` shows it; streams without a pipe are ours."""

    def __init__(self, pid: int, answers: asyncio.StreamReader, ours: Mapping[str, Any]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = ours.get("stdin")
        self.stdout = ours.get("stdout")
        self.stderr = ours.get("stderr")
        self._answers = answers
        self._end = asyncio.create_task(self._follow())

    async def _follow(self) -> int:
        self.returncode = int(await self._answers.readline())
        return self.returncode

    async def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return await asyncio.shield(self._end)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Read all its output until it ends."""
        pipes = (self.stdout, self.stderr)
        printed, complained = await asyncio.gather(*(_rest(each) for each in pipes))
        await self.wait()
        return printed, complained

    def send_signal(self, number: int) -> None:
        """Send a signal. Raises ProcessLookupError when it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


async def create_forked_process(
    module: str, *arguments: str, environment: Mapping[str, str], pipes: Collection[str]
) -> AsyncForked:
    """Run a module as `asyncio.create_subprocess_exec` runs `python -m`.

    `pipes` names the standard streams that are ours to write and read; it shares the others.
    """
    ours: dict[str, Any] = {}
    theirs: list[int] = []
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if name in pipes:
            near, far = socket.socketpair()
            theirs.append(far.detach())
            if name == "stdin":
                ours[name] = near.makefile("wb", buffering=0)
                near.close()
            else:
                ours[name] = await _reader_of(near)
        else:
            theirs.append(os.dup(number))
    connection = await asyncio.to_thread(_ask, module, arguments, environment, theirs)
    for each in theirs:
        os.close(each)
    answers = await _reader_of(connection)
    return AsyncForked(int(await answers.readline()), answers, ours)


async def _reader_of(connection: socket.socket) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, connection)
    return reader


async def _rest(stream: asyncio.StreamReader | None) -> bytes:
    return b"" if stream is None else await stream.read()

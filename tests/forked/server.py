"""Forks a process for each request: `python -m tests.forked.server SOCKET`.

It ends when its standard input does, so with the process that started it.

A request is one connection: JSON with `module`, `arguments`, `environment` and `folder`, together
with the descriptors of standard input, output and error. The answer is the process id, and later
the exit code as `subprocess` counts it.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Any, Final

PRELOADED: Final = ("cli", "tests.edge.engine_world", "uvicorn", "uvloop", "aiokafka")
"""`cli`: all of its modules but `main`, which each command runs as its main module."""
LONGEST: Final = 1 << 20
"""Bytes of a request."""


def preload() -> None:
    """Import what commands need, and make sure that it can be forked."""
    for name in PRELOADED:
        import_module(name)
    for found in pkgutil.iter_modules(import_module("cli").__path__, "cli."):
        if found.name != "cli.main":
            import_module(found.name)
    assert threading.active_count() == 1, "a process with threads is not to be forked"
    gc.collect()
    gc.freeze()  # what is imported is shared, and neither looked through nor freed


def wait_for_a_command(listening: socket.socket) -> dict[str, Any]:
    """Answer requests for as long as the server lives; only a forked command returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        readable, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in readable:
            sys.exit()
        connection, _ = listening.accept()
        if os.fork():
            connection.close()
            continue
        listening.close()
        request, streams = _receive(connection)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        pid = os.fork()
        if not pid:
            connection.close()
            _take(streams)
            return request
        for stream in streams:
            os.close(stream)
        _report_end(connection, pid)


def become(request: dict[str, Any]) -> None:
    """Run the module as `python -m` does."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    line, streams, _, _ = socket.recv_fds(connection, LONGEST, 3)
    while not line.endswith(b"\n"):
        line += connection.recv(LONGEST)
    request: dict[str, Any] = json.loads(line)
    return request, streams


def _take(streams: list[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)


def _report_end(connection: socket.socket, pid: int) -> None:
    """Report the process's id, and its exit code when it has ended; then end too."""
    try:
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    preload()
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        command = wait_for_a_command(listening)
    become(command)

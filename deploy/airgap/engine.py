"""Serves Docker's API from podman, so that compose and testcontainers run where no Docker is.

    python -m deploy.airgap.engine SOCKET

Then `DOCKER_HOST=unix://SOCKET docker-compose up`. On a machine without systemd podman runs no
health checks, so this program runs them, at the interval of each container; where systemd runs, its
timers do. Ends with SIGTERM or Ctrl-C; containers go on.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from deploy.airgap.tools import environment, require, run
from deploy.embedded import tether
from deploy.embedded.errors import StackProblem

__all__ = ["engine", "main"]

START_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 1.0
FIRST_SECONDS: Final = 2.0
"""How often a container is asked that has not been healthy yet."""
LEAST_SECONDS: Final = 5.0


@contextmanager
def engine(socket: Path) -> "Iterator[str]":
    """Serve the API on a socket; gives its address for `DOCKER_HOST`.

    Raises StackProblem when podman does not serve.
    """
    require()
    socket.parent.mkdir(parents=True, exist_ok=True)
    address = f"unix://{socket}"
    serving = subprocess.Popen(
        [
            *tether.command(signal.SIGTERM),
            *(shutil.which("podman") or "podman", "system", "service", "--time=0", address),
        ],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ended = Event()
    asking = Thread(target=_ask_for_health, args=[ended], daemon=True)
    try:
        until = time.monotonic() + START_SECONDS
        while not socket.exists():
            if serving.poll() is not None or time.monotonic() > until:
                raise StackProblem("podman does not serve Docker's API here.")
            time.sleep(0.05)
        if not Path("/run/systemd/system").exists():
            asking.start()
        yield address
    finally:
        ended.set()
        serving.terminate()
        serving.wait(timeout=30)


def _ask_for_health(ended: Event) -> None:
    """Ask each container when it is due, one after the other."""
    asked: dict[str, float] = {}
    while not ended.wait(LOOK_SECONDS):
        for container, health, every in _containers():
            due = every if health == "healthy" else FIRST_SECONDS
            if time.monotonic() - asked.get(container, 0.0) >= due:
                asked[container] = time.monotonic()
                with suppress(StackProblem, subprocess.TimeoutExpired):
                    run("podman", "healthcheck", "run", container, seconds=30)


def _containers() -> "Iterator[tuple[str, str, float]]":
    """Give each running container that has a health check, how it was, how often it is asked."""
    try:
        ids = run("podman", "ps", "--quiet", "--no-trunc", seconds=30).split()
        containers: list[dict[str, Any]] = json.loads(run("podman", "inspect", *ids)) if ids else []
    except (StackProblem, ValueError, subprocess.TimeoutExpired):
        return
    for one in containers:
        check = one["Config"].get("Healthcheck")
        if check and check.get("Test", ["NONE"])[0] != "NONE":
            every = max(check.get("Interval", 0) / 1e9, LEAST_SECONDS)
            state = one["State"].get("Health") or one["State"].get("Healthcheck") or {}
            yield one["Id"], state.get("Status", ""), every


def main() -> int:
    """Serve until containers to end."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the socket alone
        print("Use: deploy.airgap.engine SOCKET", file=sys.stderr)
        return 2
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with engine(Path(sys.argv[1]).absolute()) as address:
            print(f"export DOCKER_HOST={address}", flush=True)
            ended.wait()
    except StackProblem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

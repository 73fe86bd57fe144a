"""Shows a running set as its engine and its kernel see it: processes, users, ports, memory, limits.

    python -m tests.containers.shown PROJECT

As root, on the engine of `DOCKER_HOST`. The table in docs/operators.md is what this printed.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

from tests.containers.running import LABEL, RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTENS = "0A"
HEADER = (
    *("Container", "Process", "User", "Capabilities", "Listens on", "RelayPositions"),
    *("Memory", "of", "Processors", "Processes and threads, of"),
)


def rows(project: str) -> Iterator[tuple[str, ...]]:
    """Give a line of the table for each running container."""
    with closing(docker.from_env()) as engine:
        for service in RUNNING:
            labels = [f"{LABEL}.project={project}", f"{LABEL}.service={service}"]
            for container in engine.containers.list(filters={"label": labels}):
                yield _row(service, container.attrs, container.stats(stream=False))


def _row(service: str, seen: dict[str, Any], used: dict[str, Any]) -> tuple[str, ...]:
    process, host = Path("/proc", str(seen["State"]["Pid"])), seen["HostConfig"]
    status = dict(
        line.split(":\t", 1)
        for line in (process / "status").read_text().splitlines()
        if "\t" in line
    )
    command = (process / "cmdline").read_text().split("\0")
    published = [
        f"{one['HostIp']}:{one['HostPort']} → {inner.partition('/')[0]}"
        for inner, outer in sorted((seen["NetworkSettings"]["Ports"] or {}).items())
        for one in outer or ()
    ]
    return (
        f"`{service}`",
        f"`{' '.join(command)[:40].strip()}`",
        status["Uid"].split()[0],
        _capabilities(int(status["CapEff"], 16)),
        ", ".join(_listening(process)),
        ", ".join(published),
        f"{used['memory_stats']['usage'] / 1e6:.0f} MB",
        f"{host['Memory'] / 1e6:.0f} MB",
        f"{(host['NanoCpus'] or 0) / 1e9 or host['CpuQuota'] / (host['CpuPeriod'] or 1):g}",
        f"{used['pids_stats'].get('current', '?')}, {host['PidsLimit']}",
    )


def _capabilities(effective: int) -> str:
    return {0: "none", 1 << 10: "NET_BIND_SERVICE"}.get(effective, f"{effective:x}")


def _listening(process: Path) -> list[str]:
    """Name what the container listens on by itself: the names' resolver of an engine is not of it."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in (process / "net" / table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, port = local.rpartition(":")
            if state == LISTENS:
                on_loopback = address.endswith("0100007F") or address == f"{1 << 24:032X}"
                found.add((int(port, 16), " (loopback)" if on_loopback else ""))
    return [f"{port}{where}" for port, where in sorted(found)]


if __name__ == "__main__":
    table = [HEADER, ("---",) * len(HEADER), *rows(sys.argv[1])]
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in table))

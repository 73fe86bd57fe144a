"""The ports of one stack: chosen free once, remembered, and kept apart from other stacks."""

import json
import os
import random
import re
import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from deploy.embedded.credentials import SERVICES
from deploy.embedded.errors import StackProblem, WrongUse
from deploy.embedded.paths import Home, write_private

NAMES = ("kafka", "controller", "mongo", "site", "issuer", *SERVICES)
SITE = 8480
"""The port that a person meets: a clone's own stack takes it where it is free at its first start."""
LOWEST, HIGHEST = 10_000, 32_000
"""Where other ports are drawn from: below the kernel's own range for outgoing connections, where a
client that connects to a port of that range can end up connected to itself."""


MOST_COPIES = 9
_COPY = re.compile(r"(?P<service>[a-z]+)-[2-9]")


def service_of(name: str) -> str:
    """Name what a process is a copy of (`intake-2` of `intake`); any other name as it is."""
    copy = _COPY.fullmatch(name)
    return copy["service"] if copy else name


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def given_ports(options: list[str]) -> dict[str, int]:
    """Join what `$SAMRAAD_PORTS` (`site=8080,kafka=9092`) and `--port` give; the option wins.

    Raises WrongUse as `parse_ports` does.
    """
    texts = [text for text in os.environ.get("SAMRAAD_PORTS", "").split(",") if text]
    return {**parse_ports(texts), **parse_ports(options)}


def parse_ports(texts: list[str]) -> dict[str, int]:
    """Read `name=number` texts, as given by `--port` or `$SAMRAAD_PORTS`.

    Raises WrongUse for a name that is none of ours or a number that is no port.
    """
    given: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in NAMES:
            raise WrongUse(f"A port is given as NAME=NUMBER, where NAME is one of {list_names()}.")
        if not number.isdecimal() or not 0 < int(number) < 65536:  # noqa: PLR2004 (the last port)
            raise WrongUse(f"The port of {name} must be a number from 1 to 65535.")
        if int(number) in given.values():
            raise WrongUse(f"Port {int(number)} was given twice.")
        given[name] = int(number)
    return given


def list_names() -> str:
    """Name what has a port, for a sentence."""
    return ", ".join(NAMES)


def read_ports(home: Home) -> dict[str, int]:
    """Read the remembered ports; empty before the first start."""
    try:
        remembered = json.loads(home.ports_file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {
        name: port
        for name, port in remembered.items()
        if service_of(name) in NAMES and isinstance(port, int) and 0 < port < 65536  # noqa: PLR2004
    }


def choose_ports(
    home: Home,
    given: Mapping[str, int],
    ours: frozenset[str],
    idle: frozenset[str],
    report: Callable[[str], None],
    copies: Collection[str] = (),
) -> dict[str, int]:
    """Settle all ports: those given, else those remembered, else free ones; remember them.

    `ours` names what runs already and may use its port, `idle` what is not to run now, so that
    another program may use its remembered port, `copies` the processes beside the first of a
    service. A given port that is taken is refused
    (StackProblem); a remembered one is replaced, and `report` gets a sentence.
    """
    remembered = read_ports(home)
    ports: dict[str, int] = {}
    for name, port in given.items():
        held_by_us = name in ours and remembered.get(name) == port
        if not held_by_us and not is_free(port):
            raise StackProblem(
                f"Port {port}, given for {name}, is taken by another program: "
                f"give another with --port {name}=NUMBER."
            )
        ports[name] = port
    for name in (*NAMES, *copies):
        if name in ports:
            continue
        port = remembered.get(name, 0)
        if port and port not in ports.values() and (name in ours | idle or is_free(port)):
            ports[name] = port
            continue
        used = frozenset(ports.values()) | frozenset(remembered.values())
        if name == "site" and not port and home.is_default and SITE not in used and is_free(SITE):
            ports[name] = SITE
        else:
            ports[name] = draw(used)
        if port:
            report(f"Port {port} of {name} is taken by another program; it moves to {ports[name]}.")
    if ports != remembered:
        write_private(home.ports_file, json.dumps(ports, indent=1) + "\n")
    return ports


def draw(used: Collection[int]) -> int:
    """Draw a free port that is none of `used`; raises StackProblem when there is none."""
    dice = random.SystemRandom()
    for _ in range(1000):
        port = dice.randint(LOWEST, min(HIGHEST, _first_outgoing_port() - 1))
        if port not in used and is_free(port):
            return port
    raise StackProblem("No free port was found on this machine.")


def _first_outgoing_port() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    except OSError:
        return HIGHEST + 1
    return max(int(text.split()[0]), LOWEST + 1000)

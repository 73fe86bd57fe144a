"""The set of containers under test, as its operator has it: one compose file, one command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import httpx

from deploy.embedded.paths import CLONE
from deploy.embedded.ports import draw
from deploy.embedded.programs import services
from tests.live import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from docker.models.containers import Container

SERVICES = services()
RUNNING = ("kafka", "mongo", *SERVICES, "ingress")
JOBS = ("deal", "settle")
LABEL = "com.docker.compose"
UP_SECONDS = 420.0
READY_SECONDS = 240.0


def compose_command() -> list[str]:
    """Docker's own compose where it is a part of it, else the program of that name."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if asked.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"]


@dataclass
class Running:
    """One project of containers, with an operator's folder and ports of its own."""

    docker_host: str
    project: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ("docker-compose.yml",)

    def __post_init__(self) -> None:
        self.operator = self.folder / "operator"
        self.operator.mkdir(parents=True, exist_ok=True)
        self._compose = compose_command()
        self.engine = docker.DockerClient(
            **(
                {"base_url": self.docker_host}
                if self.docker_host
                else docker.utils.kwargs_from_env()
            ),
            timeout=240,
        )
        kept = self.folder / "settings.json"
        if kept.exists():
            self.settings = json.loads(kept.read_text())
            self.site = self.settings["SAMRAAD_SITE_URL"]
            return
        used: list[int] = []
        for _ in range(3):
            used.append(draw(used))
        kafka, site, operator = used
        self.site = f"http://127.0.0.1:{site}"
        self.settings = {
            "SAMRAAD_OPERATOR_DIR": str(self.operator),
            "SAMRAAD_KAFKA_PORT": str(kafka),
            "SAMRAAD_PARTNERS_KAFKA": f"127.0.0.1:{kafka}",
            "SAMRAAD_SITE_PORT": str(site),
            "SAMRAAD_SITE_URL": self.site,
            "SAMRAAD_OPERATOR_PORT": str(operator),
            **self.settings,
        }
        kept.write_text(json.dumps(self.settings))

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.settings,
            "DOCKER_HOST": self.docker_host,
            "SAMRAAD_HOME": str(self.operator),
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }

    def compose(self, *arguments: str, seconds: float = UP_SECONDS, check: bool = True) -> str:
        """Run compose on this project; return its output."""
        files = [part for file in self.files for part in ("--file", file)]
        done = subprocess.run(
            [*self._compose, *files, "--project-name", self.project, *arguments],
            cwd=CLONE,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        output = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{arguments}:\n{output}\n{self.logs()}"
        return output

    def up(self, *arguments: str) -> None:
        """Bring up what is missing, and wait until all of it is healthy."""
        self.compose("up", "--detach", "--no-build", *arguments)
        self.wait_until_healthy()

    def wait_until_healthy(self, services: Iterable[str] = RUNNING) -> None:
        """Wait until each container of these runs, and is healthy where it has a health check."""

        def healthy() -> bool:
            found = {service: self.inspect(service) for service in services}
            return (
                all(found.values())
                and all(
                    one["State"]["Status"] == "running" and _health(one) in {"healthy", ""}
                    for containers in found.values()
                    for one in containers
                )
                and ("ingress" not in found or self._site_answers())
            )

        wait_until(healthy, READY_SECONDS, f"{self.project} to be healthy")

    def _site_answers(self) -> bool:
        try:
            return httpx.get(f"{self.site}/.well-known/jwks.json", timeout=5).is_success
        except httpx.TransportError:
            return False

    def containers(self, service: str) -> list[Container]:
        """Give the containers of a service, those that have ended too."""
        project, one = f"{LABEL}.project={self.project}", f"{LABEL}.service={service}"
        found: list[Container] = self.engine.containers.list(
            all=True, filters={"label": [project, one]}, ignore_removed=True
        )
        return [one for one in found if one.labels.get(f"{LABEL}.oneoff") != "True"]

    def container(self, service: str) -> Container:
        """Give the one container of a service."""
        (one,) = self.containers(service)
        return one

    def inspect(self, service: str) -> list[dict[str, Any]]:
        """See the containers of a service as the engine sees them."""
        return [one.attrs for one in self.containers(service)]

    def run_in(self, container: Container, *command: str) -> str:
        """Run a program inside a container; return its output."""
        code, raw = container.exec_run(list(command))
        assert code == 0, f"{command}:\n{raw.decode()}"
        output: str = raw.decode().strip()
        return output

    def python(self, service: str, script: str) -> str:
        """Run a script inside a service's container, with what that container has."""
        return self.run_in(self.container(service), "python", "-c", script)

    def samraad(
        self, *arguments: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the real command on the host, as the operator does."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=CLONE,
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def add_partner(self, partner: str, kind: str = "prosecution") -> Path:
        """Let a partner in; give its credentials file."""
        file = self.folder / f"{partner}.credentials.json"
        until = time.monotonic() + 120
        while True:
            ran = self.samraad("partner", "add", partner, "--kind", kind, "--out", str(file))
            if ran.returncode == 0 or time.monotonic() > until:
                break
        assert ran.returncode == 0, ran.stderr
        return file

    def admin(self) -> dict[str, str]:
        """The operator's login at the broker."""
        login: dict[str, str] = json.loads((self.operator / "secrets/kafka/admin.json").read_text())
        return login

    def logs(self) -> str:
        """The last lines of every container's log."""
        done = subprocess.run(
            [*self._compose, "--project-name", self.project, "logs", "--no-color", "--tail", "15"],
            cwd=CLONE,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    def discard(self) -> None:
        """Take everything away, volumes too; podman removes none whose network another shares."""
        for _ in range(2):
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20", check=False)


def _health(one: dict[str, Any]) -> str:
    health = one["State"].get("Health") or {}
    return str(health.get("Status", ""))

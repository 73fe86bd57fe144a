"""The running set of containers: on the engine that answers, or on podman with images made here."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import docker
import pytest

from deploy.airgap import assemble
from deploy.airgap.engine import engine
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import CLONE
from tests.containers.flow import Flow
from tests.containers.running import Running, compose_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where Docker's API answers, with every image there."""
    given = os.environ.get("DOCKER_HOST", "")
    kept = os.environ.get("SAMRAAD_TEST_SET")
    if _answers():
        for arguments in ([], ["--profile", "demo"]) if not kept else ():
            subprocess.run([*compose_command(), *arguments, "build"], cwd=CLONE, check=True)
        yield given
        return
    try:
        if not kept:
            assemble.assemble(lambda what: sys.stderr.write(f"{what} …\n"))
        with engine(tmp_path_factory.mktemp("engine") / "docker.sock") as address:
            yield address
    except StackProblem as problem:
        pytest.exit(str(problem), returncode=1)


def _answers() -> bool:
    try:
        with closing(docker.from_env()) as engine:
            return bool(engine.ping())
    except docker.errors.DockerException:
        return False


@pytest.fixture(scope="session")
def make_running(
    docker_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Running]]:
    """Make sets of containers; all are taken away at the end."""
    made: list[Running] = []

    def make(*files: str, **settings: str) -> Running:
        name = f"samraad-test-{uuid4().hex[:8]}"
        running = Running(
            docker_host,
            name,
            tmp_path_factory.mktemp(name),
            settings,
            ("docker-compose.yml", *files),
        )
        made.append(running)
        return running

    yield make
    for running in made:
        if not os.environ.get("SAMRAAD_KEEP_CONTAINERS"):
            running.discard()


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> Running:
    """The set that most tests share, up and healthy.

    `$SAMRAAD_TEST_SET` is the folder of one that is up already and outlives the tests; with
    `$SAMRAAD_KEEP_CONTAINERS` a run leaves its sets as they are, in folders named after them.
    """
    if kept := os.environ.get("SAMRAAD_TEST_SET"):
        host = request.getfixturevalue("docker_host")
        one = Running(host, Path(kept).name.rstrip("0"), Path(kept))
    else:
        one = request.getfixturevalue("make_running")()
    one.up()
    return one


@pytest.fixture
def flow(running: Running) -> Flow:
    """A partner of its own that sends all the time."""
    return Flow(running, running.add_partner(f"flow-{uuid4().hex[:8]}"))


@pytest.fixture(scope="session")
def files() -> Path:
    """The clone, whose files the compose file mounts."""
    return CLONE

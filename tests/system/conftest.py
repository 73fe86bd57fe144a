"""Desks for the tests of the command line, and stacks that a test may break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.embedded.paths import Home
from tests.live import LiveStack
from tests.system.command_line import DONE, CommandLine


@pytest.fixture
def samraad(stack: LiveStack, tmp_path: Path) -> CommandLine:
    """A command line whose partner does not exist yet."""
    return CommandLine(stack, tmp_path, f"cli-{uuid4().hex[:12]}")


@pytest.fixture(scope="module")
def office(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A command line whose partner may send."""
    samraad = CommandLine(stack, tmp_path_factory.mktemp("office"), f"cli-office-{uuid4().hex[:8]}")
    ran = samraad.add()
    assert ran.returncode == DONE, ran.stderr
    return samraad


@pytest.fixture
def own_stack(downloads: Home, tmp_path: Path) -> Iterator[LiveStack]:
    """A stack of brokers that one test may break."""
    live = LiveStack(tmp_path / "home", downloads.cache)
    yield live
    live.stop()
    live.run("down")
    live.discard()

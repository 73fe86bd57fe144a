"""Desks for the tests of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.live import LiveStack

if TYPE_CHECKING:
    pass

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

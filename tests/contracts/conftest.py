"""Folders in which everything is published."""

import shutil

import pytest

from deploy.contracts import publish
from tests.contracts.copied import Repository
from tests.contracts.gate import NOW


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A folder in which everything is published."""
    root = tmp_path_factory.mktemp("published")
    (root / "docs/published").mkdir(parents=True)
    publish(root, NOW)
    return root


@pytest.fixture
def root(once, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(once, tmp_path / "clone")


@pytest.fixture
def repository(root):
    """The same, committed."""
    made = Repository(root)
    made.git("init", "-q", "-b", "main")
    made.commit()
    return made

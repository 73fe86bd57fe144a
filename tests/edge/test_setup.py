"""`make setup`: an environment of exactly what is locked, however often it was broken off."""

import os
import signal
import subprocess
import sys

import pytest

from deploy.embedded import install
from deploy.embedded.ports import draw
from tests.edge.package_index import PackageIndex

PATIENCE = 60
BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "itself-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        inside = "itself-1.0.0.dist-info"
        wheel.writestr(f"{inside}/METADATA", "Metadata-Version: 2.1\\nName: itself\\nVersion: 1.0.0\\n")
        wheel.writestr(f"{inside}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{inside}/RECORD", "")
        wheel.writestr("itself.py", "")
    return name
"""
PROJECT = """
[project]
name = "itself"
version = "1.0.0"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
PREPARE = (
    "import sys; from pathlib import Path; from deploy.embedded.install import prepare; "
    "prepare(*map(Path, sys.argv[1:]))"
)


@pytest.fixture
def index(monkeypatch, tmp_path):
    """The only index that pip knows; no cache has anything."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    index = PackageIndex()
    index.add_uv()
    index.add("little")
    with index.serving() as url:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        yield index


class Clone:
    """A project of its own with a lock and an environment."""

    def __init__(self, folder):
        folder.mkdir()
        self.place = folder / ".venv"
        self.lock = folder / "requirements.lock"
        self.project = folder / "pyproject.toml"
        self.project.write_text(PROJECT)
        (folder / "backend.py").write_text(BACKEND)

    @property
    def paths(self):
        return self.place, self.lock, self.project

    def imports(self, module):
        done = subprocess.run(
            [self.place / "bin" / "python", "-c", f"import {module}"],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def test_a_setup_that_was_killed_is_done_again_and_then_left_alone(index, clone, capfd):
    clone.lock.write_text(index.lock("uv", "little"))
    index.waits.add("/little-1.0.0-py3-none-any.whl")
    broken = subprocess.Popen([sys.executable, "-c", PREPARE, *clone.paths], start_new_session=True)
    assert index.reached.wait(PATIENCE)
    os.killpg(broken.pid, signal.SIGKILL)
    broken.wait()
    index.waits.clear()
    capfd.readouterr()

    install.prepare(*clone.paths)

    shown = capfd.readouterr().err.splitlines()
    if shown[0].startswith("Another setup"):  # the kernel may still end what was killed
        del shown[0]
    assert shown[0] == "Virtual environment .venv: unfinished, made anew …"
    assert [line.partition(":")[0] for line in shown if " MB installed" in line] == [
        "Virtual environment",
        "Installer uv",
        "Python packages",
    ]
    assert clone.imports("little")
    assert clone.imports("itself")
    install.prepare(*clone.paths)
    assert capfd.readouterr().err == ""


def test_what_is_locked_no_more_goes_and_what_is_new_comes(index, clone):
    index.add("newer")
    clone.lock.write_text(index.lock("uv", "little"))
    install.prepare(*clone.paths)

    clone.lock.write_text(index.lock("uv", "newer"))
    install.prepare(*clone.paths)

    assert not clone.imports("little")
    assert clone.imports("newer")
    assert clone.imports("itself")


def test_a_package_that_differs_from_its_checksum_is_refused(index, clone):
    clone.lock.write_text(index.lock("uv", "little"))
    index.add("little", content={"little.py": b"print('another')\n"})

    with pytest.raises(SystemExit, match="one has a wrong sum"):
        install.prepare(*clone.paths)

    assert not clone.imports("little")


def test_pip_installs_where_uv_does_not_get_through(index, clone, capfd, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{draw(())}/")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    clone.lock.write_text(index.lock("uv", "little"))

    install.prepare(*clone.paths)

    assert "uv did not get through, pip tries" in capfd.readouterr().err
    assert clone.imports("little")


def test_an_index_out_of_reach_is_reported_in_one_sentence(index, clone, monkeypatch):
    clone.lock.write_text(index.lock("uv", "little"))
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{draw(())}/")
    monkeypatch.setenv("PIP_RETRIES", "0")

    with pytest.raises(SystemExit, match="could not be installed: the registry is out of reach"):
        install.prepare(*clone.paths)

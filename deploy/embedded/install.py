"""Makes this clone ready to run: `python3 deploy/embedded/install.py [.venv]`, as `make setup` does.

Only the standard library, and no syntax that an old Python would stumble over before it is told
that it is too old. Everything is done once: what is there and right is left alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

CLONE = Path(__file__).resolve().parents[2]
LOCK = CLONE / "requirements.lock"
PROJECT = CLONE / "pyproject.toml"
LEAST_PYTHON = (3, 11)
TAIL_LINES = 8
ALTERNATIVES = "Alternatives: `docker compose up`, or your own Kafka and MongoDB by SAMRAAD_KAFKA and SAMRAAD_MONGO."


def main() -> None:
    """Make the virtual environment, install what is locked, fetch what the stack needs."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").absolute()
    require_python()
    require_platform()
    place.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{place}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = place / ".locked"
        wanted = digest()
        if not stamp.exists() or stamp.read_text() != wanted:
            make_environment(place)
            install(place)
            stamp.write_text(wanted)
    fetch(place)


def require_python() -> None:
    """End with a sentence when this Python is too old or cannot make virtual environments."""
    if sys.version_info < LEAST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:2])
        stop(
            f"Python 3.11 or newer is needed, this is {found}: "
            "name another with `make setup PYTHON=python3.12`."
        )
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        stop(
            "This Python cannot make virtual environments: install its venv package "
            "(on Debian and Ubuntu: python3-venv)."
        )


def require_platform() -> None:
    """End with a sentence on a machine that the wheels are not made for."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        stop(
            f"Kafka's Java and mongod come as wheels for Linux on x86-64 alone, this is "
            f"{platform.system()} on {platform.machine()}. {ALTERNATIVES}"
        )


def digest() -> str:
    """Sum up what the environment is made from."""
    content = LOCK.read_bytes() + PROJECT.read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()


def make_environment(place: Path) -> None:
    """Make the virtual environment; one that is broken or of another Python is made anew."""
    tell(f"Making the virtual environment {place.name}")
    version = "import sys; print(sys.version)"
    clear = []
    if place.exists() and output([str(python(place)), "-c", version]) != sys.version:
        clear = ["--clear"]
    if (place / "bin" / "pip").exists() and not clear:
        return
    done = run([sys.executable, "-m", "venv", *clear, str(place)])
    if done.returncode != 0:
        stop(f"The virtual environment could not be made: {last_line(done.stdout)}")


def install(place: Path) -> None:
    """Install what is locked, each file checked against its sum, then the project itself."""
    tell("Installing Python packages (a minute or two the first time)")
    pip = [str(python(place)), "-m", "pip", "--disable-pip-version-check", "install"]
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    done = run([*pip, *locked])
    if done.returncode != 0:
        sys.stderr.write("\n".join(done.stdout.splitlines()[-TAIL_LINES:]) + "\n")
        stop(
            "The Python packages could not be installed: the registry is out of reach, or it has "
            f"none for this platform. {ALTERNATIVES}"
        )
    itself = ["--no-index", "--no-deps", "--no-build-isolation", "--editable", str(CLONE)]
    done = run([*pip, *itself])
    if done.returncode != 0:
        sys.stderr.write("\n".join(done.stdout.splitlines()[-TAIL_LINES:]) + "\n")
        stop("The project itself could not be installed.")


def fetch(place: Path) -> None:
    """Fetch Kafka's jars and the design system, by the packages that are installed now."""
    done = subprocess.run(
        [str(python(place)), "-m", "deploy.embedded.fetch"], cwd=CLONE, check=False
    )
    if done.returncode != 0:
        sys.exit(done.returncode)


def python(place: Path) -> Path:
    """Name the environment's Python."""
    return place / "bin" / "python"


def output(command: list[str]) -> str:
    """Run a command and give what it printed, or nothing when it does not run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command, keeping what it prints; a virtual environment that is active stays out."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    return subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def last_line(text: str) -> str:
    """Give the last line that says something."""
    return ([line for line in text.splitlines() if line.strip()] or [""])[-1]


def tell(text: str) -> None:
    """Tell what is under way."""
    sys.stderr.write(f"{text} …\n")
    sys.stderr.flush()


def stop(sentence: str) -> NoReturn:
    """End with one sentence."""
    sys.exit(sentence)


if __name__ == "__main__":
    main()

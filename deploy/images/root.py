"""Copies out of a file system what a Python service needs to run, and nothing else.

    python3 root.py TARGET PACKAGES

What arrives in TARGET is the interpreter with its standard library, the packages, the shared
libraries that any of it is linked with, certificates, and the names of users: no shell, no package
manager, no tools. It is run while an image is made, by the interpreter that the image will have.
"""

import compileall
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

LEFT_OUT: Final = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data"}
    | {"site-packages", "dist-packages", "__pycache__"}
)
FILES: Final = (
    "etc/ld.so.cache",
    "etc/nsswitch.conf",
    "etc/ssl/certs/ca-certificates.crt",
)
USERS: Final = "root:x:0:0:root:/:/none\nsamraad:x:10001:10001:Samraad:/:/none\n"
GROUPS: Final = "root:x:0:\nsamraad:x:10001:\n"
ELF: Final = b"\x7fELF"


def main(target: Path, packages: Path) -> None:
    """Fill the target."""
    lay_out(target)
    copy_library(target)
    copy_file(target, Path(sys.executable).resolve())
    link = target / "usr/local/bin/python"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(sys.executable).resolve())
    for name in FILES:
        if Path("/", name).exists():
            copy_file(target, Path("/", name))
    (target / "etc/passwd").write_text(USERS)
    (target / "etc/group").write_text(GROUPS)
    shutil.copytree(packages, target / packages.relative_to("/"), symlinks=True)
    for file in linked([target, Path(sys.executable).resolve()]):
        copy_file(target, file)
    compileall.compile_dir(target / stdlib().relative_to("/"), quiet=1, optimize=0)


def stdlib() -> Path:
    """Name the folder of the standard library."""
    return Path(sysconfig.get_path("stdlib")).resolve()


def lay_out(target: Path) -> None:
    """Make the top directories as they are here: links where this system has links."""
    for name in ("bin", "sbin", "lib", "lib64"):
        here = Path("/", name)
        if here.is_symlink():
            (target / here.readlink()).mkdir(parents=True, exist_ok=True)
            (target / name).symlink_to(here.readlink())
    for name in ("etc", "tmp", "var/lib/samraad", "run/secrets"):
        (target / name).mkdir(parents=True, exist_ok=True)
    (target / "tmp").chmod(0o1777)


def copy_library(target: Path) -> None:
    """Copy the standard library without its tests, its editor and its windows."""
    shutil.copytree(
        stdlib(),
        target / stdlib().relative_to("/"),
        symlinks=True,
        ignore=lambda _, names: {
            name for name in names if name in LEFT_OUT or name.startswith("config-")
        },
    )


def linked(places: list[Path]) -> set[Path]:
    """Find the shared libraries that any binary in these places needs."""
    found: set[Path] = set()
    for place in places:
        for file in [place] if place.is_file() else place.rglob("*"):
            if file.is_file() and not file.is_symlink() and is_binary(file):
                done = subprocess.run(
                    ["/usr/bin/ldd", str(file)], capture_output=True, text=True, check=False
                )
                found |= {
                    Path(one)
                    for one in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE)
                }
    return {file for file in found if not str(file).startswith(tuple(map(str, places)))}


def is_binary(file: Path) -> bool:
    """Whether a file is a program or a library."""
    with file.open("rb") as stream:
        return stream.read(4) == ELF


def copy_file(target: Path, file: Path) -> None:
    """Copy a file, and what it is a link to, to the same place."""
    place = target / file.parent.resolve().relative_to("/") / file.name
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.is_symlink():
        copy_file(target, file.parent.resolve() / file.readlink())
        place.symlink_to(file.readlink())
    else:
        shutil.copy2(file, place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

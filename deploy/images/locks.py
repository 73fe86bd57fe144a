"""Writes the locks of the images out of the one lock: `python -m deploy.images.locks`.

An image installs no test tool and no embedded broker, so each gets the part of `requirements.lock`
that it needs: the same versions, the same sums. `make lock` runs this after it wrote that file.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["blocks", "main", "write_lock"]

HERE: Final = Path(__file__).parent
CLONE: Final = HERE.parents[1]
LOCK: Final = CLONE / "requirements.lock"

FURTHER: Final = {"demo": ["oidc-provider-mock"], "assets": ["packageurl-python"]}
"""What the demo's image has beside a service's, and what only the making of an image needs."""

_NAME: Final = re.compile(r"^([a-z0-9._-]+)==", re.MULTILINE)


def blocks(lock: str) -> dict[str, str]:
    """Part a lock by package: each line with a version and the lines with its sums.

    A package may be locked in two versions, for two ranges of Python.
    """
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=[a-z0-9._-]+==)", lock.strip()):
        name = _NAME.match(block)
        if name is not None:
            found[name[1]] = found.get(name[1], "") + block.rstrip() + "\n"
    return found


def write_lock(name: str, wanted: dict[str, str]) -> None:
    """Write the lock of one image."""
    (HERE / f"{name}.lock").write_text("".join(wanted.values()), encoding="utf-8")


def main() -> None:
    """Resolve each image's packages among those that are locked, and write its lock."""
    whole = blocks(LOCK.read_text(encoding="utf-8"))
    service = {name: whole[name] for name in _resolved("")}
    write_lock("service", service)
    for image, packages in FURTHER.items():
        further = {name: whole[name] for name in _resolved("\n".join(packages))}
        write_lock(image, {name: block for name, block in further.items() if name not in service})


def _resolved(wanted: str) -> list[str]:
    """Name all packages that these need; nothing is what the services themselves need."""
    source = "-" if wanted else str(CLONE / "pyproject.toml")
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "uv"), "pip", "compile", "--quiet", "--universal"),
            *("--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url"),
            *("--constraint", str(LOCK), source),
        ],
        input=wanted,
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=True,
    )
    return _NAME.findall(done.stdout)


if __name__ == "__main__":
    main()

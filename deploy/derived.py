"""Writes every committed file, or part of one, that follows from the manifests of the services.

`samraad manifests write` writes what differs, `samraad manifests check` lists it. A derived part
of a file is between two comments: `derived: <part>` and `end of derived`; the rest of the file is
written by hand. Contracts have a command of their own, because what is published stays
(`samraad contracts publish`).
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from deploy import alarms, service_pages
from deploy.containers.composed import CADDY_PARTS, COMPOSE_PARTS, OUTSIDE_PARTS

__all__ = ["PARTS", "WHOLE", "DerivedWrong", "differing", "write"]

Part = Callable[[], list[str]]

WHOLE: Final[Mapping[str, Callable[[], str]]] = {
    "deploy/alarms.yaml": alarms.rules_file,
    "docs/services.md": service_pages.page,
}
PARTS: Final[Mapping[str, Mapping[str, Part]]] = {
    "docker-compose.yml": COMPOSE_PARTS,
    "docker-compose.external.yml": OUTSIDE_PARTS,
    "deploy/containers/Caddyfile": CADDY_PARTS,
    "docs/operators.md": service_pages.OPERATORS_PARTS,
    "docs/runbooks/README.md": {"alarms": alarms.table},
    "ARCHITECTURE.md": service_pages.ARCHITECTURE_PARTS,
}
_MARKED: Final = re.compile(
    r"(?P<begin>^[ \t]*(?:#|<!--) derived: (?P<part>[^\n]+?)(?: -->)?\n)"
    r"(?P<text>.*?)"
    r"(?P<end>^[ \t]*(?:#|<!--) end of derived)",
    re.MULTILINE | re.DOTALL,
)


class DerivedWrong(ValueError):
    """A file lacks the comments between which a part of it is written."""


def differing(root: Path) -> dict[str, str]:
    """Return each file below `root` that differs from the manifests, with its right content.

    Raises:
        DerivedWrong: a file lacks the comments between which a part is written.

    """
    wanted = {name: make() for name, make in WHOLE.items()}
    wanted |= {name: _with_parts(root / name, parts) for name, parts in PARTS.items()}
    return {name: text for name, text in wanted.items() if _read(root / name) != text}


def write(root: Path) -> list[str]:
    """Write what differs; return the names of those files. Raises as `differing` does."""
    found = differing(root)
    for name, text in found.items():
        (root / name).write_text(text, encoding="utf-8")
    return list(found)


def _with_parts(file: Path, parts: Mapping[str, Part]) -> str:
    text = _read(file)
    there = [found["part"] for found in _MARKED.finditer(text)]
    used = set(there)
    if used != set(parts):
        odd = ", ".join(sorted(used ^ set(parts)))
        raise DerivedWrong(f"{file.name}: parts that are marked and parts that exist differ: {odd}")
    return _MARKED.sub(
        lambda found: "".join(
            [found["begin"], *(f"{line}\n" for line in parts[found["part"]]()), found["end"]]
        ),
        text,
    )


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""

"""`docs/published/`: each revision of a schema and each row of a topic that was ever published.

The folder is append-only. `SHA256SUMS` has the digest of each revision, `topics.jsonl` a row for
each step of a topic, and no line of either may ever go: the repository's history has all of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.history import lines_ever_added
from shared.contracts.wire_growth import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.contracts.wire import Row

__all__ = [
    "PUBLISH",
    "PUBLISHED",
    "ROWS",
    "Finding",
    "altered",
    "append_rows",
    "read_revisions",
    "read_rows",
    "retired",
    "write_sums",
]

Document = dict[str, Any]

PUBLISHED: Final = Path("docs/published")
"""Below the clone."""
SUMS: Final = PUBLISHED / "SHA256SUMS"
ROWS: Final = PUBLISHED / "topics.jsonl"
PUBLISH: Final = "Run `samraad contracts publish` and commit what it writes"

_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._-]+/[1-9][0-9]*\.json)\Z", re.ASCII)
_RETIRED: Final = "asyncapi."
"""Whole AsyncAPI documents were frozen until decision 0015; `topics.jsonl` took their place."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that must not be committed."""

    kind: str
    """`breaks`, `altered` (a published revision), `unpublished` or `outdated` (a generated file)."""
    sentence: str


def read_revisions(root: Path) -> dict[str, dict[int, Document]]:
    """Read every revision of every schema, by `ce_type` and number."""
    found: dict[str, dict[int, Document]] = {}
    for name in _files(root):
        ce_type, _, file = name.partition("/")
        content = json.loads((root / PUBLISHED / name).read_text(encoding="utf-8"))
        found.setdefault(ce_type, {})[int(file.removesuffix(".json"))] = content
    return found


def read_rows(root: Path) -> list[Row]:
    """Read every row of the table of topics that can be read, oldest first."""
    return [row for row in map(_row, _lines(root / ROWS)) if row is not None]


def append_rows(root: Path, rows: Iterable[Row]) -> None:
    """Add rows to the table of topics."""
    with (root / ROWS).open("a", encoding="utf-8") as table:
        table.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_sums(root: Path) -> None:
    """List the digest of each revision that is there."""
    sums = "".join(f"{_digest(root, name)}  {name}\n" for name in _files(root))
    (root / SUMS).write_text(sums, encoding="utf-8")


def retired(root: Path) -> list[Path]:
    """Return the files of a kind that is no longer frozen, below the clone."""
    there = (root / PUBLISHED).glob(f"{_RETIRED}*/*.json")
    return sorted(file.relative_to(root) for file in there)


def altered(root: Path) -> Iterator[Finding]:
    """Find what was published and is not there as it was, byte by byte."""
    yield from _altered_revisions(root)
    yield from _altered_rows(root)


def _altered_revisions(root: Path) -> Iterator[Finding]:
    lines, there = _lines(root / SUMS), _files(root)
    if any(_LINE.match(line) is None for line in lines):
        yield Finding("altered", f"{SUMS}: a line is no digest and file. Restore it from git.")
    listed = _listed(lines)
    known = {name: digest for digest, name in listed}
    for name, digest in known.items():
        if name not in there:
            yield _restored(name, "it is gone")
        elif _digest(root, name) != digest:
            yield _restored(name, "it is not what was published")
    for name in (name for name in there if name not in known):
        sentence = f"{PUBLISHED}/{name}: its digest is not listed. {PUBLISH}."
        yield Finding("unpublished", sentence)
    for _, name in sorted(_listed(lines_ever_added(root, SUMS)) - listed):
        yield _restored(name, "the list once named it with a digest that is not there now")


def _altered_rows(root: Path) -> Iterator[Finding]:
    there = _lines(root / ROWS)
    if any(_row(line) is None for line in there):
        yield Finding("altered", f"{ROWS}: a line is no row. Restore it from git.")
    ever = dict.fromkeys(lines_ever_added(root, ROWS))
    for gone in (line for line in ever if line not in there):
        if row := _row(gone):
            yield Finding(
                "altered",
                f"{ROWS}: a published row of {name_of(row)} is gone or changed. A published row "
                "never changes: restore it from git, and publish the change as a row of its own.",
            )


def _restored(name: str, what: str) -> Finding:
    return Finding(
        "altered",
        f"{PUBLISHED}/{name}: {what}. A published revision is never changed: restore the file and "
        f"its line in {SUMS} from git, and publish the change as a revision of its own.",
    )


def _listed(lines: Iterable[str]) -> set[tuple[str, str]]:
    """Read digests and names, but those of a kind that is retired."""
    found = (_LINE.match(line) for line in lines)
    listed = {(line.group(1), line.group(2)) for line in found if line is not None}
    return {(digest, name) for digest, name in listed if not name.startswith(_RETIRED)}


def _files(root: Path) -> list[str]:
    there = (file.relative_to(root / PUBLISHED) for file in (root / PUBLISHED).glob("*/*.json"))
    names = [file.as_posix() for file in there if not file.as_posix().startswith(_RETIRED)]
    return sorted(names, key=lambda name: (name.partition("/")[0], int(Path(name).stem)))


def _digest(root: Path, name: str) -> str:
    return hashlib.sha256((root / PUBLISHED / name).read_bytes()).hexdigest()


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _row(line: str) -> Row | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) and content else None

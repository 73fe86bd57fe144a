"""The published contracts: generated, committed, frozen, and compared with what was published.

`docs/schemas/` and `docs/asyncapi/` hold what the code says now. `docs/published/` holds every
revision that ever was committed, and is append-only: `SHA256SUMS` names the digest of each, no line
of it may ever go, and the repository's history is asked whether one did. So whoever changes model
and schema in one commit still meets the old revision, and whoever takes that away is seen too.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.asyncapi import describe
from deploy.declaration import load
from deploy.history import lines_ever_added
from shared.contracts.asyncapi import PARTNER
from shared.contracts.growth import breaks
from shared.contracts.schemas import LETTERS, MODELS, schema
from shared.contracts.wire_growth import frozen_form, wire_breaks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.contracts.growth import Break

__all__ = [
    "Contract",
    "ContractsBroken",
    "Finding",
    "contracts",
    "examine",
    "publish",
]

Document = dict[str, Any]

PUBLISHED: Final = Path("docs/published")
"""Below the clone."""
SUMS: Final = PUBLISHED / "SHA256SUMS"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._-]+/[1-9][0-9]*\.json)\Z", re.ASCII)
_VERSION: Final = re.compile(r"\.v([1-9][0-9]*)\Z", re.ASCII)
_PUBLISH: Final = "Run `samraad contracts publish` and commit what it writes"


class ContractsBroken(ValueError):
    """What is to be published breaks with what was; the sentences say how, and what to do."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(finding.sentence for finding in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be committed so."""

    kind: str
    """`breaks`, `altered` (a published revision), `unpublished` or `outdated` (a generated file)."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Contract:
    """One thing that others rely on: the schema of a type, or what a participant does."""

    name: str
    """A `ce_type`, or `asyncapi.<participant>`."""
    document: Document

    @property
    def file(self) -> Path:
        """Where its present form is committed, below the clone."""
        if self.is_wire:
            return Path("docs/asyncapi") / f"{self.name.removeprefix('asyncapi.')}.json"
        return Path("docs/schemas") / f"{self.name}.json"

    @property
    def is_wire(self) -> bool:
        """Whether it is an AsyncAPI document."""
        return self.name.startswith("asyncapi.")

    @property
    def frozen(self) -> Document:
        """What of it is frozen in a revision."""
        return frozen_form(self.document) if self.is_wire else self.document

    def breaks_with(self, revision: Document) -> list[Break]:
        """Find how it breaks with a revision of its own."""
        if self.is_wire:
            return wire_breaks(revision, self.frozen)
        return breaks(revision, self.frozen, told=self.name not in LETTERS)

    @property
    def next_version(self) -> str:
        """Name what a breaking change must be called."""
        if self.is_wire:
            return "a .v2 of the type"
        return _VERSION.sub(lambda found: f".v{int(found.group(1)) + 1}", self.name)


def contracts() -> list[Contract]:
    """Give everything that the code publishes now."""
    types = [Contract(ce_type, schema(ce_type) or {}) for ce_type in MODELS]
    participants = (*load().services, PARTNER)
    return [*types, *(Contract(f"asyncapi.{who}", describe(who)) for who in participants)]


def examine(root: Path) -> list[Finding]:
    """Find whatever of the contracts in this clone must not be committed; nothing is written.

    What breaks is told alone: nothing is to be generated before it is mended.
    """
    revisions, now = _revisions(root), contracts()
    found = [*_altered(root), *_broken(now, revisions)]
    if any(one.kind == "breaks" for one in found):
        return found
    return [*found, *_unpublished(now, revisions), *_outdated(root, now)]


def publish(root: Path) -> list[Path]:
    """Write what changed: the generated files, and a new revision of each contract that grew.

    Raises:
        ContractsBroken: something breaks with what was published; nothing is written then.

    """
    revisions, now = _revisions(root), contracts()
    altered = [found for found in _altered(root) if found.kind == "altered"]
    if refused := [*altered, *_broken(now, revisions)]:
        raise ContractsBroken(refused)
    written = []
    for contract in now:
        texts = {contract.file: _text(contract.document)}
        known = revisions.get(contract.name, {})
        if not _is_published(contract, known):
            number = max(known, default=0) + 1
            texts[PUBLISHED / contract.name / f"{number}.json"] = _text(contract.frozen)
        for path, text in texts.items():
            file = root / path
            if not _holds(file, text):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
                written.append(path)
    sums = "".join(f"{_digest(root, name)}  {name}\n" for name in _files(root))
    (root / SUMS).write_text(sums, encoding="utf-8")
    return written


def _is_published(contract: Contract, known: Mapping[int, Document]) -> bool:
    return bool(known) and known[max(known)] == contract.frozen


def _holds(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


def _text(document: Document) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _files(root: Path) -> list[str]:
    return sorted(
        (
            file.relative_to(root / PUBLISHED).as_posix()
            for file in (root / PUBLISHED).glob("*/*.json")
        ),
        key=lambda name: (name.partition("/")[0], int(Path(name).stem)),
    )


def _digest(root: Path, name: str) -> str:
    return hashlib.sha256((root / PUBLISHED / name).read_bytes()).hexdigest()


def _revisions(root: Path) -> dict[str, dict[int, Document]]:
    """Read every revision, by contract and number."""
    found: dict[str, dict[int, Document]] = {}
    for name in _files(root):
        contract, _, file = name.partition("/")
        told = json.loads((root / PUBLISHED / name).read_text(encoding="utf-8"))
        found.setdefault(contract, {})[int(file.removesuffix(".json"))] = told
    return found


def _broken(
    now: list[Contract], revisions: Mapping[str, Mapping[int, Document]]
) -> Iterator[Finding]:
    """Compare with every revision, not the last alone: none may be worked around by two steps."""
    by_name = {contract.name: contract for contract in now}
    for name, known in revisions.items():
        contract = by_name.get(name)
        if contract is None:
            like = [one.name for one in now if _is_renamed(known, one, revisions)]
            hint = f" (renamed to {like[0]}?)" if like else ""
            yield Finding(
                "breaks",
                f"{name}: it is no longer published{hint}. Keep it as long as somebody may send or "
                "read it, and publish what replaces it beside it.",
            )
            continue
        said = {
            found.sentence(contract.next_version): None
            for number in sorted(known)
            for found in contract.breaks_with(known[number])
        }
        yield from (Finding("breaks", f"{name} {sentence}") for sentence in said)


def _is_renamed(
    known: Mapping[int, Document], one: Contract, revisions: Mapping[str, Mapping[int, Document]]
) -> bool:
    """Tell whether a contract that is new says what another, that is gone, said last."""
    last = known[max(known)]
    is_same_kind = one.is_wire == ("channels" in last)
    return one.name not in revisions and is_same_kind and not one.breaks_with(last)


def _unpublished(
    now: list[Contract], revisions: Mapping[str, Mapping[int, Document]]
) -> Iterator[Finding]:
    for contract in now:
        known = revisions.get(contract.name, {})
        if not _is_published(contract, known):
            what = "it grew" if known else "it is new"
            sentence = f"{contract.name}: {what}, and is not published yet. {_PUBLISH}."
            yield Finding("unpublished", sentence)


def _outdated(root: Path, now: list[Contract]) -> Iterator[Finding]:
    wanted = {root / contract.file: _text(contract.document) for contract in now}
    for file, text in wanted.items():
        if not _holds(file, text):
            name = file.relative_to(root)
            yield Finding("outdated", f"{name}: it is not what the code says. {_PUBLISH}.")
    there = {*(root / "docs/schemas").glob("*.json"), *(root / "docs/asyncapi").glob("*.json")}
    for file in sorted(there - set(wanted)):
        name = file.relative_to(root)
        yield Finding("outdated", f"{name}: nothing publishes it. Delete it.")


def _altered(root: Path) -> Iterator[Finding]:
    """See that each revision is there, byte by byte, and that none ever went."""
    listed = root / SUMS
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    known = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            yield Finding("altered", f"{SUMS}: a line is no digest and file. Restore it from git.")
        else:
            known[match.group(2)] = match.group(1)
    there = _files(root)
    for name, digest in known.items():
        if name not in there:
            yield _restored(name, "it is gone")
        elif _digest(root, name) != digest:
            yield _restored(name, "it is not what was published")
    for name in there:
        if name not in known:
            sentence = f"{PUBLISHED}/{name}: its digest is not listed. {_PUBLISH}."
            yield Finding("unpublished", sentence)
    for digest, name in sorted(_ever_listed(root)):
        if known.get(name) != digest:
            yield _restored(name, "the list once named it with a digest that is not there now")


def _restored(name: str, what: str) -> Finding:
    return Finding(
        "altered",
        f"{PUBLISHED}/{name}: {what}. A published revision is never changed: restore the file and "
        f"its line in {SUMS} from git, and publish the change as a revision of its own.",
    )


def _ever_listed(root: Path) -> set[tuple[str, str]]:
    """Read from git which digests were ever listed."""
    found = (_LINE.match(line) for line in lines_ever_added(root, SUMS))
    return {(line.group(1), line.group(2)) for line in found if line is not None}

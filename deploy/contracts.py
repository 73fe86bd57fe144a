"""The published contracts: generated, committed, frozen, and compared with what was published.

`docs/schemas/` and `docs/asyncapi/` hold what the code generates now, `docs/published/` all that was
ever published (`published.py`). A commit that changes model and schema together is still compared with
the old revision, and a commit that drops that revision is found in the history.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.published import (
    PUBLISH,
    PUBLISHED,
    ROWS,
    Finding,
    altered,
    append_rows,
    read_revisions,
    read_rows,
    retired,
    write_sums,
)
from shared.contracts.asyncapi import PARTNER
from shared.contracts.describe import describe
from shared.contracts.growth import breaks, without_words
from shared.contracts.schemas import LETTERS, MODELS, schema
from shared.contracts.topics import load
from shared.contracts.wire import rows
from shared.contracts.wire_growth import name_of, row_breaks, row_is_gone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.contracts.growth import Break
    from shared.contracts.wire import Row

__all__ = ["Contracts", "ContractsBroken", "current", "examine", "publish"]

Document = dict[str, Any]

_SCHEMAS: Final = Path("docs/schemas")
_ASYNCAPI: Final = Path("docs/asyncapi")
_SCHEMAS_AT: Final = "../schemas/"
"""Where a committed AsyncAPI document finds the committed schemas."""
_VERSION: Final = re.compile(r"\.v([1-9][0-9]*)\Z", re.ASCII)


class ContractsBroken(ValueError):
    """The contracts break with the published ones; each sentence names a break and a remedy."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(finding.sentence for finding in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Contracts:
    """Everything that others rely on."""

    schemas: Mapping[str, Document]
    """JSON Schemas by `ce_type`."""
    rows: Sequence[Row]
    """The table of topics."""
    asyncapi: Mapping[str, Document]
    """Documents by participant. They follow from the other two, so they are not frozen."""

    def files(self) -> dict[Path, str]:
        """Return the text of each generated file, by its path below the clone."""
        return {
            **{_SCHEMAS / f"{name}.json": _text(one) for name, one in self.schemas.items()},
            **{_ASYNCAPI / f"{name}.json": _text(one) for name, one in self.asyncapi.items()},
        }


def current() -> Contracts:
    """Return what the code publishes now."""
    declared = load()
    return Contracts(
        schemas={ce_type: schema(ce_type) or {} for ce_type in MODELS},
        rows=rows((*declared.topics, *declared.any_partner_topics)),
        asyncapi={
            participant: describe(participant, schemas_at=_SCHEMAS_AT)
            for participant in (*declared.services, PARTNER)
        },
    )


def examine(root: Path, now: Contracts | None = None) -> list[Finding]:
    """Find what of the contracts in this clone must not be committed; write nothing.

    Where something breaks, the findings do not ask to publish.
    """
    now = now or current()
    found = [*altered(root), *_broken(root, now)]
    if any(one.kind == "breaks" for one in found):
        return found
    return [*found, *_unpublished(root, now), *_outdated(root, now)]


def publish(root: Path, now: Contracts | None = None) -> list[Path]:
    """Write what changed: generated files, a revision of each schema that grew, rows of topics.

    Raises:
        ContractsBroken: something breaks with what was published; nothing is written then.

    """
    now = now or current()
    missing = [found for found in altered(root) if found.kind == "altered"]
    if refused := [*missing, *_broken(root, now)]:
        raise ContractsBroken(refused)
    texts = now.files()
    for ce_type, number in _grown(root, now).items():
        texts[PUBLISHED / ce_type / f"{number}.json"] = _text(now.schemas[ce_type])
    written = [path for path, text in texts.items() if not _holds(root / path, text)]
    for path in written:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(texts[path], encoding="utf-8")
    if added := _new_rows(root, now):
        append_rows(root, added)
        written.append(ROWS)
    write_sums(root)
    return written


def _text(document: Document) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _holds(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


def _grown(root: Path, now: Contracts) -> dict[str, int]:
    """Return the number of the next revision of each schema that grew or is new.

    Corrected wording is no growth.
    """
    revisions = read_revisions(root)
    grown = {}
    for ce_type, generated in now.schemas.items():
        known = revisions.get(ce_type, {})
        last = max(known, default=0)
        if not last or without_words(known[last]) != without_words(generated):
            grown[ce_type] = last + 1
    return grown


def _new_rows(root: Path, now: Contracts) -> list[Row]:
    """Return each row that is not the last one of its name in the table."""
    last = {name_of(row): row for row in read_rows(root)}
    return [row for row in now.rows if last.get(name_of(row)) != row]


def _broken(root: Path, now: Contracts) -> Iterator[Finding]:
    """Compare with every revision, not the last alone: no break can be made in two steps."""
    revisions = read_revisions(root)
    for ce_type, known in revisions.items():
        generated = now.schemas.get(ce_type)
        if generated is None:
            like = [one for one in now.schemas if _is_renamed(known, one, revisions, now)]
            hint = f" (renamed to {like[0]}?)" if like else ""
            yield Finding(
                "breaks",
                f"{ce_type}: it is no longer published{hint}. Keep it as long as somebody may send "
                "or read it, and publish what replaces it beside it.",
            )
            continue
        version_2 = _VERSION.sub(lambda found: f".v{int(found.group(1)) + 1}", ce_type)
        found = [
            one
            for number in sorted(known)
            for one in breaks(known[number], generated, emitted=ce_type not in LETTERS)
        ]
        yield from _findings(ce_type, found, version_2)
    present = {name_of(row): row for row in now.rows}
    for name, old in ((name_of(row), row) for row in read_rows(root)):
        row = present.get(name)
        yield from _findings(
            name, row_breaks(old, row) if row else [row_is_gone(old)], "a .v2 of the type"
        )


def _findings(name: str, found: Sequence[Break], version_2: str) -> Iterator[Finding]:
    for sentence in dict.fromkeys(one.sentence(version_2) for one in found):
        yield Finding("breaks", f"{name} {sentence}")


def _is_renamed(
    known: Mapping[int, Document],
    one: str,
    revisions: Mapping[str, Mapping[int, Document]],
    now: Contracts,
) -> bool:
    """Whether a new type has the same schema as the last revision of another, which is gone."""
    return one not in revisions and not breaks(known[max(known)], now.schemas[one])


def _unpublished(root: Path, now: Contracts) -> Iterator[Finding]:
    changed = [(ce_type, number > 1) for ce_type, number in _grown(root, now).items()]
    known = {name_of(row) for row in read_rows(root)}
    changed += [(name, name in known) for name in map(name_of, _new_rows(root, now))]
    for name, is_known in changed:
        what = "it grew" if is_known else "it is new"
        yield Finding("unpublished", f"{name}: {what}, and is not published yet. {PUBLISH}.")


def _outdated(root: Path, now: Contracts) -> Iterator[Finding]:
    wanted = now.files()
    for file, text in wanted.items():
        if not _holds(root / file, text):
            yield Finding(
                "outdated", f"{file}: it differs from what the code generates. {PUBLISH}."
            )
    there = [file for folder in (_SCHEMAS, _ASYNCAPI) for file in (root / folder).glob("*.json")]
    stale = {file.relative_to(root) for file in there} - set(wanted)
    for file in (*sorted(stale), *retired(root)):
        yield Finding("outdated", f"{file}: nothing publishes it. Delete it.")

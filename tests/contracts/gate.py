"""What is published now, changed as a test asks, and what the gate finds then."""

from copy import deepcopy
from dataclasses import replace

from deploy.contracts import current, examine
from shared.contracts.wire_growth import name_of
from tests.contracts.breaking import REPORT

NOW = current()
REVISION = f"docs/published/{REPORT}/1.json"
SUMS = "docs/published/SHA256SUMS"
TABLE = "docs/published/topics.jsonl"


def schema_changed(change, ce_type=REPORT, contracts=NOW):
    schemas = {**contracts.schemas, ce_type: deepcopy(contracts.schemas[ce_type])}
    change(schemas[ce_type])
    return replace(contracts, schemas=schemas)


def row_changed(name, change, contracts=NOW):
    rows = deepcopy(contracts.rows)
    change(next(row for row in rows if name_of(row) == name))
    return replace(contracts, rows=rows)


def sentences(root, contracts=NOW, kind="breaks"):
    return [one.sentence for one in examine(root, contracts) if one.kind == kind]


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")

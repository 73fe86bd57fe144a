"""The gate: what breaks with anything that was published is refused, with what to do instead."""

import json
from dataclasses import replace

import pytest

from deploy.contracts import examine, publish
from shared.contracts.wire_growth import name_of
from tests.contracts.breaking import OPENED, REPORT, SCHEMA_BREAKS, field
from tests.contracts.breaking_rows import ROW_BREAKS
from tests.contracts.copied import CLONE, broken_copy
from tests.contracts.gate import (
    NOW,
    SUMS,
    TABLE,
    edit,
    row_changed,
    schema_changed,
    sentences,
)


def files(root):
    return {file: file.read_bytes() for file in (root / "docs").rglob("*") if file.is_file()}


def test_this_tree_breaks_nothing_that_was_published_and_has_committed_all_of_it():
    assert [found.sentence for found in examine(CLONE)] == []


@pytest.mark.parametrize(
    ("ce_type", "change", "what", "instead"), SCHEMA_BREAKS.values(), ids=SCHEMA_BREAKS
)
def test_a_break_of_a_schema_is_refused_with_what_to_do_instead(
    once, ce_type, change, what, instead
):
    version_2 = ce_type.removesuffix("1") + "2"

    found = sentences(once, schema_changed(change, ce_type))

    assert f"{ce_type} {what}. {instead.format(v2=version_2)}" in found


@pytest.mark.parametrize(("name", "change", "what", "instead"), ROW_BREAKS.values(), ids=ROW_BREAKS)
def test_a_break_of_a_topic_is_refused_with_what_to_do_instead(once, name, change, what, instead):
    assert f"{name} {what}. {instead}" in sentences(once, row_changed(name, change))


def test_a_type_is_never_taken_back_or_renamed(once):
    schemas = dict(NOW.schemas)
    schemas["psp.case_arrived.v1"] = schemas.pop("psp.case_received.v1")

    [found] = sentences(once, replace(NOW, schemas=schemas))

    assert found.startswith(
        "psp.case_received.v1: it is no longer published (renamed to psp.case_arrived.v1?). Keep it"
    )


def test_a_break_goes_through_the_command_and_nothing_is_written(tmp_path):
    copy = broken_copy(
        tmp_path / "clone", "shared/contracts/report.py", "    text: FreeText | None = None\n", ""
    )
    before = files(copy.root)

    published = copy.contracts("publish")

    assert published.returncode == 5
    assert f"{REPORT} /text: the field is gone. Keep the field;" in published.stdout
    assert "Nothing was written." in published.stderr
    assert files(copy.root) == before
    checked = copy.contracts("check", "--json")
    assert checked.returncode == 1
    assert {one["kind"] for one in json.loads(checked.stdout)} == {"breaks"}


def grown():
    """A field, a value and a type more, a longer retention, a type more on a topic."""

    def more(schema):
        schema["properties"]["weather"] = {"type": "string"}
        schema["$defs"]["ProposedBy"]["enum"].append("press")
        schema["$defs"]["ProposedBy"]["x-meanings"]["press"] = "A newspaper."

    more_schemas = schema_changed(more)
    new = {"$id": "/schemas/psp.case_weighed.v1.json", "type": "object"}
    schemas = {**more_schemas.schemas, "psp.case_weighed.v1": new}
    longer = row_changed("topic intake.signals", lambda row: row.update({"retention.ms": -1}))
    return row_changed(
        "topic psp.cases",
        lambda row: row["carries"].update({"psp.case_weighed.v1": "fact"}),
        replace(longer, schemas=schemas),
    )


def test_growth_asks_to_be_published_and_is_frozen_then(root):
    contracts, rows = grown(), (root / TABLE).read_text(encoding="utf-8")

    found = examine(root, contracts)
    written = [str(path) for path in publish(root, contracts)]

    assert {one.kind for one in found} == {"unpublished", "outdated"}
    assert all("samraad contracts publish" in one.sentence for one in found)
    assert {path for path in written if "published" in path} == {
        f"docs/published/{REPORT}/2.json",
        "docs/published/psp.case_weighed.v1/1.json",
        TABLE,
    }
    added = (root / TABLE).read_text(encoding="utf-8").removeprefix(rows).splitlines()
    assert [name_of(json.loads(row)) for row in added] == [
        "topic psp.cases",
        "topic intake.signals",
    ]
    assert examine(root, contracts) == []
    assert publish(root, contracts) == []


def test_what_grew_once_cannot_be_taken_back(root):
    publish(root, grown())

    found = sentences(root)

    assert any(one.startswith(f"{REPORT} /weather: the field is gone") for one in found)
    assert any(one.startswith("topic intake.signals /retention.ms: it keeps") for one in found)


def test_corrected_wording_writes_the_schema_and_no_revision(root):
    def reword(schema):
        schema["title"] = "A report"
        field(schema, "reference")["description"] = "The partner's own name for it."
        schema["$defs"]["Process"]["x-meanings"]["youth-council"] += " Two places have none."

    contracts = schema_changed(reword)

    found = [(one.kind, one.sentence.partition(":")[0]) for one in examine(root, contracts)]

    assert found == [("outdated", f"docs/schemas/{REPORT}.json")]
    assert [str(path) for path in publish(root, contracts)] == [f"docs/schemas/{REPORT}.json"]
    assert examine(root, contracts) == []


def test_a_remark_that_was_published_with_a_meaning_may_go_again(root):
    def remark(schema):
        schema["$defs"]["Process"]["x-meanings"]["youth-council"] += " Hedensted has none."

    publish(root, schema_changed(remark, OPENED))

    assert sentences(root) == []
    publish(root, NOW)
    assert examine(root, NOW) == []


def test_a_publication_that_stopped_halfway_is_completed(root):
    sums = (root / SUMS).read_bytes()
    publish(root, grown())
    (root / SUMS).write_bytes(sums)

    assert {one.kind for one in examine(root, grown())} == {"unpublished"}
    publish(root, grown())
    assert examine(root, grown()) == []


def test_a_generated_file_that_was_edited_by_hand_is_found(root):
    edit(root / "docs/asyncapi/psp.json", "Samråd: psp", "Samråd: PSP")
    (root / "docs/schemas/psp.nothing.v1.json").write_text("{}")

    edited, strange = examine(root, NOW)

    assert (edited.kind, strange.kind) == ("outdated", "outdated")
    assert edited.sentence.startswith(
        "docs/asyncapi/psp.json: it differs from what the code generates."
    )
    assert strange.sentence.startswith("docs/schemas/psp.nothing.v1.json: nothing publishes it.")

"""What was published is never changed: the folder and the history are asked."""

import json
import shutil

import pytest

from deploy.contracts import ContractsBroken, examine, publish
from deploy.history import sees_history
from tests.contracts.breaking import REPORT
from tests.contracts.copied import Repository
from tests.contracts.gate import (
    NOW,
    REVISION,
    SUMS,
    TABLE,
    edit,
    row_changed,
    schema_changed,
    sentences,
)


def without_a_field(root):
    """Model, schema and revision changed at once, with a fitting list of digests."""
    contracts = schema_changed(lambda new: new["properties"].pop("text"))
    shutil.rmtree((root / REVISION).parent)
    lines = (root / SUMS).read_text(encoding="utf-8").splitlines(keepends=True)
    (root / SUMS).write_text("".join(line for line in lines if REPORT not in line))
    history = (root / ".git").rename(root / "history")
    publish(root, contracts)
    history.rename(root / ".git")
    return contracts


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_commit_that_changes_the_model_and_its_revision_is_found_in_the_history(
    repository, is_committed
):
    contracts = without_a_field(repository.root)
    if is_committed:
        repository.commit()

    [found] = sentences(repository.root, contracts, "altered")

    assert found.startswith(f"{REVISION}: the list once named it")
    assert "restore the file" in found
    with pytest.raises(ContractsBroken):
        publish(repository.root, contracts)


def test_a_release_is_remembered_where_the_line_of_history_is_another(repository):
    repository.git("tag", "v1.0.0")
    contracts = without_a_field(repository.root)
    repository.git("checkout", "-q", "--orphan", "another")
    repository.commit()

    [found] = sentences(repository.root, contracts, "altered")

    assert found.startswith(REVISION)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(partitions=16),
        lambda row: row["reads"].remove("notify"),
        lambda row: row.update(topic="psp.files"),
    ],
    ids=["changed", "a reader less", "renamed"],
)
def test_a_row_that_is_changed_with_its_declaration_is_found_in_the_history(repository, change):
    contracts, table = row_changed("topic psp.cases", change), repository.root / TABLE
    table.write_text("".join(json.dumps(row) + "\n" for row in contracts.rows))
    repository.commit()

    found = sentences(repository.root, contracts, "altered")

    assert f"{TABLE}: a published row of topic psp.cases is gone or changed." in " ".join(found)


def test_growth_on_two_branches_is_no_alteration(repository):
    def with_field(name):
        return lambda schema: schema["properties"].update({name: {"type": "string"}})

    root = repository.root
    both = schema_changed(with_field("a"), "psp.case_received.v1")
    repository.git("checkout", "-q", "-b", "side")
    publish(root, both)
    repository.commit()
    repository.git("checkout", "-q", "main")
    publish(root, schema_changed(with_field("b"), "mediation.case_received.v1"))
    repository.commit()
    repository.git("merge", "-q", "-X", "theirs", "-m", "join", "side")
    both = schema_changed(with_field("b"), "mediation.case_received.v1", both)
    publish(root, both)

    assert examine(root, both) == []


def test_the_clone_knows_whether_git_shows_the_whole_history(repository, tmp_path):
    repository.git("commit", "-qm", "another", "--allow-empty")
    (tmp_path / "shallow").mkdir()
    shallow = Repository(tmp_path / "shallow")
    shallow.git("clone", "-q", "--depth", "1", f"file://{repository.root}", ".")
    (tmp_path / "archive").mkdir()

    assert sees_history(repository.root)
    assert not sees_history(shallow.root)
    assert not sees_history(tmp_path / "archive")


def unlink(root):
    (root / REVISION).unlink()


def rewrite(root):
    edit(root / REVISION, '"title": "Label"', '"title": "Labels"')


def conflict(root):
    edit(root / SUMS, "\n", "\n<<<<<<< HEAD\n")


def conflict_in_rows(root):
    edit(root / TABLE, "\n", "\n<<<<<<< HEAD\n")


@pytest.mark.parametrize(
    ("alter", "what"),
    [
        (unlink, f"{REVISION}: it is gone. "),
        (rewrite, f"{REVISION}: it is not what was published. "),
        (conflict, f"{SUMS}: a line is no digest and file. "),
        (conflict_in_rows, f"{TABLE}: a line is no row. "),
    ],
)
def test_what_was_published_is_never_changed(root, alter, what):
    alter(root)

    assert sentences(root, kind="altered")[0].startswith(what)
    with pytest.raises(ContractsBroken):
        publish(root, NOW)


def test_asyncapi_documents_that_were_frozen_until_decision_0015_may_go(repository):
    root = repository.root
    old = root / "docs/published/asyncapi.psp/1.json"
    old.parent.mkdir()
    old.write_text("{}")
    with (root / SUMS).open("a") as sums:
        sums.write(f"{'0' * 64}  asyncapi.psp/1.json\n")
    repository.commit()
    [before] = examine(root, NOW)
    shutil.rmtree(old.parent)
    publish(root, NOW)
    repository.commit()

    assert before.sentence == (
        "docs/published/asyncapi.psp/1.json: nothing publishes it. Delete it."
    )
    assert "asyncapi" not in (root / SUMS).read_text(encoding="utf-8")
    assert examine(root, NOW) == []

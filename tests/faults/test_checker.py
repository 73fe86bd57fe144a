"""The checker is checked first: it finds what is planted, and nothing where nothing is wrong."""

import ast
import copy
import sys
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.checker.folding import fold
from tests.faults.checker.ledger import Ledger, read_ledger, read_planted
from tests.faults.checker.observed import Observed
from tests.faults.checker.watched import WatchLog, judge, peak_memory, read_watched, recoveries
from tests.faults.checker_data import GoodRun
from tests.faults.damage import DAMAGES

ALLOWED = {"bson", "confluent_kafka", "joserfc", "jwcrypto", "pymongo"}


def test_a_run_in_which_all_went_right_has_no_findings():
    run = GoodRun()

    assert fold(run.sent, run.observed) == []


@pytest.mark.parametrize("plant", DAMAGES, ids=lambda plant: plant.__name__)
def test_damage_is_found_for_what_it_is(plant):
    run = GoodRun()

    plant(run.observed)

    assert DAMAGES[plant] in {finding.kind for finding in fold(run.sent, run.observed)}


def test_a_repeat_with_the_same_bytes_is_no_damage():
    run = GoodRun()
    run.observed.records += copy.deepcopy(run.observed.records)

    assert fold(run.sent, run.observed) == []


def test_what_was_never_acknowledged_may_be_absent():
    run = GoodRun()
    run.send("M-9", "mediation")
    run.sent[-1].acknowledged = None

    assert fold(run.sent, run.observed) == []


def test_an_acceptance_of_what_must_be_refused_is_found():
    run = GoodRun()
    for each in run.sent:
        each.expects = "rejected" if each.reference == "P-1" else each.expects

    assert "answer" in {finding.kind for finding in fold(run.sent, run.observed)}


def test_a_ledger_is_read_as_it_was_written_even_when_its_last_line_was_cut(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    first = ledger.sent(partner="skole", reference="S-1", process="ssp", content="a")
    ledger.sent(partner="skole", reference="S-2", process=None, content="b", expects="rejected")
    ledger.acknowledged(first, topic="partner.skole.reports", partition=2, offset=7)
    ledger.close()
    with ledger.path.open("a") as file:
        file.write('{"sent": 3, "part')

    one, two = read_ledger(ledger.path)

    assert one.acknowledged == {"topic": "partner.skole.reports", "partition": 2, "offset": 7}
    assert (two.acknowledged, two.expects) == (None, "rejected")


def test_a_planted_fact_that_no_reader_marked_is_found(tmp_path):
    run = GoodRun()
    case = run.observed.documents("mediation", "mediations")[0]["_id"]
    ledger = Ledger(tmp_path / "ledger")
    for sequence in (2, 3, 1):
        ledger.planted(source="/intake/cases/mediation", case=case, sequence=sequence)
    ledger.close()

    found = fold(run.sent, run.observed, read_planted(ledger.path))

    assert {finding.kind for finding in found} == {"left"}
    assert {finding.what.split(" has ")[0] for finding in found} == {"mediation", "notify"}


def watched(tmp_path, *lines):
    log = WatchLog(tmp_path / "watched")
    for name, *arguments in lines:
        getattr(log, name)(*arguments)
    return read_watched(log.path)


def test_a_process_that_comes_back_and_holds_little_is_no_finding(tmp_path):
    lines = watched(
        tmp_path,
        ("memory", "intake-2", 0.0, 120.0),
        ("died", "intake-2", 1.0, "kill"),
        ("died", "intake-2", 2.0, "crash", "slice.loaded"),
        ("back", "intake-2", 5.5, 2.0),
        ("memory", "intake", 9.0, 131.0),
    )

    assert judge(lines) == []
    assert [seconds for _, seconds in recoveries(lines)] == [None, 3.5]
    assert peak_memory(lines) == {"intake": 131.0}


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ([("died", "psp-1", 1.0, "kill")], "recovery"),
        ([("died", "psp-1", 1.0, "kill"), ("back", "psp-1", 152.0, 1.0)], "recovery"),
        ([("died", "psp-1", 1.0, "kill"), ("back", "psp-2", 2.0, 1.0)], "recovery"),
        ([("memory", "psp-2", 1.0, 301.0), ("memory", "psp-2", 2.0, 100.0)], "memory"),
    ],
)
def test_what_does_not_come_back_or_grows_is_found_for_what_it_is(tmp_path, damage, kind):
    assert [finding.kind for finding in judge(watched(tmp_path, *damage))] == [kind]


def test_an_observation_can_be_kept_and_judged_again(tmp_path):
    run = GoodRun()
    run.observed.write(tmp_path / "seen.json")

    assert fold(run.sent, Observed.read(tmp_path / "seen.json")) == []


def test_the_checker_imports_nothing_of_the_product():
    (folder,) = checker.__path__

    for file in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            for name in _imported(node):
                root = name.split(".")[0]
                own = name.startswith("tests.faults.checker")
                assert own or root in ALLOWED | sys.stdlib_module_names, f"{file.name}: {name}"


def _imported(node):
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []

"""The checker is checked first: it finds what is planted, and nothing where nothing is wrong."""

import ast
import copy
import sys
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.checker.folding import fold
from tests.faults.checker.ledger import Ledger, read_ledger
from tests.faults.checker.observed import Observed
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

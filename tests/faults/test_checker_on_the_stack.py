"""The checker on the real system: nothing to find in a good run, and every damage to it is found."""

import copy
from random import Random
from uuid import uuid4

import pytest

from tests.faults.checker.folding import fold
from tests.faults.checker.ledger import Ledger, read_ledger
from tests.faults.checker.observed import inspect
from tests.faults.checker.sender import PartnerClient
from tests.faults.damage import DAMAGES
from tests.faults.storm import KINDS, SERVICES, Rest, invent, seal_all, send_steadily

REPORTS = 120


@pytest.fixture(scope="module")
def run(stack, tmp_path_factory):
    """What three partners sent, and what was seen of it once all came to rest."""
    folder = tmp_path_factory.mktemp("checker")
    ledger = Ledger(folder / "ledger")
    clients = []
    for kind in KINDS:
        name = f"checked-{kind}-{uuid4().hex[:8]}"
        file = folder / f"{name}.json"
        ran = stack.run("partner", "add", name, "--kind", kind, "--out", str(file))
        assert ran.returncode == 0, ran.stderr
        clients.append(PartnerClient(file, ledger))
    steps = invent(Random(115), REPORTS)  # noqa: S311 - the same reports each time
    send_steadily(seal_all(steps, clients), clients, per_second=60)
    ledger.close()
    sent = read_ledger(ledger.path)
    counts = {client.partner: 0 for client in clients}
    for each in sent:
        counts[each.partner] += 1
    Rest(stack, counts).wait(60)
    return sent, _ours(inspect(stack.status(), services=SERVICES), set(counts))


def _ours(seen, partners):
    """Leave out what other tests left on the stack: their letters, and what came of them."""
    reports = {
        each["_id"] for each in seen.documents("intake", "reports") if each["partner"] in partners
    }
    cases = {
        each["_id"] for each in seen.documents("intake", "cases") if reports & {*each["reports"]}
    }
    subjects = reports | cases
    seen.records = [
        each
        for each in seen.records
        if each.subject in subjects or each.topic.split(".")[1] in partners
    ]
    for collections in seen.databases.values():
        collections["parked"] = []
        for name, documents in collections.items():
            if name in {"reports", "cases", "mediations", "psp_cases"}:
                collections[name] = [each for each in documents if each["_id"] in subjects]
        collections["notices"] = [
            each for each in collections.get("notices", []) if each["subject"] in subjects
        ]
    return seen


def test_there_is_nothing_to_find_in_a_run_in_which_all_went_right(run):
    sent, seen = run

    assert len(sent) == REPORTS
    assert fold(sent, seen) == []


@pytest.mark.parametrize("plant", DAMAGES, ids=lambda plant: plant.__name__)
def test_a_damage_to_what_was_really_seen_is_found_for_what_it_is(run, plant):
    sent, seen = copy.deepcopy(run)

    plant(seen)

    assert DAMAGES[plant] in {finding.kind for finding in fold(sent, seen)}

"""Each kind of damage that a run may take, planted into what was seen: the checker must find it.

A damage changes the observation where a promise requires it to be whole, and names the kind of
finding that has to follow.
"""

import base64
import json
from dataclasses import replace

__all__ = ["DAMAGES"]


def _facts(observed, start, most=1):
    found = [each for each in observed.records if each.topic.startswith(start)]
    assert len(found) >= most, "the run is too small to be damaged here"
    return found


def _receipts(observed, verdict):
    return [
        each for each in observed.records if each.type == f"intake.report_{verdict}.v1"
    ]  # fmt: skip


def _put(observed, old, new):
    observed.records[observed.records.index(old)] = new


def _append(observed, record):
    """Put it at its partition's end."""
    offsets = [
        each.offset
        for each in observed.records
        if (each.topic, each.partition) == (record.topic, record.partition)
    ]
    observed.records.append(replace(record, offset=max(offsets) + 1))


def _with_body(record, **changed):
    body = record.body | changed
    return replace(record, value=base64.b64encode(json.dumps(body).encode()).decode())


def _drop_document(observed, service, collection):
    observed.databases[service][collection].pop()


def lose_an_answer(observed):
    reference = _receipts(observed, "accepted")[0].subject
    observed.records = [
        each
        for each in observed.records
        if not (each.topic.startswith("partner.") and each.subject == reference)
    ]


def lose_a_refusal(observed):
    observed.records.remove(_receipts(observed, "rejected")[0])


def lose_a_case_fact(observed):
    case = _facts(observed, "intake.cases.mediation")[0].subject
    observed.records = [
        each
        for each in observed.records
        if not (each.topic.startswith("intake.cases.") and each.subject == case)
    ]


def lose_a_document(observed):
    _drop_document(observed, "mediation", "mediations")


def leave_a_document_empty(observed):
    document = observed.documents("psp", "psp_cases")[0]
    for name in document.keys() - {"_id", "version", "protocol"}:
        del document[name]


def lose_a_notice(observed):
    observed.records.remove(_facts(observed, "notify.notices")[-1])


def lose_a_kept_notice(observed):
    _drop_document(observed, "notify", "notices")


def lose_a_waiting_report(observed):
    observed.records.remove(_facts(observed, "intake.signals")[0])


def open_two_cases(observed):
    original = observed.documents("intake", "cases")[0]
    observed.databases["intake"]["cases"].append({**original, "_id": "another"})


def open_a_case_for_nobody(observed):
    fact = _facts(observed, "intake.cases.mediation")[0]
    headers = {**fact.headers, "ce_subject": "another", "ce_id": "another"}
    _append(observed, replace(fact, key="another", headers=headers))


def name_another_case(observed):
    receipt = next(each for each in _receipts(observed, "accepted") if each.body["case_id"])
    other = _with_body(receipt, case_id="another")
    _append(observed, replace(other, headers={**other.headers, "ce_id": "another"}))


def change_the_bytes_of_a_repeat(observed):
    _append(observed, _with_body(_facts(observed, "intake.cases.psp")[0], municipality="0999"))


def change_the_id_of_a_repeat(observed):
    fact = _facts(observed, "mediation.cases")[0]
    _append(observed, replace(fact, headers={**fact.headers, "ce_id": "another"}))


def publish_an_effect_twice(observed):
    fact = _facts(observed, "mediation.cases")[0]
    headers = {**fact.headers, "ce_id": "another", "ce_sequence": f"{2:010d}"}
    _append(observed, replace(fact, headers=headers))


def notify_twice(observed):
    fact = _facts(observed, "notify.notices")[0]
    last = max(
        each.sequence for each in _facts(observed, "notify.notices") if each.subject == fact.subject
    )
    headers = {**fact.headers, "ce_id": "another", "ce_sequence": f"{last + 1:010d}"}
    _append(observed, replace(_with_body(fact, notice_id="another"), headers=headers))


def keep_a_notice_twice(observed):
    original = observed.documents("notify", "notices")[0]
    observed.databases["notify"]["notices"].append({**original, "_id": "another"})


def leave_a_gap(observed):
    fact = _facts(observed, "intake.cases.mediation")[0]
    number = fact.sequence + 1
    _put(observed, fact, replace(fact, headers={**fact.headers, "ce_sequence": f"{number:010d}"}))


def swap_two_facts(observed):
    """The second fact of a case is before its first."""
    fact = _facts(observed, "intake.cases.mediation")[0]
    second = {**fact.headers, "ce_id": "another", "ce_sequence": f"{fact.sequence + 1:010d}"}
    _put(observed, fact, replace(fact, headers=second))
    _append(observed, fact)


def put_a_fact_into_another_partition(observed):
    fact = _facts(observed, "psp.cases")[0]
    observed.records.append(replace(fact, partition=fact.partition + 1))


def put_a_fact_under_another_key(observed):
    fact = _facts(observed, "psp.cases")[0]
    _put(observed, fact, replace(fact, key="another"))


def leave_the_outbox_full(observed):
    observed.databases["mediation"]["outbox"].append({"_id": "o-1", "messages": []})


def leave_something_parked(observed):
    row = {"_id": "r-1", "state": "failed", "reason": "a bug"}
    observed.databases["notify"]["parked"].append(row)


def stand_before_the_end(observed):
    mark = next(each for each in observed.documents("psp", "watermarks") if each["offset"])
    mark["offset"] -= 1


def forget_a_mark(observed):
    for document in observed.documents("mediation", "mediations"):
        document["protocol"]["marks"] = {}


def count_too_far(observed):
    document = observed.documents("intake", "cases")[0]
    for stream in document["protocol"]["sequences"]:
        document["protocol"]["sequences"][stream] += 1


DAMAGES = {
    lose_an_answer: "lost",
    lose_a_refusal: "lost",
    lose_a_case_fact: "lost",
    lose_a_document: "lost",
    leave_a_document_empty: "lost",
    lose_a_notice: "lost",
    lose_a_kept_notice: "lost",
    lose_a_waiting_report: "lost",
    open_two_cases: "doubled",
    open_a_case_for_nobody: "doubled",
    name_another_case: "doubled",
    change_the_bytes_of_a_repeat: "doubled",
    change_the_id_of_a_repeat: "doubled",
    publish_an_effect_twice: "doubled",
    notify_twice: "doubled",
    keep_a_notice_twice: "doubled",
    leave_a_gap: "order",
    swap_two_facts: "order",
    put_a_fact_into_another_partition: "order",
    put_a_fact_under_another_key: "order",
    leave_the_outbox_full: "left",
    leave_something_parked: "left",
    stand_before_the_end: "left",
    forget_a_mark: "left",
    count_too_far: "left",
}

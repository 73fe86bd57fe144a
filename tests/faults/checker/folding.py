"""The ledger folded against what can be seen: what is lost, doubled, out of order, or left over.

Written from the public contract alone. Pure: it asks nobody and changes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tests.faults.checker.ledger import Sent
from tests.faults.checker.observed import Observed, SeenRecord

__all__ = ["Finding", "Planted", "fold"]

ACCEPTED: Final = "intake.report_accepted.v1"
REJECTED: Final = "intake.report_rejected.v1"
ROUTED: Final = "intake.report_routed.v1"
OPENED: Final = "intake.case_opened.v1"
WAITS: Final = "intake.triage_waiting.v1"
NOTICE: Final = "notify.notice_created.v1"

OWNERS: Final[Mapping[str, str]] = {"mediation": "mediation", "psp": "psp"}
"""Which service keeps the cases of a process. The other processes have no service yet."""

CASES: Final[Mapping[str, str]] = {
    "intake": "cases",
    "mediation": "mediations",
    "psp": "psp_cases",
    "notify": "cases",
}
"""Where each service keeps its cases."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that should not be."""

    kind: str
    """`lost`, `doubled`, `order`, `answer` (another than the contract requires) or `left`."""
    what: str


Reference = tuple[str, str]


class _Seen:
    """The records, by what they are."""

    def __init__(self, observed: Observed) -> None:
        self.receipts: dict[Reference, list[SeenRecord]] = defaultdict(list)
        self.facts: list[SeenRecord] = []
        for record in observed.records:
            parts = record.topic.split(".")
            if parts[0] == "partner" and parts[-1] == "replies":
                self.receipts[parts[1], record.subject].append(record)
            elif parts[0] != "partner" and not record.topic.startswith("audit."):
                self.facts.append(record)
        self.by_type: dict[str, dict[str, list[SeenRecord]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for fact in self.facts:
            self.by_type[fact.type][fact.subject].append(fact)


class _Stores:
    """The documents of the services' cases, by id, and who reads which topic."""

    def __init__(self, observed: Observed) -> None:
        self._cases = {
            service: observed.by_id(service, collection) for service, collection in CASES.items()
        }
        # a report without a case counts its own facts
        self._cases["intake"] = observed.by_id("intake", "reports") | self._cases["intake"]
        # members of staff and sessions count theirs
        for collection in ("directory", "sessions"):
            self._cases["notify"] |= observed.by_id("notify", collection)
        self.readers: dict[str, set[str]] = defaultdict(set)
        for service in CASES:
            for mark in observed.documents(service, "watermarks"):
                self.readers[mark["topic"]].add(service)

    def holds(self, service: str, case: str) -> bool:
        """Whether there is a document with content, not just marks."""
        document = self._cases[service].get(case, {})
        return bool(document.keys() - {"_id", "version", "protocol"})

    def protocol(self, service: str, case: str) -> dict[str, Any]:
        """Return what a service marked and counted of a case."""
        found: dict[str, Any] = self._cases[service].get(case, {}).get("protocol", _NOTHING)
        return found


_NOTHING: Final[dict[str, Any]] = {"marks": {}, "sequences": {}}


Planted = Mapping[tuple[str, str], int]
"""Facts that a rig wrote itself, in any order and more than once: (source, case) to the last."""


def fold(
    sent: Iterable[Sent], observed: Observed, planted: Planted = MappingProxyType({})
) -> list[Finding]:
    """Return every finding; none means that every promise was kept.

    What was planted was published by no service: of it only the effects are judged, which must be those
    of the facts in order, each once.
    """
    seen, stores = _Seen(observed), _Stores(observed)
    findings = [
        *_receipts(list(sent), seen),
        *_cases(seen, stores, observed, {case for _, case in planted}),
        *_notices(seen, observed),
        *_order(fact for fact in seen.facts if (fact.source, fact.subject) not in planted),
        *_marks(seen, stores, planted),
        *_rest(observed),
    ]
    return sorted(set(findings))


def _receipts(sent: list[Sent], seen: _Seen) -> Iterator[Finding]:
    by_reference: dict[Reference, list[Sent]] = defaultdict(list)
    for each in sent:
        by_reference[each.partner, each.reference].append(each)
    for reference, sends in by_reference.items():
        name = "/".join(reference)
        answers = seen.receipts.get(reference, [])
        acknowledged = [each for each in sends if each.acknowledged is not None]
        if len(answers) < len(acknowledged):
            yield Finding(
                "lost", f"{name}: {len(acknowledged)} acknowledged, {len(answers)} answered"
            )
        yield from _answers(name, sends, answers)


def _answers(name: str, sends: list[Sent], answers: list[SeenRecord]) -> Iterator[Finding]:
    accepted = [each for each in answers if each.type == ACCEPTED]
    if any(not receipt.same_as(accepted[0]) for receipt in accepted):
        yield Finding("doubled", f"{name}: two different acceptances")
    for receipt in answers:
        if receipt.key != receipt.subject or receipt.body.get("reference") != receipt.subject:
            yield Finding("answer", f"{name}: a receipt under another reference")
    wanted = [each for each in sends if each.expects == "accepted"]
    if any(each.acknowledged for each in wanted) and not accepted:
        yield Finding("lost", f"{name}: no acceptance")
    if accepted and not wanted:
        yield Finding("answer", f"{name}: accepted what must be refused")
    yield from _refusals(name, sends, [each for each in answers if each.type == REJECTED])


def _refusals(name: str, sends: list[Sent], rejected: list[SeenRecord]) -> Iterator[Finding]:
    """Each arrival that is refused has a receipt of its own, with its reasons."""
    unwanted = [each for each in sends if each.expects != "accepted"]
    receipts = {each.headers.get("ce_id") for each in rejected}
    if len(receipts) < sum(each.acknowledged is not None for each in unwanted):
        yield Finding("lost", f"{name}: refusals without a receipt of their own")
    if len(receipts) > len(unwanted):
        yield Finding("answer", f"{name}: refused what must be accepted")
    for receipt in rejected:
        errors = receipt.body["errors"]
        if not errors or any(not each.get("rule") for each in errors):
            yield Finding("answer", f"{name}: a refusal without a reason")


def _cases(
    seen: _Seen, stores: _Stores, observed: Observed, planted: set[str]
) -> Iterator[Finding]:
    named: dict[str, set[Reference]] = defaultdict(set)
    for reference, answers in seen.receipts.items():
        for receipt in answers:
            case = receipt.body.get("case_id") if receipt.type in {ACCEPTED, ROUTED} else None
            if case is not None:
                named[case].add(reference)
    for case, references in named.items():
        if case not in seen.by_type[OPENED]:
            yield Finding("lost", f"case {case}: accepted, and no fact reports it")
        if len(references) > 1:
            yield Finding("doubled", f"case {case}: two references opened it")
    yield from _opened(seen, stores, planted, named.keys())
    yield from _reports(seen, observed)


def _opened(
    seen: _Seen, stores: _Stores, planted: Collection[str], named: Collection[str]
) -> Iterator[Finding]:
    for case, facts in seen.by_type[OPENED].items():
        if case in planted:
            process = facts[0].topic.rsplit(".", 1)[-1]  # its facts may be poison
            yield from _taken_over(case, process, seen, stores)
            continue
        if case not in named:
            yield Finding("doubled", f"case {case}: opened, and no receipt names it")
        if len({fact.source for fact in facts}) > 1 or len({fact.sequence for fact in facts}) > 1:
            yield Finding("doubled", f"case {case}: opened twice")
        yield from _documents(case, facts[0].body["process"], seen, stores)


def _documents(case: str, process: str, seen: _Seen, stores: _Stores) -> Iterator[Finding]:
    if not stores.holds("intake", case):
        yield Finding("lost", f"case {case}: intake has no document")
    yield from _taken_over(case, process, seen, stores)


def _taken_over(case: str, process: str, seen: _Seen, stores: _Stores) -> Iterator[Finding]:
    service = OWNERS.get(process)
    if service is None:
        return
    if not stores.holds(service, case):
        yield Finding("lost", f"case {case}: {service} has no document")
    received = seen.by_type[f"{service}.case_received.v1"].get(case, [])
    if not received:
        yield Finding("lost", f"case {case}: {service} published nothing")
    if len({fact.sequence for fact in received}) > 1:
        yield Finding("doubled", f"case {case}: {service} received it twice")


def _reports(seen: _Seen, observed: Observed) -> Iterator[Finding]:
    """What waits for triage is published too; and no report has two cases."""
    cases = Counter(
        report for case in observed.documents("intake", "cases") for report in case["reports"]
    )
    for report, count in cases.items():
        if count > 1:
            yield Finding("doubled", f"report {report}: {count} cases")
    for report in observed.documents("intake", "reports"):
        accepted = [
            receipt
            for receipt in seen.receipts.get((report["partner"], report["reference"]), [])
            if receipt.type == ACCEPTED
        ]
        if accepted and report["status"] == "rejected":
            yield Finding("lost", f"report {report['_id']}: accepted, and kept as refused")
        if not accepted and report["status"] != "rejected":
            yield Finding("lost", f"report {report['_id']}: kept, and no acceptance was sent")
        waits = bool(accepted) and accepted[0].body["case_id"] is None
        if waits and report["_id"] not in seen.by_type[WAITS]:
            yield Finding("lost", f"report {report['_id']}: waits, and no fact reports it")


def _notices(seen: _Seen, observed: Observed) -> Iterator[Finding]:
    published: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for facts in seen.by_type[NOTICE].values():
        for fact in facts:
            body = fact.body
            published[body["case_id"], body["about"], body["audience"]].add(body["notice_id"])
    kept = Counter(
        (each["subject"], each["about"], f"{each['role']}:{each['place']}")
        for each in observed.documents("notify", "notices")
    )
    for (case, about, _), notices in published.items():
        if len(notices) > 1:
            yield Finding(
                "doubled", f"case {case}: {len(notices)} notices of {about} are published"
            )
    for (case, about, _), count in kept.items():
        if count > 1:
            yield Finding("doubled", f"case {case}: {count} notices of {about} are kept")
    for case, about, _ in kept.keys() - published.keys():
        yield Finding("lost", f"case {case}: a notice of {about} is kept and not published")
    for case, about, _ in published.keys() - kept.keys():
        yield Finding("lost", f"case {case}: a notice of {about} is published and not kept")
    yield from _unpublished(seen, {(case, about) for case, about, _ in published})


def _unpublished(seen: _Seen, published: set[tuple[str, str]]) -> Iterator[Finding]:
    for about in (WAITS, "mediation.case_received.v1", "psp.access_changed.v1"):
        for subject in seen.by_type[about]:
            if (subject, about) not in published:
                yield Finding("lost", f"case {subject}: no notice of {about}")


def _order(facts: Iterable[SeenRecord]) -> Iterator[Finding]:
    """Per stream and subject: 1, 2, 3 … by first occurrence, and a repeat is the same message."""
    firsts: dict[tuple[str, str], dict[int, SeenRecord]] = defaultdict(dict)
    for fact in sorted(facts, key=lambda each: (each.topic, each.partition, each.offset)):
        name = f"{fact.source} {fact.subject}"
        if fact.sequence is None or fact.key != fact.subject:
            yield Finding("order", f"{fact.place}: without a number, or under another key")
            continue
        if fact.source != "/" + fact.topic.replace(".", "/"):
            yield Finding("order", f"{fact.place}: of another stream")
        known = firsts[fact.source, fact.subject]
        first = known.get(fact.sequence)
        if first is None:
            known[fact.sequence] = fact
            if fact.sequence != len(known):
                yield Finding("order", f"{name}: {fact.sequence} is where {len(known)} belongs")
        elif not fact.same_as(first):
            yield Finding("doubled", f"{name}: two facts under number {fact.sequence}")
        if any(other.partition != fact.partition for other in known.values()):
            yield Finding("order", f"{name}: in two partitions")


def _marks(seen: _Seen, stores: _Stores, planted: Planted) -> Iterator[Finding]:
    """What each reader has marked, and each writer has counted, is what the topics hold."""
    last: dict[tuple[str, str], int] = defaultdict(int)
    topics: dict[str, str] = {}
    for fact in seen.facts:
        place = (fact.source, fact.subject)
        last[place] = max(last[place], fact.sequence or 0)
        topics[fact.source] = fact.topic
    last.update(planted)
    for (source, subject), number in last.items():
        for service in stores.readers[topics[source]]:
            if stores.protocol(service, subject)["marks"].get(source, 0) != number:
                yield Finding("left", f"{service} has not marked {source} {subject} at {number}")
        if (source, subject) in planted:
            continue
        writer = source.split("/")[1]
        if stores.protocol(writer, subject)["sequences"].get(source, 0) != number:
            yield Finding("left", f"{writer} has not counted {source} {subject} to {number}")


def _rest(observed: Observed) -> Iterator[Finding]:
    """At rest nothing is in flight, nothing is parked, and every watermark is at its log's end."""
    for service, collections in observed.databases.items():
        if collections.get("outbox"):
            yield Finding("left", f"{service}: {len(collections['outbox'])} outbox documents")
        for row in collections.get("parked", []):
            yield Finding("left", f"{service}: parked ({row['state']}): {row.get('reason')}")
        for mark in collections.get("watermarks", []):
            end = observed.ends.get(mark["topic"], {}).get(str(mark["partition"]), 0)
            if mark["offset"] != end:
                place = f"{mark['topic']}[{mark['partition']}]"
                yield Finding("left", f"{service}: {place} at {mark['offset']} of {end}")

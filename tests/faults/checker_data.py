"""A small run in which everything went right, as the checker sees it: what damage is planted into."""

import base64
import json
from uuid import uuid4

from tests.faults.checker.ledger import Sent
from tests.faults.checker.observed import Observed, SeenRecord

CASES = {
    "mediation": ("mediation", "mediations"),
    "psp": ("psp", "psp_cases"),
}


class GoodRun:
    """Reports of three processes, one sent twice, one refused, one that waits for triage."""

    def __init__(self):
        self.sent = []
        self.observed = Observed(
            databases={
                name: {"outbox": [], "parked": [], "watermarks": []}
                for name in ("intake", "mediation", "psp", "notify")
            }
        )
        self._counted = {}
        for number in range(4):
            self.accepted(f"M-{number}", "mediation")
            self.accepted(f"P-{number}", "psp")
        self.accepted("S-1", "ssp")
        self.accepted("T-1", None)
        self.send("M-0", "mediation")
        self.observed.records.append(self.receipt_of("M-0"))
        self.refused("R-1")
        self._marks()

    def send(self, reference, process, expects="accepted"):
        number = len(self.sent) + 1
        place = {"topic": "partner.skole.reports", "partition": 0, "offset": number}
        self.sent.append(
            Sent(
                number=number,
                partner="skole",
                reference=reference,
                process=process,
                content=reference,
                expects=expects,
                acknowledged=place,
            )
        )

    def accepted(self, reference, process):
        self.send(reference, process)
        report, case = str(uuid4()), None if process is None else str(uuid4())
        self.keep("intake", "reports", report, partner="skole", reference=reference, status="ok")
        self._reply("accepted", reference, case_id=case)
        if process is None:
            self.fact("intake.signals", "intake.triage_waiting.v1", report)
            self.notice(report, "intake.triage_waiting.v1", "triage:1461")
            return
        self.keep("intake", "cases", case, reports=[report])
        self.fact(f"intake.cases.{process}", "intake.case_opened.v1", case, process=process)
        self.keep("notify", "cases", case, process=process)
        if process in CASES:
            service, collection = CASES[process]
            self.keep(service, collection, case, stage="received")
            self.fact(f"{service}.cases", f"{service}.case_received.v1", case)
            about = f"{service}.case_received.v1"
            if service == "psp":
                about = "psp.access_changed.v1"
                self.fact("psp.cases", about, case)
            self.notice(case, about, "coordinator:1461")

    def refused(self, reference):
        self.send(reference, "mediation", "rejected")
        self.keep(
            "intake", "reports", str(uuid4()), partner="skole", reference=reference,
            status="rejected",
        )  # fmt: skip
        self._reply("rejected", reference, errors=[{"field": "/people", "rule": "empty"}])

    def notice(self, subject, about, audience):
        notice = str(uuid4())
        role, place = audience.split(":")
        self.keep("notify", "cases", subject, process=None)
        self.keep("notify", "notices", notice, subject=subject, about=about, role=role, place=place)
        self.fact(
            "notify.notices", "notify.notice_created.v1", subject,
            notice_id=notice, audience=audience, about=about,
        )  # fmt: skip

    def keep(self, service, collection, identity, **fields):
        kept = self.observed.databases[service].setdefault(collection, [])
        known = next((each for each in kept if each["_id"] == identity), None)
        if known is None:
            protocol = {"marks": {}, "sequences": {}}
            kept.append({"_id": identity, "version": 1, "protocol": protocol, **fields})

    def fact(self, topic, type_, subject, **body):
        source = "/" + topic.replace(".", "/")
        sequence = self._counted.get((source, subject), 0) + 1
        self._counted[source, subject] = sequence
        self._record(
            topic,
            subject,
            {"case_id": subject, **body},
            ce_type=type_,
            ce_source=source,
            ce_sequence=f"{sequence:010d}",
        )

    def receipt_of(self, reference):
        return next(
            each
            for each in self.observed.records
            if each.topic.endswith(".replies") and each.subject == reference
        )

    def _reply(self, verdict, reference, **body):
        self._record(
            "partner.skole.replies",
            reference,
            {"reference": reference, **body},
            ce_type=f"intake.report_{verdict}.v1",
            ce_source="/intake/replies",
        )

    def _record(self, topic, subject, body, **headers):
        ends = self.observed.ends.setdefault(topic, {"0": 0})
        self.observed.records.append(
            SeenRecord(
                topic=topic,
                partition=0,
                offset=ends["0"],
                key=subject,
                headers={"ce_id": str(uuid4()), "ce_subject": subject, **headers},
                value=base64.b64encode(json.dumps(body).encode()).decode(),
            )
        )
        ends["0"] += 1

    def _marks(self):
        readers = {
            "intake.cases.mediation": ["mediation", "notify"],
            "intake.cases.psp": ["psp", "notify"],
            "intake.cases.ssp": ["notify"],
            "intake.signals": ["notify"],
            "mediation.cases": ["notify"],
            "psp.cases": ["notify"],
        }
        for topic, services in readers.items():
            end = self.observed.ends[topic]["0"]
            for service in services:
                mark = {"_id": f"{topic}|0", "topic": topic, "partition": 0, "offset": end}
                self.observed.databases[service]["watermarks"].append(mark)
        for (source, subject), sequence in self._counted.items():
            topic = source[1:].replace("/", ".")
            for service in readers.get(topic, []):
                self._protocol(service, subject)["marks"][source] = sequence
            self._protocol(source.split("/")[1], subject)["sequences"][source] = sequence

    def _protocol(self, service, subject):
        collections = {
            "intake": ["cases", "reports"],
            "mediation": ["mediations"],
            "psp": ["psp_cases"],
            "notify": ["cases"],
        }
        for collection in collections[service]:
            for document in self.observed.documents(service, collection):
                if document["_id"] == subject:
                    return document["protocol"]
        raise AssertionError("an incomplete good run")

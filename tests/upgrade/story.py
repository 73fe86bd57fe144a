"""The work of one police station over three starts: the version before, this one, and back."""

import json
import re
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import psutil

from deploy.embedded.broker_rights import connect
from deploy.embedded.paths import CLONE
from deploy.topics import apply_partner
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from tests.faults.checker.ledger import Expected, Ledger, read_ledger, read_planted
from tests.faults.checker.letters import content_mark
from tests.faults.checker.observed import inspect
from tests.faults.planted import PlantedFact, Planter
from tests.faults.storm import SERVICES, Rest
from tests.live import wait_until
from tests.system.command_line import DONE, FAILED, REJECTED, CommandLine
from tests.upgrade.installation import Installation
from tests.upgrade.planting import opening
from tests.upgrade.seen import Seen, SentReport
from tests.upgrade.staff import StaffSession

__all__ = ["Story"]

REST_S: Final = 120.0
DEADLINE_S: Final = 420.0
"""Longer than the deadline of a PSP case that the test sets."""
OPENED: Final = "intake.case_opened.v1"


class Story:
    """One home, its partners, staff and operator, and what they do under each version."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.home = installation
        self.police = CommandLine(installation, folder, "upgrade-police")
        self.prosecution = CommandLine(installation, folder, "upgrade-prosecution")
        """A partner whose registration breaks off under the version before."""
        self._ledger = Ledger(folder / "ledger.jsonl")
        self._staff: dict[str, StaffSession] = {}
        self.poisoned, self.gap = str(uuid4()), str(uuid4())
        """Cases whose first event can never succeed, and is missing."""
        self.reports: dict[str, SentReport] = {}

    def work_before(self, tree: Path) -> Seen:
        """Work with the version before, and leave something parked, waiting and due."""
        self.home.up(tree)
        self._add(self.police, "police")
        self._staff = {who: StaffSession(self.home, who) for who in ("kira", "peder", "sofie")}
        self._send("mediation", "mediation-violence-between-two-young", Process.MEDIATION)
        self._send("triage", "triage-from-a-school", None, municipality="0630")
        vandalism = "mediation-vandalism-at-school"
        self._send("refused", vandalism, Process.MEDIATION, expects="rejected", municipality="0461")
        self._send_before_the_registration()
        self._plant(self.poisoned, 1, b'{"case_id": 7}')
        self._plant(self.poisoned, 2, opening(self.poisoned))
        self._plant(self.gap, 2, b"{}", type_="intake.case_noted.v1")
        wait_until(lambda: len(self._parked()) == 3, REST_S, "three parked rows")
        wait_until(lambda: len(self._halts()["cases"]) == 2, REST_S, "a gap at both readers")
        self._redrive_the_poison()
        self._wait_for_notice("kira", self.reports["mediation"].case, "Ny sag")
        seen = self._look_around()
        self._rest(letters={self.police: 3, self.prosecution: 0})
        self._look_closely(seen)
        self._send("psp", "psp-losing-the-home", Process.PSP, municipality="0630")
        self._wait_for_notice("peder", self.reports["psp"].case, "Ny sag")
        self.home.down()
        return seen

    def work_now(self) -> Seen:
        """Work with this version, and finish what was left."""
        self.home.up(CLONE)
        seen = self._look_around()
        seen.again = [self._send_again("mediation"), self._send_again("triage")]
        self._contradict("mediation")
        self._send("mediation now", "mediation-vandalism-at-school", Process.MEDIATION)
        self._wait_for_notice("kira", self.reports["mediation now"].case, "Ny sag")
        self._staff["sofie"].acknowledge(seen.waiting[0])
        self._plant(self.gap, 1, opening(self.gap))
        self._wait_for_notice("kira", self._name(self.gap), "Ny sag")
        self._redrive_the_poison()
        for service in ("mediation", "notify"):
            self._discard_the_poison(service)
        self._wait_for_notice("kira", self._name(self.poisoned), "Ny sag")
        seen.outcomes["letter"] = self._complete_the_registration()
        self._accept_what_intake_did_not_send()
        seen.outcomes["halts"] = self._halts()
        seen.outcomes["restarts"] = self._restarts_after_a_kill("psp")
        self._wait_for_deadline("psp")
        self._send("psp now", "psp-losing-the-home", Process.PSP, municipality="0630")
        self._rest(letters={self.police: 9, self.prosecution: 1})
        self._look_closely(seen)
        self.home.down()
        return seen

    def work_after(self, tree: Path) -> Seen:
        """Work with the version before once more."""
        self.home.up(tree)
        seen = self._look_around()
        seen.again = [self._send_again(name) for name in ("mediation", "triage", "mediation now")]
        self._accept_what_intake_did_not_send()
        seen.outcomes["halts"] = self._halts()
        self._send("mediation after", "mediation-vandalism-at-school", Process.MEDIATION)
        self._wait_for_notice("kira", self.reports["mediation after"].case, "Ny sag")
        self._wait_for_deadline("psp now")
        self._rest(letters={self.police: 13, self.prosecution: 1})
        self._look_closely(seen)
        self.home.down()
        return seen

    def close(self) -> None:
        """Stop what still runs, and close the sessions."""
        self.home.run("down")
        self.home.discard()
        self._ledger.close()
        for session in self._staff.values():
            session.close()

    def _add(self, partner: CommandLine, kind: str) -> None:
        ran = partner.add(kind=kind)
        assert ran.returncode == DONE, ran.stderr

    def _send(
        self,
        name: str,
        example: str,
        process: Process | None,
        *,
        expects: Expected = "accepted",
        **changes: Any,
    ) -> None:
        text = self.police.report(example, **changes)
        receipt = self._emit(self.police, text, expects)
        self.reports[name] = SentReport(text, json.loads(text)["reference"], process, receipt)

    def _send_again(self, name: str) -> dict[str, Any]:
        return self._emit(self.police, self.reports[name].text, "accepted")

    def _contradict(self, name: str) -> None:
        other = {**json.loads(self.reports[name].text), "text": "Noget andet."}
        self._emit(self.police, json.dumps(other), "conflict")

    def _emit(self, partner: CommandLine, text: str, expects: Expected) -> dict[str, Any]:
        number = self._note(partner, text, expects)
        code, [receipt] = partner.emit(text, "--unchecked")
        assert code == (DONE if expects == "accepted" else REJECTED), receipt
        self._ledger.acknowledged(number, topic=partner.partner, partition=0, offset=0)
        return receipt

    def _note(self, partner: CommandLine, text: str, expects: Expected) -> int:
        report = json.loads(text)
        return self._ledger.sent(
            partner=partner.partner,
            reference=report["reference"],
            process=report.get("process"),
            content=content_mark(report),
            expects=expects,
        )

    def _send_before_the_registration(self) -> None:
        """Send as a partner that the broker knows and intake does not: it is set aside."""
        known = json.loads(self.police.file.read_text())
        apply_partner(connect(self.home.kafka("admin")), self.prosecution.partner, "half-made")
        text = json.dumps(known).replace(self.police.partner, self.prosecution.partner)
        self.prosecution.file.write_text(text.replace(known["kafka"]["sasl.password"], "half-made"))
        report = self.prosecution.report()
        number = self._note(self.prosecution, report, "accepted")
        code, _ = self.prosecution.emit(report, "--timeout", "2")
        assert code == FAILED, "intake answered a partner that it does not know"
        self._ledger.acknowledged(number, topic=self.prosecution.partner, partition=0, offset=0)

    def _complete_the_registration(self) -> list[str]:
        """Add the partner, redrive its letter, and return what its receipts say."""
        self._add(self.prosecution, "prosecution")
        [(_, row)] = [key for key in self._parked() if key[0] == "intake"]
        ran = self.home.run("parked", "redrive", row, "--yes")
        assert ran.returncode == DONE, ran.stderr
        wait_until(lambda: bool(self.prosecution.receipts()), REST_S, "a receipt")
        return [each["status"] for each in self.prosecution.receipts()]

    def _plant(self, case: str, sequence: int, value: bytes, *, type_: str = OPENED) -> None:
        planter = Planter(self.home.kafka("intake"), self._ledger)
        planter.put(PlantedFact(0.0, "intake.cases.mediation", case, sequence, type_, value))
        planter.flush()

    def _name(self, case: str) -> str:
        return case_reference(Process.MEDIATION, UUID(case))

    def _redrive_the_poison(self) -> None:
        at_mediation = ("--case", self.poisoned, "--service", "mediation", "--reason", "a trial")
        ran = self.home.run("parked", "redrive", *at_mediation, "--yes")
        assert ran.returncode == FAILED, "an event that can never succeed is parked again"

    def _discard_the_poison(self, service: str) -> None:
        [row] = [
            each["id"]
            for each in self.home.json("parked", "list", "--service", service)
            if each.get("case_id") == self.poisoned
        ]
        at_service = ("--service", service, "--reason", "it was never whole", "--yes")
        ran = self.home.run("parked", "discard", row, *at_service)
        assert ran.returncode == DONE, ran.stderr

    def _accept_what_intake_did_not_send(self) -> None:
        """At each start intake finds the facts that were planted on its topic in its name since."""
        all_of_intake = ("--all", "--service", "intake", "--reason", "planted by a test", "--yes")
        ran = self.home.run("halts", "go-on", *all_of_intake)
        assert ran.returncode == DONE, ran.stderr

    def _restarts_after_a_kill(self, service: str) -> tuple[int, float]:
        """Kill a process; return the restarts that the status counts, and that it serves itself."""

        def restarts() -> int:
            instances = self.home.status()["services"][service]["instances"]
            return int(instances[0]["restarts"]) if instances else 0

        assert restarts() == 0
        psutil.Process(self.home.pid(service)).kill()
        wait_until(lambda: restarts() > 0, REST_S, "the restart to be counted")
        self.home.wait_until_ready()
        served = httpx.get(f"{self.home.url(service)}/metrics", timeout=20).text.splitlines()
        [line] = [each for each in served if each.startswith("samraad_restarts_total")]
        return restarts(), float(line.rpartition(" ")[2])

    def _wait_for_notice(self, who: str, case: str, said: str) -> None:
        wait_until(
            lambda: said in self._staff[who].inbox(case), REST_S, f"{said!r} of {case} at {who}"
        )

    def _wait_for_deadline(self, name: str) -> None:
        case, peder = self.reports[name].case, self._staff["peder"]
        late = "sagen skulle være vurderet til PSP"
        wait_until(lambda: late in peder.inbox(case), DEADLINE_S, f"the deadline of {case}")

    def _rest(self, *, letters: dict[CommandLine, int]) -> None:
        Rest(self.home, {each.partner: count for each, count in letters.items()}).wait(REST_S)

    def _parked(self) -> dict[tuple[str, str], tuple[str, int]]:
        rows = self.home.json("parked", "list")
        return {(row["service"], row["id"]): (row["state"], row["behind"]) for row in rows}

    def _halts(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.home.json("halts", "list", "--late", "0")
        return {
            **shown,
            "cases": sorted(
                (each["service"], each["case_id"], each["mark"], each["next"])
                for each in shown["cases"]
            ),
            "unknown": sorted((each["service"], each["case_id"]) for each in shown["unknown"]),
        }

    def _alarms(self) -> set[tuple[str, str]]:
        return {(each["service"], each["alarm"]) for each in self.home.json("alarms")}

    def _look_around(self) -> Seen:
        """What users and operators see soon after a start."""
        mediation = self.reports["mediation"]
        pages = {
            "inbox": self._staff["kira"].inbox(mediation.case),
            "mediation": self._staff["kira"].page(f"/mediation/cases/{mediation.case_id}"),
        }
        if "psp" in self.reports:
            case_id = self.reports["psp"].case_id
            pages["psp"] = self._staff["peder"].page(f"/psp/cases/{case_id}")
        return Seen(
            ports=json.loads((self.home.home.root / "ports.json").read_text()),
            topics=self.home.json("topics", "diff"),
            alarms=self._alarms(),
            parked=self._parked(),
            halts=self._halts(),
            pages=pages,
            waiting=re.findall("<strong>(M-[^<]+)<", self._staff["sofie"].page("/intake/triage")),
            details=self._details(mediation.case_id),
        )

    def _details(self, case_id: str) -> dict[str, Any]:
        token = (self.home.home.secrets / "service-tokens" / "mediation").read_text().strip()
        answer = httpx.get(
            f"{self.home.url('intake')}/cases/{case_id}/details",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )
        answer.raise_for_status()
        details: dict[str, Any] = answer.json()
        return details

    def _look_closely(self, seen: Seen) -> None:
        """Every record and document, once all is at rest."""
        seen.log = [
            (each["action"], each["why"])
            for each in self.home.json("parked", "log", "--service", "mediation")
            if each["case_id"] == self.poisoned
        ]
        seen.alarms_at_the_end = self._alarms()
        seen.observed = inspect(self.home.status(), services=SERVICES)
        seen.sent = read_ledger(self._ledger.path)
        seen.planted = read_planted(self._ledger.path)

"""Figures: the page that documents them and what running services serve are the same list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.alarms import ALARMS, UP
from deploy.embedded.paths import CLONE
from deploy.embedded.programs import services
from tests.live import LiveStack, wait_until
from tests.system.command_line import DONE, CommandLine

SERVICES = services()
PAGE = CLONE / "docs" / "metrics.md"
ROW = re.compile(
    r"\| `(?P<name>samraad_\w+)` \| (?P<kind>\w+) \|(?P<labels>[^|]*)\|(?P<meaning>[^|]+)\|"
    r"(?P<alarm>[^|]*)\|"
)


class Documented(NamedTuple):
    kind: str
    labels: frozenset[str]
    meaning: str
    alarm: str


def documented() -> dict[str, Documented]:
    return {
        found["name"]: Documented(
            found["kind"],
            frozenset(found["labels"].replace(",", " ").split()),
            found["meaning"].strip(),
            found["alarm"].strip(),
        )
        for found in map(ROW.match, PAGE.read_text().splitlines())
        if found
    }


def served(stack: LiveStack, service: str) -> str:
    return httpx.get(f"{stack.url(service)}/metrics").text


@pytest.mark.parametrize("service", SERVICES)
def test_each_figure_that_is_served_is_documented_and_the_other_way_round(
    stack: LiveStack, office: CommandLine, service: str
) -> None:
    assert office.emit(office.report())[0] == DONE, "some figures have labels only once counted"
    exposed, known = {}, documented()
    for family in text_string_to_metric_families(served(stack, service)):
        if family.name.startswith("samraad_") and not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            exposed[name] = (family.type, family.documentation)
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == known[name].labels, name

    assert exposed == {name: (each.kind, each.meaning) for name, each in known.items()}


def test_each_alarm_is_on_the_page_beside_the_figure_it_looks_at() -> None:
    beside = {name: each.alarm for name, each in documented().items() if each.alarm}

    pages: dict[str, list[str]] = {}
    for alarm in ALARMS:
        if alarm.metric != UP:
            pages.setdefault(alarm.metric, []).append(f"[{alarm.name}](runbooks/{alarm.name}.md)")
    assert beside == {metric: ", ".join(links) for metric, links in pages.items()}


def test_no_label_grows_with_partners_cases_or_people(
    stack: LiveStack, office: CommandLine
) -> None:
    reports = [office.report(), office.report("triage-from-a-school")]
    _, receipts = office.emit("\n".join(reports), "--unchecked")
    cases = [receipt["case_id"] for receipt in receipts if receipt.get("case_id")]

    text = "".join(served(stack, service) for service in SERVICES)

    assert cases
    for secret in (office.partner, *cases, *(receipt["reference"] for receipt in receipts)):
        assert secret not in text
    assert 'topic="partner.*.reports"' in text


def value_of(stack: LiveStack, service: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} ([0-9.e+]+)$", served(stack, service), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_report_that_becomes_a_notice_is_counted_on_its_way(
    stack: LiveStack, office: CommandLine
) -> None:
    watched = {
        "intake": 'samraad_told_total{type="intake.case_opened.v1"}',
        "mediation": 'samraad_events_total{topic="intake.cases.mediation"}',
        "notify": 'samraad_told_total{type="notify.notice_created.v1"}',
    }
    before = {service: value_of(stack, service, sample) for service, sample in watched.items()}

    code, _ = office.emit(office.report())

    assert code == DONE
    for service, sample in watched.items():
        wait_until(
            lambda service=service, sample=sample: (
                value_of(stack, service, sample) > before[service]
            ),
            60,
            f"{service} counted it",
        )


def test_the_page_is_where_readers_look() -> None:
    assert "docs/metrics.md" in Path(CLONE / "README.md").read_text()

"""What the version before left behind, this version continues; and back again nothing is lost."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.embedded.paths import Home
from tests.faults.checker.folding import fold
from tests.faults.checker.observed import Observed, SeenRecord
from tests.upgrade.installation import VERSION_BEFORE, Installation, unpack_version
from tests.upgrade.seen import Seen
from tests.upgrade.story import Story

pytestmark = pytest.mark.timeout(2_400)

JUDGE_WITHIN = "PT3M"
"""The deadline of a PSP case: longer than a stop takes, shorter than the work of one version."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The story, and what was seen under each version in turn."""

    story: Story
    before: Seen
    now: Seen
    after: Seen


@pytest.fixture(scope="module")
def versions(downloads: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versions]:
    """One home that the version before starts, then this version, then the version before."""
    folder = tmp_path_factory.mktemp("upgrade")
    tree = unpack_version(VERSION_BEFORE, folder / "before")
    cache = folder / "cache"  # the version before writes into it; what is downloaded is shared
    cache.mkdir()
    for place in (downloads.jars, downloads.dkfds, downloads.htmx):
        (cache / place.name).symlink_to(place)
    installation = Installation(folder / "home", cache, PSP_JUDGE_NECESSITY_WITHIN=JUDGE_WITHIN)
    story = Story(installation, folder)
    try:
        yield Versions(story, story.work_before(tree), story.work_now(), story.work_after(tree))
    finally:
        story.close()


def receipts(versions: Versions, name: str, observed: Observed) -> list[SeenRecord]:
    reference = versions.story.reports[name].reference
    replies = f"partner.{versions.story.police.partner}.replies"
    return [each for each in observed.records if (each.topic, each.subject) == (replies, reference)]


def due(versions: Versions, name: str, observed: Observed) -> list[int | None]:
    case_id = versions.story.reports[name].case_id
    return [
        each.sequence
        for each in observed.records
        if (each.type, each.subject) == ("psp.step_due.v1", case_id)
    ]


def test_the_broker_is_as_declared_and_every_port_stays(versions: Versions) -> None:
    assert [each.topics for each in (versions.before, versions.now, versions.after)] == [[], [], []]
    assert versions.before.ports == versions.now.ports == versions.after.ports


@pytest.mark.parametrize("name", ["mediation", "triage"])
def test_a_report_sent_again_gets_the_very_receipt_of_the_version_that_took_it(
    versions: Versions, name: str
) -> None:
    first = versions.story.reports[name].receipt
    again = [*versions.now.again, *versions.after.again]

    same = [each for each in again if each["reference"] == first["reference"]]
    assert [each["ce_id"] for each in same] == [first["ce_id"]] * 2
    records = [
        each
        for each in receipts(versions, name, versions.after.observed)
        if each.type == "intake.report_accepted.v1"
    ]
    assert len(records) == 3
    assert all(each.same_as(records[0]) for each in records)


def test_the_version_before_repeats_a_receipt_of_this_one(versions: Versions) -> None:
    first = versions.story.reports["mediation now"].receipt

    assert versions.after.again[-1]["ce_id"] == first["ce_id"]


def test_other_content_under_a_reference_of_the_version_before_is_a_conflict(
    versions: Versions,
) -> None:
    records = receipts(versions, "mediation", versions.now.observed)

    [refusal] = [each for each in records if each.type == "intake.report_rejected.v1"]
    assert [each["rule"] for each in refusal.body["errors"]] == ["conflict"]


def test_what_is_parked_and_what_waits_is_shown_as_the_version_before_showed_it(
    versions: Versions,
) -> None:
    services = sorted(service for service, _ in versions.before.parked)
    assert services == ["intake", "mediation", "notify"]
    assert versions.now.parked == versions.before.parked
    assert {**versions.now.halts, "unknown": []} == versions.before.halts
    assert [case for _, case, _, _ in versions.now.halts["cases"]] == [versions.story.gap] * 2


def test_what_was_parked_or_waited_is_redriven_discarded_and_continued(versions: Versions) -> None:
    assert versions.now.outcomes["letter"] == ["accepted"]
    nothing: dict[str, list[str]] = {"partitions": [], "cases": [], "stores": [], "unknown": []}
    assert versions.now.outcomes["halts"] == versions.after.outcomes["halts"] == nothing
    assert {**versions.after.halts, "unknown": []} == nothing
    assert versions.after.parked == {}
    for case in (versions.story.poisoned, versions.story.gap):
        received = [
            each
            for each in versions.now.observed.records
            if (each.type, each.subject) == ("mediation.case_received.v1", case)
        ]
        assert [each.sequence for each in received] == [1]


def test_each_start_names_the_facts_that_its_store_did_not_send_and_none_twice(
    versions: Versions,
) -> None:
    planted = sorted([versions.story.poisoned, versions.story.gap])

    assert versions.before.halts["unknown"] == []
    assert versions.now.halts["unknown"] == [("intake", case) for case in planted]
    assert versions.after.halts["unknown"] == [("intake", versions.story.gap)]


def test_the_operators_log_holds_the_acts_of_both_versions(versions: Versions) -> None:
    trial, discard = ("parked_redrive", "a trial"), ("parked_discard", "it was never whole")

    assert versions.before.log == [trial]
    assert sorted(versions.now.log) == sorted([trial, trial, discard])
    assert sorted(versions.after.log) == sorted(versions.now.log)


def test_a_deadline_that_one_version_set_passes_once_under_the_other(versions: Versions) -> None:
    # the second fact of each says who may read the case (psp.access_changed.v1)
    assert due(versions, "psp", versions.now.observed) == [3]
    assert due(versions, "psp", versions.after.observed) == [3]
    assert due(versions, "psp now", versions.now.observed) == []
    assert due(versions, "psp now", versions.after.observed) == [3]


def test_staff_log_in_once_under_each_version_and_see_the_same_cases(versions: Versions) -> None:
    case = versions.story.reports["mediation"].case
    for seen in (versions.before, versions.now, versions.after):
        assert "Ny sag" in seen.pages["inbox"]
        assert case in seen.pages["mediation"]
        assert seen.waiting == versions.before.waiting
    assert len(versions.before.waiting) == 1
    psp = versions.story.reports["psp"].case
    assert psp in versions.now.pages["psp"]
    assert psp in versions.after.pages["psp"]


def test_a_notice_of_the_version_before_is_acknowledged_and_not_recalled(
    versions: Versions,
) -> None:
    def notice(seen: Seen) -> tuple[list[str], int]:
        [found] = [
            each
            for each in seen.observed.documents("notify", "notices")
            if each["about"] == "intake.triage_waiting.v1"
        ]
        recalls = [
            each
            for each in seen.observed.documents("notify", "due")
            if each["subject"] == found["_id"]
        ]
        return [each["by"] for each in found["acknowledged"]], len(recalls)

    assert notice(versions.before) == ([], 1)
    assert notice(versions.now) == notice(versions.after) == (["sofie"], 0)


def test_what_was_sealed_is_opened_by_each_version(versions: Versions) -> None:
    report = json.loads(versions.story.reports["mediation"].text)

    for seen in (versions.before, versions.now, versions.after):
        assert seen.details["text"] == report["text"]
        assert seen.details == versions.before.details


def test_a_restart_that_nobody_asked_for_is_counted_and_served(versions: Versions) -> None:
    assert versions.now.outcomes["restarts"] == (1, 1.0)


def test_alarms_fire_for_what_is_parked_until_it_is_handled(versions: Versions) -> None:
    parked = {("intake", "parked"), ("mediation", "parked"), ("notify", "parked")}
    a_gap = {("mediation", "gap"), ("notify", "gap")}  # once it is five minutes old

    for seen in (versions.before, versions.now):
        assert parked <= seen.alarms <= parked | a_gap
    assert versions.now.alarms_at_the_end == set()
    assert versions.after.alarms == versions.after.alarms_at_the_end == set()


@pytest.mark.parametrize("version", ["now", "after"])
def test_nothing_is_lost_doubled_or_out_of_order(versions: Versions, version: str) -> None:
    seen: Seen = getattr(versions, version)

    assert fold(seen.sent, seen.observed, seen.planted) == []


@pytest.mark.parametrize(("earlier", "later"), [("before", "now"), ("now", "after")])
def test_what_lies_on_the_topics_stays_as_it_was_written(
    versions: Versions, earlier: str, later: str
) -> None:
    first: Observed = getattr(versions, earlier).observed
    second = {each.place: each for each in getattr(versions, later).observed.records}

    assert first.records
    assert [each.place for each in first.records if second.get(each.place) != each] == []

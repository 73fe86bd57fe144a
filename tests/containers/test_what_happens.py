"""Reports flow while containers are killed, removed, stopped, upgraded: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from deploy.embedded.paths import CLONE
from tests.containers.running import RUNNING, SERVICES
from tests.live import wait_until

if TYPE_CHECKING:
    from tests.containers.flow import Flow
    from tests.containers.running import Running

BEFORE_AND_AFTER = 12
GRACE_SECONDS = 20
"""What docker-compose.yml gives a service between SIGTERM and SIGKILL."""
OUT_OF_ORDER = ("graceful shutdown exceeded", "end_does_not_wait", "end_took_too_long")


def test_a_partner_is_added_sends_and_reads_its_receipt_from_the_host(running: Running):
    partner = f"host-{uuid4().hex[:8]}"
    file = running.add_partner(partner, kind="school")
    example = json.loads(
        (CLONE / "examples/reports/valid/mediation-vandalism-at-school.json").read_text()
    )
    report = json.dumps({**example, "partner": partner, "reference": "R-1"})

    answers = [
        running.samraad("emit", "-", "--credentials", str(file), "--json", stdin=report)
        for _ in range(2)
    ]

    first, second = (json.loads(one.stdout) for one in answers)
    assert first["status"] == "accepted"
    assert second["ce_id"] == first["ce_id"]
    onboarding = json.loads(file.read_text())
    assert onboarding["jwks_url"] == f"{running.site}/.well-known/jwks.json"
    assert onboarding["kafka"]["bootstrap.servers"] == running.settings["SAMRAAD_PARTNERS_KAFKA"]
    case = first["case_id"]
    watched = running.samraad("watch", "--case", case, "--count", "3", "--for", "60", "--json")
    types = [json.loads(line)["type"] for line in watched.stdout.splitlines()]
    assert types[:3] == [
        "intake.case_opened.v1",
        "mediation.case_received.v1",
        "notify.notice_created.v1",
    ]
    assert running.samraad("parked", "list", "--json").stdout.strip() == "[]"


def test_each_container_is_killed_in_turn_and_comes_back_by_itself(running: Running, flow: Flow):
    with flow.flowing():
        for service in RUNNING:
            flow.wait_for(BEFORE_AND_AFTER)
            state = running.inspect(service)[0]["State"]
            before = state["StartedAt"]
            # as a crash would: an engine that is asked to kill takes it for the operator's wish
            os.kill(state["Pid"], signal.SIGKILL)
            wait_until(
                lambda service=service, before=before: _runs_since(running, service, before),
                120,
                f"{service} to come back",
            )
            running.wait_until_healthy([service])
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


def test_each_container_is_removed_in_turn_and_up_brings_it_back_with_its_data(
    running: Running, flow: Flow
):
    with flow.flowing():
        for service in RUNNING:
            flow.wait_for(BEFORE_AND_AFTER)
            if service == "mongo":  # whose network `settle` shares; podman removes none before it
                running.container("settle").remove(force=True)
            running.container(service).remove(force=True)
            running.up()
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


def test_the_whole_set_is_stopped_and_started_and_goes_on_where_it_was(
    running: Running, flow: Flow
):
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        running.compose("stop")
        assert {one["State"]["Status"] for s in RUNNING for one in running.inspect(s)} == {"exited"}
        running.up()
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


def test_all_containers_of_the_host_end_at_once_and_the_set_comes_back(
    running: Running, flow: Flow
):
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        running.compose("kill")
        running.up()
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


def test_each_service_ends_by_sigterm_within_its_grace_with_nothing_lost(
    running: Running, flow: Flow
):
    with flow.flowing():
        for service in SERVICES:
            flow.wait_for(BEFORE_AND_AFTER)
            container = running.container(service)
            began = time.monotonic()
            container.stop(timeout=GRACE_SECONDS)
            took = time.monotonic() - began
            container.reload()
            state, last = container.attrs["State"], container.logs(tail=20).decode()
            assert took < GRACE_SECONDS, f"{service}, started {state['StartedAt']}:\n{last}"
            assert state["ExitCode"] in {0, 143}, f"{service}:\n{last}"
            assert not [complaint for complaint in OUT_OF_ORDER if complaint in last], last
            container.start()
            running.wait_until_healthy([service])
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


def test_a_service_is_upgraded_by_a_changed_image_while_reports_flow(running: Running, flow: Flow):
    before = running.inspect("mediation")[0]["Image"]
    others = {name: running.container(name).id for name in RUNNING if name != "mediation"}
    mark = uuid4().hex
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        _tag_changed(running, mark)
        running.settings["SAMRAAD_VERSION"] = mark
        try:
            running.compose("up", "--detach", "--no-build", "--no-deps", "mediation")
            running.wait_until_healthy(["mediation"])
            flow.wait_for(BEFORE_AND_AFTER)
            (one,) = running.inspect("mediation")
            assert one["Image"] != before
            assert one["Config"]["Labels"]["samraad.changed"] == mark
            assert {name: running.container(name).id for name in others} == others
        finally:
            del running.settings["SAMRAAD_VERSION"]
        running.compose("up", "--detach", "--no-build", "--no-deps", "mediation")
        running.wait_until_healthy(["mediation"])
        assert running.inspect("mediation")[0]["Image"] == before
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


def test_a_service_runs_three_times_shares_the_work_and_shrinks_again(running: Running, flow: Flow):
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        running.up("--scale", "mediation=3", "--no-recreate")
        assert len(running.inspect("mediation")) == 3
        wait_until(lambda: _all_have_partitions(running), 120, "three to share the partitions")
        flow.wait_for(3 * BEFORE_AND_AFTER)
        running.up("--scale", "mediation=1", "--no-recreate")
        assert len(running.inspect("mediation")) == 1
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


def test_nothing_stops_and_no_partner_waits(running: Running):
    assert running.samraad("parked", "list", "--json").stdout.strip() == "[]"


def _runs_since(running: Running, service: str, before: str) -> bool:
    found = running.inspect(service)
    return bool(found) and (
        found[0]["State"]["Status"] == "running" and found[0]["State"]["StartedAt"] != before
    )


def _tag_changed(running: Running, mark: str) -> None:
    """Make an image that differs, as a new version would."""
    draft = running.engine.containers.create("samraad:local", ["services.mediation"])
    draft.commit("samraad", mark, changes=f"LABEL samraad.changed={mark}")
    draft.remove()


def _all_have_partitions(running: Running) -> bool:
    script = """
import http.client, json
connection = http.client.HTTPConnection("127.0.0.1", 8000)
connection.request("GET", "/health/ready")
print(json.loads(connection.getresponse().read())["state"])
"""
    return all(
        running.run_in(one, "python", "-c", script) == "ready"
        for one in running.containers("mediation")
    )

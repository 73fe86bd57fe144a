"""Every secret that docs/operators.md names is changed as described there, while reports flow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.embedded.broker_rights import connect
from tests.containers.running import SERVICES
from tests.live import wait_until

if TYPE_CHECKING:
    from tests.containers.flow import Flow
    from tests.containers.running import Running

BEFORE_AND_AFTER = 12
GIVEN = "a-secret-that-the-issuer-has-given-out\n"
READ_ALL = """
import hashlib, json, pathlib
place = pathlib.Path("/run/secrets")
print(json.dumps({str(one.relative_to(place)): one.read_text() for one in place.rglob("*")
                  if one.is_file() and one.name not in ("master.key", "index.key")}))
"""
TRY_LOGINS = """
import json, sys
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import OperationFailure
given = json.loads(sys.argv[1])
output = {}
try:
    login = {**json.loads(given["kafka.json"]), "log_level": 0}
    output["kafka"] = bool(AdminClient(login).list_topics(timeout=8).brokers)
except KafkaException:
    output["kafka"] = False
try:
    MongoClient(given["mongo.uri"].strip()).get_default_database().command("ping")
    output["mongo"] = True
except OperationFailure as refused:
    output["mongo"] = refused.code != 18
print(json.dumps(output))
"""


def test_passwords_of_every_service_are_changed_and_the_old_ones_let_nobody_in(
    running: Running, flow: Flow
):
    before = {service: _files(running, service) for service in SERVICES}
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        for service in SERVICES:
            _rotate(running, service)
        running.compose("stop", *SERVICES)
        _settle(running)
        running.compose("start", *SERVICES)
        running.wait_until_healthy()
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()
    for service, old in before.items():
        new = _files(running, service)
        assert old["kafka.json"] != new["kafka.json"]
        assert old["mongo.uri"] != new["mongo.uri"]
        assert _lets_in(running, service, old) == {"kafka": False, "mongo": False}
        assert _lets_in(running, service, new) == {"kafka": True, "mongo": True}


def test_the_administrators_passwords_are_changed_without_a_restart(running: Running, flow: Flow):
    before = running.admin()
    started = {s: running.inspect(s)[0]["State"]["StartedAt"] for s in (*SERVICES, "kafka")}
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        _rotate(running, "admin")
        _settle(running)
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()
    assert running.admin()["sasl.password"] != before["sasl.password"]
    with pytest.raises(KafkaException):
        connect(before).list_topics(timeout=8)
    running.add_partner(f"after-{uuid4().hex[:8]}")
    assert started == {s: running.inspect(s)[0]["State"]["StartedAt"] for s in started}


def test_sessions_tokens_and_the_logins_secret_are_changed_by_new_files_and_a_restart(
    running: Running, flow: Flow
):
    before = {service: _files(running, service) for service in SERVICES}
    token = _token(running)
    given = running.operator / "given"
    given.mkdir(exist_ok=True)
    (given / "issuer-client.secret").write_text(GIVEN)
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        for name in ("session", "signing", "operator", "tokens"):
            _rotate(running, name)
        running.compose("restart", *SERVICES)
        running.wait_until_healthy()
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()
    after = {service: _files(running, service) for service in SERVICES}
    for service in SERVICES:
        for name in before[service]:
            is_login = name in {"kafka.json", "mongo.uri"}
            assert (before[service][name] == after[service][name]) == is_login, (service, name)
    assert len({after[service]["session.secret"] for service in SERVICES}) == 1
    assert after["notify"]["client.secret"] == GIVEN
    assert after["intake"]["tokens/mediation"] == after["mediation"]["intake.token"]
    for shown, expected in ((token, httpx.codes.NOT_FOUND), (_token(running), httpx.codes.OK)):
        answer = httpx.get(
            f"http://127.0.0.1:{running.settings['SAMRAAD_OPERATOR_PORT']}/intake/operator/parked",
            headers={"Authorization": f"Bearer {shown}"},
        )
        assert answer.status_code == expected


def test_the_stores_own_secrets_are_changed_by_a_restart_of_both(running: Running, flow: Flow):
    before = [_of_store(running, store) for store in ("kafka", "mongo")]
    with flow.flowing():
        flow.wait_for(BEFORE_AND_AFTER)
        for name in ("broker", "replica-set"):
            _rotate(running, name)
        _settle(running)
        running.compose("restart", "kafka", "mongo")
        running.wait_until_healthy()
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()
    assert not set(before) & {_of_store(running, store) for store in ("kafka", "mongo")}


def test_a_partner_whose_file_is_put_away_gets_a_new_password_and_the_old_one_is_void(
    running: Running,
):
    partner = f"renewed-{uuid4().hex[:8]}"
    file = running.add_partner(partner)
    before = json.loads(file.read_text())["kafka"]
    assert _knows(before)
    file.rename(file.with_suffix(".before"))

    after = json.loads(running.add_partner(partner).read_text())["kafka"]

    assert after["sasl.password"] != before["sasl.password"]
    assert _knows(after)
    assert not _knows(before)


def test_the_seal_key_is_changed_without_a_restart_and_letters_to_the_old_one_still_open(
    running: Running, flow: Flow
):
    (first,) = _published(running)
    with flow.flowing():  # its client seals to the key that it fetched at its start
        flow.wait_for(BEFORE_AND_AFTER)
        _rotate(running, "seal")
        wait_until(lambda: len(_published(running)) == 2, 30, "a second key to be published")
        flow.wait_for(BEFORE_AND_AFTER)
        _rotate(running, "seal", "retire")
        wait_until(lambda: len(_published(running)) == 1, 30, "the first key to be retired")
        flow.wait_for(BEFORE_AND_AFTER)
        assert _published(running) != [first]
        _rotate(running, "seal", "forget")  # too young to be removed
        flow.wait_for(BEFORE_AND_AFTER)

    flow.check()


@pytest.mark.parametrize("wrong", ["master", "index", "nobody", ""])
def test_what_wraps_or_makes_stored_data_is_changed_by_no_command(running: Running, wrong: str):
    output = running.compose("run", "--rm", "deal", "deploy.containers.rotate", wrong, check=False)

    assert "is none of these: admin, intake" in output


def _rotate(running: Running, *names: str) -> None:
    running.compose("run", "--rm", "deal", "deploy.containers.rotate", *names)


def _settle(running: Running) -> None:
    running.compose("up", "--detach", "--no-build", "--no-deps", "settle")
    wait_until(lambda: _ended_well(running, "settle"), 120, "settle to end")


def _ended_well(running: Running, job: str) -> bool:
    (one,) = running.inspect(job)
    state = one["State"]
    return bool(state["Status"] == "exited" and state["ExitCode"] == 0)


def _files(running: Running, service: str) -> dict[str, str]:
    output: dict[str, str] = json.loads(running.python(service, READ_ALL))
    return output


def _of_store(running: Running, store: str) -> str:
    file = {"kafka": "server.properties", "mongo": "replica-set.key"}[store]
    return running.run_in(running.container(store), "cat", f"/run/secrets/{file}")


def _lets_in(running: Running, service: str, files: dict[str, str]) -> dict[str, Any]:
    logins = json.dumps({name: files[name] for name in ("kafka.json", "mongo.uri")})
    output: dict[str, Any] = json.loads(
        running.run_in(running.container(service), "python", "-c", TRY_LOGINS, logins)
    )
    return output


def _knows(login: dict[str, str]) -> bool:
    try:
        return bool(AdminClient({**login, "log_level": 0}).list_topics(timeout=8).brokers)
    except KafkaException:
        return False


def _token(running: Running) -> str:
    return (running.operator / "secrets/operator-tokens/intake").read_text().strip()


def _published(running: Running) -> list[str]:
    keys = httpx.get(f"{running.site}/.well-known/jwks.json", timeout=10).json()["keys"]
    return [key["kid"] for key in keys]

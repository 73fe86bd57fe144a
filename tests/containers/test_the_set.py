"""What an operator gets from one command: everything up, locked, and seen from nowhere else."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx

from tests.containers.running import JOBS, RUNNING, SERVICES

if TYPE_CHECKING:
    from tests.containers.running import Running

LOOK_FOR_STORES = """
import socket
for host, port in (("mongo", 27017), ("kafka", 9092), ("kafka", 9094)):
    try:
        socket.create_connection((host, port), 2)
        print(host, "answers")
    except OSError:
        print(host, "is not there")
"""
USERS = {"kafka": "1000:1000", "mongo": "999:999", "ingress": "10001:10001"}


def test_one_command_brings_up_everything_and_the_jobs_end_well(running: Running):
    for job in JOBS:
        (one,) = running.inspect(job)
        assert (one["State"]["Status"], one["State"]["ExitCode"]) == ("exited", 0)
    for service in RUNNING:
        assert [one["State"]["Status"] for one in running.inspect(service)] == ["running"]


def test_only_the_ingress_and_the_partners_listener_are_published_and_on_loopback(
    running: Running,
):
    published = {}
    for service in (*RUNNING, *JOBS):
        for one in running.inspect(service):
            for inner, outer in (one["HostConfig"]["PortBindings"] or {}).items():
                if outer:  # podman lists what an image merely declares too
                    published.setdefault(service, []).append(inner)
                    assert {each["HostIp"] for each in outer} == {"127.0.0.1"}

    assert sorted(published) == ["ingress", "kafka"]
    assert published["kafka"] == ["9094/tcp"]
    assert sorted(published["ingress"]) == ["8480/tcp", "8481/tcp"]


def test_every_container_has_a_user_of_its_own_a_read_only_root_and_limits(running: Running):
    for service in RUNNING:
        (one,) = running.inspect(service)
        user = one["Config"]["User"]
        assert user == USERS.get(service, "10001:10001")
        host = one["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert not host["Privileged"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        dropped = {name.upper() for name in host["CapDrop"]}
        assert "ALL" in dropped or len(dropped) > 8
        assert any("no-new-privileges" in option for option in host["SecurityOpt"])


def test_a_service_has_no_shell_no_package_manager_and_nothing_to_write_to(running: Running):
    output = running.python(
        "mediation",
        """
import os, shutil, errno
tools = [name for name in ("sh", "bash", "apt", "dpkg", "pip", "curl", "perl", "tar") if shutil.which(name)]
refused = []
for place in ("/", "/samraad", "/packages", "/run/secrets", "/etc"):
    try:
        open(os.path.join(place, "written"), "w")
    except OSError as error:
        refused.append(errno.errorcode[error.errno])
capabilities = [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")]
print(os.getuid(), tools, sorted(set(refused)), len(refused), int(capabilities[0], 16))
""",
    )
    assert output in (
        "10001 [] ['EROFS'] 5 0",
        "10001 [] ['EACCES', 'EROFS'] 5 0",
    )


def test_no_secret_is_in_an_environment_or_on_a_command_line(running: Running):
    values = {
        running.admin()["sasl.password"],
        *(
            (running.operator / "secrets/operator-tokens" / service).read_text().strip()
            for service in SERVICES
        ),
    }
    for service in SERVICES:
        found = running.python(
            service,
            """
import json, pathlib
place = pathlib.Path("/run/secrets")
print(json.loads((place / "kafka.json").read_text())["sasl.password"])
print((place / "mongo.uri").read_text().split(":")[2].split("@")[0])
print((place / "session.secret").read_text().strip())
""",
        ).split()
        assert len(found) == 3
        values.update(found)

    for service in (*RUNNING, *JOBS):
        (one,) = running.inspect(service)
        inspected = json.dumps(one)
        assert not [value for value in values if value in inspected]
    for service in ("kafka", "mongo"):
        look = "tr '\\0' ' ' </proc/1/cmdline && tr '\\0' ' ' </proc/1/environ"
        process = running.run_in(running.container(service), "bash", "-c", look)
        assert "kafka" in process or "mongod" in process
        assert not [value for value in values if value in process]


def test_what_lies_in_a_containers_folder_of_secrets_can_be_read_by_its_user_alone(
    running: Running,
):
    for service in SERVICES:
        output = running.python(
            service,
            """
import os, pathlib, stat
place = pathlib.Path("/run/secrets")
modes = {oct(stat.S_IMODE(one.stat().st_mode)) for one in place.rglob("*") if one.is_file()}
print(sorted(modes), {one.stat().st_uid for one in [place, *place.rglob("*")]})
""",
        )
        assert output == "['0o400'] {10001}"


def test_staff_see_the_site_and_the_design_systems_files(running: Running):
    with httpx.Client(base_url=running.site, follow_redirects=False) as browser:
        assert browser.get("/").headers["location"] == "/notify/inbox"
        page = browser.get("/notify/inbox")
        assert page.status_code == httpx.codes.SEE_OTHER
        for path in ("dkfds/css/dkfds.min.css", "htmx/htmx.min.js", "samraad/samraad.css"):
            assert browser.get(f"/assets/{path}").status_code == httpx.codes.OK
        assert browser.get("/.well-known/jwks.json").json()["keys"]


def test_the_site_passes_on_nothing_that_is_for_operators_or_services(running: Running):
    with httpx.Client(base_url=running.site, follow_redirects=False) as browser:
        for path in (
            *("/intake/operator/parked", "/operator/parked", "/metrics", "/health/ready"),
            *(f"/cases/{uuid4()}/details", "/intake/metrics", "/8481"),
        ):
            assert browser.get(path).status_code == httpx.codes.NOT_FOUND


def test_the_operators_interface_asks_for_the_token(running: Running):
    port = running.settings["SAMRAAD_OPERATOR_PORT"]
    folder = running.operator / "secrets/operator-tokens"
    tokens = {service: (folder / service).read_text().strip() for service in SERVICES}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as operator:
        for service in SERVICES:
            path = f"/{service}/operator/parked"
            assert operator.get(path).status_code == httpx.codes.NOT_FOUND
            for owner, token in tokens.items():
                answer = operator.get(path, headers={"Authorization": f"Bearer {token}"})
                assert (answer.status_code == httpx.codes.OK) == (owner == service)
        assert operator.get("/intake/cases/x/details").status_code == httpx.codes.NOT_FOUND


def test_another_hosts_name_gets_no_site(running: Running):
    answer = httpx.get(running.site, headers={"Host": "attacker.example"})

    assert "Samråd" not in answer.text
    assert answer.headers.get("location") is None


def test_the_database_is_reachable_for_services_only(running: Running):
    with socket.socket() as probe:
        probe.settimeout(2)
        assert probe.connect_ex(("127.0.0.1", 27017)) != 0
    tried = running.engine.containers.run(
        "samraad:local",
        ["-c", LOOK_FOR_STORES],
        entrypoint=["python"],
        network=f"{running.project}_pages",
        remove=True,
    ).decode()
    assert tried.splitlines()[-3:] == [
        "mongo is not there",
        "kafka is not there",
        "kafka is not there",
    ]

"""docs/new-service.md: the service on that page is all that it takes."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from deploy.derived import PARTS, WHOLE
from deploy.embedded.paths import CLONE
from shared.contracts.discovery import manifests

PAGE = (CLONE / "docs/new-service.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`(services/example/\S+)`\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of this clone's code, with the files of the page laid into it."""
    root = tmp_path_factory.mktemp("clone")
    for part in ("cli", "deploy", "services", "shared"):
        shutil.copytree(CLONE / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("schemas", "asyncapi", "published"):
        shutil.copytree(CLONE / "docs" / part, root / "docs" / part)
    for name in (*WHOLE, *PARTS):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CLONE / name, root / name)
    for name, text in FILE.findall(PAGE):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def run(root, *command):
    return subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


SEEN = """
import json
from deploy.containers.deal import OURS
from deploy.embedded import credentials, database_rights, ports, programs
from deploy.site_routes import routes
from shared.contracts.topics import load
(database,) = (one for one in database_rights.databases() if one.name == "example")
print(json.dumps({
    "order": credentials.SERVICES,
    "ports": ports.NAMES,
    "reads": [one.name for one in load().topics if "example" in one.reads],
    "collections": [one.name for one in database.collections],
    "routes": dict(routes()),
}))
"""


def test_the_files_of_the_page_announce_the_service_everywhere(copy):
    ran = run(copy, "-c", SEEN)
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)

    known = [each.name for each in manifests()]
    assert seen["order"] == [*known[:-1], "example", known[-1]]
    assert "example" in seen["ports"]
    notify = ["notify.staff", "notify.sessions"]
    assert seen["reads"] == ["intake.cases.ssp", *notify, "audit.checkpoints"]
    assert {"ssp_cases", "outbox", "audit"} <= set(seen["collections"])
    assert seen["routes"]["/example/*"] == "example"


def test_two_commands_write_what_is_committed_of_it(copy):
    assert run(copy, "-m", "cli.main", "manifests", "check").returncode == 1

    written = run(copy, "-m", "cli.main", "manifests", "write")
    published = run(copy, "-m", "cli.main", "contracts", "publish")

    assert written.returncode == 0, written.stderr
    assert set(written.stdout.split()) == {*WHOLE, *PARTS}
    assert published.stdout.split() == [
        "docs/asyncapi/example.json",
        "docs/published/topics.jsonl",
    ]
    assert run(copy, "-m", "cli.main", "manifests", "check").returncode == 0
    assert run(copy, "-m", "cli.main", "contracts", "check").returncode == 0
    compose = (copy / "docker-compose.yml").read_text()
    for line in ("command: [services.example]", "secrets-example:/dealt/example", "EXAMPLE_PORT"):
        assert line in compose

"""What is derived from the manifests is committed as they declare it."""

import re

import pytest
import yaml

from deploy.derived import PARTS, WHOLE, DerivedWrong, differing, write
from deploy.embedded.paths import CLONE
from shared.contracts.discovery import manifests

NAMES = [each.name for each in manifests()]


@pytest.fixture
def copy(tmp_path):
    """What is derived in this clone, in a place where it may be spoiled."""
    for name in (*WHOLE, *PARTS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((CLONE / name).read_text())
    return tmp_path


def test_every_derived_file_is_committed_as_the_manifests_declare():
    assert list(differing(CLONE)) == [], "write them anew: samraad manifests write"


def test_what_differs_is_found_and_written_and_the_rest_stays(copy):
    compose, page = copy / "docker-compose.yml", copy / "docs/services.md"
    compose.write_text(compose.read_text().replace("PSP_PORT", "PSP_OTHER") + "# by hand\n")
    page.unlink()

    found = list(differing(copy))
    written = write(copy)

    assert found == written == ["docs/services.md", "docker-compose.yml"]
    assert page.read_text() == (CLONE / "docs/services.md").read_text()
    assert compose.read_text() == (CLONE / "docker-compose.yml").read_text() + "# by hand\n"
    assert write(copy) == []


def test_a_part_whose_comments_are_gone_is_missed(copy):
    file = copy / "docker-compose.yml"
    file.write_text(file.read_text().replace("# derived: services", "# services"))

    with pytest.raises(DerivedWrong, match=r"docker-compose.yml: .*: services"):
        differing(copy)


def test_each_service_has_its_container_with_its_own_secrets_alone():
    compose = yaml.safe_load((CLONE / "docker-compose.yml").read_text())
    services = compose["services"]

    ours = {
        name for name, one in services.items() if one.get("command", [""])[0].startswith("servi")
    }
    assert ours == set(NAMES)
    for name in NAMES:
        mounted = [one for one in services[name]["volumes"] if one.startswith("secrets-")]
        assert mounted == [f"secrets-{name}:/run/secrets:ro"]
        assert services[name]["networks"][:2] == ["stores", "pages"]
        assert f"secrets-{name}" in compose["volumes"]
        for job in ("deal", "settle"):
            assert f"secrets-{name}:/dealt/{name}" in services[job]["volumes"]


def test_the_ingress_leads_each_route_to_its_service():
    text = (CLONE / "deploy/containers/Caddyfile").read_text()
    led = dict(re.findall(r"handle (\S+) \{\n\t\timport to (\w+)\n", text))

    assert (
        led.items() >= {route: each.name for each in manifests() for route in each.routes}.items()
    )
    (operator,) = re.findall(r"path_regexp operator (\S+)", text)
    for name in NAMES:
        assert re.match(operator, f"/{name}/operator/parked")
        assert not re.match(operator, f"/{name}/cases/x")

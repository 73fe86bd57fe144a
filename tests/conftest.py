"""The real stack for the tests: started where it is missing, never skipped, ended with them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from deploy.embedded.download import fetch_jars
from deploy.embedded.npm import fetch_dkfds, fetch_htmx
from deploy.embedded.paths import Home
from tests.live import LiveStack
from tests.scheduling import Scheduling
from tests.stores import Stores, are_wanted

settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", settings.get_profile("ci"), max_examples=2_000)
settings.load_profile("ci")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Keep the tests that share servers on one worker, so that each server is started once."""
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def downloads() -> Home:
    """What the clone downloads once is there."""
    home = Home.from_environment()
    fetch_jars(home)
    fetch_dkfds(home)
    fetch_htmx(home)
    return home


@contextmanager
def in_containers(live: LiveStack, folder: Path) -> Iterator[None]:
    """Give a stack its Kafka and MongoDB in containers where the switch is on (tests/stores.py)."""
    if not are_wanted():
        yield
        return
    stores = Stores(folder / "stores")
    try:
        live.environment |= stores.start()
        live.on_begun.append(lambda: stores.let_the_inspector_in(live.home))
        yield
    finally:
        stores.stop()


@pytest.fixture(scope="session")
def stack(downloads: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The whole system on free ports: brokers, services, issuer and site."""
    folder = tmp_path_factory.mktemp("stack")
    crash_plans = folder / "crash"  # empty: nobody dies before a test of faults arms a point
    crash_plans.mkdir()
    live = LiveStack(
        folder / "home", downloads.cache, SAMRAAD_FAULTS="1", SAMRAAD_CRASH=str(crash_plans)
    )
    with in_containers(live, folder):
        live.start("--traces")
        live.begun()
        yield live
        live.discard()


@pytest.fixture(scope="session")
def kafka_and_mongo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveStack]:
    """Kafka and MongoDB with users, topics and rights, but no service that reads or writes.

    `$SAMRAAD_TEST_BROKERS` is the home of a pair that runs already and outlives the tests.
    """
    if running := os.environ.get("SAMRAAD_TEST_BROKERS"):
        yield LiveStack(Path(running), Home.from_environment().cache)
        return
    downloads: Home = request.getfixturevalue("downloads")
    live = LiveStack(
        tmp_path_factory.mktemp("brokers") / "home", downloads.cache, SAMRAAD_FAULTS="1"
    )
    live.start("--brokers-only")
    yield live
    live.discard()

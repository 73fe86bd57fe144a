"""The code of each service does what its manifest declares: topics, collections, routes, settings."""

import ast
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from deploy.service_settings import settings_of
from deploy.site_routes import OPERATOR_PATHS, routes
from shared.contracts.discovery import common, manifests
from shared.contracts.manifest import Manifest, Secret
from shared.contracts.schemas import FACTS
from shared.contracts.wire import topics_of
from shared.runtime.settings import ServiceSettings
from tests.signing import KeyPairs

HERE = Path(__file__).parents[2] / "services"
SERVICES = pytest.mark.parametrize("service", manifests(), ids=lambda each: each.name)


@dataclass(frozen=True)
class Laid:
    """Files of a service, laid into a folder as a stack does."""

    folder: Path
    listens: tuple[str, int] = ("127.0.0.1", 1)

    def file(self, name, content=b"x" * 96):
        place = self.folder / name
        place.write_bytes(content)
        return str(place)

    @property
    def kafka(self):
        return self.file("kafka.json", b'{"bootstrap.servers": "127.0.0.1:9"}')

    @property
    def mongo(self):
        return self.file("mongo.uri", b"mongodb://127.0.0.1:9/")

    @property
    def master_key(self):
        return self.file("master.key")

    @property
    def signing_key(self):
        KeyPairs.lay(self.folder, "own")
        return str(KeyPairs(self.folder).private("own"))

    @property
    def operator_token(self):
        return self.file("operator.token")

    @property
    def secrets(self):
        return {
            Secret.INDEX_KEY: self.file("index.key", b"i" * 32),
            Secret.SEAL_KEYS: str(self.folder / "seal"),
            Secret.SERVICE_TOKENS: str(self.folder / "tokens"),
            Secret.LOGIN: self.file("login"),
        }

    def url(self, service):
        return f"http://{service}"

    def token(self, service):
        return self.file(f"{service}.token")


@pytest.fixture
async def app(service: Manifest, tmp_path, monkeypatch):
    """The service, wired from nothing but what its manifest gives it; nothing is connected."""
    laid = Laid(tmp_path)
    for name, value in settings_of(service, laid).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SAMRAAD_SESSION_SECRET_FILE", laid.file("session.secret"))
    monkeypatch.setenv("SAMRAAD_PUBLIC_KEYS_DIR", str(KeyPairs(tmp_path).public))
    monkeypatch.setenv("SAMRAAD_ISSUER", "http://127.0.0.1:9")
    module = vars(import_module(f"{service.module}.settings"))
    (settings,) = (
        one
        for one in module.values()
        if isinstance(one, type)
        and issubclass(one, ServiceSettings)
        and getattr(one, "service", None) == service.name
    )
    app = import_module(f"{service.module}.app").make_app(settings())
    yield app
    await app.state.engine.store.client.close()


@SERVICES
def test_a_service_subscribes_to_what_it_reads_alone(service, app):
    partners = {one.name for one in service.topics.partners if one.reads == service.name}

    for each in app.state.engine.subscriptions:
        assert set(each.topics) <= set(service.reads)
        assert bool(each.pattern) <= bool(partners)


@SERVICES
def test_a_service_counts_what_it_emits_on_each_topic_that_it_writes(service, app):
    counted = app.state.engine.rollback.topic_scan.topics

    assert set(counted) == {one.name for one in service.writes}
    assert set(counted.values()) <= {one.name for one in service.collections}


@pytest.mark.parametrize("ce_type", FACTS)
def test_each_fact_has_a_topic_that_its_service_writes(ce_type):
    (service,) = (each for each in manifests() if ce_type.startswith(f"{each.name}."))

    assert set(topics_of(FACTS[ce_type])) <= {one.name for one in service.writes}


def paths_of(routed):
    """Every path that an application or a router answers."""
    for one in routed.routes:
        included = getattr(one, "original_router", None)
        if included is None:
            yield one.path
        else:
            yield from paths_of(included)


@SERVICES
def test_a_service_is_reached_by_its_routes_alone(service, app):
    paths = list(paths_of(app))
    at_the_site = dict(routes())

    for route in service.routes:
        assert any(path.startswith(route.removesuffix("*")) for path in paths), route
    for path in paths:
        first = f"/{path.split('/')[1]}/*"
        assert at_the_site.get(first, service.name) == service.name, path
        assert first != f"/{service.name}/*" or first in service.routes, path
    assert {f"/{one}" for one in OPERATOR_PATHS} <= {f"/{path.split('/')[1]}" for path in paths}


STORES = {"db", "_db", "database", "_database"}
USES = {"load", "save", "add", "touch", "track", "unopened", "CaseStore"}


def collections_named(file, module):
    """The names by which a module reaches into a database, with the places that use them."""
    for node in ast.walk(ast.parse(file.read_text())):
        named = None
        if isinstance(node, ast.Subscript) and last_name(node.value) in STORES:
            named = node.slice
        elif isinstance(node, ast.Attribute) and last_name(node.value) in STORES:
            named = None if hasattr(AsyncDatabase, node.attr) else ast.Constant(node.attr)
        elif isinstance(node, ast.Call) and last_name(node.func) in USES and node.args:
            named = node.args[0]
        collection = None if named is None else value_of(named, module)
        if isinstance(collection, str):
            yield f"{file.name}:{node.lineno}", collection


def collections_used(service):
    """The names by which the code of a service reaches into its database."""
    for file in sorted((HERE / service.name).glob("*.py")):
        yield from collections_named(file, import_module(f"{service.module}.{file.stem}"))


def last_name(node):
    return getattr(node, "attr", None) or getattr(node, "id", None)


def value_of(node, module):
    """What a constant, or a name of a module, stands for; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute):
        return getattr(value_of(node.value, module), node.attr, None)
    return None


@SERVICES
def test_each_collection_that_the_code_uses_is_declared(service):
    known = {one.name for one in (*service.collections, *common().collections)}
    used = dict(collections_used(service))

    assert used
    assert {place: name for place, name in used.items() if name not in known} == {}


def test_the_collections_of_the_engine_are_declared_for_every_service():
    shared = Path(import_module("shared").__file__).parent
    known = {one.name for one in common().collections}
    named = {
        collection
        for file in (shared / "engine").rglob("*.py")
        for _, collection in collections_named(file, module_of(file, shared))
    }

    assert {"outbox", "parked", "watermarks", "due", "leases"} <= named
    assert named <= known


def module_of(file, shared):
    return import_module(".".join(file.relative_to(shared.parent).with_suffix("").parts))

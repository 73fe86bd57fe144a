"""The manifests of all services that are installed: found, read, and compared with each other."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import yaml
from pydantic import ValidationError

from shared.contracts.manifest import Common, Manifest, Secret

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from shared.contracts.processes import Process

__all__ = ["FILE", "ManifestWrong", "common", "discover", "manifest", "manifests", "serving"]

FILE: Final = "service.yaml"
_COMMON: Final = Path(__file__).with_name("common.yaml")


class ManifestWrong(ValueError):
    """A manifest breaks a rule; the text has a line with file, field and rule for each fault."""


def discover(folder: Path | None = None) -> tuple[Manifest, ...]:
    """Read the manifests of all services, in their order.

    `folder` is the folder of the services; by default where Python finds the package `services`, so
    that a clone, an installed wheel and the image of the containers are the same.

    Raises:
        ManifestWrong: a manifest breaks a rule, or two of them contradict each other.

    """
    place = folder or _services()
    found = [_read(file, file.parent.name) for file in sorted(place.glob(f"*/{FILE}"))]
    ordered = tuple(sorted(found, key=lambda one: (one.order, one.name)))
    faults = [
        f"services/{name}/{FILE}: {field}: {rule}" for name, field, rule in _contradictions(ordered)
    ]
    if faults:
        raise ManifestWrong("\n".join(faults))
    return ordered


@cache
def manifests() -> tuple[Manifest, ...]:
    """Return the manifests of the services that are installed here, in their order."""
    return discover()


def manifest(name: str) -> Manifest:
    """Return the manifest of one service; raises LookupError where there is none."""
    for each in manifests():
        if each.name == name:
            return each
    raise LookupError(f"{name} is no service")


@cache
def serving() -> Mapping[Process, str]:
    """Return the service of each process that has one."""
    return MappingProxyType({process: each.name for each in manifests() for process in each.serves})


@cache
def common() -> Common:
    """Return what all services have in common."""
    content = _load(_COMMON)
    return _valid(Common, content, _COMMON.name)


def _services() -> Path:
    spec = find_spec("services")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ManifestWrong("services: package: Python does not find it")
    return Path(places[0])


def _read(file: Path, name: str) -> Manifest:
    shown = f"services/{name}/{FILE}"
    try:
        content = _load(file)
    except yaml.YAMLError as error:
        raise ManifestWrong(f"{shown}: /: is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise ManifestWrong(f"{shown}: /: must be a mapping")
    if "name" in content:
        raise ManifestWrong(f"{shown}: /name: the folder gives the name")
    return _valid(Manifest, {"name": name, **content}, shown)


def _load(file: Path) -> Any:
    """Read YAML; each process and command does so at its start, so by libyaml where it is there."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe


M = TypeVar("M", Manifest, Common)


def _valid(model: type[M], content: object, shown: str) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        lines = [
            f"{shown}: /{'/'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in faults
        ]
        raise ManifestWrong("\n".join(lines)) from error


def _contradictions(services: Sequence[Manifest]) -> Iterator[tuple[str, str, str]]:
    """Find what no manifest can show alone: service, field, and the rule that is broken."""
    names = {each.name for each in services}
    answering = {each.name for each in services if Secret.SERVICE_TOKENS in each.secrets}
    for each in services:
        for name in sorted(_declared_twice(each)):
            yield each.name, "/collections", f"{name} is declared twice, or is the engine's"
        for name in each.calls:
            if name not in answering - {each.name}:
                yield each.name, "/calls", f"{name} is no other service with service-tokens"
        named = {who for topic in each.topics.partners for who in (topic.writes, topic.reads)}
        for name in sorted(named - names - {"partner"}):
            yield each.name, "/topics/partners", f"{name} is no service"
    yield from _owned_twice(services, "serves")
    yield from _owned_twice(services, "routes")
    yield from _owned_twice(services, "secrets", {Secret.SERVICE_TOKENS, Secret.SEAL_KEYS})


def _declared_twice(service: Manifest) -> set[str]:
    declared = Counter(one.name for one in (*service.collections, *common().collections))
    return {name for name, times in declared.items() if times > 1}


def _owned_twice(
    services: Sequence[Manifest], field: str, only: Container[str] | None = None
) -> Iterator[tuple[str, str, str]]:
    """Find what several services claim, though it is one's alone."""
    owners: dict[str, str] = {}
    for each in services:
        for one in getattr(each, field):
            owner = owners.setdefault(one, each.name)
            if owner != each.name and (only is None or one in only):
                yield each.name, f"/{field}", f"{one} belongs to {owner}"

"""The documents about the services, from the manifests: docs/services.md and parts of others."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from shared.contracts.discovery import common, manifests
from shared.contracts.manifest import Collection, Manifest, expand
from shared.contracts.topics import Topic, load
from shared.contracts.wire import types_on

__all__ = ["ARCHITECTURE_PARTS", "OPERATORS_PARTS", "page"]

Part = Callable[[], list[str]]

_ALL_CASES: Final = expand("intake.cases.{process}", ())


_HEAD: Final = """\
# Services

What each service is, from its manifest `services/<name>/service.yaml`; [new-service.md](new-service.md) explains the fields. Written by `samraad manifests write`.
"""
_TOPICS: Final = """
## Topics
Each is declared by the service that writes it, and by each other that reads it. `samraad topics apply` makes them and the rights.
"""
_COLLECTIONS: Final = """
## Collections
Each service has a database of its own name. `persons`: about people, under a name, a pseudonym or sealed.
"""
_RUNNING: Final = """
## Processes, routes and secrets
Every service has logins at broker and database, a master key, and the secrets of sessions and of the operator.
"""


def page() -> str:
    """Write docs/services.md."""
    parts = (
        *(_HEAD, *_services(), _TOPICS, *_topics(), _COLLECTIONS, *_collections()),
        *(_RUNNING, *_running()),
    )
    return "\n".join(parts) + "\n"


def _services() -> list[str]:
    declared = load()
    every = (*declared.topics, *declared.any_partner_topics)
    return _table(
        ("Service", "Does", "Processes", "Reads", "Writes"),
        (
            (
                f"`services/{each.name}`",
                each.does,
                _codes(each.serves),
                _codes(_shown(one.name for one in every if _is_read(each, one))),
                _codes(_shown(one.name for one in every if _is_written(each, one))),
            )
            for each in manifests()
        ),
    )


def _is_read(service: Manifest, topic: Topic) -> bool:
    return service.name in topic.reads and service.name not in topic.writes


def _is_written(service: Manifest, topic: Topic) -> bool:
    return topic.writes == (service.name,)


def _topics() -> list[str]:
    declared = load()
    return _table(
        ("Topic", "Partitions", "Keeps", "Written by", "Read by", "Carries"),
        (
            (
                f"`{_named(one.name)}`",
                str(one.partitions),
                _kept(one),
                ", ".join(one.writes),
                ", ".join(one.reads),
                _codes(types_on(one.name)),
            )
            for one in (*declared.topics, *declared.any_partner_topics)
        ),
    )


def _kept(topic: Topic) -> str:
    retention = int(topic.config["retention.ms"])
    return "without a clock" if retention < 0 else f"{retention // 86_400_000} days"


def _collections() -> list[str]:
    owned = [(f"`{each.name}`", one) for each in manifests() for one in each.collections]
    every = [("every service", one) for one in common().collections]
    return _table(
        ("Database", "Collection", "Holds", "The service may"),
        ((owner, f"`{one.name}`", one.holds, _may(one)) for owner, one in (*owned, *every)),
    )


def _may(collection: Collection) -> str:
    return "find, insert" if collection.append_only else "find, insert, change, remove, index"


def _running() -> list[str]:
    return _table(
        ("Service", "Copies", "Memory", "Calls", "Reaches outside", "Routes", "Further secrets"),
        (
            (
                f"`{each.name}`",
                str(each.process.copies),
                f"{each.process.memory_mib} MiB",
                ", ".join(each.calls),
                "yes" if each.process.outside else "no",
                _codes(each.routes),
                ", ".join(each.secrets),
            )
            for each in manifests()
        ),
    )


def _rights() -> list[str]:
    declared = load()
    every = [
        one
        for one in (*declared.topics, *declared.any_partner_topics)
        if one.name not in {each.name for each in common().topics}
    ]
    return _table(
        ("Container", "Broker: reads", "Broker: writes", "Database"),
        (
            *(
                (
                    f"`{name}`",
                    _codes(_shown(one.name for one in every if name in one.reads)),
                    _codes(_shown(one.name for one in every if name in one.writes)),
                    f"`{name}`",
                )
                for name in declared.services
            ),
            ("a partner", "its own replies", "its own reports", ""),
        ),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _shown(topics: Iterable[str]) -> list[str]:
    """Name topics; those of all processes together, where all are there."""
    names = list(topics)
    if set(names) >= set(_ALL_CASES):
        first = names.index(_ALL_CASES[0])
        names = [one for one in names if one not in _ALL_CASES]
        names.insert(first, "intake.cases.<process>")
    return list(map(_named, names))


def _named(topic: str) -> str:
    return topic.replace("{partner}", "<id>")


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


ARCHITECTURE_PARTS: Final[Mapping[str, Part]] = {"services": _services}
"""Of ARCHITECTURE.md."""
OPERATORS_PARTS: Final[Mapping[str, Part]] = {"rights": _rights}
"""Of docs/operators.md."""

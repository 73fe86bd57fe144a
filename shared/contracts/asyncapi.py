"""AsyncAPI 3 of one participant: which topics it writes and reads, and what lies on them.

Generated from the declared topics and the models, so it can say nothing that is not so. Each
service serves its own at `/asyncapi`; a partner's is the same for all partners.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from shared.contracts import source_of
from shared.contracts.envelope import (
    JSON_CONTENT_TYPE,
    LETTER_CONTENT_TYPE,
    MAX_SEALED,
    UPDATE_SUBMITTED,
)
from shared.contracts.headers import (
    PARTNER_PATTERN,
    REFERENCE_PATTERN,
    fact_headers,
    letter_headers,
    reply_headers,
)
from shared.contracts.processes import Process
from shared.contracts.schemas import FACTS, LETTERS, MODELS, RECEIPTS, schema, schema_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.contracts import Fact

__all__ = ["MEDIA_TYPE", "PARTNER", "DeclaredTopic", "asyncapi", "topics_of"]

MEDIA_TYPE: Final = "application/vnd.aai.asyncapi+json;version=3.0.0"
"""As what it is served."""
PARTNER: Final = "partner"
"""The participant that stands for every partner; `{partner}` is its id."""

Document = dict[str, Any]

_NOT_TAKEN_YET: Final = frozenset({UPDATE_SUBMITTED})
"""Published to prepare for: intake rejects it with `unsupported`."""
_BINDING: Final = "0.5.0"
_DOES: Final = MappingProxyType(
    {
        "intake": "Takes reports in, answers each, knows the people, opens one case per process.",
        "mediation": "Runs the cases of konfliktråd.",
        "psp": "Runs the cases of police, social services and psychiatry.",
        "notify": "Tells staff what concerns them.",
        PARTNER: "Sends sealed reports and reads what it is answered: docs/partners.md.",
    }
)


class DeclaredTopic(Protocol):
    """A topic as `deploy/topics.yaml` declares it."""

    @property
    def name(self) -> str:
        """Its name; a partner's has `{partner}` in it."""

    @property
    def partitions(self) -> int:
        """How many it has, for good."""

    @property
    def config(self) -> Mapping[str, str]:
        """Kafka's settings of it."""

    @property
    def writes(self) -> Sequence[str]:
        """Who writes it."""

    @property
    def reads(self) -> Sequence[str]:
        """Who reads it."""


def asyncapi(participant: str, topics: Iterable[DeclaredTopic]) -> Document:
    """Describe what a service, or `PARTNER`, tells and reads on those of the topics that are its."""
    channels: Document = {}
    operations: Document = {}
    carried: dict[str, None] = {}
    for topic in topics:
        action = _action(participant, topic)
        types = _types_on(topic.name)
        if action is None or not types:
            continue
        carried |= dict.fromkeys(types)
        name = _channel_name(topic.name)
        channels[name] = _channel(topic, types)
        operations[f"{action}_{name}"] = _operation(action, name, types, participant)
    _name_the_reply(operations)
    messages = {ce_type: _message(ce_type) for ce_type in carried}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Samråd: {participant}",
            "version": "1",
            "description": (
                f"{_DOES.get(participant, 'A service of Samråd.')} Contracts only grow: ignore "
                "types, fields and codes that you do not know. A record may stand twice after a "
                "crash, with the same ce_id and the same bytes."
            ),
        },
        "defaultContentType": JSON_CONTENT_TYPE,
        "servers": {"kafka": _server()},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": {name: told for each in carried for name, told in _payloads(each).items()},
            "securitySchemes": {
                "login": {
                    "type": "scramSha512",
                    "description": "SASL/SCRAM-SHA-512: one broker user for each participant.",
                }
            },
        },
    }


def topics_of(fact: type[Fact]) -> tuple[str, ...]:
    """Return every topic that may carry a fact; where there are several, its process decides."""
    if "process" in fact.model_fields:
        return tuple(fact.model_construct(process=process).topic() for process in Process)
    return (fact.model_construct().topic(),)


def _action(participant: str, topic: DeclaredTopic) -> str | None:
    if participant in topic.writes:
        return "send"  # who writes a stream reads it again after a restore, to count on from there
    return "receive" if participant in topic.reads else None


def _types_on(topic: str) -> list[str]:
    if topic == "partner.{partner}.reports":
        return list(LETTERS)
    if topic == "partner.{partner}.replies":
        return list(RECEIPTS)
    return [ce_type for ce_type, fact in FACTS.items() if topic in topics_of(fact)]


def _channel_name(topic: str) -> str:
    return topic.replace("{partner}.", "").replace(".", "_")


def _channel(topic: DeclaredTopic, types: Iterable[str]) -> Document:
    told: Document = {
        "address": topic.name,
        "messages": {
            _key(ce_type): {"$ref": f"#/components/messages/{ce_type}"} for ce_type in types
        },
        "servers": [{"$ref": "#/servers/kafka"}],
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.config["cleanup.policy"]],
                    "retention.ms": int(topic.config["retention.ms"]),
                    "max.message.bytes": int(topic.config["max.message.bytes"]),
                },
                "bindingVersion": _BINDING,
            }
        },
    }
    if "{partner}" in topic.name:
        told["parameters"] = {
            "partner": {
                "description": f"The partner's id: {PARTNER_PATTERN}",
                "examples": ["school-vejle"],
            }
        }
    return told


def _operation(action: str, channel: str, types: Iterable[str], participant: str) -> Document:
    told: Document = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [
            {"$ref": f"#/channels/{channel}/messages/{_key(ce_type)}"}
            for ce_type in types
            if ce_type not in _NOT_TAKEN_YET
        ],
        "security": [{"$ref": "#/components/securitySchemes/login"}],
    }
    if action == "receive":
        prefix = r"partner\.[a-z][a-z0-9-]{1,39}\." if participant == PARTNER else participant
        told["bindings"] = {
            "kafka": {
                "groupId": {"type": "string", "pattern": f"^{prefix}"},
                "bindingVersion": _BINDING,
            }
        }
    return told


def _name_the_reply(operations: Document) -> None:
    """Say of the operation on reports that its answer comes on the replies."""
    for name in ("send_partner_reports", "receive_partner_reports"):
        if name in operations:
            operations[name]["reply"] = {
                "channel": {"$ref": "#/channels/partner_replies"},
                "messages": [
                    {"$ref": f"#/channels/partner_replies/messages/{_key(ce_type)}"}
                    for ce_type in RECEIPTS
                ],
            }


def _message(ce_type: str) -> Document:
    said = MODELS[ce_type].__doc__ or ce_type
    told: Document = {"name": ce_type, "title": ce_type, "summary": said.partition("\n")[0]}
    if ce_type in LETTERS:
        later = " Not taken yet: it is rejected with `unsupported`." * (ce_type in _NOT_TAKEN_YET)
        told |= {
            "description": (
                "A compact JWE (RFC 7516) to a key of `/.well-known/jwks.json`: ECDH-ES+A256KW on "
                f"P-256, A256GCM, no zip, at most 256 KiB. Inside is JSON.{later}"
            ),
            "contentType": LETTER_CONTENT_TYPE,
            "headers": letter_headers(ce_type),
            "correlationId": {"location": "$message.header#/ce_subject"},
            "payload": {
                "type": "string",
                "maxLength": MAX_SEALED,
                "x-opened": {"$ref": f"#/components/schemas/{ce_type}"},
            },
        }
    elif ce_type in RECEIPTS:
        told |= {
            "contentType": JSON_CONTENT_TYPE,
            "headers": reply_headers(ce_type),
            "correlationId": {"location": "$message.header#/ce_subject"},
            "payload": {"$ref": f"#/components/schemas/{ce_type}"},
        }
    else:
        told |= {
            "contentType": JSON_CONTENT_TYPE,
            "headers": fact_headers(ce_type, map(source_of, topics_of(FACTS[ce_type]))),
            "payload": {"$ref": f"#/components/schemas/{ce_type}"},
        }
    told["x-schema"] = schema_path(ce_type)
    told["bindings"] = {"kafka": {"key": _kafka_key(ce_type), "bindingVersion": _BINDING}}
    return told


def _kafka_key(ce_type: str) -> Document:
    if ce_type in FACTS:
        return {"type": "string", "format": "uuid"}
    return {"type": "string", "pattern": REFERENCE_PATTERN}


def _server() -> Document:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka-secure",
        "description": "TLS everywhere but on one machine, where the broker listens on loopback.",
        "variables": {"bootstrap": {"description": "As the credentials name it: host and port."}},
        "security": [{"$ref": "#/components/securitySchemes/login"}],
    }


def _key(ce_type: str) -> str:
    return ce_type.replace(".", "_")


def _payloads(ce_type: str) -> Document:
    """Give the schema of a type and its definitions, each under a name of its own."""
    whole = schema(ce_type)
    if whole is None:
        raise LookupError(ce_type)
    root = {
        key: value
        for key, value in whole.items()
        if key not in ("$schema", "$id", "$defs", "x-ce-type")
    }
    definitions = {f"{ce_type}.{name}": told for name, told in whole.get("$defs", {}).items()}
    return {name: _moved(told, ce_type) for name, told in ({ce_type: root} | definitions).items()}


def _moved(told: Any, ce_type: str) -> Any:
    """Point what points into the schema at the components instead."""
    if isinstance(told, list):
        return [_moved(each, ce_type) for each in told]
    if not isinstance(told, dict):
        return told
    return {
        key: value.replace("#/$defs/", f"#/components/schemas/{ce_type}.")
        if key == "$ref"
        else _moved(value, ce_type)
        for key, value in told.items()
    }

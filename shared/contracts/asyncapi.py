"""AsyncAPI 3 of one participant: the topics that it writes and reads, and their messages.

Generated from the declared topics and the models, so it always agrees with them. Each
service serves its own at `/asyncapi`, whole in itself; a partner's is the same for all partners.
The committed documents refer to the committed schemas instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shared.contracts import source_of
from shared.contracts.envelope import JSON_CONTENT_TYPE, LETTER_CONTENT_TYPE
from shared.contracts.headers import PARTNER_PATTERN
from shared.contracts.schemas import MODELS, RECEIPTS, schema, schema_path
from shared.contracts.wire import (
    CORRELATION,
    LOGIN,
    NOT_TAKEN_YET,
    PROTOCOL,
    REPLIES,
    REPORTS,
    SEALED,
    Form,
    form_of,
    headers_of,
    key_of,
    types_on,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.contracts.topics import Topic

__all__ = ["MEDIA_TYPE", "PARTNER", "PARTNER_DOES", "asyncapi"]

MEDIA_TYPE: Final = "application/vnd.aai.asyncapi+json;version=3.0.0"
"""The media type under which it is served."""
PARTNER: Final = "partner"
"""The participant that represents every partner; `{partner}` is its id."""
PARTNER_DOES: Final = "Sends sealed reports and reads what it is answered: docs/partners.md."

Document = dict[str, Any]

_BINDING: Final = "0.5.0"
_WITHIN: Final = "#/components/schemas/"


def asyncapi(
    participant: str, does: str, topics: Iterable[Topic], *, schemas_at: str = ""
) -> Document:
    """Describe what a service, or `PARTNER`, writes and reads on those of the topics that are its.

    `does` is one sentence about it. The document contains the schemas of the types. With
    `schemas_at` the document refers to them as
    the files `<ce_type>.json` below that address.
    """
    channels: Document = {}
    operations: Document = {}
    carried: dict[str, list[str]] = {}
    for topic in topics:
        action = _action(participant, topic)
        types = types_on(topic.name)
        if action is None or not types:
            continue
        for ce_type in types:
            carried.setdefault(ce_type, []).append(topic.name)
        name = _channel_name(topic.name)
        channels[name] = _channel(topic, types)
        operations[f"{action}_{name}"] = _operation(action, topic.name, types, participant)
    forms = sorted({form_of(ce_type) for ce_type in carried})
    schemas: Document = {_headers_name(form): headers_of(form) for form in forms}
    if not schemas_at:
        schemas |= {name: payload for each in carried for name, payload in _payloads(each).items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Samråd: {participant}",
            "version": "1",
            "description": (
                f"{does} Contracts only grow: ignore types, fields and codes that you do not know. "
                "A record may occur twice after a crash, with the same ce_id and the same bytes."
            ),
        },
        "defaultContentType": JSON_CONTENT_TYPE,
        "servers": {"kafka": _server()},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                ce_type: _message(ce_type, on, schemas_at) for ce_type, on in carried.items()
            },
            "messageBindings": {
                form.value: {"kafka": {"key": key_of(form), "bindingVersion": _BINDING}}
                for form in forms
            },
            "schemas": schemas,
            "securitySchemes": {
                "login": {
                    "type": LOGIN,
                    "description": "SASL/SCRAM-SHA-512: one broker user for each participant.",
                }
            },
        },
    }


def _action(participant: str, topic: Topic) -> str | None:
    if participant in topic.writes:
        return "send"  # who writes a stream reads it again after a restore, to count on from there
    return "receive" if participant in topic.reads else None


def _channel_name(topic: str) -> str:
    return topic.replace("{partner}.", "").replace(".", "_")


def _channel(topic: Topic, types: Iterable[str]) -> Document:
    channel: Document = {
        "address": topic.name,
        "messages": {
            _key(ce_type): {"$ref": f"#/components/messages/{ce_type}"} for ce_type in types
        },
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
        channel["parameters"] = {
            "partner": {
                "description": f"The partner's id: {PARTNER_PATTERN}",
                "examples": ["school-vejle"],
            }
        }
    return channel


def _operation(action: str, topic: str, types: Iterable[str], participant: str) -> Document:
    """Describe one direction of a channel; all its messages, where none are listed."""
    channel = _channel_name(topic)
    operation: Document = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
    taken = [ce_type for ce_type in types if ce_type not in NOT_TAKEN_YET]
    if taken != list(types):
        operation["messages"] = [
            {"$ref": f"#/channels/{channel}/messages/{_key(ce_type)}"} for ce_type in taken
        ]
    if topic == REPORTS:
        replies = _channel_name(REPLIES)
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{replies}"},
            "messages": [
                {"$ref": f"#/channels/{replies}/messages/{_key(ce_type)}"} for ce_type in RECEIPTS
            ],
        }
    if action == "receive":
        prefix = r"partner\.[a-z][a-z0-9-]{1,39}\." if participant == PARTNER else participant
        operation["bindings"] = {
            "kafka": {
                "groupId": {"type": "string", "pattern": f"^{prefix}"},
                "bindingVersion": _BINDING,
            }
        }
    return operation


def _message(ce_type: str, topics: Iterable[str], schemas_at: str) -> Document:
    form = form_of(ce_type)
    value = {"$ref": f"{schemas_at}{ce_type}.json" if schemas_at else f"{_WITHIN}{ce_type}"}
    message: Document = {
        "name": ce_type,
        "title": ce_type,
        "summary": (MODELS[ce_type].__doc__ or ce_type).partition("\n")[0],
        "contentType": JSON_CONTENT_TYPE,
        "headers": _headers(ce_type, form, topics),
        "payload": value,
    }
    if form is Form.LETTER:
        later = " Not taken yet: it is rejected with `unsupported`." * (ce_type in NOT_TAKEN_YET)
        message |= {
            "description": (
                "A compact JWE (RFC 7516) to a key of `/.well-known/jwks.json`: ECDH-ES+A256KW on "
                f"P-256, A256GCM, no zip, at most 256 KiB. Inside is JSON.{later}"
            ),
            "contentType": LETTER_CONTENT_TYPE,
            "payload": {**SEALED, "x-opened": value},
        }
    if not form.is_fact:
        message["correlationId"] = {"location": CORRELATION}
    message["x-schema"] = schema_path(ce_type)
    message["bindings"] = {"$ref": f"#/components/messageBindings/{form}"}
    return message


def _headers(ce_type: str, form: Form, topics: Iterable[str]) -> Document:
    """Describe the headers of one type: those of its form, with its name and its streams here."""
    own: Document = {"ce_type": {"type": "string", "const": ce_type}}
    if form.is_fact:
        own["ce_source"] = {"type": "string", "enum": [source_of(topic) for topic in topics]}
    return {
        "type": "object",
        "allOf": [{"$ref": f"{_WITHIN}{_headers_name(form)}"}],
        "properties": own,
    }


def _headers_name(form: Form) -> str:
    return f"headers.{form}"


def _server() -> Document:
    return {
        "host": "{bootstrap}",
        "protocol": PROTOCOL,
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
    definitions = {f"{ce_type}.{name}": one for name, one in whole.get("$defs", {}).items()}
    return {name: _moved(one, ce_type) for name, one in ({ce_type: root} | definitions).items()}


def _moved(part: Any, ce_type: str) -> Any:
    """Point what points into the schema at the components instead."""
    if isinstance(part, list):
        return [_moved(each, ce_type) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value.replace("#/$defs/", f"{_WITHIN}{ce_type}.")
        if key == "$ref"
        else _moved(value, ce_type)
        for key, value in part.items()
    }

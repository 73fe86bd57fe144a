"""What a new AsyncAPI document must not take from those who are connected by the old one.

Addresses, partitions, keys, headers and logins stay; messages may come to a channel, none may go.
Payloads are judged by themselves (`growth.py`), so a document is frozen without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shared.contracts.growth import Break, breaks

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["frozen_form", "wire_breaks"]

Document = dict[str, Any]

_WORDS: Final = frozenset({"description", "summary", "examples", "x-schema"})

_KEEP_CHANNEL: Final = (
    "Keep the topic; make the new one beside it, move everybody, and drop the old one once it is "
    "drained and its retention has passed"
)
_KEEP_MESSAGE: Final = (
    "Keep the message; publish {v2} beside it and tell both until nobody reads it"
)
_KEEP_WIRE: Final = "Leave it as it was; what must differ goes with {v2}, or on a new topic"
_KEEP_PARTITIONS: Final = (
    "Keep the number: keys would move and cases lose their order. Make a new generation of the "
    "topic under a new name and drain this one"
)
_KEEP_LOGIN: Final = (
    "Take the new login beside the old one, and end the old one when all have moved"
)
_KEEP_TIME: Final = "Keep records as long as promised; only a longer time is growth"


def frozen_form(document: Document) -> Document:
    """Return what of a document is judged as such: all but its words and the payloads."""
    components = {key: told for key, told in document["components"].items() if key != "schemas"}
    told: Document = _without_words({**document, "components": components, "info": {}})
    return told


def _without_words(told: Any) -> Any:
    if isinstance(told, list):
        return [_without_words(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {key: _without_words(each) for key, each in told.items() if key not in _WORDS}


def wire_breaks(old: Document, new: Document) -> list[Break]:
    """Find each way in which one document breaks with an older one of the same participant."""
    return [
        *_server_breaks(old, new),
        *_channel_breaks(old["channels"], new["channels"]),
        *_operation_breaks(old["operations"], new["operations"]),
        *_message_breaks(old["components"]["messages"], new["components"]["messages"]),
    ]


def _server_breaks(old: Document, new: Document) -> Iterator[Break]:
    for name, server in old["servers"].items():
        now = new["servers"].get(name, {})
        for key in ("protocol", "security"):
            if server.get(key) != now.get(key):
                yield Break(f"/servers/{name}", f"its {key} is another", _KEEP_LOGIN)
    logins = new["components"]["securitySchemes"]
    for name, scheme in old["components"]["securitySchemes"].items():
        if logins.get(name, {}).get("type") != scheme["type"]:
            yield Break(f"/securitySchemes/{name}", "this login is gone", _KEEP_LOGIN)


def _channel_breaks(old: Document, new: Document) -> Iterator[Break]:
    for name, channel in old.items():
        at, address = f"/channels/{name}", channel["address"]
        now = new.get(name)
        if now is None:
            yield Break(at, f"the channel {address} is gone or renamed", _KEEP_CHANNEL)
            continue
        if now["address"] != address:
            yield Break(at, f"its address is no longer {address}", _KEEP_CHANNEL)
        if set(now.get("parameters", {})) != set(channel.get("parameters", {})):
            yield Break(at, "its parameters are others", _KEEP_CHANNEL)
        for gone in sorted(set(channel["messages"]) - set(now["messages"])):
            yield Break(f"{at}/messages/{gone}", "the message is gone from it", _KEEP_MESSAGE)
        yield from _topic_breaks(at, channel["bindings"]["kafka"], now["bindings"]["kafka"])


def _topic_breaks(at: str, old: Document, new: Document) -> Iterator[Break]:
    if old["partitions"] != new["partitions"]:
        yield Break(at, "it has another number of partitions", _KEEP_PARTITIONS)
    before, after = old["topicConfiguration"], new["topicConfiguration"]
    if before["cleanup.policy"] != after["cleanup.policy"]:
        yield Break(at, "what its broker throws away is another", _KEEP_WIRE)
    if after["max.message.bytes"] < before["max.message.bytes"]:
        yield Break(at, "it takes smaller records only", _KEEP_WIRE)
    if _kept_ms(after) < _kept_ms(before):
        yield Break(at, "it keeps records for a shorter time", _KEEP_TIME)


def _kept_ms(configuration: Document) -> float:
    kept: int = configuration["retention.ms"]
    return float("inf") if kept < 0 else kept


def _operation_breaks(old: Document, new: Document) -> Iterator[Break]:
    for name, operation in old.items():
        at, now = f"/operations/{name}", new.get(name)
        if now is None:
            yield Break(at, "the operation is gone", _KEEP_CHANNEL)
            continue
        for key in ("action", "channel", "security"):
            if operation[key] != now[key]:
                yield Break(at, f"its {key} is another", _KEEP_WIRE)
        if operation.get("reply", {}).get("channel") != now.get("reply", {}).get("channel"):
            yield Break(at, "its answer comes elsewhere", _KEEP_WIRE)
        there = [one["$ref"] for one in now["messages"]]
        for gone in (one["$ref"] for one in operation["messages"] if one["$ref"] not in there):
            message = gone.rpartition("/")[2]
            yield Break(f"{at}/{message}", "the message is no longer part of it", _KEEP_MESSAGE)


def _message_breaks(old: Document, new: Document) -> Iterator[Break]:
    for ce_type, message in old.items():
        at, now = f"/messages/{ce_type}", new.get(ce_type)
        if now is None:
            yield Break(at, "the message is gone or renamed", _KEEP_MESSAGE)
            continue
        for key in ("name", "contentType", "correlationId", "bindings"):
            if message.get(key) != now.get(key):
                yield Break(at, f"its {key} is another", _KEEP_WIRE)
        for part in ("headers", "payload"):
            for found in breaks(message[part], now[part]):
                yield found.below(f"{at}/{part}")

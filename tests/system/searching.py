"""Where something personal could be left lying, and the ways in which it could be written there."""

import base64
import os
import re
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, unquote

import httpx
from bson.raw_bson import RawBSONDocument
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from pymongo import MongoClient

from deploy.embedded.programs import services
from tests.live import LiveStack

__all__ = ["find", "kafka", "logs", "metrics", "mongo_documents", "mongo_files", "pages", "spelled"]

Surface = tuple[str, bytes]
Received = list[tuple[str, bytes | None]]
_PATIENCE_S: Final = 30.0
SERVICES: Final = services()
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_LINK: Final = re.compile(rb"""(?:href|src|action|data-[a-z-]+)\s*=\s*["']([^"']*)""")


def spelled(mark: str) -> dict[str, bytes]:
    """Every way of writing `mark` that is looked for, by its name.

    A CPR number (`ddmmyy-nnnn`) is looked for with and without its hyphen, a date (`yyyy-mm-dd`)
    also as people write it in Danish and as BSON keeps it.
    """
    found: dict[str, bytes] = {}
    variants = {"": mark}
    if re.fullmatch(r"[0-9]{6}-[0-9]{4}", mark):
        variants |= {"without hyphen, ": mark.replace("-", "")}
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", mark):
        day = date.fromisoformat(mark)
        variants |= {
            "Danish, ": f"{day:%d-%m-%Y}",
            "dotted, ": f"{day:%d.%m.%Y}",
            "closed up, ": f"{day:%Y%m%d}",
        }
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found["as BSON keeps it"] = struct.pack("<q", int(moment.timestamp() * 1000))
    for name, text in variants.items():
        found |= {f"{name}{how}": needle for how, needle in _written(text)}
    return found


def _written(text: str) -> Iterator[Surface]:
    for case, variant in (("plain", text), ("upper", text.upper()), ("lower", text.lower())):
        yield case, variant.encode()
        yield f"{case}, UTF-16 LE", variant.encode("utf-16-le")
        yield f"{case}, UTF-16 BE", variant.encode("utf-16-be")
        yield f"{case}, percent", quote(variant).encode()
        yield f"{case}, JSON", variant.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")
        raw = variant.encode()
        yield f"{case}, hex", raw.hex().encode()
        yield f"{case}, upper hex", raw.hex().upper().encode()
        for shift in range(3):
            # Letters that also hold bits of a neighbour prove nothing: they are left out.
            whole = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
            sure = whole[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
            yield f"{case}, base64 at {shift}", sure
            yield f"{case}, base64url at {shift}", sure.translate(_TO_URL)


def find(marks: Iterable[str], surfaces: Iterable[Surface]) -> set[tuple[str, str]]:
    """Return which marks were found, and where."""
    needles = {
        (mark, needle) for mark in marks for needle in spelled(mark).values() if len(needle) > 3
    }
    found = set()
    for name, content in surfaces:
        found |= {(mark, name) for mark, needle in needles if needle in content}
    return found


def _data(file: Path) -> bytes:
    """What is written in a file, without its holes and its long stretches of nothing."""
    parts = []
    with suppress(FileNotFoundError), file.open("rb") as opened:
        at, end = 0, os.fstat(opened.fileno()).st_size
        while at < end:
            try:
                start = os.lseek(opened.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(opened.fileno(), start, os.SEEK_HOLE)
            parts.append(os.pread(opened.fileno(), at - start, start).replace(b"\0" * 4096, b""))
    return b"".join(parts)


def _files(folder: Path) -> Iterator[Surface]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield str(file.relative_to(folder.parent)), _data(file)


def kafka(stack: LiveStack) -> Iterator[Surface]:
    """The broker's files, and every record unpacked: a batch may be compressed."""
    yield from _files(stack.home.kafka)
    settings = {"group.id": "inspector.search", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer({**stack.kafka("inspector"), **settings})
    try:
        yield from _records(consumer)
    finally:
        consumer.close()


def _records(consumer: Consumer) -> Iterator[Surface]:
    ends: dict[tuple[str, int], int] = {}
    for topic in consumer.list_topics(timeout=_PATIENCE_S).topics.values():
        for partition in () if topic.topic.startswith("__") else topic.partitions:
            place = TopicPartition(topic.topic, partition)
            start, end = consumer.get_watermark_offsets(place, timeout=_PATIENCE_S)
            if start < end:
                ends[topic.topic, partition] = end
    consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in ends])
    until = time.monotonic() + _PATIENCE_S
    while ends:
        assert time.monotonic() < until, f"not read to the end: {sorted(ends)}"
        for one in consumer.consume(500, 0.2):
            assert one.error() is None, one.error()
            where, offset = (str(one.topic()), int(one.partition() or 0)), int(one.offset() or 0)
            headers = cast("Received", one.headers() or [])
            content = b"".join(name.encode() + (value or b"") for name, value in headers)
            content += b"".join(each for each in (one.key(), one.value()) if each)
            yield f"record {where[0]}[{where[1]}]@{offset}", content
            if offset + 1 >= ends.get(where, 0):
                ends.pop(where, None)


def mongo_documents(stack: LiveStack) -> Iterator[Surface]:
    """Every collection of every database as raw BSON, and the replica set's log of changes."""
    client: MongoClient[Any]
    with MongoClient(stack.mongo("inspector"), document_class=RawBSONDocument) as client:
        for name in sorted(set(client.list_database_names()) - {"admin", "config", "local"}):
            for collection in client[name].list_collection_names():
                yield f"{name}.{collection}", _raw(client[name][collection])
    with MongoClient(stack.mongo("admin"), document_class=RawBSONDocument) as client:
        yield "oplog", _raw(client["local"]["oplog.rs"])


def _raw(collection: Any) -> bytes:
    return b"".join(collection.find_raw_batches())


def mongo_files(stack: LiveStack) -> Iterator[Surface]:
    """The database's files, all of it written out; blocks are packed by snappy, so this is the less sure half."""
    client: MongoClient[Any]
    with MongoClient(stack.mongo("admin")) as client:
        client.admin.command("fsync")
    yield from _files(stack.home.mongo)


def logs(stack: LiveStack) -> Iterator[Surface]:
    """Everything that any process has logged or traced, and addresses in it read as addresses."""
    yield from _files(stack.home.traces)
    for name, content in _files(stack.home.logs):
        yield name, content + unquote(content.decode("utf-8", "replace")).encode()
    up = stack.home.root.with_suffix(".up.log")
    yield up.name, _data(up)


def metrics(addresses: Iterable[str]) -> Iterator[Surface]:
    """What each metrics address exposes."""
    for address in addresses:
        for path in ("/metrics", "/health/ready"):
            answer = httpx.get(f"{address}{path}")
            yield f"{address}{path}", str(answer.headers).encode() + answer.content


def pages(addresses: Iterable[str], client: httpx.Client) -> Iterator[Surface]:
    """What staff are shown: the page, its own address, and every address in it."""
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == httpx.codes.OK, address
        links = b" ".join(_LINK.findall(answer.content))
        content = f"{answer.url} {unquote(str(answer.url))} {answer.headers}"
        yield address, content.encode() + answer.content + unquote(links.decode()).encode()

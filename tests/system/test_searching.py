"""The search for what must lie nowhere finds what is planted in each kind of place."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient

from tests.system import searching
from tests.system.marked import Marked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live import LiveStack


class Planted(BaseHTTPRequestHandler):
    """A service that exposes too much."""

    mark = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        pages = {
            "/metrics": f'samraad_events_total{{name="{self.mark}"}} 1',
            "/page": f'<a href="/cases?who={self.mark.encode().hex()}">case</a>',
        }
        self.wfile.write(pages.get(self.path, "").encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def leaking_service(mark: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Planted,), {"mark": mark}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_search_finds_what_is_planted_on_a_topic(stack: LiveStack) -> None:
    mark, topic = Marked("topic").number("cpr", "0101##-####"), f"scratch-{uuid4().hex[:8]}"
    admin = AdminClient({**stack.kafka("admin"), "log_level": 0})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(10)
    try:
        for codec in ("none", "zstd"):
            settings = {**stack.kafka("admin"), "compression.type": codec, "log_level": 0}
            producer = Producer(settings)
            producer.produce(topic, json.dumps({"cpr": mark.replace("-", "")} | filler()))
            assert producer.flush(10) == 0
        places = {place for _, place in searching.find([mark], searching.kafka(stack))}
    finally:
        admin.delete_topics([topic])[topic].result(10)

    assert {f"record {topic}[0]@0", f"record {topic}[0]@1"} <= places
    assert f"kafka/{topic}-0/{0:020}.log" in places


def filler() -> dict[str, str]:
    return {f"field-{number}": "much of the same " for number in range(50)}


def test_the_search_finds_what_is_planted_in_the_database(stack: LiveStack) -> None:
    mark = Marked("database").mark("name")
    with MongoClient[dict[str, Any]](stack.mongo("admin")) as client:
        try:
            client["scratch"]["planted"].insert_one({"_id": 1, "who": mark.upper(), **filler()})
            documents = searching.find([mark], searching.mongo_documents(stack))
            files = searching.find([mark], searching.mongo_files(stack))
        finally:
            client.drop_database("scratch")

    assert {place for _, place in documents} == {"scratch.planted", "oplog"}
    assert any("mongo/collection-" in place for _, place in files)


def test_the_search_finds_what_is_planted_in_a_log(stack: LiveStack) -> None:
    mark, file = Marked("log").mark("name"), stack.home.logs / "scratch.log"
    try:
        file.write_text(httpx.URL("http://x/inbox", params={"name": mark}).raw_path.decode())
        found = searching.find([mark], searching.logs(stack))
    finally:
        file.unlink()

    assert found == {(mark, "logs/scratch.log")}


def test_the_search_finds_what_is_planted_in_metrics_and_addresses() -> None:
    mark = Marked("page").mark("name")

    with leaking_service(mark) as address, httpx.Client() as client:
        assert searching.find([mark], searching.metrics([address]))
        assert searching.find([mark], searching.pages([f"{address}/page"], client))


@pytest.mark.parametrize(
    "mark",
    ["Kærbjergvang", "311299-4125", "1931-07-19", "+4500123456"],
    ids=["a name", "a CPR number", "a date", "a phone number"],
)
def test_the_search_finds_a_mark_however_it_is_written(mark: str) -> None:
    for spelled in (
        *(mark, mark.upper(), mark.lower(), mark.replace("-", "") if len(mark) == 11 else mark),
        mark.encode("utf-16").decode("utf-16-le"),
    ):
        for around in ("", "x", "xy", "xyz"):
            written = f"{around}{spelled}{around}".encode()
            for hidden in (written, written.hex().encode(), base64.b64encode(written)):
                assert searching.find([mark], [("here", hidden)])
    assert not searching.find([mark], [("here", b"nothing of it")])

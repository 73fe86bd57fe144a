"""A partner's own program: sends one report and waits for its receipt.

It needs nothing of Samråd but the credentials file:

    pip install confluent-kafka jwcrypto
    python partner_confluent.py prosecution-syd.credentials.json report.json

Ends with 0 when the report was accepted, 4 when it was rejected, 1 when no receipt came in time.
Copy from it what you need; docs/partners.md says why each step is as it is. A program that runs
for long subscribes to its replies as a consumer group instead, and commits what it has dealt with.
"""

import json
import sys
import time
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from jwcrypto import jwe, jwk

WAIT_SECONDS = 60


def seal(report: bytes, jwks_url: str) -> bytes:
    """Seal a report so that intake alone can open it: a compact JWE to one of its public keys."""
    with urllib.request.urlopen(jwks_url, timeout=10) as answer:
        public = json.load(answer)["keys"][0]  # two stand there during a rotation: either is good
    header = {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "kid": public["kid"],
        "cty": "application/json",
    }
    letter = jwe.JWE(report, protected=json.dumps(header), recipient=jwk.JWK(**public))
    return letter.serialize(compact=True).encode()


def listen(credentials: dict) -> Consumer:
    """Stand at the end of our replies: what comes after this answers what is sent after this."""
    consumer = Consumer(
        credentials["kafka"]
        | {
            "group.id": credentials["group_prefix"] + "example",  # any name behind the prefix
            "enable.auto.commit": False,
        }
    )
    topic = credentials["topics"]["replies"]
    places = []
    for partition in consumer.list_topics(topic, timeout=WAIT_SECONDS).topics[topic].partitions:
        place = TopicPartition(topic, partition)
        _, place.offset = consumer.get_watermark_offsets(place, timeout=WAIT_SECONDS)
        places.append(place)
    consumer.assign(places)
    return consumer


def send(sealed: bytes, reference: str, credentials: dict) -> None:
    """Send a letter; return when the broker has it for good, raise when it does not take it."""
    producer = Producer(credentials["kafka"] | {"enable.idempotence": True})
    failures = []
    producer.produce(
        credentials["topics"]["reports"],
        key=reference,
        value=sealed,
        headers={
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid4()),
            "ce_source": "/partners/" + credentials["partner"],
            "ce_type": "intake.report_submitted.v1",
            "ce_time": datetime.now(UTC).isoformat(),
            "ce_subject": reference,
            "content-type": "application/jose",
        },
        on_delivery=lambda error, _: failures.append(error) if error else None,
    )
    if producer.flush(WAIT_SECONDS) or failures:
        # Safe to send again, as often as it takes: the same report is taken once.
        raise RuntimeError(f"not delivered: {failures}")


def receipt(consumer: Consumer, reference: str) -> dict | None:
    """Wait for the answer to a report; None when it does not come in time."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        message = consumer.poll(1)
        if message is None or message.error():
            continue
        headers = {name.lower(): (value or b"").decode() for name, value in message.headers()}
        if headers.get("ce_subject") == reference:
            body = json.loads(message.value())
            return {"type": headers["ce_type"], "id": headers["ce_id"], **body}
    return None


def main() -> int:
    """Send the report named on the command line."""
    credentials = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    report = Path(sys.argv[2]).read_bytes()
    reference = json.loads(report)["reference"]
    consumer = listen(credentials)
    try:
        send(seal(report, credentials["jwks_url"]), reference, credentials)
        answer = receipt(consumer, reference)
    finally:
        consumer.close()
    print(json.dumps(answer))
    if answer is None:
        return 1
    return 0 if answer["type"].startswith("intake.report_accepted.") else 4


if __name__ == "__main__":
    sys.exit(main())

"""Every kind of break of a row of topics: the change, what is found, and what to do instead."""

from tests.contracts.breaking import KEEP_BOUNDS, KEEP_THERE, OPTIONAL

VERSION_2 = "a .v2 of the type"
KEEP_TOPIC = (
    "Keep the topic; make the new one beside it, move everybody, and drop the old one once it is "
    "drained and its retention has passed."
)
KEEP_ON_TOPIC = (
    "Keep the type; publish a .v2 of the type beside it and write both until nobody reads the old "
    "one."
)
KEEP_WIRE = "Leave it as it was; what must differ goes with a .v2 of the type, or on a new topic."
KEEP_PARTITIONS = (
    "Keep the number: keys would move and cases lose their order. Make a new generation of the "
    "topic under a new name and drain this one."
)
KEEP_RIGHT = "Keep the right as long as the programs that use it run."
KEEP_LOGIN = "Take the new login beside the old one, and end the old one when all have moved."
KEEP_TIME = "Keep records as long as promised; only a longer time is growth."
HEADER_OPTIONAL = OPTIONAL.format(v2=VERSION_2)
HEADER_THERE = KEEP_THERE.format(v2=VERSION_2)

CASES = "topic intake.cases.psp"
REPORTS = "topic partner.{partner}.reports"
REPLIES = "topic partner.{partner}.replies"

ROW_BREAKS = {
    "a renamed topic": (
        "topic psp.cases",
        lambda row: row.update(topic="psp.files"),
        "the whole: it is gone or renamed",
        KEEP_TOPIC,
    ),
    "another number of partitions": (
        CASES,
        lambda row: row.update(partitions=16),
        "/partitions: the value is another",
        KEEP_PARTITIONS,
    ),
    "a clock on records that were kept without one": (
        CASES,
        lambda row: row.update({"retention.ms": 86_400_000}),
        "/retention.ms: it keeps records for a shorter time",
        KEEP_TIME,
    ),
    "records that are kept for a shorter time": (
        REPLIES,
        lambda row: row.update({"retention.ms": row["retention.ms"] - 1}),
        "/retention.ms: it keeps records for a shorter time",
        KEEP_TIME,
    ),
    "another cleanup": (
        CASES,
        lambda row: row.update({"cleanup.policy": "compact"}),
        "/cleanup.policy: the value is another",
        KEEP_WIRE,
    ),
    "smaller records": (
        REPORTS,
        lambda row: row.update({"max.message.bytes": 1000}),
        "/max.message.bytes: it takes smaller records only",
        KEEP_WIRE,
    ),
    "a reader that may no longer read": (
        CASES,
        lambda row: row["reads"].remove("notify"),
        "/reads/notify: it may no longer read",
        KEEP_RIGHT,
    ),
    "a writer that may no longer write": (
        REPORTS,
        lambda row: row.update(writes=["intake"]),
        "/writes/partner: it may no longer write",
        KEEP_RIGHT,
    ),
    "a type that is gone from its topic": (
        REPLIES,
        lambda row: row["carries"].pop("intake.report_routed.v1"),
        "/carries/intake.report_routed.v1: the type is no longer on the topic",
        KEEP_ON_TOPIC,
    ),
    "an announced type that never comes": (
        REPORTS,
        lambda row: row.pop("announces"),
        "/announces/intake.update_submitted.v1: the type is no longer on the topic",
        KEEP_ON_TOPIC,
    ),
    "a type in another form": (
        REPLIES,
        lambda row: row["carries"].update({"intake.report_routed.v1": "fact"}),
        "/carries/intake.report_routed.v1: its form is another",
        KEEP_WIRE,
    ),
    "another source": (
        CASES,
        lambda row: row.update(source="/intake/psp"),
        "/source: the value is another",
        KEEP_WIRE,
    ),
    "answers elsewhere": (
        REPORTS,
        lambda row: row.update(answers="partner.{partner}.answers"),
        "/answers: the value is another",
        KEEP_WIRE,
    ),
    "a header that became required": (
        "form letter",
        lambda row: row["headers"]["required"].append("ce_subject"),
        "/headers/ce_subject: the field became required",
        HEADER_OPTIONAL,
    ),
    "a header that is not always there": (
        "form fact",
        lambda row: row["headers"]["required"].remove("ce_sequence"),
        "/headers/ce_sequence: the field is not always there any more",
        HEADER_THERE,
    ),
    "another key": (
        "form fact",
        lambda row: row.update(key={"type": "string"}),
        "/key: its format is another",
        KEEP_BOUNDS.format(v2=VERSION_2),
    ),
    "smaller letters": (
        "form letter",
        lambda row: row["value"].update(maxLength=1000),
        "/value: its maxLength is tighter",
        KEEP_BOUNDS.format(v2=VERSION_2),
    ),
    "another login": (
        "server kafka",
        lambda row: row.update(logins=["scramSha256"]),
        "/logins/scramSha512: this login is gone",
        KEEP_LOGIN,
    ),
    "another protocol": (
        "server kafka",
        lambda row: row.update(protocol="kafka"),
        "/protocol: the value is another",
        KEEP_WIRE,
    ),
}
"""By kind: the row, its change, the sentence in two parts."""

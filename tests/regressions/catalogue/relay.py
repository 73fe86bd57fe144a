"""The outbox, published in the order of the decisions."""

from time import time
from typing import Final

from tests.regressions.catalogue.entry import RULES, Regression, planted
from tests.regressions.edits import change_expression, change_statement, insert_after

__all__ = ["RELAY"]

OLDEST: Final = "shared/engine/outbox/relay.py::Relay._oldest"
SEND: Final = "shared/engine/outbox/relay.py::Relay._send"
PUBLISH: Final = "shared/engine/outbox/relay.py::Relay._publish"
PACK: Final = "shared/engine/store/writes.py::pack"

RELAY: Final[tuple[Regression, ...]] = (
    planted(
        5,
        "the outbox is read in the order of its ObjectIds",
        change_expression(OLDEST, 'FOUND.sort("at", 1)', 'FOUND.sort("_id", 1)'),
        seen_by=f"{RULES}::test_a_process_whose_clock_is_slow_does_not_publish_before_what_it_decided_upon",
    ),
    planted(
        5,
        "the outbox is stamped by the process's clock",
        change_expression(
            PACK, "TIMESTAMP(0, 0)", "TIMESTAMP(int(TIME()), 1)", imports={"TIME": time}
        ),
        seen_by=f"{RULES}::test_a_process_whose_clock_is_slow_does_not_publish_before_what_it_decided_upon",
    ),
    planted(
        6,
        "the outbox is read by a majority cursor instead of a snapshot",
        change_expression(OLDEST, "CLIENT.start_session(snapshot=True)", "CLIENT.start_session()"),
        seen_by=f"{RULES}::test_what_commits_behind_the_relays_position_is_published_before_what_follows_it",
    ),
    planted(
        7,
        "after a failed send the relay continues with the next message",
        change_statement(
            SEND,
            """
            LANDED_AT = await LANDED
            PUBLISHED.NOTE(PLACE, LANDED_AT.OFFSET + TAKEN)
            """,
            """
            try:
                await LANDED
            except KAFKA_ERROR as ERROR:
                BROKEN[TOPIC] = ERROR
            """,
            given="""
            try: ...
            except KAFKA_ERROR as ERROR:
                LOGGED
                BROKEN[TOPIC] = ERROR
                return False
            """,
        ),
        change_statement(
            SEND, "return True", "return TOPIC not in BROKEN", given="BROKEN[TOPIC] = ERROR"
        ),
        seen_by=f"{RULES}::test_after_a_send_that_failed_nothing_later_lands_and_nothing_is_given_up",
    ),
    planted(
        8,
        "the outbox is deleted before the acknowledgement",
        insert_after(
            PUBLISH,
            "PRODUCER = await SELF.OPEN()",
            """
            all_of_it = [document["_id"] for document in DOCUMENTS]
            await OUTBOX.delete_many({"_id": {"$in": all_of_it}})
            """,
            given=(
                '[ROW["_id"] for ROW, _ in zip(DOCUMENTS, _, strict=True) if _]',
                'await OUTBOX.delete_many({"_id": {"$in": _}})',
            ),
        ),
        seen_by=f"{RULES}::test_after_a_send_that_failed_nothing_later_lands_and_nothing_is_given_up",
    ),
    planted(
        8,
        "the outbox is deleted by range",
        change_expression(
            PUBLISH,
            '{"_id": {"$in": DONE}}',
            '{"at": {"$lte": DOCUMENTS[-1]["at"]}}',
            given='[ROW["_id"] for ROW, _ in zip(DOCUMENTS, _, strict=True) if _]',
        ),
        seen_by=f"{RULES}::test_what_commits_with_an_earlier_stamp_is_not_deleted_with_what_was_published",
    ),
)

"""The outbox, told in the order in which it was decided."""

from typing import Final

from tests.regressions.catalogue.entry import RULES, Regression, edit, planted

__all__ = ["RELAY"]

RELAY: Final[tuple[Regression, ...]] = (
    planted(
        5,
        "the outbox is read in the order of its ObjectIds",
        edit("outbox/relay", "Relay._oldest", 'sort("at", 1)', 'sort("_id", 1)'),
        seen_by=f"{RULES}::test_a_process_whose_clock_is_slow_does_not_tell_before_what_it_decided_upon",
    ),
    planted(
        5,
        "the outbox is stamped by the process's clock",
        edit(
            "store/store",
            "pack",
            "Timestamp(0, 0)",
            'Timestamp(int(__import__("time").time()), 1)',
        ),
        seen_by=f"{RULES}::test_a_process_whose_clock_is_slow_does_not_tell_before_what_it_decided_upon",
    ),
    planted(
        6,
        "the outbox is read by a majority cursor instead of a snapshot",
        edit("outbox/relay", "Relay._oldest", "start_session(snapshot=True)", "start_session()"),
        seen_by=f"{RULES}::test_what_commits_behind_the_relays_back_is_told_before_what_follows_it",
    ),
    planted(
        7,
        "after a send that failed the relay goes on with the next",
        edit(
            "outbox/relay",
            "Relay._send",
            "                landed_at = await landed\n"
            "                self._published.note(place, landed_at.offset + taken)\n",
            "                try:\n"
            "                    await landed\n"
            "                except KafkaError as error:\n"
            "                    broken[topic] = error\n",
        ),
        edit(
            "outbox/relay",
            "Relay._send",
            "        return True",
            "        return topic not in broken",
        ),
        seen_by=f"{RULES}::test_after_a_send_that_failed_nothing_later_lands_and_nothing_is_given_up",
    ),
    planted(
        8,
        "the outbox is deleted before the acknowledgement",
        edit(
            "outbox/relay",
            "Relay._publish",
            "        producer = await self._open()\n",
            "        producer = await self._open()\n"
            '        all_of_it = [document["_id"] for document in documents]\n'
            '        await self.store.db.outbox.delete_many({"_id": {"$in": all_of_it}})\n',
        ),
        seen_by=f"{RULES}::test_after_a_send_that_failed_nothing_later_lands_and_nothing_is_given_up",
    ),
    planted(
        8,
        "the outbox is deleted by range",
        edit(
            "outbox/relay",
            "Relay._publish",
            '{"_id": {"$in": done}}',
            '{"at": {"$lte": documents[-1]["at"]}}',
        ),
        seen_by=f"{RULES}::test_what_commits_with_an_earlier_stamp_is_not_deleted_with_what_was_told",
    ),
)

"""What is planted for which rule, and the tests that must see it."""

from dataclasses import dataclass
from typing import Final

from tests.regressions.planting import Edit

__all__ = ["NOT_PLANTED", "REGRESSIONS", "Regression"]

ENGINE: Final = "shared/engine"
ORDER: Final = "tests/edge/test_engine_order.py"
RIVALS: Final = "tests/edge/test_engine_rivals.py"
RELAY: Final = "tests/edge/test_engine_relay.py"
RULES: Final = "tests/edge/test_engine_rules.py"
DUE: Final = "tests/edge/test_engine_deadlines.py"
RESTORED: Final = "tests/edge/test_engine_restored.py"


@dataclass(frozen=True)
class Regression:
    """One rule left out, by edits that a hasty hand might make."""

    rule: int
    """As in docs/protocol.md."""
    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    """Each passes on the code as it is and fails on the code so changed."""


def _regression(rule: int, name: str, *edits: Edit, seen_by: str | tuple[str, ...]) -> Regression:
    tests = (seen_by,) if isinstance(seen_by, str) else seen_by
    return Regression(rule, name, edits, tests)


def _edit(module: str, symbol: str, old: str, new: str) -> Edit:
    return Edit(f"{ENGINE}/{module}.py", symbol, old, new)


WRITE_UNGUARDED: Final = _edit("store", "Store.write", ', "version": held.version}', "}")

REGRESSIONS: Final = (
    # one transaction
    _regression(
        1,
        "the outbox is written before the transaction commits, outside of it",
        _edit("store", "Store.write", "insert_one(packed, session=session)", "insert_one(packed)"),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    _regression(
        1,
        "the outbox is written after the transaction",
        _edit("store", "Store.write", "in pack(unit.messages)", "in ()"),
        _edit(
            "slices",
            "Slices._commit",
            "        self.store.settle(unit)\n",
            "        from shared.engine.store import pack\n"
            "        for packed in pack(unit.messages):\n"
            "            await self.store.db.outbox.insert_one(packed)\n"
            "        self.store.settle(unit)\n",
        ),
        seen_by=f"{RULES}::test_a_fact_is_told_even_if_the_outbox_could_not_be_written_at_first",
    ),
    _regression(
        1,
        "effects are written outside of the marks' transaction",
        _edit(
            "store",
            "Store.write",
            "insert_many(documents, ordered=False, session=session)",
            "insert_many(documents, ordered=False)",
        ),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    _regression(
        1,
        "the room is written outside of the transaction",
        _edit(
            "store",
            "Store._write_room",
            "bulk_write(operations, ordered=False, session=session)",
            "bulk_write(operations, ordered=False)",
        ),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    # versions and keys
    _regression(
        2,
        "staff decide on what they loaded before the transaction, and write without a version",
        WRITE_UNGUARDED,
        _edit(
            "store",
            "Store.act",
            'done = await self.db.actions.find_one({"_id": key}, session=session)',
            "unit = self.unit()\n"
            "            await self.load(unit, needs, None)\n"
            '            done = await self.db.actions.find_one({"_id": key}, session=session)',
        ),
        _edit(
            "store",
            "Store.act",
            "            unit = self.unit()\n            await self.load(unit, needs, session)\n",
            "",
        ),
        seen_by=f"{RIVALS}::test_staff_act_on_a_case_while_facts_arrive_and_nothing_is_written_away",
    ),
    _regression(
        3,
        "a staff action has no key of its own",
        _edit("store", "Store.act", "if done is not None:", "if False:"),
        _edit("store", "Store.act", '{"_id": key, "at"', '{"at"'),
        seen_by=(
            f"{RIVALS}::test_an_action_with_one_key_happens_once_however_often_it_is_tried",
            f"{RIVALS}::test_a_commit_of_which_nobody_knows_counts_once_for_staff_and_for_facts",
        ),
    ),
    _regression(
        4,
        "emit does not ask for the size",
        _edit(
            "records",
            "Message.__post_init__",
            "if self.size > MAX_RECORD_BYTES",
            "if self.size < 0",
        ),
        seen_by=f"{ORDER}::test_what_can_never_succeed_stops_its_own_case_only[tell too much]",
    ),
    # the relay
    _regression(
        5,
        "the outbox is read in the order of its ObjectIds",
        _edit("relay", "Relay._oldest", 'sort("at", 1)', 'sort("_id", 1)'),
        seen_by=f"{RULES}::test_a_process_whose_clock_is_slow_does_not_tell_before_what_it_decided_upon",
    ),
    _regression(
        5,
        "the outbox is stamped by the process's clock",
        _edit(
            "store",
            "pack",
            "Timestamp(0, 0)",
            'Timestamp(int(__import__("time").time()), 1)',
        ),
        seen_by=f"{RULES}::test_a_process_whose_clock_is_slow_does_not_tell_before_what_it_decided_upon",
    ),
    _regression(
        6,
        "the outbox is read by a majority cursor instead of a snapshot",
        _edit("relay", "Relay._oldest", "start_session(snapshot=True)", "start_session()"),
        seen_by=f"{RULES}::test_what_commits_behind_the_relays_back_is_told_before_what_follows_it",
    ),
    _regression(
        7,
        "after a send that failed the relay goes on with the next",
        _edit(
            "relay",
            "Relay._send",
            "                landed_at = await landed\n"
            "                self._published.note(place, landed_at.offset + taken)\n",
            "                try:\n"
            "                    await landed\n"
            "                except KafkaError as error:\n"
            "                    broken[topic] = error\n",
        ),
        _edit("relay", "Relay._send", "        return True", "        return topic not in broken"),
        seen_by=f"{RULES}::test_after_a_send_that_failed_nothing_later_lands_and_nothing_is_given_up",
    ),
    _regression(
        8,
        "the outbox is deleted before the acknowledgement",
        _edit(
            "relay",
            "Relay._publish",
            "        producer = await self._open()\n",
            "        producer = await self._open()\n"
            '        all_of_it = [document["_id"] for document in documents]\n'
            '        await self.store.db.outbox.delete_many({"_id": {"$in": all_of_it}})\n',
        ),
        seen_by=f"{RULES}::test_after_a_send_that_failed_nothing_later_lands_and_nothing_is_given_up",
    ),
    _regression(
        8,
        "the outbox is deleted by range",
        _edit(
            "relay",
            "Relay._publish",
            '{"_id": {"$in": done}}',
            '{"at": {"$lte": documents[-1]["at"]}}',
        ),
        seen_by=f"{RULES}::test_what_commits_with_an_earlier_stamp_is_not_deleted_with_what_was_told",
    ),
    # the watermark and its owner
    _regression(
        10,
        "a slice may begin behind the watermark: `o <= first`",
        _edit("lane", "Lane.offer", "if record.offset != expected", "if record.offset < expected"),
        _edit("watermarks", "move", '"offset": mark.offset,', '"offset": {"$lte": mark.offset},'),
        seen_by=f"{RULES}::test_a_record_that_the_client_skips_is_asked_for_again",
    ),
    _regression(
        10,
        "the watermark is moved from wherever it stands",
        _edit("watermarks", "move", '"offset": mark.offset, ', ""),
        seen_by=f"{RULES}::test_a_slice_that_begins_elsewhere_than_the_watermark_stands_is_refused_whole",
    ),
    _regression(
        11,
        "after a commit that is unclear the lane takes it for done and goes on",
        _edit("watermarks", "move", '"offset": mark.offset, ', ""),
        _edit(
            "lane",
            "Lane._run",
            "            except Unavailable as error:\n                self._rewind = True\n",
            "            except Unavailable as error:\n"
            "                if self.mark is not None and self._taking is not None:\n"
            '                    object.__setattr__(self.mark, "offset", self._taking)\n'
            "                    self._taking = None\n",
        ),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    _regression(
        12,
        "a fenced owner stops",
        _edit(
            "lane",
            "Lane._run",
            "            except Fenced:\n                self._rewind = True\n",
            "            except Fenced:\n                return\n",
        ),
        seen_by=f"{RULES}::test_an_owner_that_was_fenced_by_a_late_rival_takes_its_partition_again",
    ),
    _regression(
        12,
        "what a dead owner left open is left open",
        _edit(
            "watermarks",
            "take",
            'if known is not None and "session" in known:',
            "if False:",
        ),
        seen_by=f"{RULES}::test_what_a_dead_owner_left_open_holds_up_no_heir",
    ),
    _regression(
        13,
        "lag is measured from the consumer's position",
        _edit(
            "subscription",
            "Subscription._measure",
            "lane.log_end = ends[place]",
            "behind = ends[place] - await self.consumer.position(place)\n"
            "                lane.log_end = (lane.mark.offset if lane.mark else 0) + behind",
        ),
        seen_by=f"{RULES}::test_a_last_record_that_the_client_skips_is_found_by_the_lag_it_leaves",
    ),
    _regression(
        14,
        "the lane decides on what it loaded before the transaction, and writes without a version",
        WRITE_UNGUARDED,
        _edit(
            "slices",
            "Slices._commit",
            "        async with self.store.transaction(mark.session) as session:\n",
            "        await self._load(unit, arrivals, None)\n"
            "        async with self.store.transaction(mark.session) as session:\n",
        ),
        _edit(
            "slices",
            "Slices._commit",
            "            await self._load(unit, arrivals, session)\n",
            "",
        ),
        seen_by=f"{RULES}::test_what_staff_decide_while_a_slice_is_on_its_way_is_not_written_away",
    ),
    # sequences
    _regression(
        15,
        "a repeat is not told by its sequence",
        _edit("facts", "Facts.take", "arrival.sequence <= mark", "False"),
        seen_by=f"{ORDER}::test_a_fact_that_is_repeated_at_new_offsets_has_one_effect",
    ),
    _regression(
        15,
        "each event of a slice sees the marks as loaded",
        _edit(
            "facts",
            "Facts.take",
            "mark = protocol.marks.get(arrival.source, 0)",
            'mark = vars(unit).setdefault("as_loaded", {}).setdefault('
            "(arrival.case_id, arrival.source), protocol.marks.get(arrival.source, 0))",
        ),
        seen_by=f"{ORDER}::test_a_fact_that_is_repeated_at_new_offsets_has_one_effect",
    ),
    _regression(
        16,
        "an unknown type leaves the mark",
        _edit(
            "facts",
            "Facts.take",
            "if arrival.sequence <= mark:",
            "if arrival.envelope.type not in self._handlers or arrival.sequence <= mark:",
        ),
        seen_by=f"{ORDER}::test_a_fact_of_an_unknown_type_moves_the_mark",
    ),
    _regression(
        17,
        "nothing waits for a gap",
        _edit("facts", "Facts.take", "or arrival.sequence > mark + 1", ""),
        seen_by=f"{ORDER}::test_facts_that_arrive_out_of_order_have_their_effects_in_order",
    ),
    _regression(
        17,
        "the lane stands still before a gap",
        _edit(
            "facts",
            "Facts.take",
            "        if arrival.sequence <= mark:",
            "        if arrival.sequence > mark + 1 and not protocol.parked:\n"
            "            from shared.errors import Unavailable\n"
            '            raise Unavailable("a fact is missing")\n'
            "        if arrival.sequence <= mark:",
        ),
        _edit(
            "slices",
            "Slices.take",
            "        except Exception as error:",
            '        except __import__("shared.errors").errors.Unavailable:\n'
            "            raise\n"
            "        except Exception as error:",
        ),
        seen_by=f"{ORDER}::test_a_gap_waits_in_the_database_while_the_partition_flows_on",
    ),
    _regression(
        17,
        "keeping an event does not write its case",
        _edit(
            "facts",
            "Facts._keep",
            "        unit.touch(",
            "        if protocol.waiting:\n            return\n        unit.touch(",
        ),
        seen_by=f"{RULES}::test_what_is_kept_while_a_redrive_passes_by_is_not_left_behind",
    ),
    _regression(
        17,
        "no sweeper resumes a drain that stopped for size",
        _edit("room", "Room.sweep", "0 if self.facts is None else", "0 if self.facts else"),
        seen_by=f"{ORDER}::test_a_drain_that_stopped_for_size_goes_on_by_itself",
    ),
    _regression(
        17,
        "`waiting` is taken back though not all that waits was loaded",
        _edit("facts", "Facts.drain", " and unit.room_is_whole", ""),
        seen_by=f"{ORDER}::test_a_drain_that_stopped_for_size_goes_on_by_itself",
    ),
    # parking and what people do
    _regression(
        18,
        "parking moves the mark",
        _edit(
            "facts",
            "Facts.park",
            "replace(protocol, parked=reason)",
            "replace(protocol.marked(arrival.source, arrival.sequence), parked=reason)",
        ),
        seen_by=f"{ORDER}::test_a_failed_attempt_leaves_no_trace_even_of_what_it_changed_in_place",
    ),
    _regression(
        18,
        "traces of the failed handler are left",
        _edit("facts", "Facts._apply", "            unit.roll_back(before)\n", ""),
        seen_by=f"{ORDER}::test_a_failed_attempt_leaves_no_trace_even_of_what_it_changed_in_place",
    ),
    _regression(
        19,
        "a discard does not move the mark",
        _edit(
            "room",
            "Room._pass_over",
            'protocol.marked(row["source"], row["sequence"])',
            "protocol",
        ),
        seen_by=f"{ORDER}::test_a_discard_goes_on_with_what_waited_and_keeps_its_reason",
    ),
    _regression(
        19,
        "a drain decides on what it loaded before its transaction, and writes without a version",
        WRITE_UNGUARDED,
        _edit(
            "drains",
            "Drains._go_on",
            "await self._open(case_id, session)",
            "await self._open(case_id, None)",
        ),
        seen_by=f"{RULES}::test_a_redrive_writes_away_nothing_that_was_decided_since_it_looked",
    ),
    # joining late
    _regression(
        20,
        "a reader of a log without its beginning adopts where it starts",
        _edit("watermarks", "take", "if known is None and log_start > 0:", "if False:"),
        _edit("watermarks", "take", '{"offset": 0}', '{"offset": log_start}'),
        seen_by=f"{RIVALS}::test_a_new_reader_of_a_log_without_its_beginning_halts",
    ),
    _regression(
        20,
        "a watermark outside the log is moved to its start",
        _edit(
            "watermarks",
            "take",
            'if known is not None and not log_start <= known["offset"] <= log_end:',
            "if False:",
        ),
        seen_by=(
            f"{RIVALS}::test_a_watermark_outside_the_log_halts_with_a_sentence_until_a_person_goes_on"
        ),
    ),
    _regression(
        20,
        "the first sequence that is seen is adopted",
        _edit(
            "facts",
            "Facts.take",
            "mark = protocol.marks.get(arrival.source, 0)",
            "mark = protocol.marks.get(arrival.source, arrival.sequence - 1)",
        ),
        seen_by=f"{ORDER}::test_facts_that_arrive_out_of_order_have_their_effects_in_order",
    ),
    # deadlines
    _regression(
        21,
        "a due document is written outside of the step's transaction",
        _edit(
            "store",
            "Store._write_due",
            "bulk_write(operations, ordered=False, session=session)",
            "bulk_write(operations, ordered=False)",
        ),
        seen_by=f"{DUE}::test_a_step_whose_commit_fails_sets_no_deadline",
    ),
    _regression(
        21,
        "a case that is closed leaves its deadline as it was",
        _edit("deadlines", "follow", "for name in before.keys() - now.keys():", "for name in ():"),
        seen_by=f"{DUE}::test_a_case_that_is_closed_or_gets_a_new_date_is_not_told_of_the_old_one",
    ),
    _regression(
        22,
        "a due document is deleted before the transaction that fires it commits, outside of it",
        _edit("deadlines", "Deadlines.fire", "unit.due.append((due.row_id, None))", "pass"),
        _edit(
            "ticker",
            "Ticker._slice",
            "            await self.store.write(unit, session)\n",
            "            gone = [due.row_id for due in fired]\n"
            '            await self.store.db.due.delete_many({"_id": {"$in": gone}})\n'
            "            unit.due = [each for each in unit.due if each[1] is not None]\n"
            "            await self.store.write(unit, session)\n",
        ),
        seen_by=(
            f"{DUE}::test_a_ticker_that_is_killed_leaves_each_deadline_to_fire_once"
            "[ticker.before_commit]"
        ),
    ),
    _regression(
        22,
        "a due document is deleted after the transaction that fires it",
        _edit("deadlines", "Deadlines.fire", "unit.due.append((due.row_id, None))", "pass"),
        _edit(
            "ticker",
            "Ticker._slice",
            "        self.store.settle(unit)\n",
            "        gone = [due.row_id for due in fired]\n"
            '        await self.store.db.due.delete_many({"_id": {"$in": gone}})\n'
            "        self.store.settle(unit)\n",
        ),
        seen_by=(
            f"{DUE}::test_a_ticker_that_is_killed_leaves_each_deadline_to_fire_once"
            "[ticker.after_commit]"
        ),
    ),
    _regression(
        23,
        "the ticker does not fence: who has lost the lease goes on writing",
        _edit(
            "lease",
            "fence",
            '{"_id": name, "session": session.session_id["id"]}',
            '{"_id": name}',
        ),
        seen_by=f"{DUE}::test_an_owner_whose_lease_was_taken_over_is_fenced",
    ),
    _regression(
        23,
        "what is due is asked of the process's clock",
        _edit(
            "ticker",
            "Ticker._slice",
            "now = await lease.fence(self.store, NAME, session)",
            "await lease.fence(self.store, NAME, session)\n            now = self.store.clock()",
        ),
        seen_by=(
            f"{DUE}::test_the_stores_clock_counts_and_not_the_processs[fast]",
            f"{DUE}::test_the_stores_clock_counts_and_not_the_processs[slow]",
        ),
    ),
    _regression(
        24,
        "a deadline fires though its case is parked",
        _edit(
            "ticker",
            "Ticker._take",
            "if unit.held(unit.cases, due.case_id).protocol.parked:",
            "if False:",
        ),
        seen_by=f"{DUE}::test_a_deadline_that_passes_while_its_case_is_parked_waits_for_the_case",
    ),
    _regression(
        24,
        "a deadline that fails takes its slice along",
        _edit("ticker", "Ticker._try", "except Exception as error:", "except EOFError as error:"),
        seen_by=(
            f"{DUE}::test_a_deadline_that_fails_holds_up_its_own_case_only_and_fires_once_mended"
            "[fails]"
        ),
    ),
    _regression(
        24,
        "a case's deadlines fire in the order of their names",
        _edit(
            "ticker",
            "Ticker._load",
            '(row["due_at"], row["_id"])',
            'row["_id"]',
        ),
        seen_by=f"{DUE}::test_a_service_that_was_away_for_days_fires_each_once_and_in_order",
    ),
    # a store that was put back
    _regression(
        25,
        "the store is not compared with its own topics",
        _edit("own_topics", "OwnTopics.compare", "if at < end:", "if at < start:"),
        seen_by=f"{RESTORED}::test_a_fact_that_only_the_topic_knows_stops_its_own_case_until_a_person_goes_on",
    ),
    _regression(
        25,
        "what was told before is told again",
        _edit("retold", "Retold.number", "return counted + 1, True", "return counted + 1, False"),
        seen_by=f"{RESTORED}::test_after_a_restore_all_is_read_again_and_nothing_is_told_twice",
    ),
    _regression(
        25,
        "something else is told under a number that was given out",
        _edit("retold", "Retold.number", "raise Rejected(OTHERWISE)", "pass"),
        seen_by=f"{RESTORED}::test_a_fact_that_only_the_topic_knows_stops_its_own_case_until_a_person_goes_on",
    ),
    _regression(
        25,
        "a store that is put back under a running service is not noticed",
        _edit("restored", "Restored.count", '"beat": {"$gte": self.beat}', '"beat": {"$gte": 0}'),
        _edit("restored", "Restored.count", 'row["beat"] <= self.beat', 'row["beat"] < 0'),
        seen_by=f"{RESTORED}::test_a_store_that_is_put_back_under_a_running_service_is_noticed",
    ),
    _regression(
        25,
        "a case goes on before all is read again",
        _edit("restored", "Restored._read_again", "if left:", "if left < 0:"),
        seen_by=f"{RESTORED}::test_what_the_log_has_lost_since_is_told_and_stops_until_a_person_goes_on",
    ),
    _regression(
        25,
        "a case goes on from where its store stands, not above what was told",
        _edit("retold", "Retold.number", "(told.last + 1, False)", "(counted + 1, False)"),
        seen_by=f"{RESTORED}::test_what_is_told_after_a_person_looked_has_a_number_above_all_that_was_told",
    ),
)

NOT_PLANTED: Final = {
    "read before a majority has it": "one node takes nothing back; a snapshot reads what a majority has",
    "acks=1": "one broker loses no leader",
    "process's clock, batch sorted by sequence": "a mend of rule 5 that was not taken",
    "process's clock, n held until n-1 is out": "a mend of rule 5 that was not taken",
}
"""What the model breaks and the servers at hand cannot show."""

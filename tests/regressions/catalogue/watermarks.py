"""A partition: where it stands, and who owns it."""

from typing import Final

from tests.regressions.catalogue.entry import RULES, WRITE_UNGUARDED, Regression, edit, planted

__all__ = ["WATERMARKS"]

WATERMARKS: Final[tuple[Regression, ...]] = (
    planted(
        10,
        "a slice may begin behind the watermark: `o <= first`",
        edit(
            "consume/partition_worker",
            "Lane.offer",
            "if record.offset != expected",
            "if record.offset < expected",
        ),
        edit(
            "consume/offset_store",
            "move",
            '"offset": mark.offset,',
            '"offset": {"$lte": mark.offset},',
        ),
        seen_by=f"{RULES}::test_a_record_that_the_client_skips_is_asked_for_again",
    ),
    planted(
        10,
        "the watermark is moved from wherever it stands",
        edit("consume/offset_store", "move", '"offset": mark.offset, ', ""),
        seen_by=f"{RULES}::test_a_slice_that_begins_elsewhere_than_the_watermark_stands_is_refused_whole",
    ),
    planted(
        11,
        "after a commit that is unclear the lane takes it for done and goes on",
        edit("consume/offset_store", "move", '"offset": mark.offset, ', ""),
        edit(
            "consume/partition_worker",
            "Lane._run",
            "            except Unavailable as error:\n                self._rewind = True\n",
            "            except Unavailable as error:\n"
            "                if self.mark is not None and self._taking is not None:\n"
            '                    object.__setattr__(self.mark, "offset", self._taking)\n'
            "                    self._taking = None\n",
        ),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    planted(
        12,
        "a fenced owner stops",
        edit(
            "consume/partition_worker",
            "Lane._run",
            "            except Fenced:\n                self._rewind = True\n",
            "            except Fenced:\n                return\n",
        ),
        seen_by=f"{RULES}::test_an_owner_that_was_fenced_by_a_late_rival_takes_its_partition_again",
    ),
    planted(
        12,
        "what a dead owner left open is left open",
        edit(
            "consume/offset_store",
            "take",
            'if known is not None and "session" in known:',
            "if False:",
        ),
        seen_by=f"{RULES}::test_what_a_dead_owner_left_open_holds_up_no_heir",
    ),
    planted(
        13,
        "lag is measured from the consumer's position",
        edit(
            "consume/subscription",
            "Subscription._measure",
            "lane.log_end = ends[place]",
            "behind = ends[place] - await self.consumer.position(place)\n"
            "                lane.log_end = (lane.mark.offset if lane.mark else 0) + behind",
        ),
        seen_by=f"{RULES}::test_a_last_record_that_the_client_skips_is_found_by_the_lag_it_leaves",
    ),
    planted(
        14,
        "the lane decides on what it loaded before the transaction, and writes without a version",
        WRITE_UNGUARDED,
        edit(
            "consume/batch",
            "Slices._commit",
            "        async with self.store.transaction(mark.session) as session:\n",
            "        await self._load(unit, arrivals, None)\n"
            "        async with self.store.transaction(mark.session) as session:\n",
        ),
        edit(
            "consume/batch",
            "Slices._commit",
            "            await self._load(unit, arrivals, session)\n",
            "",
        ),
        seen_by=f"{RULES}::test_what_staff_decide_while_a_slice_is_on_its_way_is_not_written_away",
    ),
)

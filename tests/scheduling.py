"""Which worker runs which test: those that share servers stay together, the others go anywhere."""

from typing import Final

from xdist.scheduler import LoadScopeScheduling

__all__ = ["Scheduling", "group_of"]

GROUPS: Final = (
    ("tests/browser/", "stack beside"),
    ("tests/faults/test_seeds.py", "stack beside"),
    ("tests/faults/test_checker_on_the_stack.py", "stack beside"),
    ("tests/faults/test_kills.py", "brokers"),
    ("tests/contracts/test_topics_on_a_broker.py", "brokers"),
    *(
        (f"tests/edge/test_engine_{name}", "brokers beside")
        for name in (
            "order",
            "parking",
            "relay",
            "rivals",
            "rollback",
            "rules",
            "shutdown",
            "undecodable",
            "watchdog",
        )
    ),
    ("tests/edge/test_engine_", "brokers"),
    ("tests/edge/test_intake_kafka.py", "brokers"),
    ("tests/edge/test_operators.py", "brokers"),
    ("tests/edge/test_tracing.py", "brokers"),
    ("tests/edge/test_asking_for_names.py", "intake"),
    ("tests/edge/test_audit_rows.py", "intake"),
    ("tests/edge/test_case_lists.py", "intake"),
    ("tests/edge/test_case_pages.py", "intake"),
    ("tests/edge/test_commands.py", "intake"),
    ("tests/edge/test_commands_at_once.py", "intake"),
    ("tests/edge/test_danger.py", "intake"),
    ("tests/edge/test_deadlines.py", "intake"),
    ("tests/edge/test_intake", "intake"),
    ("tests/edge/test_keys.py", "intake"),
    ("tests/edge/test_names.py", "intake"),
    ("tests/edge/test_letters.py", "intake"),
    ("tests/edge/test_notify_pages.py", "intake"),
    ("tests/edge/test_staff_directory.py", "intake"),
    ("tests/edge/test_psp_cases.py", "intake"),
    ("tests/edge/test_second_look.py", "intake"),
    ("tests/system/test_locks.py", "brokers"),
    ("tests/system/test_rights.py", "brokers"),
    ("tests/system/test_own_stack.py", ""),
    ("tests/system/test_trace.py::test_where_nothing_is_traced", "brokers"),
    ("tests/system/", "stack"),
)
"""By the beginning of a test's id; the first that fits counts. Without a group it runs anywhere.

The tests of the engine are two groups, each with brokers of its own, so that no worker ends long
after the others.
"""


def group_of(nodeid: str) -> str:
    """Name what must run on one worker together with a test."""
    found = next((group for start, group in GROUPS if nodeid.startswith(start)), "")
    return found or nodeid


class Scheduling(LoadScopeScheduling):
    """Gives out whole groups, the largest first, and single tests where a worker is free."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

"""The projection of staff, fact by fact: the highest number counts, and doubt takes rights away."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.notify import SessionEnded, StaffChanged, StaffSnapshotEnded
from shared.engine import Record, Unit
from shared.engine.consume.inbox import read_arrival
from shared.rights.projection import CURRENT_S, Standing
from shared.rights.staff_facts import ENDED, STAFF, StaffFacts

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SID = UUID("0193a1e2-5c1e-7c65-9f6f-3a8f4c2b1d10")
FACTS = StaffFacts()


def kira(number, **changes):
    known = {
        "staff_id": "kira",
        "display_name": "Kira Prøvesen",
        "roles": (f"role-{number}",),
        "places": ("1463",),
        "authority": "police",
        "active": True,
    }
    return StaffChanged(**known | changes)


def a_record(fact, number, *, value=..., subject=None):
    source, subject = source_of(fact.topic()), subject or fact.subject()
    envelope = Envelope(
        f"{source}/{subject}/{number}", source, fact.type, NOW, subject, sequence=number
    )
    body = fact.write() if value is ... else value
    return Record(
        fact.topic(), 0, number, 0, subject.encode(), body, tuple(write_envelope(envelope))
    )


def taken(*records, before=None):
    """What is stored after these records, as the engine takes them: a failed one is parked."""
    unit = Unit(cases="cases", now=NOW)
    for collection in (STAFF, ENDED):
        for one in ("kira", "mallory", str(SID)):
            unit.track(collection, one)
    if before is not None:
        unit.save(STAFF, before)
    for record in records:
        arrival = read_arrival(record)
        savepoint = unit.savepoint()
        try:
            FACTS.take(arrival, unit)
        except Exception as error:  # noqa: BLE001 - as the engine does
            unit.roll_back(savepoint)
            FACTS.park(arrival, unit, "it cannot be read", type(error).__name__)
    return unit


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_the_highest_number_counts_whatever_repeats_comes_late_or_is_missing(numbers):
    unit = taken(*(a_record(kira(number), number) for number in numbers))

    stored = unit.load(STAFF, "kira")
    assert (stored["number"], stored["roles"]) == (max(numbers), [f"role-{max(numbers)}"])
    assert not unit.failures


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b"[]", b'{"staff_id": "kira"}'])
@pytest.mark.parametrize("known", [True, False])
def test_a_fact_that_cannot_be_read_takes_the_persons_rights_away_until_the_next(value, known):
    first = [a_record(kira(1), 1)] if known else []
    broken = a_record(kira(2), 2, value=value)

    unit = taken(*first, broken)

    assert unit.load(STAFF, "kira")["active"] is False
    assert len(unit.failures) == 1
    mended = taken(*first, broken, a_record(kira(3), 3))
    assert mended.load(STAFF, "kira")["active"] is True
    assert mended.load(STAFF, "kira")["roles"] == ["role-3"]


def test_an_old_fact_that_cannot_be_read_takes_nothing_away():
    unit = taken(a_record(kira(2), 2), a_record(kira(1), 1, value=b"{}"))

    assert unit.load(STAFF, "kira")["active"] is True


def test_a_fact_about_somebody_else_than_its_envelope_says_gives_nothing_to_either():
    unit = taken(a_record(kira(1), 1, subject="mallory"))

    assert unit.load(STAFF, "kira") is None
    assert unit.load(STAFF, "mallory")["active"] is False


def test_unknown_facts_and_the_end_of_a_snapshot_change_nothing():
    unit = taken(a_record(StaffSnapshotEnded(began_at=NOW, staff=1), 1))

    assert unit.load(STAFF, "kira") is None
    assert not unit.failures


def test_an_ended_session_is_kept_once():
    record = a_record(SessionEnded(sid=SID), 1)

    assert taken(record, record).load(ENDED, str(SID))["at"] == NOW


@pytest.mark.parametrize("value", [None, b"{}", b"\xff"])
def test_an_end_of_a_session_that_cannot_be_read_ends_it(value):
    unit = taken(a_record(SessionEnded(sid=SID), 1, value=value))

    assert unit.load(ENDED, str(SID))["at"] == NOW
    assert len(unit.failures) == 1


class Topics:
    """A subscription whose service stands at the ends, or does not, or whose broker is away."""

    def __init__(self):
        self.answer = True

    async def stands_at_end(self, topic):  # noqa: ARG002 - the same of both
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("later", [False, OSError()])
async def test_the_projection_is_current_for_a_minute_after_the_service_stood_at_the_end(later):
    topics, at = Topics(), [100.0]
    standing = Standing(topics, lambda: at[0])
    assert not standing.is_current

    await standing.look()
    topics.answer = later
    for seconds, current in ((0, True), (CURRENT_S, True), (CURRENT_S + 0.1, False)):
        at[0] = 100.0 + seconds
        await standing.look()
        assert standing.is_current is current

    topics.answer = True
    await standing.look()
    assert standing.is_current


async def test_that_nothing_changes_does_not_make_the_projection_old():
    topics, at = Topics(), [0.0]
    standing = Standing(topics, lambda: at[0])

    for _ in range(100):
        at[0] += timedelta(hours=1).total_seconds()
        await standing.look()
        assert standing.is_current

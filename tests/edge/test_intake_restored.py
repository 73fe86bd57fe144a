"""Letters that are read again after a restore are judged and answered as they were the first time."""

from datetime import timedelta

from tests.edge.intake_world import a_person, accepted, facts, rejected


async def test_letters_read_again_by_an_older_store_are_answered_with_the_very_same_receipts(
    intake,
):
    soon = (intake.now + timedelta(minutes=20)).isoformat()
    letters = [
        intake.record(reference="S-1"),
        intake.record(reference="S-2", occurred_at=soon),
        intake.record(reference="S-3", process=None, details={}),
        intake.record(reference="S-1"),
        intake.record(reference="S-4", people=[a_person(birth_date="1890-01-01")]),
        intake.record(reference="S-2"),
    ]
    first = await intake.arrive(*letters)
    for name in await intake.db.list_collection_names():
        if name not in {"partners", "outbox"}:
            await intake.db[name].delete_many({})
    intake.marks.clear()
    intake.now += timedelta(hours=1)

    again = await intake.arrive(*letters)

    answers = [accepted(sent) + rejected(sent) for sent in (first, again)]
    assert answers[0] == answers[1], "byte by byte, whatever the time is now"
    assert {each.key for each in rejected(first)} == {"S-2", "S-4"}
    published = [
        [(each.topic, each.key, each.value) for each in facts(sent)] for sent in (first, again)
    ]
    assert published[0] == published[1]
    assert len(published[0]) == 3

"""Acts of staff at the same time, and cut off in the middle: the answers fit some order of the posts.

Each step sends up to three posts at once: of one form twice, of one key with other input, on a page that
is stale, of rivals. Some are cut off at any point of their way, as by a process that dies, and sent
again until they are answered. Whatever happens, there is an order in which the posts, one after the
other and each once, give exactly these answers and this case.
"""

import asyncio
from contextlib import suppress
from copy import deepcopy
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.commands_world import KARL, KIRA, MONA, UNSUITABLE, a_desk
from tests.edge.test_commands import KEYS, SECOND_LOOK, SUITABLE, Expected

POST = st.tuples(
    st.sampled_from((KIRA, KARL, MONA)),
    st.sampled_from(KEYS),
    st.sampled_from((0, 0, 0, -1)),
    st.sampled_from((SUITABLE, UNSUITABLE, SECOND_LOOK, {"result": "nonsense"})),
    st.none() | st.integers(0, 60),
)
"""Who, under which key, on the page of now or an older one, what, and after how many turns of the loop
the post is cut off."""
STEPS = st.lists(st.lists(POST, min_size=1, max_size=3), min_size=1, max_size=5)


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        # the transaction of a post that was cut off ends before the next try gives up
        await intake_mongo.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=5)
        yield desk


async def sent(desk, case_id, revision, post):
    """Send a post; cut it off, and send it again, where it says so."""
    staff, key, older, values, turns = post
    said = {"key": key, "revision": max(0, revision + older), **values}
    if turns is not None:
        cut_off = asyncio.create_task(desk.screen(case_id, staff, **said))
        for _ in range(turns):
            await asyncio.sleep(0)
        cut_off.cancel()
        with suppress(asyncio.CancelledError):
            await cut_off
    return (await desk.screen(case_id, staff, **said)).status_code


def in_some_order(expected, revision, posts, answers):
    """Return what the promises expect after the posts, in an order that explains the answers."""
    for order in permutations(range(len(posts))):
        tried = deepcopy(expected)
        given = {}
        for number in order:
            staff, key, older, values, _ = posts[number]
            given[number] = tried.answer(staff, key, max(0, revision + older), values)
        if [given[number] for number in range(len(posts))] == answers:
            return tried
    return None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_posts_at_once_and_cut_off_are_answered_as_in_some_order_and_count_once(desk, steps):
    case_id, expected = await desk.a_case(), Expected()
    for posts in steps:
        revision = expected.revision
        answers = await asyncio.gather(*(sent(desk, case_id, revision, post) for post in posts))

        expected = in_some_order(expected, revision, posts, answers)
        assert expected is not None, answers
        case = await desk.stored(case_id)
        assert (case["stage"], case.get("revision", 0)) == (expected.stage, expected.revision)
        assert len(case.get("history", [])) == expected.revision
    acts = [row for row in await desk.log(case_id) if row[0] == "screen"]
    assert len(acts) == expected.revision

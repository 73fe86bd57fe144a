"""The staff directory and its projection on a real database, and what pages do without it."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.notify.directory import DIRECTORY, SESSIONS, StaffDirectory, prepare_directory
from services.notify.snapshots import EVERY, Snapshots
from services.notify.staff import Change
from shared.engine import Store
from shared.engine.consume import offset_store
from shared.engine.consume.offset_store import Head
from shared.errors import Halted, Rejected
from shared.staff.audit import Why
from shared.web.backchannel import LogoutToken
from shared.web.login import Claims
from tests.edge.commands_world import KIRA, UNSUITABLE, a_desk
from tests.edge.intake_world import Sent
from tests.signing import KeyPairs

WHY = Why("operator:otto", "a test")
MONA = Claims("mona", "Mona Attrapsen", "x", ("mediator",), ("1463",), "issuer-1")


@pytest.fixture
async def store(intake_mongo):
    store = Store(intake_mongo, f"test_{uuid4().hex[:10]}", cases="cases")
    await prepare_directory(store)
    yield store
    await intake_mongo.drop_database(store.db.name)


@pytest.fixture
def directory(store, tmp_path):
    return StaffDirectory(store, KeyPairs.lay(tmp_path, "notify").signer("notify"))


async def told(store):
    """The facts that wait to be sent, oldest first."""
    packed = await store.db.outbox.find().sort("at", 1).to_list()
    sent = [Sent(message) for one in packed for message in one["messages"]]
    return [(each.envelope.type.split(".")[1], each.envelope.sequence, each.body) for each in sent]


async def log(store):
    rows = await store.db.audit.find().sort([("at", 1), ("_id", 1)]).to_list()
    return [(row["action"], row["who"]) for row in rows]


async def test_a_login_takes_in_whom_nobody_knows_and_changes_nobody_who_is_known(store, directory):
    first = await directory.begin(MONA)
    claimed = await directory.begin(MONA._replace(roles=("leader",), name="Another"))

    assert (await directory.find("mona", first.id)).roles == ("mediator",)
    assert (await directory.find("mona", claimed.id)).name == "Mona Attrapsen"
    assert [(fact, number) for fact, number, _ in await told(store)] == [("staff_changed", 1)]
    actions = [action for action, _ in await log(store)]
    assert sorted(actions) == ["login", "login", "staff_seeded"]


async def test_a_session_counts_for_its_person_alone_and_until_it_ends(directory):
    mona, kira = await directory.begin(MONA), await directory.begin(MONA._replace(id="kira"))

    assert await directory.find("kira", mona.id) is None
    assert await directory.find("mona", str(uuid4())) is None
    await directory.end(mona.id)
    assert await directory.find("mona", mona.id) is None
    assert (await directory.find("kira", kira.id)).session == kira.id


async def test_who_is_deactivated_loses_every_session_in_one_step_and_cannot_log_in(
    store, directory
):
    sessions = [await directory.begin(MONA) for _ in range(3)]
    await directory.change("mona", Change(active=False), WHY)

    assert await directory.begin(MONA) is None
    assert [await directory.find("mona", each.id) for each in sessions] == [None] * 3
    facts = await told(store)
    assert [fact for fact, _, _ in facts].count("session_ended") == 3
    [last] = [body for fact, number, body in facts if (fact, number) == ("staff_changed", 2)]
    assert last["active"] is False
    documents = await store.db.outbox.count_documents({})
    assert documents == 2  # the seed, and the removal with all ends together
    assert ("staff_deactivated", "operator:otto") in await log(store)


class LoginMeanwhile(StaffDirectory):
    """Somebody logs in just after their open sessions were looked up."""

    late = None

    async def _open(self, wanted):
        found = await super()._open(wanted)
        self.late = self.late or await self.begin(MONA)
        return found


async def test_a_login_in_the_middle_of_a_removal_does_not_live_again_with_the_persons_return(
    store, tmp_path
):
    directory = LoginMeanwhile(store, KeyPairs.lay(tmp_path, "notify").signer("notify"))
    await directory.begin(MONA)

    await directory.change("mona", Change(active=False), WHY)
    await directory.change("mona", Change(active=True), WHY)

    assert await directory.find("mona", directory.late.id) is None
    assert "session_ended" in [fact for fact, _, _ in await told(store)]


async def test_a_change_that_says_what_is_there_tells_nothing(store, directory):
    await directory.begin(MONA)
    await directory.change("mona", Change(roles=("mediator",)), WHY)

    assert len(await told(store)) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        Change(roles=("chief",)),
        Change(places=("0101",)),
        Change(authority="army"),
        Change(name="X", authority="army"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
async def test_what_no_table_knows_is_refused(store, directory, wanted, known):
    if known:
        await directory.begin(MONA)
    before = await told(store)

    with pytest.raises(Rejected):
        await directory.change("mona" if known else "new", wanted, WHY)

    assert await told(store) == before


@pytest.mark.parametrize(
    ("ended", "left"),
    [
        (LogoutToken("j", "mona", None), {"kira"}),
        (LogoutToken("j", "mona", "issuer-1"), {"mona-2", "kira"}),
        (LogoutToken("j", None, "issuer-2"), {"mona-1", "kira"}),
        (LogoutToken("j", "kira", "issuer-1"), {"mona-1", "mona-2", "kira"}),
        (LogoutToken("j", "nobody", None), {"mona-1", "mona-2", "kira"}),
    ],
)
async def test_the_issuer_ends_what_it_names_and_no_more(directory, ended, left):
    open_ = {
        "mona-1": await directory.begin(MONA),
        "mona-2": await directory.begin(MONA._replace(issuer_session="issuer-2")),
        "kira": await directory.begin(MONA._replace(id="kira", issuer_session=None)),
    }

    await directory.end_of_issuer(ended)

    still = {who for who, each in open_.items() if await directory.find(who.split("-")[0], each.id)}
    assert still == left


async def test_the_whole_directory_is_told_anew_each_week(store, directory):
    for who in ("mona", "kira", "lena"):
        await directory.begin(MONA._replace(id=who))
    snapshots = Snapshots(store)
    assert await snapshots.is_due()
    before = len(await told(store))

    assert await snapshots.tell() == 3

    facts = (await told(store))[before:]
    assert [fact for fact, _, _ in facts] == ["staff_changed"] * 3 + ["staff_snapshot_ended"]
    assert {body["staff_id"] for _, number, body in facts[:3] if number == 2} == {
        "mona",
        "kira",
        "lena",
    }
    assert not await snapshots.is_due()
    told_at = (await store.db[DIRECTORY].find_one({"_id": "_directory"}))["told_at"]
    await store.db[DIRECTORY].update_one(
        {"_id": "_directory"}, {"$set": {"told_at": told_at - EVERY - timedelta(seconds=1)}}
    )
    assert await snapshots.is_due()
    assert [member.id for member in await directory.members()] == ["kira", "lena", "mona"]


async def test_a_session_is_kept_longer_than_the_fact_of_its_end(store, directory):
    opened = await directory.begin(MONA)

    row = await store.db[SESSIONS].find_one({"_id": opened.id})
    (index,) = [
        one async for one in await store.db[SESSIONS].list_indexes() if "expireAfterSeconds" in one
    ]
    assert row["ends_at"] - row["began_at"] == timedelta(hours=8)
    assert index["expireAfterSeconds"] > timedelta(days=1).total_seconds()


@pytest.mark.parametrize("head", list(Head))
@pytest.mark.parametrize(
    ("known", "start", "begins"),
    [
        (None, 0, {Head.WHOLE: 0, Head.CUT: 0, Head.EXPIRES: 0}),
        (None, 7, {Head.WHOLE: None, Head.CUT: 7, Head.EXPIRES: 7}),
        (9, 7, {Head.WHOLE: 9, Head.CUT: 9, Head.EXPIRES: 9}),
        (5, 7, {Head.WHOLE: None, Head.CUT: None, Head.EXPIRES: 7}),
        (11, 7, {Head.WHOLE: None, Head.CUT: None, Head.EXPIRES: None}),
    ],
)
async def test_a_reader_begins_where_the_logs_beginning_lets_it(store, head, known, start, begins):
    place = {"topic": "notify.staff", "topic_id": "t", "partition": 0}
    if known is not None:
        await offset_store.accept(store, **place, offset=known, head=head)
    taking = offset_store.take(store, **place, log_start=start, log_end=10, head=head)

    if begins[head] is None:
        with pytest.raises(Halted):
            await taking
        return
    assert (await taking).offset == begins[head]


@pytest.mark.parametrize(
    ("language", "words"),
    [("da", "Vi kan ikke se dine rettigheder"), ("en", "We cannot see your rights")],
)
async def test_while_rights_are_not_known_pages_say_so_and_show_nothing(
    intake_mongo, tmp_path, language, words
):
    async with a_desk(intake_mongo, tmp_path) as desk:
        case_id = await desk.a_case()
        desk.door.standing.is_current = False
        async with desk.browser(KIRA) as site:
            site.headers["cookie"] += f"; sprog={language}"
            page = await site.get(f"/mediation/cases/{case_id}")
            listed = await site.get("/mediation/cases")
            data = await site.get(f"/mediation/cases/{case_id}", headers={"accept": "*/*"})

        for answer in (page, listed, data):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert words in page.text
        assert "Kira" not in page.text
        assert await desk.log(case_id) == []


async def test_while_rights_are_not_known_an_act_does_nothing_and_comes_back_with_its_key(
    intake_mongo, tmp_path
):
    async with a_desk(intake_mongo, tmp_path) as desk:
        case_id, key = await desk.a_case(), str(uuid4())
        desk.door.standing.is_current = False

        away = await desk.screen(case_id, key=key, **UNSUITABLE)

        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        assert f'name="form_key" value="{key}"' in away.text
        assert (await desk.stored(case_id))["stage"] == "proposed"
        desk.door.standing.is_current = True
        assert (await desk.screen(case_id, key=key, **UNSUITABLE)).status_code == 303


async def test_who_is_removed_or_logged_off_is_sent_to_the_login(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        case_id, session = await desk.a_case(), str(uuid4())
        address = f"/mediation/cases/{case_id}"
        async with desk.browser(KIRA) as site:
            site.headers["cookie"] = desk.door.cookie(KIRA, session)
            assert (await site.get(address)).status_code == 200
            await desk.door.end(session)
            ended = await site.get(address)
            site.headers["cookie"] = desk.door.cookie(KIRA)
            assert (await site.get(address)).status_code == 200
            await desk.door.know(KIRA, active=False)
            removed = await site.get(address)
            acted = await desk.screen(case_id, **UNSUITABLE)

    for answer in (ended, removed, acted):
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("http://site/notify/login")


async def test_somebody_whom_the_projection_does_not_know_yet_sees_nothing(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        stranger = type(KIRA)("new", "New", "x", ("mediation-coordinator",), ("1463",))

        assert (await desk.open(await desk.a_case(), stranger)).status_code == 404

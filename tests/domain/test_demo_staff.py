"""The synthetic staff of a demo: a file that notify is given, and starts without outside a demo."""

import json
from collections import Counter

import pytest
import yaml

from deploy.embedded.paths import STAFF
from services.notify.directory import WORDS, read_staff
from services.notify.settings import NotifySettings
from shared.contracts.places import MUNICIPALITIES
from shared.runtime.settings import from_environment
from shared.staff.access import Role
from tests.signing import KeyPairs

ONE = {
    "id": "x",
    "name": "X Y",
    "title": "T",
    "does": "D",
    "roles": [],
    "places": [],
    "authority": "police",
}


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """A notify with every setting but its staff; give it some, or none."""
    (tmp_path / "kafka.json").write_text(json.dumps({"bootstrap.servers": "127.0.0.1:9"}))
    (tmp_path / "mongo.uri").write_text("mongodb://127.0.0.1:9/")
    keys = KeyPairs.lay(tmp_path, "notify")
    for name, value in {
        "NOTIFY_SIGNING_KEY_FILE": str(keys.private("notify")),
        "SAMRAAD_PUBLIC_KEYS_DIR": str(keys.public),
        "NOTIFY_KAFKA_FILE": str(tmp_path / "kafka.json"),
        "NOTIFY_MONGO_FILE": str(tmp_path / "mongo.uri"),
        "NOTIFY_PORT": "1",
        "SAMRAAD_DEMO": "1",
    }.items():
        monkeypatch.setenv(name, value)

    def start(staff=None, *, demo=True):
        monkeypatch.setenv("SAMRAAD_DEMO", "1" if demo else "0")
        if staff is not None:
            (tmp_path / "staff.yaml").write_text(yaml.safe_dump(staff))
            monkeypatch.setenv("SAMRAAD_DEMO_STAFF_FILE", str(tmp_path / "staff.yaml"))
        return from_environment(NotifySettings)

    return start


def test_the_staff_of_the_stack_on_one_machine_can_be_read():
    people = read_staff(STAFF)

    assert len({one["id"] for one in people}) == len(people) > 0


def test_every_role_can_be_tried_by_one_of_those_whom_the_login_page_shows_at_once():
    people = read_staff(STAFF)

    first = [role for one in people if one.get("first") for role in one["roles"]]

    assert sorted(first) == sorted(Role)


def test_each_patrol_centre_has_a_leader_for_exactly_its_municipalities():
    centres = {}
    for code, municipality in MUNICIPALITIES.items():
        centres.setdefault(municipality.patrol_centre, set()).add(code)

    led = [set(one["places"]) for one in read_staff(STAFF) if one["roles"] == ["patrol-leader"]]

    assert sorted(map(sorted, led)) == sorted(map(sorted, centres.values()))


def test_where_an_act_needs_another_person_than_the_first_there_is_one():
    counted = Counter(role for one in read_staff(STAFF) for role in one["roles"])

    assert {role: counted[role] for role in ("leader", "operator", "mediator")} == {
        "leader": 2,
        "operator": 2,
        "mediator": 4,
    }


def test_all_titles_and_duties_of_the_demo_are_words_of_the_catalogue():
    shown = {one[field] for one in read_staff(STAFF) for field in ("title", "does")}

    assert shown <= set(WORDS)


def test_a_demo_reads_the_file_that_it_is_given(demo):
    settings = demo({"staff": [ONE]})

    assert read_staff(settings.demo_staff_file) == [ONE]


def test_without_a_demo_no_staff_is_needed(demo):
    assert demo(demo=False).demo_staff_file is None


@pytest.mark.parametrize(
    ("staff", "sentence"),
    [
        (None, "is not set, and a demo needs its staff"),
        ({"people": []}, "the file holds no list of staff"),
        ([ONE], "the file holds no list of staff"),
        ({"staff": [{"id": "x"}]}, "each of the staff has id, name, title, does, roles, places"),
    ],
)
def test_a_demo_without_its_staff_does_not_start_and_explains_why(demo, capsys, staff, sentence):
    with pytest.raises(SystemExit):
        demo(staff)

    assert f"notify: SAMRAAD_DEMO_STAFF_FILE: {sentence}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "works"),
    [
        ("https://samraad.example", True),
        ("http://127.0.0.1:8480", True),
        ("http://[::1]:8480", True),
        ("http://samraad.localhost:8480", True),
        ("http://samraad.example", False),
        ("http://192.0.2.7", False),
        ("http://127.0.0.1.example.org", False),
        ("ftp://127.0.0.1", False),
        ("samraad.example", False),
    ],
)
def test_the_site_uses_https_unless_it_is_on_loopback(demo, monkeypatch, capsys, url, works):
    monkeypatch.setenv("SAMRAAD_SITE_URL", url)
    if works:
        assert demo({"staff": [ONE]}).site_url == url
        return
    with pytest.raises(SystemExit):
        demo({"staff": [ONE]})
    assert "SAMRAAD_SITE_URL: the site must use https" in capsys.readouterr().err

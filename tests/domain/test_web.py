import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from deploy.embedded.issuer import is_loopback, read_place
from shared.staff.access import Role, Staff
from shared.staff.audit import AuditRow, Kind
from shared.staff.sight import sight_of
from shared.web import clock
from shared.web.extract import written
from shared.web.logged import FIELDS, KINDS
from shared.web.login import safe_next
from shared.web.rendering import TABS
from shared.web.words import CATALOGUE, catalogue
from shared.web.work import OF_OTHERS, not_built_for

NOW = datetime(2026, 11, 24, 9, 38, tzinfo=UTC)


def in_words(due, language="da"):
    formatted = clock.deadline(due, NOW, language, catalogue(language))
    return formatted.kind, formatted.relative, formatted.absolute


def test_every_word_of_the_pages_has_english_with_all_its_plurals():
    with CATALOGUE.open("rb") as source:
        english = read_po(source, locale="en")

    wanted = {text for _, _, text in written()}

    assert wanted
    for text in wanted:
        message = english.get(text[0] if isinstance(text, tuple) else text)
        assert message is not None, text
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), text
        assert len(forms) == (2 if isinstance(text, tuple) else 1), text


def test_english_keeps_the_placeholders_of_values():
    with CATALOGUE.open("rb") as source:
        english = read_po(source, locale="en")

    def places(text):
        return set(re.findall(r"%\(\w+\)s|\{\w+\}", text))

    for message in english:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for danish, translated in zip(ids, strings, strict=True):
            assert places(danish) == places(translated), danish


def test_no_english_text_is_kept_for_a_page_that_no_longer_shows_it():
    with CATALOGUE.open("rb") as source:
        english = read_po(source, locale="en")
    used = {text[0] if isinstance(text, tuple) else text for _, _, text in written()}

    translated = {m.id[0] if isinstance(m.id, tuple) else m.id for m in english if m.id}

    assert translated == used


@pytest.mark.parametrize(
    ("due", "danish", "english"),
    [
        (timedelta(minutes=-1), "Overskredet", "Overdue"),
        (timedelta(minutes=1), "Om 1 minut", "In 1 minute"),
        (timedelta(minutes=59), "Om 59 minutter", "In 59 minutes"),
        (timedelta(hours=1), "Om 1 time", "In 1 hour"),
        (timedelta(hours=2, minutes=37), "Om 2 timer", "In 2 hours"),
        (timedelta(days=1), "I morgen", "Tomorrow"),
        (timedelta(days=3), "Om 3 dage", "In 3 days"),
        (timedelta(days=21), "Om 3 uger", "In 3 weeks"),
    ],
)
def test_a_deadline_is_written_as_people_speak(due, danish, english):
    assert in_words(NOW + due)[1] == danish
    assert in_words(NOW + due, "en")[1] == english


def test_a_deadline_shows_the_local_time_of_the_district():
    assert in_words(datetime(2026, 11, 24, 11, 15, tzinfo=UTC)) == (
        "soon",
        "Om 1 time",
        "i dag kl. 12.15",
    )
    assert in_words(datetime(2026, 11, 25, 11, 0, tzinfo=UTC))[2] == "onsdag 25. nov. kl. 12.00"
    assert in_words(datetime(2026, 11, 23, 9, 2, tzinfo=UTC))[2] == "fristen var i går kl. 10.02"


def test_a_time_that_the_store_gave_no_zone_is_utc():
    naive = datetime(2026, 11, 24, 11, 15)  # noqa: DTZ001

    assert in_words(naive)[2] == "i dag kl. 12.15"


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "evil",
        "",
        None,
        "/a\nb",
        "/\t/x",
    ],
)
def test_the_login_leads_nowhere_but_to_this_site(wanted):
    assert safe_next(wanted) == "/notify/inbox"


def test_the_login_leads_back_to_the_page_that_was_asked_for():
    assert safe_next("/intake/triage?vis=rejected") == "/intake/triage?vis=rejected"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "example.org", "::"])  # noqa: S104
def test_the_stand_in_login_runs_on_loopback_only(host, tmp_path):
    (tmp_path / "secret").write_text("x")
    bracketed = f"[{host}]" if ":" in host else host
    settings = {
        "SAMRAAD_ISSUER": f"http://{bracketed}:9000",
        "SAMRAAD_SITE_URL": "http://127.0.0.1:8000",
        "SAMRAAD_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
    }

    assert not is_loopback(host)
    with pytest.raises(ValueError, match="loopback"):
        read_place(settings)


def test_no_page_holds_script_or_style_of_its_own():
    root = Path(__file__).parents[2]
    for template in [*root.glob("s*/*/templates/*.html")]:
        text = template.read_text()
        assert "<script>" not in text, template
        assert "style=" not in text, template
        assert not re.search(r"\son\w+=", text), template


def test_each_role_has_a_page_with_something_to_do_or_words_for_what_is_not_built():
    for role in Role:
        staff = Staff(id="x", name="x", title="x", roles=(role,), places=("0630",))
        assert not_built_for(staff) or any(sight_of(staff, tab.action) for tab in TABS)


def test_a_role_that_the_table_of_work_does_not_know_is_told_so():
    staff = Staff(id="x", name="x", title="x", roles=("of-later",), places=())

    assert not_built_for(staff) == [OF_OTHERS]


def test_the_page_about_the_log_names_every_kind_of_row_and_every_field():
    row = AuditRow(kind=Kind.READ, action="read", who="staff:x", what="y").document()

    assert set(KINDS) == set(Kind)
    assert set(FIELDS) == {*row, "at", "writer", "counter"}

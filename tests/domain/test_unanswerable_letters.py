"""A letter that can never get a receipt is reported all the same, and is no success."""

import json

import pytest
import typer

from cli.emit import Post, _report
from cli.letters import Letter

UNANSWERABLE = {
    b"{": ("", "not_json"),
    b"[]": ("", "not_an_object"),
    b'{"reference": "a", "reference": "b"}': ("", "duplicate_name"),
    b"{}": ("/reference", "missing"),
    b'{"reference": null}': ("/reference", "wrong_type"),
    b'{"reference": ""}': ("/reference", "malformed"),
    b'{"reference": "a/b"}': ("/reference", "malformed"),
    b'{"reference": "031208-4001"}': ("/reference", "looks_like_cpr"),
}


def outcome(opened, capsys, *, wait=True, as_json=True):
    """Exit code, standard output and standard error once the broker has taken the letter."""
    letter = Letter(opened)
    with pytest.raises(typer.Exit) as ended:
        _report(Post(unanswerable=[letter]), [letter], wait=wait, as_json=as_json)
    out, err = capsys.readouterr()
    return ended.value.exit_code, out, err


@pytest.mark.parametrize(
    ("opened", "fault"), UNANSWERABLE.items(), ids=[each.decode() for each in UNANSWERABLE]
)
@pytest.mark.parametrize("wait", [True, False], ids=["waiting", "not waiting"])
def test_programs_and_people_see_why_no_receipt_can_come(opened, fault, wait, capsys):
    code, out, err = outcome(opened, capsys, wait=wait)

    assert code == 1
    [line] = [json.loads(each) for each in out.splitlines()]
    assert line["status"] == "unanswered"
    assert fault in [(each["field"], each["rule"]) for each in line["errors"]]
    assert "get no receipt" in err
    assert "031208" not in out + err


def test_a_table_shows_it_too(capsys):
    code, out, _ = outcome(b"{}", capsys, as_json=False)

    assert code == 1
    assert "cannot be answered" in out
    assert "/reference" in out


@pytest.mark.parametrize("opened", UNANSWERABLE, ids=[each.decode() for each in UNANSWERABLE])
def test_nobody_waits_for_what_cannot_come(opened):
    assert not Letter(opened).is_answerable


def test_a_usual_letter_can_be_answered():
    assert Letter(b'{"reference": "V-2026-0147"}').is_answerable

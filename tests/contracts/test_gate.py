"""The gate: what breaks with anything that was published is refused, with a way on.

Every kind of break is made in the source of a copy of this clone and judged there, as `make test`
and `samraad contracts check` judge this one.
"""

import shutil

import pytest

from deploy.contracts import examine
from tests.contracts.breaking import BREAKS, CONTRACTS
from tests.contracts.copied import CLONE, Copy


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path / "clone")


def test_this_tree_breaks_nothing_that_was_published_and_has_committed_all_of_it():
    assert [found.sentence for found in examine(CLONE)] == []


@pytest.mark.parametrize("kind", BREAKS)
def test_a_break_is_refused_with_what_to_do_instead(copy, kind):
    file, old, new, sentence = BREAKS[kind]
    copy.edit(file, old, new)

    code, found = copy.check()

    assert code == 1
    assert sentence in [one["sentence"] for one in found if one["kind"] == "breaks"]


def test_nothing_is_written_where_something_breaks(copy):
    def content():
        files = sorted((copy.root / "docs").rglob("*"))
        return {file: file.read_bytes() for file in files if file.is_file()}

    before = content()
    copy.edit(*BREAKS["a removed field"][:3])

    ran = copy.contracts("publish")

    assert ran.returncode == 5
    assert "/text: the field is gone" in ran.stdout
    assert "Nothing was written." in ran.stderr
    assert content() == before


def grow(copy):
    """A new optional field, a new value, a wider bound, a topic and a fact more."""
    copy.edit(
        f"{CONTRACTS}/report.py",
        r"^    occurred_at: Moment\n",
        "    occurred_at: Moment\n    weather: str | None = None\n",
    )
    copy.edit(
        f"{CONTRACTS}/processes.py",
        r'^    CITIZEN = "citizen"\n',
        '    PRESS = "press"\n    """A newspaper."""\n    CITIZEN = "citizen"\n',
    )
    copy.edit(f"{CONTRACTS}/fields.py", r"^MAX_SHORT: Final = 200", "MAX_SHORT: Final = 300")
    copy.edit(
        f"{CONTRACTS}/psp.py",
        r"\Z",
        '\n\nclass CaseWeighed(CaseReceived):\n    """It was judged."""\n\n'
        '    type: ClassVar[str] = "psp.case_weighed.v1"\n',
    )
    copy.edit(
        f"{CONTRACTS}/schemas.py", r"psp\.CaseReceived,", "psp.CaseReceived, psp.CaseWeighed,"
    )
    copy.edit("deploy/topics.yaml", r"keeps: 365d", "keeps: 730d")


def test_growth_asks_to_be_published_and_is_frozen_then(copy):
    grow(copy)

    code, found = copy.check()
    published = copy.contracts("publish")

    assert code == 1
    assert {one["kind"] for one in found} == {"unpublished", "outdated"}
    assert all("samraad contracts publish" in one["sentence"] for one in found)
    assert published.returncode == 0, published.stdout
    assert "docs/published/intake.report_submitted.v1/2.json" in published.stdout.splitlines()
    assert "docs/published/psp.case_weighed.v1/1.json" in published.stdout.splitlines()
    assert copy.check() == (0, [])
    assert copy.contracts("publish").stdout == ""


def test_what_grew_once_cannot_be_taken_back(copy):
    grow(copy)
    copy.contracts("publish")
    copy.edit(f"{CONTRACTS}/report.py", r"^    weather: .*\n", "")

    code, found = copy.check()

    assert code == 1
    assert any("/weather: the field is gone" in one["sentence"] for one in found)


def altered(copy):
    code, found = copy.check()
    return code, [one["sentence"] for one in found if one["kind"] == "altered"]


REPORT = "docs/published/intake.report_submitted.v1/1.json"
SUMS = "docs/published/SHA256SUMS"


def take_the_field_out_of_everything(copy):
    """Model, schema and published revision at once, with a fitting list of digests."""
    copy.edit(*BREAKS["a removed field"][:3])
    for name in ("intake.report_submitted.v1", "asyncapi.intake", "asyncapi.partner"):
        shutil.rmtree(copy.root / "docs/published" / name)
    copy.edit(SUMS, r"^.*(intake\.report_submitted|asyncapi\.(intake|partner)).*\n", "")
    history = copy.root / ".git"
    history.rename(copy.root / "history")
    assert copy.contracts("publish").returncode == 0
    (copy.root / "history").rename(history)


def test_a_commit_that_changes_the_model_and_what_was_published_is_seen_in_the_history(copy):
    copy.git("init", "-q")
    copy.commit()
    take_the_field_out_of_everything(copy)

    uncommitted = altered(copy)
    copy.commit()
    committed = altered(copy)

    for code, sentences in (uncommitted, committed):
        assert code == 1
        assert any(
            sentence.startswith(f"{REPORT}: the list once named it") for sentence in sentences
        )
        assert all("restore the file" in sentence for sentence in sentences)


def test_a_release_is_remembered_where_the_line_of_history_is_another(copy):
    copy.git("init", "-q")
    copy.commit()
    copy.git("tag", "v1.0.0")
    take_the_field_out_of_everything(copy)
    copy.git("checkout", "-q", "--orphan", "another")
    copy.commit()

    code, sentences = altered(copy)

    assert code == 1
    assert any(sentence.startswith(REPORT) for sentence in sentences)


def test_where_git_does_not_show_all_of_it_the_check_says_so(copy, tmp_path):
    warning = "Git does not show the whole history here"
    without_git = copy.contracts("check")
    copy.git("init", "-q")
    copy.git("add", ".")
    copy.git("commit", "-qm", "one step")
    copy.git("commit", "-qm", "another", "--allow-empty")
    whole = copy.contracts("check")
    source = f"file://{copy.root}"
    copy.root = tmp_path / "shallow"
    copy.root.mkdir()
    copy.git("clone", "-q", "--depth", "1", source, ".")
    shallow = copy.contracts("check")

    assert [one.returncode for one in (without_git, whole, shallow)] == [0, 0, 0]
    assert warning in without_git.stderr
    assert warning not in whole.stderr
    assert warning in shallow.stderr


def test_growth_on_two_branches_is_no_alteration(copy):
    copy.git("init", "-q", "-b", "main")
    copy.commit()
    copy.git("checkout", "-q", "-b", "side")
    copy.edit(
        f"{CONTRACTS}/psp.py", r"^    due_at: datetime\n", "    due_at: datetime\n    a: int = 1\n"
    )
    copy.contracts("publish")
    copy.commit()
    copy.git("checkout", "-q", "main")
    copy.edit(
        f"{CONTRACTS}/mediation.py",
        r"^    due_at: datetime\n",
        "    due_at: datetime\n    b: int = 1\n",
    )
    copy.contracts("publish")
    copy.commit()
    copy.git("merge", "-q", "-X", "theirs", "-m", "join", "side")
    assert copy.contracts("publish").returncode == 0

    assert copy.check() == (0, [])


def test_a_published_revision_is_never_changed(copy):
    copy.edit(REPORT, '"title": "Label"', '"title": "Labels"')

    code, [sentence] = altered(copy)

    assert code == 1
    assert sentence.startswith(f"{REPORT}: it is not what was published. ")
    assert copy.contracts("publish").returncode == 5


def test_a_published_revision_never_goes(copy):
    (copy.root / REPORT).unlink()

    code, [sentence] = altered(copy)

    assert code == 1
    assert sentence.startswith(f"{REPORT}: it is gone. ")


def test_a_list_of_digests_that_cannot_be_read_is_refused(copy):
    with (copy.root / SUMS).open("a") as sums:
        sums.write("<<<<<<< HEAD\n")

    code, sentences = altered(copy)

    assert code == 1
    assert any("a line is no digest and file" in sentence for sentence in sentences)


def test_what_publishes_and_breaks_off_is_completed(copy):
    grow(copy)
    sums = (copy.root / SUMS).read_bytes()
    copy.contracts("publish")
    (copy.root / SUMS).write_bytes(sums)

    assert copy.check()[0] == 1
    assert copy.contracts("publish").returncode == 0
    assert copy.check() == (0, [])


def test_a_generated_file_that_was_edited_by_hand_is_seen(copy):
    copy.edit("docs/asyncapi/psp.json", "Samråd: psp", "Samråd: PSP")
    (copy.root / "docs/schemas/psp.nothing.v1.json").write_text("{}")

    code, found = copy.check()

    assert code == 1
    assert [one["kind"] for one in found] == ["outdated", "outdated"]
    assert "docs/asyncapi/psp.json" in found[0]["sentence"]
    assert "docs/schemas/psp.nothing.v1.json: nothing publishes it" in found[1]["sentence"]

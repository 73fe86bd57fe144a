"""The bench's page has a place for what is measured, and `samraad bench` names what there is."""

import subprocess
import sys

from bench import page
from bench.__main__ import SUBJECTS
from bench.running import Figures, Findings, Subject, Target, ratio, row_of
from deploy.embedded.paths import CLONE


def test_each_subject_has_its_place_in_the_page():
    text = (CLONE / "docs" / "bench.md").read_text()

    for name in [*SUBJECTS, "targets"]:
        assert f"<!-- {name} -->\n" in text
        assert f"<!-- /{name} -->\n" in text


def test_what_was_found_is_kept_in_the_page_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "_FIGURES", tmp_path / "bench.json")
    monkeypatch.setattr(page, "_PAGE", tmp_path / "bench.md")
    marks = "<!-- targets -->\n<!-- /targets -->\n<!-- relay -->\nold\n<!-- /relay -->\n"
    (tmp_path / "bench.md").write_text(marks)
    findings = Findings(
        [{"contender": "bare", "events_per_second": 20_000}],
        [Target.at_least("relay / bare", 0.85, 0.5)],
        {"bare": "Promises little."},
    )
    found = page.as_found("relay", Subject("The relay", lambda *_: findings), findings, 5, 0.1)

    page.keep({"relay": found})
    page.keep({"relay": found})

    text = (tmp_path / "bench.md").read_text()
    assert "| bare | 20,000 |" in text
    assert "old" not in text
    assert "| relay / bare | ≥ 0.85 | 0.5 | **missed** |" in text
    assert "`make bench ONLY=relay`" in text


def test_a_ratio_is_the_median_of_the_ratios_run_by_run():
    ours = [Figures(100, 1.0, 0, 0, 0), Figures(100, 2.0, 0, 0, 0), Figures(100, 9.0, 0, 0, 0)]
    theirs = [Figures(100, 1.0, 0, 0, 0), Figures(100, 1.0, 0, 0, 0), Figures(100, 1.0, 0, 0, 0)]

    assert ratio(ours, theirs) == 0.5
    assert row_of("ours", ours)["events_per_second"] == 50


def test_a_subject_that_there_is_not_is_refused_before_anything_starts():
    asked = [sys.executable, "-m", "bench", "tea"]

    refused = subprocess.run(
        asked, cwd=CLONE, capture_output=True, text=True, timeout=60, check=False
    )

    assert refused.returncode == 2
    assert "no subject: tea" in refused.stderr

"""Both stores and the secrets are saved, and laid back over what came later."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tests.containers.flow import Flow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.running import Running

REPORTS = 12


def test_what_was_saved_is_laid_back_and_what_came_later_may_be_sent_again(
    running: Running, tmp_path: Path
):
    running.settings["SAMRAAD_BACKUP_DIR"] = str(tmp_path)
    credentials = running.add_partner(f"saved-{uuid4().hex[:8]}")
    before, later = Flow(running, credentials), Flow(running, credentials)
    with before.flowing():
        before.wait_for(REPORTS)
    cases = before.check()

    running.compose("stop")
    running.compose("run", "--rm", "archive", "save", "monday")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "monday-data.tar.gz",
        "monday-keys.tar.gz",
    ]
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    running.up()
    with later.flowing():
        later.wait_for(REPORTS)
    later.check()

    assert "MongoDB runs" in running.compose(
        "run", "--rm", "archive", "restore", "monday", "--over", check=False
    )
    running.compose("stop")
    assert "is not empty" in running.compose(
        "run", "--rm", "archive", "restore", "monday", check=False
    )
    running.compose("run", "--rm", "archive", "restore", "monday", "--over")
    running.up()

    assert before.check() == cases
    again = Flow(running, credentials)
    with again.flowing(later.sent):
        again.wait_for(len(later.sent))
    again.check()

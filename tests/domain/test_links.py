"""Pages for people: each relative link leads somewhere, and each path that a page names exists."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy.embedded.paths import CLONE

if TYPE_CHECKING:
    from pathlib import Path

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)(?:::[\w.]+)?[^`\n]*`")
MADE_BY_THE_READER = "services/example/"
"""The folder that docs/new-service.md lets its reader make."""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def tracked(*patterns: str) -> list[str]:
    """The files of the repository, those included that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({name for name in listed.stdout.split("\n") if (CLONE / name).is_file()})


PAGES = tracked("*.md")
FOLDERS = {name.split("/")[0] for name in tracked() if "/" in name}


def anchors(page: Path) -> set[str]:
    """The headings of a page as they are linked to: lower case, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """The relative links of a page that lead to no file, or to no heading of it."""
    broken = []
    for target, anchor in LINK.findall(FENCE.sub("", page.read_text())):
        to = page.parent / target if target else page
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in anchors(to)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    return broken


def missing_paths(page: Path) -> list[str]:
    """Backticked paths below one of the repository's folders that do not exist there."""
    return [
        name
        for name in NAMED.findall(FENCE.sub("", page.read_text()))
        if name.split("/")[0] in FOLDERS
        and not name.startswith(MADE_BY_THE_READER)
        and not (CLONE / name).exists()
    ]


@pytest.mark.parametrize("name", PAGES)
def test_each_relative_link_of_a_page_leads_to_a_file_and_a_heading(name: str) -> None:
    assert broken_links(CLONE / name) == []


@pytest.mark.parametrize("name", PAGES)
def test_each_path_that_a_page_names_exists(name: str) -> None:
    assert missing_paths(CLONE / name) == []


def test_a_link_to_nowhere_and_a_path_to_nowhere_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading\n[here](#one-heading) [there](#two) [away](https://example.test)\n"
        "[gone](gone.md) `docs/metrics.md` `docs/gone.md` `shared/gone.py::Gone`\n"
    )

    assert broken_links(page) == ["#two", "gone.md"]
    assert missing_paths(page) == ["docs/gone.md", "shared/gone.py"]

"""A runbook page as it is followed: its commands, section by section."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.alarms import RUNBOOKS
from deploy.embedded.paths import CLONE

__all__ = ["LOOK", "OVER", "PLACEHOLDERS", "REMEDY", "commands", "page", "sections"]

LOOK, REMEDY, OVER = "How to look", "What to do", "How to know that it is over"
PLACEHOLDERS = re.compile(r"\b(MONGO_PID|KAFKA_PID|PID|SERVICE|CASE|CAUSE|PARTITION|REASON|ID)\b")
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def page(alarm: str) -> Path:
    return CLONE / RUNBOOKS / f"{alarm}.md"


def sections(text: str) -> dict[str, str]:
    """The text under each heading."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(text: str, section: str | None = None) -> list[str]:
    """The commands of a section, or of the whole page, in order."""
    part = text if section is None else sections(text)[section]
    return [
        line.removeprefix("$ ").partition("   #")[0]
        for block in _BLOCK.findall(part)
        for line in map(str.strip, block.splitlines())
        if line.startswith("$ ")
    ]

"""`make runbooks`: break a stack of its own, see the alarm, follow its page, see that it is over.

`python -m tests.runbooks absent gap+outbox`: these alone; those joined by `+` are broken one after the
other before the first is repaired, which saves waiting. `parked` and `halted` are walked from their
first command to their last.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.embedded.paths import Home
from tests.live import LiveStack, wait_until
from tests.runbooks.breaks import BREAKS, Words
from tests.runbooks.pages import LOOK, PLACEHOLDERS, REMEDY, commands, page
from tests.runbooks.walks import ENDS, WALKS, expected_status

if TYPE_CHECKING:
    from collections.abc import Sequence

STANDS_S, OVER_S = 480.0, 240.0
QUIET_S = {"restarting": 20.0, "watchdog": 75.0}
"""A count of the last hour does not fall so soon: it is over when it does not rise for so long."""
WRONG_USE, NOT_FOUND = 2, 127
SLOWEST = "gap"
"""What takes longest to fire is followed last."""


def main(groups: Sequence[str]) -> int:
    """Try the pages; 0 when all alarms fired and were over."""
    with tempfile.TemporaryDirectory(prefix="samraad-runbooks-") as folder:
        cache = Home.from_environment().cache
        stack = LiveStack(Path(folder) / "home", cache, SAMRAAD_FAULTS="1")
        stack.start()
        try:
            for group in groups or (*BREAKS, *WALKS):
                with ExitStack() as broken:
                    if group in WALKS:
                        _walk(stack, group, broken.enter_context(WALKS[group](stack, Path(folder))))
                    else:
                        _try(stack, group.split("+"), Path(folder), broken)
        finally:
            stack.discard()
    return 0


def _try(stack: LiveStack, names: Sequence[str], folder: Path, broken: ExitStack) -> None:
    words: dict[str, Words] = {}
    for name in names:
        _print(f"== {name}: broken on purpose")
        words[name] = broken.enter_context(BREAKS[name](stack, folder))
    for name in sorted(names, key=SLOWEST.__eq__):
        _follow(stack, name, words[name])


def _follow(stack: LiveStack, name: str, words: Words) -> None:
    service, began = words["SERVICE"](), time.monotonic()
    wait_until(lambda: _figure(stack, name, service) is not None, STANDS_S, f"{name} to fire")
    _print(f"-- {name} fires after {time.monotonic() - began:.0f} s")
    text = page(name).read_text(encoding="utf-8")
    for command in commands(text, LOOK):
        code = _run(stack, command, words)
        assert code not in (WRONG_USE, NOT_FOUND), command
    for command in commands(text, REMEDY):
        assert _run(stack, command, words) == 0, command
    began = time.monotonic()
    wait_until(lambda: _is_over(stack, name, service), OVER_S, f"{name} to be over")
    _print(f"-- {name} is over after {time.monotonic() - began:.0f} s")


def _walk(stack: LiveStack, name: str, words: Words) -> None:
    """Follow a page that covers a whole subject, from its first command to its last."""
    _print(f"== {name}: broken on purpose")
    for command in commands(page(name).read_text(encoding="utf-8")):
        code = _run(stack, command, words, answer="y\n")
        assert code not in (WRONG_USE, NOT_FOUND), command
        if "halts list" not in command:
            assert code == expected_status(command), command
    ENDS[name](stack, words)
    services = json.loads(stack.run("status", "--json").stdout)["services"]
    began = time.monotonic()
    wait_until(
        lambda: all(_figure(stack, name, each) is None for each in services),
        OVER_S,
        f"{name} to be over",
    )
    _print(f"-- {name} is over after {time.monotonic() - began:.0f} s")


def _is_over(stack: LiveStack, name: str, service: str) -> bool:
    figure = _figure(stack, name, service)
    if figure is None or name not in QUIET_S:
        return figure is None
    time.sleep(QUIET_S[name])
    return _figure(stack, name, service) == figure


def _figure(stack: LiveStack, name: str, service: str) -> Any:
    ran = stack.run("alarms", "--json")
    for alarm in json.loads(ran.stdout or "[]"):
        if (alarm["alarm"], alarm["service"]) == (name, service):
            return alarm["value"]
    return None


def _run(stack: LiveStack, command: str, words: Words, *, answer: str = "") -> int:
    command = PLACEHOLDERS.sub(lambda found: words[found[0]](), command)
    command = command.replace(".samraad/", f"{stack.home.root}/")
    _print(f"$ {command}")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", command],
        env={**stack.environment, "PATH": path},
        input=answer,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    lines = ran.stdout.splitlines()
    _print(*(f"  {line[:180]}" for line in lines[:24]), f"  -> {ran.returncode}")
    return ran.returncode


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
